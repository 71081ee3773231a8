//! Whatever system call on the disk fails, once or for as long as the fault lasts: no Ok for rows that are not there,
//! no row given up, and when the fault is over everything is on disk.
//!
//! `SIFTSTREAM_FAULT_DEPTH` lets each call fail at so many of its first occurrences.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::row;
use disk::inject::{Call, Hit, Injection, beside, read_log};
use disk::*;
use siftstream::spool::DiskBackupPolicy;
use siftstream::{DataStatus, ErrorCode, Level};

/// What a failing stream may take beyond what it was given.
const SLACK: Duration = Duration::from_millis(250);

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say(line: &str) {
    println!("{line}");
}

/// One child with one fault.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// The call that fails.
    call: &'static str,
    /// On which paths.
    matching: &'static str,
    /// From when on: `start`, `writing` or `patching`.
    arm: &'static str,
    fsync: &'static str,
    from: u64,
    count: u64,
    errno: i32,
}

/// Runs a child with a fault, checks what it said, and returns the calls that were seen.
fn run(case: Case) -> Vec<Call> {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("root");
    let mut child = child("child_on_a_bad_disk", &dir);
    child.env("CHILD_ARM", case.arm).env("CHILD_FSYNC", case.fsync);
    let bad = beside(&dir, "bad");
    let Case { call, matching, from, count, errno, .. } = case;
    let hit = Hit::Errno(errno);
    let log =
        Injection { calls: call, matching, from, count, hit, only_while: Some(&bad) }.apply(&mut child, &dir);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{case:?}: {text}");

    let promised = last_numbers(&text, "durable ").map_or(0, |numbers| numbers[0]);
    let nothing_works = case.arm == "writing" && case.count == 0 && matching.is_empty();
    if nothing_works && matches!(call, "write" | "fdatasync") {
        assert!(
            promised == 0 && text.contains("finish failed"),
            "{case:?}: an Ok that cannot be true: {text}"
        );
    }
    if let Some(numbers) = last_numbers(&text, "copied ") {
        let mut there = recovered_seqs(&beside(&dir, "copy"));
        let copies = there.len();
        there.dedup();
        assert!(copies <= 4 * there.len(), "{case:?}: {copies} copies of {} rows", there.len());
        assert_whole(&there, promised, &format!("{case:?}, while it failed: {text}"));
        assert!(there.len() as u64 >= numbers[0], "{case:?}: {} rows of {}", there.len(), numbers[0]);
    }
    let accepted = last_numbers(&text, "healed ").unwrap()[0];
    assert!(accepted >= promised);
    let rows = recovered_seqs(&dir);
    assert_eq!(rows, (0..accepted).collect::<Vec<_>>(), "{case:?}, after it was over: {text}");
    read_log(&log)
}

/// Runs cases side by side, and asserts that their faults were met, but for late ones.
fn run_all(cases: Vec<Case>) {
    let next = std::sync::Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().unwrap().next() else { return };
                    let calls = run(case);
                    let met = calls.iter().any(|call| call.hit);
                    assert!(met || case.from > 2, "{case:?}: the fault was never met: {calls:?}");
                }
            });
        }
    });
}

/// Each call failing once, at one of its first occurrences, and for as long as the fault lasts.
fn cases(arm: &'static str, calls: &[&'static str], usual_depth: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for call in calls {
        for from in 1..=how_many("SIFTSTREAM_FAULT_DEPTH", usual_depth) {
            let fsync = FSYNCS[from as usize % 3];
            let case = Case { call, matching: "", arm, fsync, from, count: 1, errno: libc::EIO };
            cases.push(case);
        }
        cases.push(Case { call, matching: "", arm, fsync: "interval", from: 1, count: 0, errno: libc::EIO });
    }
    cases
}

#[test]
fn a_call_that_fails_at_the_start_is_a_typed_error_or_harmless() {
    let calls = ["write", "fdatasync", "fsync", "openat", "rename", "flock", "mkdir"];
    run_all(cases("start", &calls, 2));
}

#[test]
fn a_call_that_fails_while_it_writes_costs_no_row_and_no_truth() {
    run_all(cases("writing", &["write", "fdatasync", "openat"], 3));
    run_all(cases("writing", &["fsync", "fallocate"], 2));
}

#[test]
fn a_failing_journal_costs_no_row_and_no_truth() {
    let calls = ["write", "fdatasync"];
    let cases = cases("writing", &calls, 2).into_iter();
    run_all(cases.map(|case| Case { matching: "journal", ..case }).collect());
}

#[test]
fn a_call_that_fails_while_rows_get_their_ids_leaves_them_pending_or_moved() {
    let calls = ["write", "fdatasync", "fsync", "rename", "unlink", "openat"];
    run_all(cases("patching", &calls, 2));
}

