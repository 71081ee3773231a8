//! Logs through a callback: what comes, what never does, and that a slow reader holds nothing up.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{KEY, backed_up, row, server, stream};
use siftstream::logs::TARGETS;
use siftstream::{FlowBuilder, LogLevel, LogRecord, Logs};
use siftstream_server::{Code, Fault, Times};

const TIMEOUT: Duration = Duration::from_secs(30);

fn collected(level: LogLevel) -> (Logs, Receiver<LogRecord>) {
    let (sender, records) = channel();
    let logs = Logs::to_callback(level, move |record| {
        // A test that has seen enough reads no more.
        sender.send(record).ok();
    });
    (logs.unwrap(), records)
}

fn send(stream: &common::Stream, rows: u64) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

#[test]
fn a_callback_gets_what_the_threads_of_a_stream_log_under_listed_targets_and_never_the_key() {
    let sift = server();
    sift.inject(Fault::status(Code::Unavailable, 10), Times::N(2));
    let (logs, records) = collected(LogLevel::Trace);
    let dir = tempfile::tempdir().unwrap();
    let (live, backed) = logs.within(|| (stream(&sift), backed_up(sift.uri(), dir.path())));
    send(&live, 100);
    live.finish(TIMEOUT).unwrap();
    backed.finish(TIMEOUT).unwrap();
    drop((live, backed, logs));
    let records: Vec<LogRecord> = records.iter().collect();
    assert!(
        records.iter().any(|it| it.target == "siftstream::events" && it.message.contains("UNAVAILABLE")
            || it.message.to_lowercase().contains("unavailable")),
        "{records:?}"
    );
    let listed: BTreeSet<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    for record in &records {
        assert!(listed.contains(record.target), "{record:?}");
        assert!(!record.message.contains(KEY), "{record:?}");
    }
}

#[test]
fn streams_that_are_built_outside_log_nothing_to_it_and_levels_hold() {
    let sift = server();
    let (logs, records) = collected(LogLevel::Error);
    let inside = logs.within(|| stream(&sift));
    let outside = stream(&sift);
    sift.inject(Fault::status(Code::Unavailable, 10), Times::N(2));
    send(&inside, 100);
    send(&outside, 100);
    inside.finish(TIMEOUT).unwrap();
    outside.finish(TIMEOUT).unwrap();
    drop((inside, outside, logs));
    assert_eq!(records.iter().count(), 0);
}

#[test]
fn a_callback_that_hangs_makes_records_drop_and_nothing_wait() {
    let sift = server();
    let (release, held) = channel::<()>();
    let logs = Logs::to_callback(LogLevel::Trace, move |_| {
        held.recv().ok();
    })
    .unwrap();
    let live = logs.within(|| stream(&sift));
    let begun = Instant::now();
    send(&live, 10_000);
    live.finish(TIMEOUT).unwrap();
    assert!(begun.elapsed() < TIMEOUT);
    drop(release);
}

#[test]
fn what_one_place_logs_too_often_is_held_back_and_counted() {
    let (logs, records) = collected(LogLevel::Trace);
    let log = |number: u32| tracing::warn!(target: "siftstream::stream", number, "again");
    logs.within(|| {
        (0..100).for_each(log);
        std::thread::sleep(Duration::from_millis(1_100));
        log(100);
    });
    drop(logs);
    let records: Vec<LogRecord> = records.iter().collect();
    assert!(records.len() < 100, "{}", records.len());
    assert_eq!(records[0].message, "again number=0");
    assert!(records.last().unwrap().message.contains("more like this were not logged"), "{records:?}");
}

#[test]
fn the_log_of_other_libraries_is_not_ours_to_pass_on() {
    let (logs, records) = collected(LogLevel::Trace);
    logs.within(|| tracing::error!(target: "hyper", "not ours"));
    drop(logs);
    assert_eq!(records.iter().count(), 0);
}

#[test]
fn the_level_can_change_while_streams_run_and_what_waits_can_be_waited_for() {
    let sift = server();
    let (logs, records) = collected(LogLevel::Error);
    // Places in the code that are met first by a thread that logs nowhere are heard all the same.
    stream(&sift).finish(TIMEOUT).unwrap();
    let live = logs.within(|| stream(&sift));
    let events = || {
        assert!(logs.flush(TIMEOUT));
        records.try_iter().filter(|it| it.target == "siftstream::events").count()
    };
    let confirm = || {
        send(&live, 1);
        live.flush_confirmed(TIMEOUT).unwrap();
    };
    confirm();
    assert_eq!(events(), 0);
    logs.set_max_level(Some(LogLevel::Debug));
    confirm();
    live.finish(TIMEOUT).unwrap();
    drop(live);
    assert!(events() > 0);
    logs.set_max_level(None);
    logs.within(|| tracing::error!(target: "siftstream::stream", "not wanted"));
    assert!(logs.flush(TIMEOUT));
    assert_eq!(records.try_iter().count(), 0);
}
