//! What the tests with a real disk share: file-backup streams, children of this very program, and what recovery finds.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

pub mod inject;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataStreamRequest as WireRow, ingest_with_config_data_channel_value::Type,
};
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::spool::pending::is_placeholder;
use siftstream::spool::{DiskBackupPolicy, FsyncPolicy, Slot, Spool, WhenFull};
use siftstream::{
    Credentials, FileBackup, FileBackupBuilder, FlowBuilder, IngestionConfigEncoder, SiftStream,
    SiftStreamBuilder, StreamConfigBuilder,
};

use crate::common::{KEY, form, row};

pub const TIMEOUT: Duration = Duration::from_secs(30);
pub const CONFIG_ID: &str = "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f";
/// Nobody listens there.
pub const NOWHERE: &str = "http://127.0.0.1:1";
pub const FSYNCS: [&str; 3] = ["never", "interval", "chunk"];
pub const POLICIES: [&str; 4] = ["block", "error", "drop-oldest", "drop-newest"];

pub type Stream = SiftStream<IngestionConfigEncoder, FileBackup>;

pub fn policy(dir: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some(dir.to_owned()), min_free: 0, ..DiskBackupPolicy::default() }
}

pub fn config(uri: &str) -> StreamConfigBuilder {
    let credentials = Credentials::Config { uri: uri.to_owned(), apikey: KEY.to_owned() };
    SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form())
}

/// A stream whose config ID is given, so that nobody is asked.
pub fn given(policy: DiskBackupPolicy) -> FileBackupBuilder {
    config(NOWHERE).file_backup().disk_backup_policy(policy).ingestion_config_id(CONFIG_ID)
}

/// A stream that cannot reach Sift: its rows are pending.
pub fn offline(policy: DiskBackupPolicy) -> FileBackupBuilder {
    config(NOWHERE).file_backup().disk_backup_policy(policy).offline_after(Duration::from_millis(50))
}

pub fn fsync_named(name: &str) -> FsyncPolicy {
    match name {
        "never" => FsyncPolicy::Never,
        "chunk" => FsyncPolicy::EveryChunk,
        _ => FsyncPolicy::Interval(Duration::from_millis(20)),
    }
}

pub fn when_full_named(name: &str) -> WhenFull {
    match name {
        "error" => WhenFull::Error,
        "drop-oldest" => WhenFull::DropOldest,
        "drop-newest" => WhenFull::DropNewest,
        _ => WhenFull::Block,
    }
}

pub fn rows_of(stream: &Stream) -> FlowBuilder {
    FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap())
}

pub fn send(stream: &Stream, seqs: std::ops::Range<u64>) {
    let mut builder = rows_of(stream);
    for seq in seqs {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

/// A row that recovery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub seq: u64,
    pub pending: bool,
}

/// All rows in all slots under `root`, as recovery finds them.
pub fn recovered(root: &Path) -> Vec<Found> {
    if root.exists() {
        recovered_on(&(Arc::new(RealFileSystem) as SharedFileSystem), root)
    } else {
        Vec::new()
    }
}

/// The same on another disk.
pub fn recovered_on(fs: &SharedFileSystem, root: &Path) -> Vec<Found> {
    // Held together, so that each opening takes another sub-slot.
    let mut spools = Vec::new();
    for info in Slot::list(fs, root).unwrap() {
        spools.push(Spool::open(Slot::open(fs.clone(), root, &info.key).unwrap()).unwrap());
    }
    let mut found: Vec<_> = spools.iter().flat_map(rows_in).collect();
    found.sort_unstable();
    found
}

fn rows_in(spool: &Arc<Spool>) -> Vec<Found> {
    let (mut found, mut scanner) = (Vec::new(), spool.scanner());
    while let Some(inventory) = scanner.scan_next() {
        let mut rows = spool.unconfirmed_rows(&inventory.unwrap()).unwrap();
        while let Some(chunk) = rows.next_chunk().unwrap() {
            found.extend(chunk.rows().map(|(_, message)| found_in(message)));
        }
    }
    found
}

fn found_in(message: &[u8]) -> Found {
    let row = WireRow::decode(message).unwrap();
    let pending = is_placeholder(row.ingestion_config_id.as_bytes());
    assert!(pending || row.ingestion_config_id == CONFIG_ID, "a row was altered: {row:?}");
    match row.channel_values[0].r#type {
        Some(Type::Uint64(seq)) => Found { seq, pending },
        ref other => panic!("a row without its number: {other:?}"),
    }
}

