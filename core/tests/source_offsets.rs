//! Inputs resume where the stream left them: wherever the process is killed, the next one reads little again, and
//! nothing is missing.
//!
//! `SIFTSTREAM_RESTARTS` sets how often the process is killed in each mode.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;
mod disk;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{assert_complete, row, server};
use disk::{TIMEOUT, child, child_dir, choice, config, how_many, policy};
use siftstream::checkpoint::{FileCheckpointStore, Mark};
use siftstream::spool::{DiskBackupPolicy, FsyncPolicy};
use siftstream::{
    AnyTransport, ErrorCode, FlowBuilder, IngestionConfigEncoder, Level, SiftStream, TimeValue,
};

/// How many rows a checkpoint interval covers.
const INTERVAL: u64 = 200;
/// The source never ends before the last kill.
const SOURCE: &str = "serial";

type Stream = SiftStream<IngestionConfigEncoder, AnyTransport>;

fn open(mode: &str, uri: &str, dir: &Path) -> Stream {
    match mode {
        "live_only" => {
            let store = Arc::new(FileCheckpointStore::open(dir.join("checkpoints")).unwrap());
            // Checkpoints by rows alone.
            let live = config(uri).live_only().checkpoint_store(store).checkpoint_rows(INTERVAL / 2);
            live.build_any_blocking(TIMEOUT).unwrap()
        }
        "live_with_backups" => {
            let fsync = FsyncPolicy::Interval(Duration::from_millis(5));
            let policy = DiskBackupPolicy { fsync, ..policy(&dir.join("backups")) };
            let live = config(uri).live_with_backups().disk_backup_policy(policy);
            live.flush_interval(Duration::from_millis(2)).build_any_blocking(TIMEOUT).unwrap()
        }
        other => panic!("no mode {other}"),
    }
}

/// Rows read by all processes so far: the child keeps it beside, so that nobody has to believe the library.
struct Read(std::fs::File);

impl Read {
    fn at(dir: &Path) -> Self {
        let mut options = std::fs::OpenOptions::new();
        Self(options.create(true).write(true).read(true).truncate(false).open(dir.join("read")).unwrap())
    }

