//! Rows, files of them in all shapes, and the command.

#![allow(dead_code, reason = "each test file uses a part of it")]

use prost::Message;
use prost_types::Timestamp;
use siftstream::connect::{ApiKey, ApiKeySource, ConnectionOptions};
use siftstream::control::{ControlOptions, SiftControl};
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataChannelValue as Value, IngestWithConfigDataStreamRequest,
    ingest_with_config_data_channel_value::Type,
};
use siftstream::seams::clock::SystemClock;
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::{Area, Slot, SlotKey, Spool, SpoolWriter, WriterOptions};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, DiskBackupPolicy, FileBackup, FlowBuilder,
    FlowConfig, IngestionConfigEncoder, IngestionConfigForm, Level, SiftStream, SiftStreamBuilder, TimeValue,
};
use siftstream_server::LocalServer;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

pub type Row = IngestWithConfigDataStreamRequest;

/// What the servers of these tests ask for.
pub const KEY: &str = "the-secret-key";

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600;

pub const SCHEMA: &str = r#"
[[flows]]
name = "imu"
channels = [
    { name = "count", data_type = "uint64", unit = "1" },
    { name = "x", data_type = "double" },
    { name = "label", data_type = "string" },
]
"#;

pub fn value(value: Type) -> Value {
    Value { r#type: Some(value) }
}

/// The row `number` of the flow `imu`: every third one has no news on `label`.
pub fn row(number: u64) -> Row {
    let label =
        if number.is_multiple_of(3) { Type::Empty(()) } else { Type::String(format!("row \"{number}\",\n")) };
    Row {
        ingestion_config_id: "config-1".into(),
        flow: "imu".into(),
        timestamp: Some(Timestamp { seconds: START + number as i64, nanos: 5 }),
        channel_values: vec![
            value(Type::Uint64(u64::MAX - number)),
            value(Type::Double(number as f64 / 4.0)),
            value(label),
        ],
        run_id: if number.is_multiple_of(2) { "run-1".into() } else { String::new() },
        ..Row::default()
    }
}

/// Sift's own encoder, one message per chunk as its client writes them.
pub fn official(rows: &[Row]) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut file = Vec::new();
    for row in rows {
        file.extend(
            sift_pbfs::chunk::PbfsChunk::encode_into(std::slice::from_ref(row), &mut buffer).unwrap(),
        );
    }
    file
}

/// Opens the spool of a stream under `root`.
pub fn spool(root: &Path, stream: &str) -> Arc<Spool> {
    spool_of(root, stream, "https://sift.example", "live_with_backups")
}

/// The same for rows to another endpoint, in another mode.
pub fn spool_of(root: &Path, stream: &str, endpoint: &str, mode: &str) -> Arc<Spool> {
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    let key = SlotKey {
        endpoint: endpoint.into(),
        asset: "rocket".into(),
        client_key: "key".into(),
        stream: stream.into(),
        mode: mode.into(),
    };
    Spool::open(Slot::open(fs, root, &key).unwrap()).unwrap()
}

/// Writes `files` files of `rows` rows each, in chunks of 10 rows; returns their paths.
pub fn write_files(spool: &Arc<Spool>, files: u64, rows: u64) -> Vec<PathBuf> {
    write_rows(spool, Area::Data, files, rows, row)
}

/// The same with rows of the caller's making.
pub fn write_rows(
    spool: &Arc<Spool>,
    area: Area,
    files: u64,
    rows: u64,
    row: impl Fn(u64) -> Row,
) -> Vec<PathBuf> {
    let mut options = WriterOptions { batch_size: 10, preallocate: 0, ..WriterOptions::default() };
    options.policy.min_free = 0;
    let mut writer = SpoolWriter::new(spool.clone(), area, Arc::new(SystemClock::new()), options);
    for file in 0..files {
        for number in file * rows..(file + 1) * rows {
            let message = row(number).encode_to_vec();
            let mut segment = vec![0];
            segment.extend((message.len() as u32).to_be_bytes());
            segment.extend(message);
            writer.append(&segment, number, 1).unwrap();
        }
        writer.rotate().unwrap();
    }
    spool.files().iter().map(|file| spool.path_of(file.area, file.number)).collect()
}

/// The schema of [`row`].
pub fn form() -> IngestionConfigForm {
    IngestionConfigForm {
        asset_name: "rocket".into(),
        client_key: "key".into(),
        flows: vec![FlowConfig {
            name: "imu".into(),
            channels: vec![
                ChannelConfig::new("count", ChannelDataType::Uint64),
                ChannelConfig::new("x", ChannelDataType::Double),
                ChannelConfig::new("label", ChannelDataType::String),
            ],
        }],
    }
}

/// Registers the schema of [`row`] as any client would; returns the ID of its config.
pub fn register(server: &LocalServer) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = ConnectionOptions::new(server.uri());
        options.insecure = true;
        let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
        let control = SiftControl::new(&options, key, ControlOptions::default()).unwrap();
        control.ensure_ingestion_config(&form()).await.unwrap().ingestion_config_id
    })
}

/// Runs `siftstream backups`.
pub fn backups<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_siftstream")).arg("backups").args(args).output().unwrap()
}

/// The lines that a command printed, read as JSON.
pub fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every file below `dir` with its bytes.
pub fn image(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(image(&path));
        } else {
            files.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

/// A file-backup stream of the rows of [`row`] under `root`, which reaches nobody. With a config ID its rows are whole;
/// without one they are pending.
pub fn offline_stream(root: &Path, config: Option<&str>) -> SiftStream<IngestionConfigEncoder, FileBackup> {
    let credentials = Credentials::Config { uri: "http://127.0.0.1:1".into(), apikey: KEY.into() };
    let policy =
        DiskBackupPolicy { backups_dir: Some(root.into()), min_free: 0, ..DiskBackupPolicy::default() };
    let mut builder = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form())
        .file_backup()
        .offline_after(Duration::from_millis(100))
        .disk_backup_policy(policy);
    if let Some(id) = config {
        builder = builder.ingestion_config_id(id);
    }
    builder.build_blocking(Duration::from_secs(60)).unwrap()
}

/// Sends the rows `numbers` of [`row`], and makes them durable.
pub fn record(stream: &SiftStream<IngestionConfigEncoder, FileBackup>, numbers: std::ops::Range<u64>) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("imu").unwrap());
    for number in numbers {
        builder.set_timestamp(TimeValue::from_timestamp_nanos((START + number as i64) * 1_000_000_000 + 5));
        builder.set_uint64(ChannelIndex::new(0), u64::MAX - number).unwrap();
        builder.set_double(ChannelIndex::new(1), number as f64 / 4.0).unwrap();
        stream.send_timeout(&builder, Duration::from_secs(60)).unwrap();
    }
    stream.flush(Level::Durable, Duration::from_secs(60)).unwrap();
}