/// The rows in one file, as they stand there.
pub fn seqs_in(file: &Path) -> Vec<u64> {
    let bytes = std::fs::read(file).unwrap();
    let (mut reader, mut seqs) = (PbfsReader::new(&bytes[..]).unwrap(), Vec::new());
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Chunk(chunk) = item else { panic!("{}: {item:?}", file.display()) };
        seqs.extend(chunk.messages().map(|message| found_in(message).seq));
    }
    seqs
}

pub fn recovered_seqs(root: &Path) -> Vec<u64> {
    recovered(root).into_iter().map(|found| found.seq).collect()
}

/// That `rows` are in order and each there once, and that none below `least` is missing.
pub fn assert_whole(rows: &[u64], least: u64, what: &str) {
    let unique: BTreeSet<_> = rows.iter().copied().collect();
    assert_eq!(unique.len(), rows.len(), "{what}: rows are there twice");
    let missing: Vec<_> = (0..least).filter(|seq| !unique.contains(seq)).collect();
    assert!(missing.is_empty(), "{what}: of the first {least} rows these are lost: {missing:?}");
}

/// All files in the directories `area` of the slots under `root`.
pub fn files(root: &Path, area: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for slot in std::fs::read_dir(root).unwrap() {
        let area = slot.unwrap().path().join(area);
        found.extend(std::fs::read_dir(area).unwrap().map(|file| file.unwrap().path()));
    }
    found.sort();
    found
}

/// This test program again, to run the ignored test `name` with the directory `dir`.
pub fn child(name: &str, dir: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("SIFTSTREAM_CHILD_DIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    child
}

/// The directory that a child was given; `None` if this is no child.
pub fn child_dir() -> Option<PathBuf> {
    std::env::var_os("SIFTSTREAM_CHILD_DIR").map(PathBuf::from)
}

pub fn choice(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// How many of something a test does: `usual`, or what the environment says.
pub fn how_many(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |count| count.parse().unwrap())
}

/// The last line of `output` that starts with `word`, as its numbers.
pub fn last_numbers(output: &str, word: &str) -> Option<Vec<u64>> {
    let numbers = |line: &str| {
        let rest = line.strip_prefix(word)?.strip_suffix('.')?;
        rest.split_whitespace().map(|number| number.parse().ok()).collect()
    };
    output.lines().rev().find_map(numbers)
}

/// The same as [`child`], with a tmpfs of its own mounted on `dir`.
pub fn in_own_tmpfs(name: &str, dir: &Path, options: &str) -> Command {
    let plain = child(name, dir);
    let mut command = unshared();
    command.args(["sh", "-ec", "mount -t tmpfs -o \"$1\" none \"$2\"; shift 2; exec \"$@\"", "sh", options]);
    command.arg(dir).arg(plain.get_program()).args(plain.get_args());
    command.env("SIFTSTREAM_CHILD_DIR", dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whether a child can mount a disk of its own, and if not, why.
pub fn mounts_allowed(dir: &Path) -> Result<(), String> {
    let tried = unshared().args(["mount", "-t", "tmpfs", "none"]).arg(dir).output();
    let output = tried.map_err(|error| format!("unshare: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// `unshare` with a mount namespace, and as another user than root with a user namespace.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.arg(if rustix::process::getuid().is_root() { "-m" } else { "-rm" });
    command
}
