//! Wherever the process is killed, what it said of its rows was true, and the next start goes on from there.
//!
//! `SIFTSTREAM_KILLS` sets how many children are killed at random moments; `SIFTSTREAM_KILL_STEP=1` kills one at each
//! system call instead of at some.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::row;
use disk::inject::{ALL_CALLS, Hit, Injection, read_log};
use disk::*;
use siftstream::Level;
use siftstream::spool::{DiskBackupPolicy, WhenFull};

/// The least number of calls that a workload makes; fewer would mean that they are not seen.
const FEWEST_CALLS: u64 = 60;

/// What a child said last: below `written` every row was written, but for `dropped` ones.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    written: u64,
    dropped: u64,
    finished: Option<u64>,
}

fn said(output: &str) -> Said {
    let marks = last_numbers(output, "written ").unwrap_or(vec![0, 0]);
    let finished = last_numbers(output, "finished ").map(|numbers| numbers[0]);
    Said { written: marks[0], dropped: marks[1], finished }
}

fn tell(stream: &Stream) {
    let now = stream.get_metrics_snapshot();
    say(&format!("written {} {}.", now.rows_written, now.rows_dropped));
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say(line: &str) {
    println!("{line}");
}

fn child_policy(dir: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy {
        fsync: fsync_named(&choice("CHILD_FSYNC")),
        when_full: when_full_named(&choice("CHILD_WHEN_FULL")),
        max_bytes: choice("CHILD_MAX_BYTES").parse().ok(),
        max_backup_file_size: choice("CHILD_FILE_SIZE").parse().unwrap(),
        ..policy(dir)
    }
}

fn check(rows: &[u64], said: Said, when_full: WhenFull, what: &str) {
    match when_full {
        WhenFull::Block | WhenFull::Error => {
            assert_whole(rows, said.written, what);
            assert_eq!(*rows, (0..rows.len() as u64).collect::<Vec<_>>(), "{what}: a gap");
        }
        WhenFull::DropOldest => {
            let first = rows.first().copied().unwrap_or(said.written);
            let end = rows.last().map_or(said.written, |last| last + 1);
            assert!(end >= said.written, "{what}: the newest rows are lost: {end} of {}", said.written);
            assert_eq!(*rows, (first..end).collect::<Vec<_>>(), "{what}: only the oldest may be gone");
        }
        WhenFull::DropNewest => {
            assert_whole(rows, 0, what);
            let there = rows.iter().filter(|seq| **seq < said.written).count() as u64;
            assert!(there + said.dropped >= said.written, "{what}: {there} rows of {said:?}");
        }
    }
    if let Some(finished) = said.finished {
        assert!(rows.len() as u64 >= finished, "{what}: {} of {finished} finished rows", rows.len());
    }
}

/// A new start gets on, whatever the kill left behind, and touches no row that is there.
fn check_next_start(dir: &Path, before: &[u64], what: &str) {
    let again = given(policy(dir)).build_blocking(TIMEOUT).unwrap();
    send(&again, 9_000_000..9_000_010);
    assert_eq!(again.finish(TIMEOUT).unwrap().on_disk, 10);
    drop(again);
    let rows = recovered_seqs(dir);
    assert_eq!(rows[..before.len()], *before, "{what}: a new start lost good rows");
    assert_eq!(rows.len(), before.len() + 10, "{what}");
}

#[test]
fn wherever_it_is_killed_every_row_that_it_said_was_written_is_there() {
    let mut written = 0;
    for kill in 0..how_many("SIFTSTREAM_KILLS", 24) {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("root");
        let (fsync, when_full) = (FSYNCS[kill as usize % 3], POLICIES[kill as usize / 3 % 4]);
        let mut child = child("child_that_writes_until_killed", &dir);
        child.env("CHILD_FSYNC", fsync).env("CHILD_WHEN_FULL", when_full).env("CHILD_FILE_SIZE", "262144");
        if kill % 24 >= 3 {
            child.env("CHILD_MAX_BYTES", "1000000");
        }
        let mut child = child.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
        std::thread::sleep(Duration::from_millis(30 + (kill * 37) % 130));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = said(&reader.join().unwrap());
        let what = format!("kill {kill} ({fsync}, {when_full})");
        let rows = recovered_seqs(&dir);
        check(&rows, said, when_full_named(when_full), &what);
        check_next_start(&dir, &rows, &what);
        written += said.written;
    }
    assert!(written > 0, "no child came far enough to be tested");
}

#[test]
#[ignore = "killed by another test"]
fn child_that_writes_until_killed() {
    let Some(dir) = child_dir() else { return };
    say("");
    let stream = given(child_policy(&dir)).build_blocking(TIMEOUT).unwrap();
    let mut builder = rows_of(&stream);
    let deadline = Instant::now() + TIMEOUT;
    let mut seq = 0;
    while Instant::now() < deadline {
        row(&mut builder, seq);
        if stream.send_timeout(&builder, Duration::from_millis(5)).is_ok() {
            seq += 1;
        }
        if seq % 500 == 0 {
            tell(&stream);
        }
    }
    panic!("nobody killed it");
}

/// Runs a child again and again, killed at every `step`-th call, until one gets through; returns how many were killed.
fn kill_at_each_call(
    hit: Hit,
    prepare: impl Fn(&Path),
    command: impl Fn(&Path) -> std::process::Command,
    verify: impl Fn(&Path, &str, &str),
) -> u64 {
    let step = how_many("SIFTSTREAM_KILL_STEP", 11);
    let calls = if hit == Hit::Tear { "write" } else { ALL_CALLS };
    let (mut from, mut kills) = (1, 0);
    loop {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("root");
        prepare(&dir);
        let mut child = command(&dir);
        let log =
            Injection { calls, matching: "", from, count: 1, hit, only_while: None }.apply(&mut child, &dir);
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let called = read_log(&log);
        let what = format!("{hit:?} at call {from}, {:?}", called.last());
        verify(&dir, &text, &what);
        if output.status.signal() != Some(libc::SIGKILL) {
            assert!(output.status.success(), "{what}: {text}");
            assert!(hit == Hit::Tear || called.len() as u64 >= FEWEST_CALLS, "{} calls", called.len());
            return kills;
        }
        kills += 1;
        from += step;
    }
}

#[test]
fn killed_at_any_system_call_it_keeps_what_it_said_was_written() {
    let mut kills = 0;
    for (fsync, when_full, max_bytes) in [
        ("never", "block", ""),
        ("interval", "block", ""),
        ("chunk", "block", ""),
        ("chunk", "drop-oldest", "5000"),
    ] {
        for hit in [Hit::Kill, Hit::Tear] {
            let command = |dir: &Path| {
                let mut child = child("child_that_writes_a_few_rows", dir);
                child.env("CHILD_FSYNC", fsync).env("CHILD_WHEN_FULL", when_full);
                child.env("CHILD_MAX_BYTES", max_bytes).env("CHILD_FILE_SIZE", "1500");
                child
            };
            let verify = |dir: &Path, output: &str, what: &str| {
                let what = format!("{fsync}, {when_full}: {what}");
                let rows = recovered_seqs(dir);
                check(&rows, said(output), when_full_named(when_full), &what);
                check_next_start(dir, &rows, &what);
            };
            kills += kill_at_each_call(hit, |_| (), command, verify);
        }
    }
    assert!(kills > 8, "{kills} children were killed");
    say(&format!("{kills} children killed at a system call while they wrote"));
}

#[test]
#[ignore = "killed by another test"]
fn child_that_writes_a_few_rows() {
    let Some(dir) = child_dir() else { return };
    say("");
    let stream = given(child_policy(&dir)).batch_size(4).build_blocking(TIMEOUT).unwrap();
    for batch in 0..8 {
        send(&stream, batch * 10..(batch + 1) * 10);
        let level = if batch % 2 == 0 { Level::Written } else { Level::Durable };
        // Dropped rows make a flush fail; the marks tell of them.
        stream.flush(level, TIMEOUT).ok();
        tell(&stream);
    }
    let report = stream.finish(TIMEOUT).unwrap_or_else(|failed| *failed.report);
    assert_eq!(report.in_memory, 0, "{report}");
    say(&format!("finished {}.", report.on_disk));
}

/// Leaves behind what a bad night leaves: two slots with pending rows, and in each file a torn tail.
fn leave_a_mess(dir: &Path) {
    let open = || {
        let policy = DiskBackupPolicy { max_backup_file_size: 1_000, ..policy(dir) };
        offline(policy).batch_size(4).build_blocking(TIMEOUT).unwrap()
    };
    let (first, second) = (open(), open());
    send(&first, 0..30);
    send(&second, 30..60);
    first.finish(TIMEOUT).unwrap();
    second.finish(TIMEOUT).unwrap();
    drop((first, second));
    for file in files(dir, "pending") {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend([7, 0, 0, 0, 1, 2, 3]);
        std::fs::write(&file, bytes).unwrap();
    }
}

#[test]
fn killed_at_any_system_call_of_a_recovery_it_recovers_all_the_same() {
    for hit in [Hit::Kill, Hit::Tear] {
        let command = |dir: &Path| child("child_that_recovers", dir);
        let verify = |dir: &Path, _: &str, what: &str| {
            assert_whole(&recovered_seqs(dir), 60, what);
            let stream = given(policy(dir)).build_blocking(TIMEOUT).unwrap();
            stream.finish(TIMEOUT).unwrap();
            drop(stream);
            let rows = recovered(dir);
            let pending = rows.iter().filter(|row| row.pending).count();
            assert_eq!((rows.len(), pending), (60, 0), "{what}: rows still pending after another start");
        };
        let kills = kill_at_each_call(hit, leave_a_mess, command, verify);
        assert!(kills > 0);
        say(&format!("{kills} children killed at a system call while they recovered ({hit:?})"));
    }
}

#[test]
#[ignore = "killed by another test"]
fn child_that_recovers() {
    let Some(dir) = child_dir() else { return };
    given(policy(&dir)).build_blocking(TIMEOUT).unwrap().finish(TIMEOUT).unwrap();
}
