//! A disk of 1 MB that is really full: what a stream says is true under each policy, and with room again it goes on.
//!
//! The disk is a tmpfs in a mount namespace of the child's own. Where the machine does not allow that, the same is run
//! on the fake disk, and the test says so on stderr, past the capture of the test runner.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::row;
use disk::*;
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::{DiskBackupPolicy, WhenFull};
use siftstream::{DataStatus, Error, ErrorCode, Level};

const SHORT: Duration = Duration::from_millis(200);
const SLACK: Duration = Duration::from_millis(250);

/// A small disk that can be filled from outside.
trait SmallDisk {
    fn root(&self) -> PathBuf;
    fn fs(&self) -> SharedFileSystem;
    fn fill(&self);
    fn make_room(&self);
}

struct Tmpfs(PathBuf);

impl SmallDisk for Tmpfs {
    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn fs(&self) -> SharedFileSystem {
        Arc::new(RealFileSystem)
    }

    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.0.join("ballast")).unwrap();
        while ballast.write(&[0; 1024]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

struct Fake(FakeFileSystem);

impl SmallDisk for Fake {
    fn root(&self) -> PathBuf {
        PathBuf::from("/r")
    }

    fn fs(&self) -> SharedFileSystem {
        Arc::new(self.0.clone())
    }

    fn fill(&self) {
        let size = |path: &PathBuf| self.0.content(path).map_or(0, |bytes| bytes.len() as u64);
        self.0.set_capacity(Some(self.0.paths().iter().map(size).sum()));
    }

    fn make_room(&self) {
        self.0.set_capacity(Some(1 << 20));
    }
}

fn open(disk: &dyn SmallDisk, when_full: WhenFull) -> Stream {
    let policy = DiskBackupPolicy { when_full, max_backup_file_size: 40_000, ..policy(&disk.root()) };
    let stream = given(policy).filesystem(disk.fs()).backup_data_channel_bytes(128 * 1024);
    stream.build_blocking(TIMEOUT).unwrap()
}

/// Sends from `first` on until a row is refused; the number of the first row that was not taken, and why.
fn send_until_refused(stream: &Stream, first: u64) -> (u64, Error) {
    let mut builder = rows_of(stream);
    for seq in first..first + 100_000 {
        row(&mut builder, seq);
        if let Err(refused) = stream.send_timeout(&builder, SHORT) {
            return (seq, refused.error);
        }
    }
    panic!("a full disk refused nothing")
}

fn seqs(disk: &dyn SmallDisk) -> Vec<u64> {
    recovered_on(&disk.fs(), &disk.root()).into_iter().map(|found| found.seq).collect()
}

fn within<T>(limit: Duration, call: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = call();
    assert!(began.elapsed() < limit + SLACK, "{:?}", began.elapsed());
    result
}

/// Block and error: nothing is given up. The senders feel it, the reports tell it, and all rows come through.
fn everything_accepted_is_kept(disk: &dyn SmallDisk, when_full: WhenFull) {
    let stream = open(disk, when_full);
    send(&stream, 0..100);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    disk.fill();
    let (accepted, refused) = send_until_refused(&stream, 100);
    let code = if when_full == WhenFull::Block { ErrorCode::Timeout } else { ErrorCode::DiskFull };
    assert_eq!((refused.code(), refused.data_status()), (code, DataStatus::NotAccepted), "{refused}");
    let failed = within(SHORT, || stream.flush(Level::Durable, SHORT)).unwrap_err();
    assert_eq!(
        (failed.code(), failed.data_status()),
        (ErrorCode::DiskFull, DataStatus::InMemory),
        "{failed}"
    );
    let durable = stream.watermarks().durable.unwrap();
    assert!((100..accepted).contains(&durable), "{durable} of {accepted} rows durable on a full disk");

    disk.make_room();
    let deadline = Instant::now() + TIMEOUT;
    let mut next = accepted;
    while next < accepted + 500 {
        assert!(Instant::now() < deadline, "writing never resumed");
        let mut builder = rows_of(&stream);
        row(&mut builder, next);
        next += u64::from(stream.send_timeout(&builder, TIMEOUT).is_ok());
    }
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(stream.watermarks().durable, Some(next));

    disk.fill();
    let (accepted, _) = send_until_refused(&stream, next);
    let failed = within(SHORT, || stream.finish(SHORT)).unwrap_err();
    assert_eq!(failed.error.code(), ErrorCode::DiskFull, "{}", failed.error);
    assert_eq!(failed.report.on_disk + failed.report.in_memory, accepted);
    assert!((next..accepted).contains(&failed.report.on_disk), "{}", failed.report);
    disk.make_room();
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, accepted);
    drop(stream);
    assert_eq!(seqs(disk), (0..accepted).collect::<Vec<_>>());
}

