//! What the tests of streams share: a server, a stream of one flow, numbered rows.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, FlowBuilder, FlowConfig,
    IngestionConfigEncoder, IngestionConfigForm, LiveOnlyBuilder, LiveStreamingOnly, SiftStream,
    SiftStreamBuilder, StreamConfigBuilder, TimeValue,
};
use siftstream_server::{LocalServer, Value};

pub const KEY: &str = "a-key-for-tests";

pub fn server() -> LocalServer {
    LocalServer::builder().api_key(Some(KEY)).keep_rows(true).start().unwrap()
}

pub fn form() -> IngestionConfigForm {
    IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "rig-v1".to_owned(),
        flows: vec![FlowConfig {
            name: "bench".to_owned(),
            channels: vec![
                ChannelConfig::new("seq", ChannelDataType::Uint64),
                ChannelConfig::new("c0", ChannelDataType::Double),
            ],
        }],
    }
}

pub fn config(uri: String) -> StreamConfigBuilder {
    SiftStreamBuilder::new(Credentials::Config { uri, apikey: KEY.to_owned() })
        .insecure(true)
        .ingestion_config(form())
}

pub type Stream = SiftStream<IngestionConfigEncoder, LiveStreamingOnly>;

pub fn stream(server: &LocalServer) -> Stream {
    stream_with(server, |live| live)
}

pub fn stream_with(server: &LocalServer, change: impl FnOnce(LiveOnlyBuilder) -> LiveOnlyBuilder) -> Stream {
    change(config(server.uri()).live_only()).build_blocking(Duration::from_secs(10)).unwrap()
}

pub fn row(builder: &mut FlowBuilder, seq: u64) {
    builder.set_timestamp(TimeValue::from_timestamp_nanos(
        1_700_000_000_000_000_000 + i64::try_from(seq).unwrap(),
    ));
    builder.set_uint64(ChannelIndex::new(0), seq).unwrap();
    builder.set_double(ChannelIndex::new(1), f64::from(u32::try_from(seq).unwrap()) / 3.0).unwrap();
}

/// Every row `0..rows` is among those that the server took, nothing else is, and at most `most_duplicates` came twice.
pub fn assert_complete(server: &LocalServer, rows: u64, most_duplicates: u64) {
    let kept = server.state().kept_rows();
    let mut seen = vec![0_u64; usize::try_from(rows).unwrap()];
    for row in &kept {
        let Some(Value::Uint64(seq)) = row.values.first().cloned() else {
            panic!("a row without its number: {row:?}")
        };
        seen[usize::try_from(seq).unwrap()] += 1;
    }
    let missing = seen.iter().filter(|&&times| times == 0).count();
    let duplicates: u64 = seen.iter().map(|times| times.saturating_sub(1)).sum();
    assert_eq!(missing, 0, "rows lost");
    assert!(duplicates <= most_duplicates, "{duplicates} rows came more than once");
}