    fn get(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_at(&mut bytes, 0).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn set(&self, rows: u64) {
        self.0.write_all_at(&rows.to_le_bytes(), 0).unwrap();
    }
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say(line: &str) {
    println!("{line}");
}

/// Reads the source on from where the last process left it. It reads no further than one interval beyond what was
/// stored, and in every other life it asks for that itself; in the others the stream stores by itself.
#[test]
#[ignore = "killed by another test"]
fn child_that_reads_a_source() {
    let Some(dir) = child_dir() else { return };
    let (read, flushes) = (Read::at(&dir), choice("CHILD_FLUSHES") == "yes");
    let level = if choice("CHILD_MODE") == "live_only" { Level::Confirmed } else { Level::Durable };
    let stream = open(&choice("CHILD_MODE"), &choice("CHILD_URI"), &dir);
    let mut at = stream.recover().unwrap().offset(SOURCE);
    say(&format!("resumed {at}."));
    let end: u64 = choice("CHILD_END").parse().unwrap_or(u64::MAX);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    let deadline = Instant::now() + TIMEOUT;
    while at < end {
        assert!(Instant::now() < deadline, "nobody killed it at {at}");
        if at >= stream.recover().unwrap().offset(SOURCE) + INTERVAL {
            if flushes {
                stream.flush(level, TIMEOUT).unwrap();
                assert_eq!(stream.recover().unwrap().offset(SOURCE), at, "a flush stores what was marked");
            } else {
                std::thread::sleep(Duration::from_micros(100));
            }
            continue;
        }
        read.set(read.get().max(at + 1));
        row(&mut builder, at);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
        at += 1;
        stream.mark_offset(SOURCE, at).unwrap();
    }
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(stream.recover().unwrap().offset(SOURCE), end);
    say(&format!("finished {at}."));
}

fn kill_and_restart(mode: &str) {
    let kills = how_many("SIFTSTREAM_RESTARTS", 20);
    let (server, parent) = (server(), tempfile::tempdir().unwrap());
    let dir = parent.path();
    let read = Read::at(dir);
    let (mut again, mut most, mut before, mut moved) = (0, 0, 0, 0);
    let start = |life: u64, end: Option<u64>| {
        let mut child = child("child_that_reads_a_source", dir);
        child.env("CHILD_MODE", mode).env("CHILD_URI", server.uri());
        child.env("CHILD_FLUSHES", if life.is_multiple_of(2) { "yes" } else { "no" });
        child.env("CHILD_END", end.map_or(String::new(), |end| end.to_string()));
        let mut running = child.spawn().unwrap();
        let mut output = BufReader::new(running.stdout.take().unwrap());
        let mut line = String::new();
        let resumed: u64 = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "{mode}: child {life} said nothing");
            let said = line.trim().rsplit_once("resumed ").and_then(|(_, rest)| rest.strip_suffix('.'));
            if let Some(at) = said {
                break at.parse().unwrap();
            }
        };
        (running, output, resumed)
    };
    for life in 0..kills {
        let reached = read.get();
        let (mut child, _output, resumed) = start(life, None);
        assert!(
            resumed <= reached,
            "{mode}, kill {life}: resumed at {resumed}, beyond the {reached} rows read"
        );
        let repeated = reached - resumed;
        assert!(repeated <= INTERVAL, "{mode}, kill {life}: {repeated} rows are read again");
        assert!(resumed >= before, "{mode}, kill {life}: resumed at {resumed}, before {before}");
        moved += u64::from(resumed > before);
        (again, most, before) = (again + repeated, most.max(repeated), resumed);
        // Every fourth one is killed before it came far, however slow the machine is; the others behind a checkpoint.
        let deadline = Instant::now() + TIMEOUT;
        while !life.is_multiple_of(4) && read.get() <= resumed + INTERVAL {
            assert!(Instant::now() < deadline, "{mode}, kill {life}: no checkpoint beyond {resumed}");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis((life * 37) % 90));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let end = read.get() + 10;
    let (mut child, output, resumed) = start(kills, Some(end));
    assert!(read.get() - resumed <= INTERVAL.max(10), "{mode}: {resumed} of {end}");
    let rest: Vec<_> = output.lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{mode}: {rest:?}");
    assert!(moved * 2 >= kills, "{mode}: only {moved} of {kills} processes came to a checkpoint");
    assert_complete(&server, end, u64::MAX);
    say(&format!(
        "{mode}: {kills} kills, {end} rows, {again} read again, at most {most} of {INTERVAL} after a kill"
    ));
}

#[test]
fn a_live_only_stream_that_is_killed_again_and_again_reads_little_again_and_loses_nothing() {
    kill_and_restart("live_only");
}

#[test]
fn a_stream_with_backups_that_is_killed_again_and_again_reads_little_again_and_loses_nothing() {
    kill_and_restart("live_with_backups");
}

#[test]
fn what_was_marked_together_is_found_together_with_the_time_and_number_of_its_rows() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    for mode in ["live_only", "live_with_backups"] {
        let stream = open(mode, &server.uri(), dir.path());
        assert_eq!(stream.recover().unwrap().resume(), None, "{mode}");
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
        for seq in 0..50 {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
        stream.mark(Mark::new().offset("a", 50).state("filter", &[1, 2]).metadata("unit", "rig 7")).unwrap();
        stream.mark_offset("b", 9).unwrap();
        stream.finish(TIMEOUT).unwrap();
        drop(stream);

        let stream = open(mode, &server.uri(), dir.path());
        let found = stream.recover().unwrap();
        let state = found.resume().unwrap();
        assert_eq!((state.offsets["a"], state.offsets["b"], state.row_count), (50, 9, 50), "{mode}");
        assert_eq!((&state.state["filter"][..], &state.metadata["unit"][..]), (&[1, 2][..], "rig 7"));
        assert_eq!(state.event_time_watermark, Some(1_700_000_000_000_000_049), "{mode}");
        assert_eq!(found.confirmed.as_ref().map(|state| state.row_count), Some(50), "{mode}");
        stream.mark_offset("b", 10).unwrap();
        stream.finish(TIMEOUT).unwrap();
        assert_eq!((stream.recover().unwrap().offset("a"), stream.recover().unwrap().offset("b")), (50, 10));
    }
}

#[test]
fn rows_that_an_earlier_stream_left_on_disk_hold_back_the_confirmed_checkpoint_but_not_the_durable_one() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let begin = |uri: &str, recover| {
        let live = config(uri).live_with_backups().disk_backup_policy(policy(dir.path()));
        live.recover_on_start(recover).build_any_blocking(TIMEOUT).unwrap()
    };
    let send = |stream: &Stream, seqs: std::ops::Range<u64>| {
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
        for seq in seqs {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
            stream.mark_offset(SOURCE, seq + 1).unwrap();
        }
    };
    let first = begin(&server.uri(), true);
    server.inject(siftstream_server::Fault::no_response(), siftstream_server::Times::Always);
    send(&first, 0..30);
    first.flush(Level::Durable, TIMEOUT).unwrap();
    drop(first);
    server.clear_faults();

