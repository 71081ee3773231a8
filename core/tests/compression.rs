//! Compressed rows: shorter on the way, the same when they arrive, and no reason to lose one where gzip is not known.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, DiskBackupPolicy, FlowBuilder, FlowConfig,
    IngestionConfigForm, SiftStreamBuilder, StreamConfigBuilder, TimeValue,
};
use siftstream_server::{LocalServer, Value};

const TIMEOUT: Duration = Duration::from_secs(20);
const ROWS: u64 = 3_000;
const CHANNELS: u32 = 64;

fn server(refuse_compression: bool) -> LocalServer {
    LocalServer::builder().keep_rows(true).refuse_compression(refuse_compression).start().unwrap()
}

fn config(server: &LocalServer, compress: bool) -> StreamConfigBuilder {
    let channels = (0..CHANNELS).map(|at| ChannelConfig::new(format!("c{at}"), ChannelDataType::Uint64));
    SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: "key".to_owned() })
        .insecure(true)
        .enable_compression_for_ingestion(compress)
        .ingestion_config(IngestionConfigForm {
            asset_name: "rig".to_owned(),
            client_key: "rig-v1".to_owned(),
            flows: vec![FlowConfig { name: "wide".to_owned(), channels: channels.collect() }],
        })
}

/// Sets every channel of the row to its number.
fn set_row(builder: &mut FlowBuilder, row: u64) {
    builder.set_timestamp(TimeValue::from_timestamp_nanos(
        1_700_000_000_000_000_000 + i64::try_from(row).unwrap(),
    ));
    for channel in 0..CHANNELS {
        builder.set_uint64(ChannelIndex::new(channel), row).unwrap();
    }
}

/// Sends all rows through a stream that `build` makes, and gives back how many bytes the server read for them.
macro_rules! bytes_read {
    ($server:expr, $stream:expr) => {{
        let stream = $stream;
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("wide").unwrap());
        for row in 0..ROWS {
            set_row(&mut builder, row);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
        stream.flush_confirmed(TIMEOUT).unwrap();
        let report = stream.finish(TIMEOUT).unwrap();
        assert_eq!((report.accepted, report.confirmed), (ROWS, ROWS));
        assert_whole($server);
        $server.state().streams().iter().map(|stream| stream.bytes_taken).sum::<u64>()
    }};
}

fn assert_whole(server: &LocalServer) {
    let state = server.state();
    assert_eq!(state.schema_error_count(), 0);
    let mut numbers = BTreeSet::new();
    for row in state.kept_rows() {
        let Some(&Value::Uint64(number)) = row.values.first() else { panic!("a row without its number") };
        assert_eq!(row.values, vec![Value::Uint64(number); CHANNELS as usize]);
        assert!(numbers.insert(number), "row {number} came twice");
    }
    assert!(numbers.into_iter().eq(0..ROWS), "rows are missing");
}

#[test]
fn compressed_rows_arrive_as_they_were_in_fewer_bytes() {
    let (plain, compressed) = (server(false), server(false));
    let live = |server, compress| config(server, compress).live_only().build_blocking(TIMEOUT).unwrap();
    let as_they_are = bytes_read!(&plain, live(&plain, false));
    let shorter = bytes_read!(&compressed, live(&compressed, true));
    assert!(shorter * 3 < as_they_are, "{shorter} bytes instead of {as_they_are}");
}

#[test]
fn an_endpoint_without_gzip_gets_every_row_uncompressed() {
    let (plain, without_gzip) = (server(true), server(true));
    let live = |server, compress| config(server, compress).live_only().build_blocking(TIMEOUT).unwrap();
    let as_they_are = bytes_read!(&plain, live(&plain, false));
    assert_eq!(bytes_read!(&without_gzip, live(&without_gzip, true)), as_they_are);
}

#[test]
fn with_backups_an_endpoint_without_gzip_gets_every_row_too() {
    let (server, dir) = (server(true), tempfile::tempdir().unwrap());
    let policy = DiskBackupPolicy {
        backups_dir: Some(dir.path().to_owned()),
        min_free: 0,
        ..DiskBackupPolicy::default()
    };
    let stream =
        config(&server, true).live_with_backups().disk_backup_policy(policy).build_blocking(TIMEOUT).unwrap();
    bytes_read!(&server, stream);
}
