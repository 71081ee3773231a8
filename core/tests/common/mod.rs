//! What the tests of streams share: a server, a stream of one flow, numbered rows.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, DiskBackupPolicy, FlowBuilder, FlowConfig,
    IngestionConfigEncoder, IngestionConfigForm, LiveOnlyBuilder, LiveStreamingOnly,
    LiveStreamingWithBackups, LiveWithBackupsBuilder, SiftStream, SiftStreamBuilder, StreamConfigBuilder,
    TimeValue,
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

pub type BackedUp = SiftStream<IngestionConfigEncoder, LiveStreamingWithBackups>;

pub fn backed_up(uri: String, root: &Path) -> BackedUp {
    backed_up_with(uri, root, |live| live)
}

pub fn backed_up_with(
    uri: String,
    root: &Path,
    change: impl FnOnce(LiveWithBackupsBuilder) -> LiveWithBackupsBuilder,
) -> BackedUp {
    let policy =
        DiskBackupPolicy { backups_dir: Some(root.to_owned()), min_free: 0, ..DiskBackupPolicy::default() };
    let builder = config(uri).live_with_backups().disk_backup_policy(policy);
    change(builder).build_blocking(Duration::from_secs(10)).unwrap()
}

/// The `.pbfs` files below `root`.
pub fn backup_files(root: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pbfs") {
                files.push(path);
            }
        }
    }
    files
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
