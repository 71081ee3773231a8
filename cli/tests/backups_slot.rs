//! What the commands make of files that lie in their slot, also while the slot's owner writes.

#![allow(clippy::unwrap_used)]

mod backups_common;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use backups_common::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CONFIG_ID: &str = "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f";

fn run(command: &str, path: &Path) -> Vec<Json> {
    let mut args = vec![Path::new(command)];
    if command == "ls" {
        args.push(Path::new("--json"));
    }
    args.push(path);
    let output = backups(args);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    json_lines(&output)
}

fn slot(root: &Path) -> PathBuf {
    std::fs::read_dir(root).unwrap().next().unwrap().unwrap().path()
}

/// Lists what is under `root` once the owner, whose last thread may take its time, is gone.
fn ls_when_left(root: &Path) -> Vec<Json> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let listed = run("ls", root);
        if listed.iter().all(|file| file["state"] != "being written") {
            return listed;
        }
        assert!(Instant::now() < deadline, "the owner never left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn counts(table: &Path) -> Vec<u64> {
    let file = std::fs::File::open(table).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let column = |batch: arrow_array::RecordBatch| {
        assert_eq!(batch.schema().field(2).name(), "count");
        batch.column(2).as_primitive::<UInt64Type>().values().to_vec()
    };
    batches.flat_map(|batch| column(batch.unwrap())).collect()
}

#[test]
fn names_come_from_the_slot_without_a_schema_file_or_a_network_while_its_owner_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("root"), dir.path().join("out"));
    let stream = offline_stream(&root, Some(CONFIG_ID));
    record(&stream, 0..30);
    let file = std::fs::read_dir(slot(&root).join("data")).unwrap().next().unwrap().unwrap().path();
    for path in [&root, &slot(&root), &file] {
        let rows = run("cat", path);
        assert_eq!(rows.len(), 30);
        assert_eq!(rows[7]["values"], json!({ "count": u64::MAX - 7, "x": 1.75, "label": null }));
    }
    let output = backups([Path::new("export"), &root, Path::new("--out"), &out]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    assert_eq!(counts(&out.join("imu.parquet")), (0..30).map(|n| u64::MAX - n).collect::<Vec<_>>());
    // What is asked for by an option goes before what the slot knows.
    let schema = dir.path().join("schema.toml");
    std::fs::write(&schema, SCHEMA.replace("\"count\"", "\"renamed\"")).unwrap();
    let renamed = backups([Path::new("cat"), &root, Path::new("--schema"), &schema]);
    assert_eq!(json_lines(&renamed)[0]["values"]["renamed"], u64::MAX);
    record(&stream, 30..40);
    assert_eq!(run("cat", &root).len(), 40, "the stream did not go on");
}

#[test]
fn pending_rows_of_several_slots_are_exported_with_the_names_of_each() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let roots = ["a", "b", "c"].map(|name| dir.path().join(name));
    for (at, root) in (0..).zip(&roots) {
        record(&offline_stream(root, None), at * 10..at * 10 + 10);
        assert_eq!(run("ls", root)[0]["state"], "pending");
        assert_eq!(run("cat", root)[0]["values"]["count"], u64::MAX - at * 10);
    }
    let [a, b, c] = &roots;
    let output = backups([Path::new("export"), a, b, c, Path::new("--out"), &out]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    let mut found: Vec<_> =
        std::fs::read_dir(&out).unwrap().flat_map(|table| counts(&table.unwrap().path())).collect();
    found.sort_unstable();
    assert_eq!(found, (0..30).rev().map(|n| u64::MAX - n).collect::<Vec<_>>());
}

#[test]
fn a_listing_tells_the_slot_and_what_becomes_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let stream = offline_stream(&root, Some(CONFIG_ID));
    record(&stream, 0..30);
    let live = run("ls", &root);
    assert_eq!((&live[0]["state"], &live[0]["rows"]), (&json!("being written"), &json!(30)));
    let key = json!({
        "endpoint": "http://127.0.0.1:1", "asset": "rocket", "client_key": "key", "stream": "default",
        "mode": "file_backup",
    });
    assert_eq!(live[0]["slot"], key);
    let text = String::from_utf8(backups([Path::new("ls"), &root]).stdout).unwrap();
    assert!(text.contains("asset \"rocket\", client key \"key\", stream \"default\", file_backup"), "{text}");
    stream.finish(Duration::from_secs(60)).unwrap();
    drop(stream);
    assert_eq!(ls_when_left(&root)[0]["state"], "recording");
    std::fs::write(slot(&root).join("quarantine/00000000000000000000-5-9.torn"), b"nine bytes").unwrap();
    let listed = run("ls", &slot(&root));
    assert_eq!((&listed[1]["state"], &listed[1]["bytes"]), (&json!("quarantined"), &json!(10)));
    assert_eq!((&listed[1]["rows"], &listed[1]["slot"]), (&json!(0), &key));
    assert_eq!(run("cat", &root).len(), 30, "what is in quarantine was taken for a backup");
}

#[test]
fn the_end_of_a_chunk_that_is_being_written_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let stream = offline_stream(&root, Some(CONFIG_ID));
    record(&stream, 0..30);
    let file = std::fs::read_dir(slot(&root).join("data")).unwrap().next().unwrap().unwrap().path();
    let tear = || {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend_from_within(..20);
        std::fs::write(&file, bytes).unwrap();
    };
    tear();
    let live = run("ls", &root);
    assert_eq!((&live[0]["damaged_bytes"], &live[0]["rows"]), (&json!(0), &json!(30)));
    drop(stream);
    ls_when_left(&root);
    tear();
    assert_eq!(run("ls", &root)[0]["damaged_bytes"], 20);
}

#[test]
fn a_live_slot_can_be_listed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let stream = offline_stream(&root, Some(CONFIG_ID));
    let writer = std::thread::spawn(move || {
        for block in 0..100 {
            record(&stream, block * 200..(block + 1) * 200);
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let rows = run("ls", &root).iter().map(|file| file["rows"].as_u64().unwrap()).sum();
        assert!(rows >= seen);
        seen = rows;
    }
    writer.join().unwrap();
    assert_eq!(run("cat", &root).len(), 20_000);
}
