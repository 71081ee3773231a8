//! A stream that began without a network gives its rows their IDs as soon as there is one, and the rows of slots that
//! nobody owns any more theirs.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{row, server};
use disk::{Stream, TIMEOUT, config, files, policy, rows_of, send};
use prost::Message;
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataStreamRequest as WireRow, ingest_with_config_data_channel_value::Type,
};
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::spool::pending::is_placeholder;
use siftstream::{ChannelConfig, ChannelDataType, FileBackupBuilder, FlowConfig, Level, RunForm};
use siftstream_server::LocalServer;

fn run(name: &str) -> RunForm {
    RunForm { name: name.to_owned(), client_key: format!("{name}-key"), ..RunForm::default() }
}

fn builder(server: &LocalServer, dir: &Path, name: &str) -> FileBackupBuilder {
    config(&server.uri())
        .attach_run(run(name))
        .file_backup()
        .disk_backup_policy(policy(dir))
        .offline_after(Duration::from_millis(200))
}

fn rows(bytes: &[u8]) -> Vec<(u64, WireRow)> {
    let (mut reader, mut rows) = (PbfsReader::new(bytes).unwrap(), Vec::new());
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Chunk(chunk) = item else { panic!("damage: {item:?}") };
        for message in chunk.messages() {
            let row = WireRow::decode(message).unwrap();
            let Some(Type::Uint64(seq)) = row.channel_values[0].r#type else { panic!("{row:?}") };
            rows.push((seq, row));
        }
    }
    rows
}

fn rows_in(dir: &Path, area: &str) -> Vec<(u64, WireRow)> {
    files(dir, area).iter().flat_map(|file| rows(&std::fs::read(file).unwrap())).collect()
}

fn is_known(stream: &Stream) -> bool {
    !is_placeholder(stream.encoder().ingestion_config_id().as_bytes())
}

/// Sends rows from `first` on until the IDs are known; returns the number of the next row.
fn send_until_known(stream: &Stream, first: u64) -> u64 {
    let (mut builder, mut seq, deadline) = (rows_of(stream), first, Instant::now() + TIMEOUT);
    while !is_known(stream) {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
        seq += 1;
        std::thread::sleep(Duration::from_micros(200));
        assert!(Instant::now() < deadline, "the IDs never came");
    }
    seq
}

#[test]
fn ids_that_come_while_it_runs_are_put_in_and_new_rows_go_to_data() {
    let dir = tempfile::tempdir().unwrap();
    let server = server();
    server.stop();
    let (first, orphan) = (
        builder(&server, dir.path(), "first").build_blocking(TIMEOUT).unwrap(),
        builder(&server, dir.path(), "orphan").build_blocking(TIMEOUT).unwrap(),
    );
    send(&first, 0..100);
    send(&orphan, 1_000..1_200);
    first.finish(TIMEOUT).unwrap();
    orphan.finish(TIMEOUT).unwrap();
    drop((first, orphan));

    let stream = builder(&server, dir.path(), "now").build_blocking(TIMEOUT).unwrap();
    send(&stream, 2_000..2_500);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    assert!(!is_known(&stream) && is_placeholder(stream.run_id().unwrap().as_bytes()));
    assert!(files(dir.path(), "data").is_empty(), "data/ never holds a placeholder");
    let late = FlowConfig {
        name: "late".to_owned(),
        channels: vec![ChannelConfig::new("v", ChannelDataType::Double)],
    };
    assert!(stream.add_new_flows_blocking(std::slice::from_ref(&late), TIMEOUT).is_err());

    server.start_again().unwrap();
    let known_from = send_until_known(&stream, 2_500);
    let mut end = known_from + 1_000;
    send(&stream, known_from..end);
    let deadline = Instant::now() + TIMEOUT;
    while files(dir.path(), "data").is_empty() || !files(dir.path(), "pending").is_empty() {
        assert!(Instant::now() < deadline, "the rows never moved");
        send(&stream, end..end + 1);
        end += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.add_new_flows_blocking(&[late], TIMEOUT).unwrap();
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(stream.watermarks().durable, Some(end - 2_000));
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.on_disk), (end - 2_000, end - 2_000));
    let config_id = stream.encoder().ingestion_config_id().to_owned();
    assert_eq!(config_id, server.state().configs()[0].config.ingestion_config_id);
    drop(stream);

    assert!(files(dir.path(), "pending").is_empty());
    let found = rows_in(dir.path(), "data");
    let runs: BTreeMap<String, String> =
        server.state().runs().into_iter().map(|run| (run.name, run.run_id)).collect();
    let mut seqs = Vec::new();
    for (seq, row) in found {
        let name = match seq {
            0..1_000 => "first",
            1_000..2_000 => "orphan",
            _ => "now",
        };
        assert_eq!((&row.ingestion_config_id, &row.run_id), (&config_id, &runs[name]), "row {seq}");
        seqs.push(seq);
    }
    seqs.sort_unstable();
    let expected: Vec<_> = (0..100).chain(1_000..1_200).chain(2_000..end).collect();
    assert_eq!(seqs, expected, "each row once");
}

#[test]
fn no_crash_after_the_ids_came_costs_a_durable_row() {
    let server = server();
    server.stop();
    let fs = FakeFileSystem::new();
    let stream = builder(&server, Path::new("/r"), "now")
        .filesystem(Arc::new(fs.clone()))
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&stream, 0..300);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    server.start_again().unwrap();
    let end = send_until_known(&stream, 300) + 300;
    send(&stream, end - 300..end);
    for step in 0..200 {
        if step == 100 {
            stream.flush(Level::Durable, TIMEOUT).unwrap();
        }
        let durable = stream.watermarks().durable.unwrap();
        let image = fs.crash(step);
        let (mut seqs, mut in_data) = (std::collections::BTreeSet::new(), 0);
        for path in image.paths().iter().filter(|path| path.extension().is_some_and(|ext| ext == "pbfs")) {
            let bytes = image.content(path).unwrap();
            let mut reader = PbfsReader::new(&bytes[..]).unwrap();
            while let Some(item) = reader.next_item().unwrap() {
                let Item::Chunk(chunk) = item else { continue };
                for message in chunk.messages() {
                    let row = WireRow::decode(message).unwrap();
                    let Some(Type::Uint64(seq)) = row.channel_values[0].r#type else { panic!("{row:?}") };
                    seqs.insert(seq);
                    if path.parent().unwrap().ends_with("data") {
                        assert!(!is_placeholder(row.ingestion_config_id.as_bytes()), "row {seq} in data/");
                        in_data += 1;
                    }
                }
            }
        }
        assert!((0..durable).all(|seq| seqs.contains(&seq)), "step {step}: {durable} rows were durable");
        assert!(step < 100 || in_data > 0);
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, end);
}