    let second = begin(&server.uri(), false);
    assert_eq!(second.recover().unwrap().offset(SOURCE), 30);
    send(&second, 30..40);
    second.flush(Level::Confirmed, TIMEOUT).unwrap();
    second.finish(TIMEOUT).unwrap();
    let found = second.recover().unwrap();
    assert_eq!((found.offset(SOURCE), found.confirmed), (40, None), "rows 0 to 29 are not confirmed");
    drop(second);

    let third = begin(&server.uri(), true);
    let deadline = Instant::now() + TIMEOUT;
    let confirmed = || third.recover().unwrap().confirmed.map(|state| state.offsets[SOURCE]);
    while confirmed() != Some(40) {
        assert!(Instant::now() < deadline, "{:?}", third.recover());
        std::thread::sleep(Duration::from_millis(5));
    }
    third.finish(TIMEOUT).unwrap();
    assert_complete(&server, 40, 30);
}

#[test]
fn files_know_their_sources_too() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let stream = disk::given(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
        assert_eq!(stream.recover().unwrap().offset(SOURCE), life * 10);
        disk::send(&stream, life * 10..(life + 1) * 10);
        stream.mark_offset(SOURCE, (life + 1) * 10).unwrap();
        stream.flush(Level::Durable, TIMEOUT).unwrap();
        let found = stream.recover().unwrap();
        assert_eq!((found.offset(SOURCE), found.confirmed.is_some()), ((life + 1) * 10, false));
    }
}

#[test]
fn marks_that_grow_without_bound_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let stream = disk::given(policy(dir.path())).build_blocking(TIMEOUT).unwrap();
    for source in 0..1_024 {
        stream.mark_offset(&source.to_string(), 1).unwrap();
    }
    assert_eq!(stream.mark_offset("one more", 1).unwrap_err().code(), ErrorCode::InvalidArgument);
    let large = vec![0; 2 << 20];
    assert_eq!(stream.set_state("large", &large).unwrap_err().code(), ErrorCode::InvalidArgument);
    stream.mark_offset("7", 2).unwrap();
    stream.finish(TIMEOUT).unwrap();
    let found = stream.recover().unwrap().durable.unwrap();
    assert_eq!((found.offsets.len(), found.offsets["7"], found.state.len()), (1_024, 2, 0));
}

#[test]
fn a_mark_behind_rows_that_are_confirmed_already_is_stored_without_another_row() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let stream = open("live_only", &server.uri(), dir.path());
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    builder.set_timestamp(TimeValue::from_timestamp_nanos(5));
    stream.send_timeout(&builder, TIMEOUT).unwrap();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    for offset in 1..4 {
        stream.mark_offset(SOURCE, offset).unwrap();
        stream.flush(Level::Confirmed, TIMEOUT).unwrap();
        assert_eq!(stream.recover().unwrap().offset(SOURCE), offset);
    }
    stream.finish(TIMEOUT).unwrap();
}