/// Drop-oldest and drop-newest: senders never wait for the disk, and each row is there or counted.
fn what_is_dropped_is_counted(disk: &dyn SmallDisk, when_full: WhenFull) {
    let stream = open(disk, when_full);
    send(&stream, 0..2_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    disk.fill();
    send(&stream, 2_000..6_000);
    let told = stream.flush(Level::Written, TIMEOUT).unwrap_err();
    assert_eq!(told.code(), ErrorCode::Dropped, "{told}");
    let dropped = stream.get_metrics_snapshot().rows_dropped;
    assert!(dropped > 0);

    disk.make_room();
    send(&stream, 6_000..7_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(stream.get_metrics_snapshot().rows_dropped, dropped, "with room nothing is dropped");

    disk.fill();
    send(&stream, 7_000..9_000);
    let failed = stream.finish(TIMEOUT).unwrap_err();
    let report = failed.report;
    assert_eq!(failed.error.code(), ErrorCode::Dropped, "{}", failed.error);
    assert_eq!((report.on_disk + report.dropped, report.in_memory), (9_000, 0), "{report}");
    drop(stream);
    disk.make_room();
    let there = seqs(disk);
    assert_eq!(there.len() as u64, report.on_disk, "{when_full:?}: {report}");
    assert_whole(&there, 0, "dropping");
    match when_full {
        WhenFull::DropOldest => assert_eq!(there, (9_000 - there.len() as u64..9_000).collect::<Vec<_>>()),
        _ => assert!((0..2_000).chain(6_000..7_000).all(|seq| there.binary_search(&seq).is_ok())),
    }
}

fn run(disk: &dyn SmallDisk, when_full: WhenFull) {
    match when_full {
        WhenFull::Block | WhenFull::Error => everything_accepted_is_kept(disk, when_full),
        WhenFull::DropOldest | WhenFull::DropNewest => what_is_dropped_is_counted(disk, when_full),
    }
}

#[test]
fn a_full_disk_costs_only_what_the_policy_says_and_with_room_writing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    if let Err(why) = mounts_allowed(dir.path()) {
        let said = writeln!(
            std::io::stderr(),
            "\nNOT TESTED ON A REAL FULL DISK: no tmpfs of one's own on this machine ({why}); using the fake disk"
        );
        said.unwrap();
        for name in POLICIES {
            run(&Fake(FakeFileSystem::new()), when_full_named(name));
        }
        return;
    }
    std::thread::scope(|scope| {
        for name in POLICIES {
            scope.spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                let mut child = in_own_tmpfs("child_on_a_small_disk", dir.path(), "size=1m");
                let output = child.env("CHILD_WHEN_FULL", name).output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && text.contains("done."), "{name}: {text}");
            });
        }
    });
}

#[test]
fn the_same_holds_on_the_fake_disk() {
    for name in POLICIES {
        run(&Fake(FakeFileSystem::new()), when_full_named(name));
    }
}

#[test]
#[ignore = "run by another test"]
#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn child_on_a_small_disk() {
    let Some(dir) = child_dir() else { return };
    assert!(is_tmpfs(&dir), "this is not a disk of its own");
    run(&Tmpfs(dir), when_full_named(&choice("CHILD_WHEN_FULL")));
    println!("done.");
}

fn is_tmpfs(dir: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.lines().any(|line| line.split(' ').nth(1) == dir.to_str() && line.contains(" tmpfs "))
}
