//! What `siftstream backups ls`, `verify` and `cat` say of files, whoever wrote them.

#![allow(clippy::unwrap_used)]

mod backups_common;

use backups_common::*;
use prost::Message;
use serde_json::json;
use siftstream::seams::filesystem::RealFileSystem;
use siftstream::spool::journal::{Journal, Record};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn ls(path: &Path) -> Vec<serde_json::Value> {
    let output = backups([Path::new("ls"), Path::new("--json"), path]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    json_lines(&output)
}

#[test]
fn a_root_a_slot_its_data_and_one_file_are_listed_with_rows_times_and_state() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "default");
    let files = write_files(&spool, 3, 25);
    spool.confirm(spool.epoch(), &[0..25, 30..40]).unwrap();
    spool.sync_journal().unwrap();
    let slot = spool.slot().path();
    let before = image(root.path());
    for path in [root.path(), slot, &slot.join("data")] {
        let listed = ls(path);
        let column = |name: &str| listed.iter().map(|file| file[name].clone()).collect::<Vec<_>>();
        assert_eq!(column("rows"), [25, 25, 25]);
        // The owner may write on at the end of its newest file.
        assert_eq!(column("state"), ["confirmed", "partly confirmed", "being written"]);
        assert_eq!(column("damaged_bytes"), [0, 0, 0]);
        assert_eq!(listed[0]["first"], "2026-01-01T00:00:00.000000005Z");
        assert_eq!(listed[2]["last"], "2026-01-01T00:01:14.000000005Z");
    }
    let one = ls(&files[1]);
    assert_eq!((one.len(), &one[0]["state"]), (1, &json!("partly confirmed")));
    assert_eq!(one[0]["bytes"], std::fs::metadata(&files[1]).unwrap().len());
    let table = String::from_utf8(backups([Path::new("ls"), root.path()]).stdout).unwrap();
    assert_eq!(table.lines().count(), 6);
    assert!(table.lines().last().unwrap().trim_start().starts_with("75 "));
    assert_eq!(image(root.path()), before, "looking changed something");
    drop(spool);
    assert_eq!(ls(root.path())[2]["state"], "unconfirmed");
}

#[test]
fn rows_that_the_writer_wrote_again_elsewhere_are_shown_once() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "default");
    let files = write_files(&spool, 2, 20);
    let journal = spool.slot().path().join("state/journal");
    drop(spool);
    let first = chunk_len(&std::fs::read(&files[0]).unwrap(), 0) as u64;
    let mut journal = Journal::open(Arc::new(RealFileSystem), &journal).unwrap();
    journal.append(&[Record::Sealed { file: 0, len: first }]).unwrap();
    journal.sync().unwrap();
    let rows: Vec<_> = ls(root.path()).iter().map(|file| file["rows"].clone()).collect();
    assert_eq!(rows, [10, 20]);
    assert_eq!(json_lines(&backups([Path::new("cat"), root.path()])).len(), 30);
}

#[test]
fn a_pending_file_is_listed_as_such_until_its_patched_copy_takes_its_place() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "default");
    let file = write_files(&spool, 1, 20).remove(0);
    let pending = spool.slot().path().join("pending").join(file.file_name().unwrap());
    std::fs::copy(&file, &pending).unwrap();
    assert_eq!(ls(root.path()).len(), 1, "the same rows are listed twice");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ls(root.path())[0]["state"], "pending");
}

#[test]
fn what_a_crash_left_of_the_journal_is_read_and_not_mended() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "default");
    write_files(&spool, 2, 20);
    spool.confirm(spool.epoch(), std::slice::from_ref(&(0..20))).unwrap();
    spool.sync_journal().unwrap();
    let path = spool.slot().path().join("state/journal");
    drop(spool);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(u32::MAX.to_le_bytes());
    bytes.extend([1; 90]);
    std::fs::write(&path, &bytes).unwrap();
    let states: Vec<_> = ls(root.path()).iter().map(|file| file["state"].clone()).collect();
    assert_eq!(states, ["confirmed", "unconfirmed"]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_official_clients_directories_are_listed_verified_and_printed() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("rocket/run-1");
    std::fs::create_dir_all(&run).unwrap();
    let rows: Vec<_> = (0..40).map(row).collect();
    std::fs::write(run.join("key-1767225600000000"), official(&rows[..30])).unwrap();
    std::fs::write(run.join("key-1767225600000001"), official(&rows[30..])).unwrap();
    let listed = ls(root.path());
    assert_eq!((listed.len(), &listed[0]["rows"], &listed[1]["rows"]), (2, &json!(30), &json!(10)));
    assert!(listed.iter().all(|file| file["state"] == "foreign"));
    assert_eq!(code(&backups([Path::new("verify"), root.path()])), 0);
    let printed = json_lines(&backups([Path::new("cat"), root.path()]));
    assert_eq!(printed.len(), 40);
    assert_eq!(printed[1]["values"], json!([u64::MAX - 1, 0.25, "row \"1\",\n"]));
    assert_eq!(printed[39]["timestamp"], "2026-01-01T00:00:39.000000005Z");
}

