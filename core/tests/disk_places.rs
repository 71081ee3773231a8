//! Somebody else meddles with the directories: each meddling is a typed error or harmless, takes no time of a caller's,
//! and costs no row that the stream still had in its hands.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use disk::*;
use siftstream::spool::{DiskBackupPolicy, FsyncPolicy};
use siftstream::{ErrorCode, Level};

const SHORT: Duration = Duration::from_millis(300);
const NOBODY: u32 = 65_534;

fn slot_in(root: &Path) -> PathBuf {
    fs::read_dir(root).unwrap().next().unwrap().unwrap().path()
}

/// Sends, meddles, sends more, and expects every row on disk; `undo` ends a meddling that stops the writing.
fn meddle(fsync: FsyncPolicy, meddle: impl FnOnce(&Path), undo: Option<&dyn Fn(&Path)>) {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("root");
    let stream =
        given(DiskBackupPolicy { fsync, ..policy(&root) }).batch_size(16).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..300);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    send(&stream, 300..350);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    let slot = slot_in(&root);
    meddle(&slot);
    send(&stream, 350..400);
    if let Some(undo) = undo {
        let began = Instant::now();
        let failed = stream.flush(Level::Durable, SHORT).unwrap_err();
        assert!(began.elapsed() < SHORT + Duration::from_millis(250));
        assert_eq!(failed.code(), ErrorCode::Io, "{failed}");
        undo(&slot);
    }
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    send(&stream, 400..420);
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 420);
    drop(stream);
    assert_eq!(recovered_seqs(&root), (0..420).collect::<Vec<_>>());
    let again = given(policy(&root)).build_blocking(TIMEOUT).unwrap();
    assert_eq!(again.finish(TIMEOUT).unwrap().on_disk, 0);
}

fn current_file(slot: &Path) -> PathBuf {
    fs::read_dir(slot.join("data")).unwrap().map(|file| file.unwrap().path()).max().unwrap()
}

const FSYNC_POLICIES: [FsyncPolicy; 2] = [FsyncPolicy::Never, FsyncPolicy::EveryChunk];

#[test]
fn a_directory_that_is_removed_while_writing_is_made_again_with_what_was_in_the_open_file() {
    for fsync in FSYNC_POLICIES {
        meddle(fsync, |slot| fs::remove_dir_all(slot.join("data")).unwrap(), None);
        meddle(fsync, |slot| fs::remove_dir_all(slot).unwrap(), None);
        meddle(fsync, |slot| fs::remove_dir_all(slot.parent().unwrap()).unwrap(), None);
    }
}

#[test]
fn a_directory_that_is_replaced_while_writing_gets_all_rows() {
    for fsync in FSYNC_POLICIES {
        let away = |slot: &Path| slot.parent().unwrap().with_file_name("away");
        meddle(
            fsync,
            |slot| {
                fs::rename(slot, away(slot)).unwrap();
                fs::create_dir(slot).unwrap();
            },
            None,
        );
        let not_a_dir = |slot: &Path| {
            fs::rename(slot.join("data"), away(slot)).unwrap();
            fs::write(slot.join("data"), "in the way").unwrap();
        };
        meddle(fsync, not_a_dir, Some(&|slot| fs::remove_file(slot.join("data")).unwrap()));
    }
}

#[test]
fn a_file_that_is_removed_or_replaced_while_writing_is_written_again() {
    for fsync in FSYNC_POLICIES {
        meddle(fsync, |slot| fs::remove_file(current_file(slot)).unwrap(), None);
        let replaced_by = |make: &dyn Fn(&Path)| {
            meddle(
                fsync,
                |slot| {
                    let file = current_file(slot);
                    fs::remove_file(&file).unwrap();
                    make(&file);
                },
                None,
            );
        };
        replaced_by(&|file| make_fifo(file));
        replaced_by(&|file| fs::create_dir(file).unwrap());
        replaced_by(&|file| symlink("/dev/null", file).unwrap());
    }
}

#[test]
fn a_removed_slot_is_whole_again_before_the_stream_ends() {
    let dir = tempfile::tempdir().unwrap();
    let stream = offline(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..10);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    let slot = slot_in(dir.path());
    fs::remove_dir_all(&slot).unwrap();
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    let bytes = fs::read(slot.join("state/journal")).unwrap();
    assert!(bytes.windows(5).any(|part| part == b"bench"), "the schema is gone");
    assert!(slot.join("state/key").exists() && slot.join("state/lock").exists());
    let second = offline(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the slot is owned by one");
    second.finish(TIMEOUT).unwrap();
    stream.finish(TIMEOUT).unwrap();
}

#[test]
fn a_journal_that_is_removed_while_writing_is_written_anew() {
    meddle(FsyncPolicy::EveryChunk, |slot| fs::remove_file(slot.join("state/journal")).unwrap(), None);
    let dir = tempfile::tempdir().unwrap();
    let stream = offline(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..10);
    let journal = slot_in(dir.path()).join("state/journal");
    fs::remove_file(&journal).unwrap();
    stream.finish(TIMEOUT).unwrap();
    let bytes = fs::read(&journal).unwrap();
    assert!(bytes.windows(5).any(|part| part == b"bench"), "the schema is gone");
}

fn make_fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
}

