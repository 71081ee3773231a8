//! Sift's own decoder reads the whole of the files that siftstream writes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{FLOW, Row, TYPES, assert_same_rows, extreme_rows, files_below, form, random_rows, run};
use prost::Message;
use sift_pbfs::BackupsDecoder;
use sift_rs::ingest::v1::IngestWithConfigDataStreamRequest;
use siftstream::spool::DiskBackupPolicy;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::{Credentials, FileBackupBuilder, FlowBuilder, RunForm, SiftStreamBuilder, Value};
use siftstream_server::LocalServer;

const TIMEOUT: Duration = Duration::from_secs(60);

/// What Sift's decoder makes of files.
fn decode(files: &[PathBuf]) -> Vec<IngestWithConfigDataStreamRequest> {
    let decoders = files.iter().map(|file| BackupsDecoder::new(File::open(file).unwrap()));
    decoders.flatten().map(|row| row.unwrap()).collect()
}

/// Writes `rows`, and has Sift's decoder read them back; returns the files.
fn check(
    dir: &Path,
    run: Option<RunForm>,
    rows: &[Row],
    change: impl FnOnce(FileBackupBuilder) -> FileBackupBuilder,
) -> Vec<PathBuf> {
    let server = LocalServer::builder().start().unwrap();
    let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let mut config = SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form());
    if let Some(run) = run {
        config = config.attach_run(run);
    }
    let stream =
        change(config.file_backup().disk_backup_policy(policy(dir))).build_blocking(TIMEOUT).unwrap();
    let (config_id, run_id) = (stream.encoder().ingestion_config_id(), stream.run_id());
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor(FLOW).unwrap());
    for row in rows {
        row.fill(&mut builder);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, rows.len() as u64);
    let slot = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    let files = files_below(&slot.join("data"));
    let expected: Vec<_> = rows.iter().map(|row| row.as_sift(config_id, run_id.as_deref())).collect();
    let decoded: Vec<_> = decode(&files).iter().map(Message::encode_to_vec).collect();
    assert_same_rows(&decoded, &expected);
    files
}

fn policy(dir: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some(dir.to_owned()), min_free: 0, ..DiskBackupPolicy::default() }
}

/// How many rows each chunk of a file holds.
fn rows_per_chunk(file: &Path) -> Vec<u64> {
    let bytes = std::fs::read(file).unwrap();
    let (mut reader, mut rows) = (PbfsReader::new(bytes.as_slice()).unwrap(), Vec::new());
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Chunk(chunk) = item else { panic!("{file:?} is damaged: {item:?}") };
        rows.push(chunk.rows());
    }
    rows
}

#[test]
fn random_and_extreme_rows_of_all_types_are_read_by_the_official_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = extreme_rows().into_iter().chain(random_rows(10_000)).collect();
    check(dir.path(), None, &rows, |files| files);
}

#[test]
fn rows_with_a_run_are_read_by_the_official_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = random_rows(2_000).into_iter().chain(extreme_rows()).collect();
    check(dir.path(), Some(run()), &rows, |files| files);
}

#[test]
fn chunks_of_many_rows_are_read_by_the_official_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = extreme_rows();
    rows.truncate(4);
    let rows: Vec<_> = rows.into_iter().cycle().take(50_000).collect();
    // A chunk that closed early, because rows came late, holds fewer.
    let files = check(dir.path(), None, &rows, |files| files.flush_interval(Duration::from_secs(600)));
    let chunks = rows_per_chunk(&files[0]);
    assert!(chunks.len() < 1_000, "{} chunks", chunks.len());
}

#[test]
fn rotated_files_are_each_read_whole_by_the_official_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let policy = DiskBackupPolicy { max_backup_file_size: 256 << 10, ..policy(dir.path()) };
    let files = check(dir.path(), None, &random_rows(10_000), |files| files.disk_backup_policy(policy));
    assert!(files.len() > 3, "{files:?}");
    let sizes: Vec<_> = files.iter().map(|file| file.metadata().unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 256 << 10), "{sizes:?}");
}

#[test]
fn rows_larger_than_a_chunk_or_a_file_are_read_by_the_official_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = random_rows(60);
    for (row, len) in rows.iter_mut().step_by(2).zip((0..).map(|number| number * 123_457)) {
        row.values[TYPES.len() - 1] = Value::Bytes((0..=250).cycle().take(len).collect());
    }
    let policy = DiskBackupPolicy { max_backup_file_size: 1 << 20, ..policy(dir.path()) };
    let files = check(dir.path(), None, &rows, |files| files.disk_backup_policy(policy));
    assert!(files.len() > 10, "{files:?}");
}