#[test]
fn rows_of_the_spool_are_printed_with_the_names_of_their_channels_and_without_a_schema_without_names() {
    let root = tempfile::tempdir().unwrap();
    write_files(&spool(root.path(), "default"), 2, 12);
    let schema = root.path().join("schema.toml");
    std::fs::write(&schema, SCHEMA).unwrap();
    let slots: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let slot = slots.iter().find(|path| path.is_dir()).unwrap();
    let named = backups([Path::new("cat"), slot, Path::new("--schema"), &schema]);
    assert_eq!(code(&named), 0);
    let named = json_lines(&named);
    assert_eq!(named.len(), 24);
    assert_eq!(
        named[0],
        json!({
            "flow": "imu", "timestamp": "2026-01-01T00:00:00.000000005Z", "run": "run-1",
            "values": { "count": u64::MAX, "x": 0.0, "label": null },
        })
    );
    assert_eq!(named[1]["run"], json!(null));
    let plain = json_lines(&backups([Path::new("cat"), slot, Path::new("--limit"), Path::new("3")]));
    assert_eq!(plain.len(), 3);
    assert_eq!(plain[0]["values"], json!([u64::MAX, 0.0, null]));
}

#[test]
fn a_row_that_does_not_fit_the_schema_is_never_given_names() {
    let root = tempfile::tempdir().unwrap();
    let (file, schema) = (root.path().join("file"), root.path().join("schema.json"));
    let mut short = row(1);
    short.channel_values.pop();
    let mut swapped = row(2);
    swapped.channel_values.swap(0, 1);
    std::fs::write(&file, official(&[row(0), short, swapped])).unwrap();
    let flows = json!([{ "name": "imu", "channels": [
        { "name": "count", "data_type": "uint64" }, { "name": "x", "data_type": "double" },
        { "name": "label", "data_type": "string" } ] }]);
    std::fs::write(&schema, flows.to_string()).unwrap();
    let output = backups([Path::new("cat"), &file, Path::new("--schema"), &schema]);
    let rows = json_lines(&output);
    assert_eq!(rows.iter().map(|row| row["values"].is_object()).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains("2 rows do not fit the schema"));
}

#[test]
fn damage_is_reported_with_its_exact_extent_and_what_is_whole_is_still_printed() {
    let root = tempfile::tempdir().unwrap();
    let files = write_files(&spool(root.path(), "default"), 1, 50);
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let chunk = |at: usize| 12 + u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap()) as usize;
    let second = chunk(0);
    let (third, len) = (second + chunk(second), bytes.len());
    bytes[second + 100] ^= 4;
    bytes.truncate(len - 7);
    std::fs::write(&files[0], &bytes).unwrap();
    let last = (0..4).fold(0, |at, _| at + chunk_len(&bytes, at));
    let output = backups([Path::new("verify"), Path::new("--json"), &files[0]]);
    assert_eq!(code(&output), 1);
    let lines = json_lines(&output);
    let extent = |line: &serde_json::Value| {
        let number = |name: &str| line[name].as_u64().unwrap() as usize;
        (number("offset"), number("length"), line["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(extent(&lines[0]), (second, third - second, "checksum".to_owned()));
    assert_eq!(extent(&lines[1]), (last, bytes.len() - last, "torn".to_owned()));
    assert_eq!((&lines[2]["whole"], &lines[2]["rows"], lines.len()), (&json!(false), &json!(30), 3));
    let text = String::from_utf8(backups([Path::new("verify"), &files[0]]).stdout).unwrap();
    assert!(text.contains(&format!("offset {second}, length {}, checksum", third - second)), "{text}");
    let printed = backups([Path::new("cat"), &files[0]]);
    assert_eq!((json_lines(&printed).len(), code(&printed)), (30, 1));
    assert_eq!(ls(&files[0])[0]["damaged_bytes"], third - second + bytes.len() - last);
}

fn chunk_len(bytes: &[u8], at: usize) -> usize {
    12 + u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap()) as usize
}

#[test]
fn a_message_that_is_no_row_is_damage_at_its_place_though_its_checksum_is_right() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    let mut chunk = siftstream::spool::pbfs::ChunkBuilder::default();
    chunk.push(&row(0).encode_to_vec()).unwrap();
    chunk.push(b"\xffno row").unwrap();
    std::fs::write(&file, chunk.finish()).unwrap();
    let output = backups([Path::new("verify"), Path::new("--json"), &file]);
    let lines = json_lines(&output);
    let place = 12 + 4 + row(0).encoded_len();
    assert_eq!((&lines[0]["offset"], &lines[0]["length"]), (&json!(place), &json!(11)));
    assert_eq!((code(&output), &lines[0]["reason"]), (1, &json!("message")));
}

#[test]
fn bad_input_is_named_and_ends_in_exit_code_2() {
    let root = tempfile::tempdir().unwrap();
    let fifo = root.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let good = root.path().join("good");
    std::fs::write(&good, official(&[row(0)])).unwrap();
    let schema = root.path().join("schema.toml");
    std::fs::write(&schema, "[[flows]]\nname = \"imu\"\nchannles = []").unwrap();
    for (args, message) in [
        (vec![Path::new("ls"), Path::new("/nonexistent")], "cannot read /nonexistent"),
        (vec![Path::new("verify"), &fifo], "not a regular file"),
        (vec![Path::new("cat"), &good, Path::new("--schema"), &schema], "channles"),
        (vec![Path::new("cat"), &good, Path::new("--schema"), &good], "cannot read"),
    ] {
        let output = backups(&args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(errors(&output).contains(message), "{args:?}: {}", errors(&output));
        assert!(!errors(&output).contains("panicked"));
    }
    let mixed = backups([Path::new("cat"), &fifo, &good]);
    assert_eq!((code(&mixed), json_lines(&mixed).len()), (2, 1), "one bad file hides a good one");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, official(&(0..5000).map(row).collect::<Vec<_>>())).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_siftstream"))
        .args([Path::new("backups"), Path::new("cat"), &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
}