#[test]
fn errors_of_other_kinds_are_told_as_truly() {
    let mut all = Vec::new();
    for errno in [libc::ENOSPC, libc::EROFS, libc::EDQUOT, libc::EINTR] {
        for call in ["write", "openat"] {
            let count = if errno == libc::EINTR { 3 } else { 0 };
            all.push(Case { call, matching: "data/", arm: "writing", fsync: "chunk", from: 1, count, errno });
        }
    }
    run_all(all);
}

#[test]
fn a_file_whose_fsync_failed_is_never_trusted_again() {
    for (fsync, from) in [("never", 1), ("interval", 2), ("chunk", 2), ("chunk", 3)] {
        let calls = run(Case {
            call: "fdatasync",
            matching: ".pbfs",
            arm: "writing",
            fsync,
            from,
            count: 1,
            errno: libc::EIO,
        });
        let failed = calls.iter().position(|call| call.hit).unwrap();
        let path = &calls[failed].path;
        let after = &calls[failed + 1..];
        assert!(after.iter().all(|call| call.path != *path), "synced again after it failed: {calls:?}");
        assert!(!after.is_empty(), "its rows went to no new file: {calls:?}");
    }
}

fn child_policy(dir: &Path) -> DiskBackupPolicy {
    let fsync = fsync_named(&choice("CHILD_FSYNC"));
    DiskBackupPolicy { fsync, max_backup_file_size: 6_000, ..policy(dir) }
}

/// Opens a stream; while that fails, the error must be typed, and once the fault is over it must work.
fn open(dir: &Path, bad: &Path) -> Stream {
    match given(child_policy(dir)).batch_size(8).build_blocking(TIMEOUT) {
        Ok(stream) => stream,
        Err(refused) => {
            assert_eq!(refused.code(), ErrorCode::Io, "{refused}");
            std::fs::remove_file(bad).unwrap();
            given(child_policy(dir)).batch_size(8).build_blocking(TIMEOUT).unwrap()
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
#[ignore = "run by other tests"]
fn child_on_a_bad_disk() {
    let Some(dir) = child_dir() else { return };
    say("");
    let (bad, arm) = (beside(&dir, "bad"), choice("CHILD_ARM"));
    let mut accepted = 0;
    if arm == "patching" {
        let early = offline(child_policy(&dir)).batch_size(8).build_blocking(TIMEOUT).unwrap();
        send(&early, 0..100);
        early.finish(TIMEOUT).unwrap();
        accepted = 100;
    }
    if arm != "writing" {
        std::fs::write(&bad, "").unwrap();
    }
    let before = accepted;
    let stream = open(&dir, &bad);
    if arm == "writing" {
        send(&stream, 0..40);
        accepted = 40;
        stream.flush(Level::Durable, TIMEOUT).unwrap();
        std::fs::write(&bad, "").unwrap();
    }
    let mut builder = rows_of(&stream);
    for _ in 0..4 {
        for _ in 0..30 {
            row(&mut builder, accepted);
            match stream.send_timeout(&builder, Duration::from_millis(20)) {
                Ok(()) => accepted += 1,
                Err(refused) => assert_eq!(refused.error.data_status(), DataStatus::NotAccepted),
            }
        }
        let (began, wait) = (Instant::now(), Duration::from_millis(150));
        match stream.flush(Level::Durable, wait) {
            Ok(()) => say(&format!("durable {accepted}.")),
            Err(failed) => {
                say(&format!("flush failed: {failed}"));
                assert_eq!(failed.data_status(), DataStatus::InMemory, "{failed}");
                assert!(began.elapsed() < wait + SLACK, "{:?}", began.elapsed());
            }
        }
    }
    let (began, wait) = (Instant::now(), Duration::from_millis(200));
    match stream.finish(wait) {
        Ok(report) => {
            assert_eq!((report.on_disk, report.in_memory), (accepted - before, 0));
            say(&format!("durable {accepted}."));
        }
        Err(failed) => {
            assert!(began.elapsed() < wait + SLACK, "{:?}", began.elapsed());
            say(&format!("finish failed: {}", failed.error));
            let report = failed.report;
            assert_eq!(report.on_disk + report.in_memory, accepted - before, "{report}");
            if !matches!(choice("INJECT_CALLS").as_str(), "openat") {
                copy_tree(&dir, &beside(&dir, "copy"));
                say(&format!("copied {}.", report.on_disk));
            }
            std::fs::remove_file(&bad).unwrap();
            assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, accepted - before);
        }
    }
    std::fs::remove_file(&bad).ok();
    drop(stream);
    say(&format!("healed {accepted}."));
}
