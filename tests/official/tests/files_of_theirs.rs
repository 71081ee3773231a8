//! siftstream reads the whole of the files that Sift's own client writes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{FLOW, Row, TYPES, assert_same_rows, extreme_rows, files_below, form, random_rows};
use sift_connect::{Credentials, SiftChannel, SiftChannelBuilder};
use sift_rs::ingest::v1::IngestWithConfigDataStreamRequest;
use sift_rs::ingestion_configs::v2::{ChannelConfig, FlowConfig};
use sift_stream::backup::disk::RollingFilePolicy;
use sift_stream::stream::Transport;
use sift_stream::{
    DiskBackupPolicy, FlowBuilder, IngestionConfigEncoder, IngestionConfigForm, RunForm, SiftStream,
    SiftStreamBuilder, StreamConfigBuilder, TimeValue, Value,
};
use siftstream::Value as OurValue;
use siftstream::seams::filesystem::{FileSystem, RealFileSystem};
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream_server::LocalServer;

fn channel(server: &LocalServer) -> SiftChannel {
    let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    SiftChannelBuilder::new(credentials).use_tls(false).build().unwrap()
}

fn their_form() -> IngestionConfigForm {
    let form = form();
    let channels = form.flows[0].channels.iter().map(|channel| ChannelConfig {
        name: channel.name.clone(),
        data_type: channel.data_type as i32,
        ..ChannelConfig::default()
    });
    IngestionConfigForm {
        asset_name: form.asset_name,
        client_key: form.client_key,
        flows: vec![FlowConfig { name: FLOW.to_owned(), channels: channels.collect() }],
    }
}

fn config(server: &LocalServer, with_run: bool) -> StreamConfigBuilder {
    let config = SiftStreamBuilder::from_channel(channel(server)).ingestion_config(their_form());
    if !with_run {
        return config;
    }
    let (name, client_key) = ("run".to_owned(), "run-1".to_owned());
    config.attach_run(RunForm { name, client_key, description: None, tags: None, metadata: None })
}

fn policy(dir: &Path, max_backup_file_size: usize) -> DiskBackupPolicy {
    DiskBackupPolicy {
        backups_dir: Some(dir.to_owned()),
        max_backup_file_size,
        rolling_file_policy: RollingFilePolicy { max_file_count: None },
        retain_backups: true,
    }
}

fn as_theirs(value: &OurValue) -> Value {
    match value.clone() {
        OurValue::Double(value) => Value::Double(value),
        OurValue::Float(value) => Value::Float(value),
        OurValue::String(value) => Value::String(value),
        OurValue::Enum(value) => Value::Enum(value),
        OurValue::BitField(value) => Value::BitField(value),
        OurValue::Bool(value) => Value::Bool(value),
        OurValue::Int32(value) => Value::Int32(value),
        OurValue::Uint32(value) => Value::Uint32(value),
        OurValue::Int64(value) => Value::Int64(value),
        OurValue::Uint64(value) => Value::Uint64(value),
        OurValue::Bytes(value) => Value::Bytes(value),
        _ => Value::Empty,
    }
}

/// Sends rows through Sift's client; returns what must be in its files.
async fn send<T>(
    server: &LocalServer,
    stream: &mut SiftStream<IngestionConfigEncoder, T>,
    rows: &[Row],
) -> Vec<IngestWithConfigDataStreamRequest>
where
    T: Transport<Encoder = IngestionConfigEncoder, Message = IngestWithConfigDataStreamRequest>,
{
    let config_id = server.state().configs()[0].config.ingestion_config_id.clone();
    let run_id = server.state().runs().first().map(|run| run.run_id.clone());
    let descriptor = stream.get_flow_descriptor(FLOW).unwrap();
    for row in rows {
        let mut builder = FlowBuilder::new(&descriptor);
        for (data_type, value) in TYPES.iter().zip(&row.values) {
            builder.set_with_key(data_type.as_str(), as_theirs(value)).unwrap();
        }
        if let Some(run_id) = &run_id {
            builder.attach_run_id(run_id.clone());
        }
        let mut time = TimeValue::now();
        (time.seconds, time.nanos) = (row.seconds, i32::try_from(row.nanos).unwrap());
        stream.send_requests([builder.request(time)]).await.unwrap();
    }
    rows.iter().map(|row| row.as_sift(&config_id, run_id.as_deref())).collect()
}

/// The rows that our reader finds in files, none of which may be damaged.
fn read(files: &[PathBuf]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for path in files {
        let mut reader = PbfsReader::new(RealFileSystem.open_read(path).unwrap()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Chunk(chunk) = item else { panic!("{path:?} is damaged: {item:?}") };
            rows.extend(chunk.messages().map(<[u8]>::to_vec));
        }
    }
    rows
}

async fn check_file_backup(rows: &[Row], with_run: bool, max_file_size: usize) -> Vec<PathBuf> {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().start().unwrap();
    let files = config(&server, with_run).file_backup().metrics_streaming_interval(None);
    let mut stream = files.disk_backup_policy(policy(dir.path(), max_file_size)).build().await.unwrap();
    let expected = send(&server, &mut stream, rows).await;
    stream.finish().await.unwrap();
    let files = files_below(dir.path());
    assert_same_rows(&read(&files), &expected);
    files
}

#[tokio::test]
async fn we_read_all_rows_of_the_official_file_backup_mode() {
    let rows: Vec<_> = extreme_rows().into_iter().chain(random_rows(10_000)).collect();
    check_file_backup(&rows, false, 500 << 20).await;
}

#[tokio::test]
async fn we_read_all_rows_with_runs_of_the_official_file_backup_mode() {
    let rows: Vec<_> = random_rows(2_000).into_iter().chain(extreme_rows()).collect();
    check_file_backup(&rows, true, 500 << 20).await;
}

#[tokio::test]
async fn we_read_all_rotated_files_and_large_rows_of_the_official_file_backup_mode() {
    let mut rows = random_rows(1_000);
    for (row, len) in rows.iter_mut().step_by(50).zip((0..).map(|number| number * 123_457)) {
        row.values[TYPES.len() - 1] = OurValue::Bytes((0..=250).cycle().take(len).collect());
    }
    let files = check_file_backup(&rows, false, 1 << 20).await;
    assert!(files.len() > 3, "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn we_read_all_rows_that_the_official_live_mode_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().start().unwrap();
    let mut stream = config(&server, true)
        .live_with_backups()
        .metrics_streaming_interval(None)
        // What is confirmed is not backed up any more: so nothing may be before all is in files.
        .checkpoint_interval(Duration::from_secs(3_600))
        .disk_backup_policy(policy(dir.path(), 500 << 20))
        .build()
        .await
        .unwrap();
    let rows: Vec<_> = extreme_rows().into_iter().chain(random_rows(3_000)).collect();
    let expected = send(&server, &mut stream, &rows).await;
    while stream.get_metrics_snapshot().backups.total_messages < rows.len() as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stream.finish().await.unwrap();
    assert_same_rows(&read(&files_below(dir.path())), &expected);
    assert_eq!(server.state().schema_errors(), []);
}