/// Starts a stream on a slot in which `place` was put in the place of `name`; returns why it did not start.
fn start_with(name: &str, place: impl Fn(&Path)) -> Option<siftstream::Error> {
    let dir = tempfile::tempdir().unwrap();
    let stream = given(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..50);
    stream.finish(TIMEOUT).unwrap();
    drop(stream);
    let slot = slot_in(dir.path());
    let path = slot.join(name);
    let saved = dir.path().with_extension("saved");
    fs::rename(&path, &saved).unwrap();
    place(&path);
    let found = fs::symlink_metadata(&path).unwrap().ino();
    let began = Instant::now();
    let started = given(policy(dir.path())).build_blocking(TIMEOUT);
    assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?}", began.elapsed());
    let refused = started.map(|stream| stream.finish(TIMEOUT).unwrap()).err();
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), found, "{name}: what stood there is gone");
    if path.is_dir() {
        fs::remove_dir(&path).unwrap()
    } else {
        fs::remove_file(&path).unwrap()
    }
    fs::rename(&saved, &path).unwrap();
    assert_eq!(recovered_seqs(dir.path()), (0..50).collect::<Vec<_>>(), "{name}");
    refused
}

#[test]
fn a_fifo_link_or_directory_in_place_of_a_file_of_ours_is_a_typed_error_at_the_start() {
    for name in ["state/journal", "state/key", "state/lock", "data", "pending", "state", "quarantine"] {
        let target = tempfile::NamedTempFile::new().unwrap();
        fs::write(target.path(), "precious").unwrap();
        let mut refusals = vec![
            ("fifo", start_with(name, make_fifo)),
            ("link", start_with(name, |path| symlink(target.path(), path).unwrap())),
            ("dangling link", start_with(name, |path| symlink("/nowhere/at/all", path).unwrap())),
        ];
        if name.contains('/') {
            refusals.push(("directory", start_with(name, |path| fs::create_dir(path).unwrap())));
        }
        for (what, refused) in refusals {
            // A lock can be had on a FIFO as well.
            if (name, what) != ("state/lock", "fifo") {
                let refused = refused.unwrap_or_else(|| panic!("{what} in place of {name} was accepted"));
                assert_eq!(refused.code(), ErrorCode::Io, "{what} in place of {name}: {refused}");
            }
        }
        assert_eq!(fs::read(target.path()).unwrap(), b"precious", "{name}");
    }
}

#[test]
fn a_read_only_disk_is_a_typed_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    if mounts_allowed(dir.path()).is_ok() {
        let mut child = in_own_tmpfs("child_that_must_be_refused", dir.path(), "size=1m,ro");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    for (root, code) in [
        ("/proc/siftstream", ErrorCode::NotFound),
        ("/dev/null", ErrorCode::Io),
        ("/dev/null/siftstream", ErrorCode::Io),
    ] {
        let refused = given(policy(Path::new(root))).build_blocking(TIMEOUT).err().unwrap();
        assert_eq!(refused.code(), code, "{root}: {refused}");
    }
}

#[test]
#[ignore = "run by another test"]
fn child_that_must_be_refused() {
    let Some(dir) = child_dir() else { return };
    let refused = given(policy(&dir)).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Io, "{refused}");
}

#[test]
fn directories_without_permission_are_told_and_left_behind_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
    let root = dir.path().join("root");
    // A copy, for the program itself may lie where nobody else may look.
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let plain = child("child_without_permission", &root);
    let mut child = std::process::Command::new(program);
    child.args(plain.get_args()).env("SIFTSTREAM_CHILD_DIR", &root).current_dir("/");
    if rustix::process::getuid().is_root() {
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "run by another test"]
fn child_without_permission() {
    let Some(root) = child_dir() else { return };
    let policy = || DiskBackupPolicy { max_backup_file_size: 4_000, ..policy(&root) };
    let stream = given(policy()).batch_size(8).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..20);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    let data = slot_in(&root).join("data");
    fs::set_permissions(&data, Permissions::from_mode(0o500)).unwrap();
    send(&stream, 20..200);
    assert_eq!(stream.flush(Level::Written, SHORT).unwrap_err().code(), ErrorCode::Io);
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o000)).unwrap();
    send(&stream, 200..400);
    let failed = stream.finish(SHORT).unwrap_err();
    assert_eq!(failed.error.code(), ErrorCode::Io, "{}", failed.error);
    assert!(failed.report.in_memory > 0 && failed.report.on_disk >= 200, "{}", failed.report);
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 400);
    drop(stream);
    assert_eq!(recovered_seqs(&root), (0..400).collect::<Vec<_>>());
    fs::set_permissions(&root, Permissions::from_mode(0o500)).unwrap();
    let held = given(policy()).build_blocking(TIMEOUT).unwrap();
    let refused = given(policy()).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Io, "{refused}");
    held.finish(TIMEOUT).unwrap();
    fs::set_permissions(&root, Permissions::from_mode(0o700)).unwrap();
}
