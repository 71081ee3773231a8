//! Many processes on one root, a clock that goes back, and very many old files.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use disk::inject::{beside, library};
use disk::*;
use siftstream::Level;
use siftstream::spool::DiskBackupPolicy;

#[test]
fn eight_processes_on_one_root_share_nothing_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..2_u64 {
        let children: Vec<_> = (0..8)
            .map(|number: u64| {
                let first = (round * 8 + number) * 100_000;
                child("child_among_others", dir.path()).env("CHILD_FIRST", first.to_string()).spawn().unwrap()
            })
            .collect();
        // The last one of each round is killed while it writes; its slot is free for the next round.
        let mut said = 0;
        for (number, child) in children.into_iter().enumerate() {
            let mut child = child;
            if number == 7 {
                std::thread::sleep(Duration::from_millis(100));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            assert!(number == 7 || output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            said += u64::from(number < 7);
        }
        assert_eq!(said, 7);
    }
    let slots = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(slots <= 8, "{slots} slots for 8 processes at a time");
    let rows: BTreeSet<_> = recovered_seqs(dir.path()).into_iter().collect();
    for process in (0..16).filter(|process| process % 8 != 7) {
        let first = process * 100_000;
        assert!((first..first + 3_000).all(|seq| rows.contains(&seq)), "rows of process {process} are lost");
    }
}

#[test]
#[ignore = "run by another test"]
fn child_among_others() {
    let Some(dir) = child_dir() else { return };
    let first: u64 = choice("CHILD_FIRST").parse().unwrap();
    let policy = DiskBackupPolicy { max_backup_file_size: 50_000, ..policy(&dir) };
    let stream = given(policy).build_blocking(TIMEOUT).unwrap();
    for part in 0..10 {
        send(&stream, first + part * 300..first + (part + 1) * 300);
        stream.flush(Level::Durable, TIMEOUT).unwrap();
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 3_000);
}

#[test]
fn a_clock_that_is_set_back_a_day_changes_neither_names_nor_order() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("root");
    let back = beside(&dir, "back");
    let mut child = child("child_whose_clock_goes_back", &dir);
    let output = child.env("LD_PRELOAD", library()).env("CLOCK_BACK_WHILE", &back).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let files = files(&dir, "data");
    assert!(files.len() > 6, "{files:?}");
    let in_order_of_names: Vec<_> = files.iter().flat_map(|file| seqs_in(file)).collect();
    assert_eq!(in_order_of_names, (0..900).collect::<Vec<_>>());
}

#[test]
#[ignore = "run by another test"]
fn child_whose_clock_goes_back() {
    let Some(dir) = child_dir() else { return };
    let back = beside(&dir, "back");
    let open = || {
        let policy = DiskBackupPolicy { max_backup_file_size: 6_000, ..policy(&dir) };
        given(policy).batch_size(64).build_blocking(TIMEOUT).unwrap()
    };
    let before = std::time::SystemTime::now();
    let stream = open();
    send(&stream, 0..300);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    std::fs::write(&back, "").unwrap();
    assert!(std::time::SystemTime::now() < before, "the clock did not go back");
    let began = Instant::now();
    send(&stream, 300..600);
    // Written by its interval, which no clock of the day may stretch.
    while stream.watermarks().written < Some(600) {
        assert!(began.elapsed() < TIMEOUT, "nothing is written after the clock went back");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 600);
    drop(stream);
    let stream = open();
    send(&stream, 600..900);
    stream.finish(TIMEOUT).unwrap();
}

/// `SIFTSTREAM_OLD_FILES` sets how many.
#[test]
fn very_many_old_files_do_not_stall_the_start() {
    let count = how_many("SIFTSTREAM_OLD_FILES", 10_000);
    let dir = tempfile::tempdir().unwrap();
    let first = given(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    send(&first, 0..1);
    first.finish(TIMEOUT).unwrap();
    drop(first);
    let seed = files(dir.path(), "data").remove(0);
    let chunk = std::fs::read(&seed).unwrap();
    assert!(!chunk.is_empty());
    let at = |number: u64| seed.with_file_name(format!("{number:020}.pbfs"));
    for number in 1..=count {
        std::fs::write(at(number), &chunk).unwrap();
    }
    let began = Instant::now();
    let stream = given(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    let opened = began.elapsed();
    send(&stream, 1..2);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    let durable = began.elapsed();
    stream.finish(TIMEOUT).unwrap();
    tell(&format!("{count} old files: opened in {opened:?}, a first row durable after {durable:?}"));
    assert!(is_file_after(&at(count), dir.path()), "the new file does not come after the old ones");
}

#[allow(clippy::print_stdout, reason = "a figure to read")]
fn tell(figure: &str) {
    println!("{figure}");
}

fn is_file_after(last: &Path, root: &Path) -> bool {
    files(root, "data").last().is_some_and(|newest| newest.as_path() > last)
}
