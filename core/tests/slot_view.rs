//! A slot can be looked at while its owner writes, and looking changes nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{form, row};
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::{DiskBackupPolicy, SlotView};
use siftstream::{
    Credentials, FileBackup, FlowBuilder, IngestionConfigEncoder, Level, SiftStream, SiftStreamBuilder,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONFIG_ID: &str = "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f";

/// A recording that no network takes part in.
fn recording(root: &Path) -> SiftStream<IngestionConfigEncoder, FileBackup> {
    let credentials = Credentials::Config { uri: "http://127.0.0.1:1".into(), apikey: common::KEY.into() };
    let policy =
        DiskBackupPolicy { backups_dir: Some(root.into()), min_free: 0, ..DiskBackupPolicy::default() };
    SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form())
        .file_backup()
        .ingestion_config_id(CONFIG_ID)
        .disk_backup_policy(policy)
        .build_blocking(TIMEOUT)
        .unwrap()
}

fn slot(root: &Path) -> PathBuf {
    std::fs::read_dir(root).unwrap().next().unwrap().unwrap().path()
}

fn look(slot: &Path) -> SlotView {
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    SlotView::read(&fs, slot).unwrap().unwrap()
}

fn state(slot: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(slot.join("state")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_live_slot_tells_its_schema_its_owner_and_the_file_being_written() {
    let root = tempfile::tempdir().unwrap();
    let stream = recording(root.path());
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..100 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    let slot = slot(root.path());
    let before = state(&slot);
    let live = look(&slot);
    assert_eq!(live.flows().unwrap(), form().flows);
    assert!(live.is_owned() && live.is_recording() && live.is_being_written(0));
    assert_eq!((live.key().asset.as_str(), live.index().epoch), ("rig", 1));
    assert_eq!(state(&slot), before, "looking changed something");
    stream.finish(TIMEOUT).unwrap();
    drop(stream);
    let deadline = Instant::now() + TIMEOUT;
    while look(&slot).is_owned() {
        assert!(Instant::now() < deadline, "the lock was never given back");
        std::thread::yield_now();
    }
    let left = look(&slot);
    assert!(!left.is_being_written(0));
    assert_eq!(left.index().files[&0].runs.iter().map(|run| run.rows).sum::<u64>(), 100);
}

#[test]
fn what_is_no_slot_is_not_taken_for_one() {
    let root = tempfile::tempdir().unwrap();
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    assert!(SlotView::read(&fs, root.path()).unwrap().is_none());
    std::fs::create_dir(root.path().join("state")).unwrap();
    std::fs::write(root.path().join("state/key"), b"no key").unwrap();
    assert!(SlotView::read(&fs, root.path()).unwrap().is_none());
}

#[test]
fn a_journal_is_read_while_it_is_appended_to_and_written_anew() {
    let root = tempfile::tempdir().unwrap();
    let stream = recording(root.path());
    let slot = slot(root.path());
    let writer = std::thread::spawn(move || {
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
        for seq in 0..200_000 {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
        stream.finish(TIMEOUT).unwrap();
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let rows = look(&slot).index().files.values().flat_map(|file| &file.runs).map(|run| run.rows).sum();
        assert!(rows >= seen, "{rows} rows after {seen}");
        seen = rows;
    }
    writer.join().unwrap();
    assert_eq!(look(&slot).flows().unwrap(), form().flows);
}
