//! A stream with backups against a real server with faults and a real disk: no row is lost, whatever fails.

#![allow(clippy::unwrap_used)]

mod common;

use std::ops::Range;
use std::time::{Duration, Instant};

use common::{BackedUp, assert_complete, backed_up, backed_up_with, backup_files, row, server};
use siftstream::{FlowBuilder, Level, Report};
use siftstream_server::{Code, Effect, Fault, FaultStatus, StreamReset, Times, When};

const TIMEOUT: Duration = Duration::from_secs(30);

fn send(stream: &BackedUp, rows: Range<u64>) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

fn adds_up(report: &Report) {
    let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
    assert_eq!(report.accepted + report.recovered, found, "{report:?}");
}

#[test]
fn every_row_arrives_once_and_no_file_is_left() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..50_000);
    let report = stream.finish(TIMEOUT).unwrap();
    adds_up(&report);
    assert_eq!((report.accepted, report.confirmed, report.on_disk), (50_000, 50_000, 0));
    assert_complete(&server, 50_000, 0);
    assert_eq!(backup_files(root.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn rows_survive_each_way_a_stream_can_fail() {
    let faults = [
        Fault::status(Code::Unavailable, 0),
        Fault::status(Code::Unavailable, 1_000),
        Fault::status(Code::Internal, 3_000),
        Fault::status(Code::ResourceExhausted, 100),
        Fault::new(When::Rows(2_000), Effect::TcpReset),
        Fault::new(When::Rows(2_000), Effect::StreamReset(StreamReset::RefusedStream)),
        Fault::early_ok(0, Duration::ZERO),
        Fault::early_ok(100, Duration::from_millis(5)),
        Fault::early_ok(5_000, Duration::ZERO),
    ];
    for fault in faults {
        let (server, root) = (server(), tempfile::tempdir().unwrap());
        server.inject(fault.clone(), Times::N(3));
        let stream = backed_up(server.uri(), root.path());
        send(&stream, 0..20_000);
        stream.flush(Level::Confirmed, TIMEOUT).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        let report = stream.finish(TIMEOUT).unwrap();
        adds_up(&report);
        assert_eq!(report.confirmed, 20_000, "{fault:?}");
        assert_complete(&server, 20_000, 3 * 20_000);
        assert!(backup_files(root.path()).is_empty(), "{fault:?}");
    }
}

#[test]
fn what_a_dead_server_leaves_on_disk_arrives_with_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let server = server();
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..1_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.inject(Fault::new(When::AtOnce, Effect::TcpReset), Times::Always);
    send(&stream, 1_000..30_000);
    let began = Instant::now();
    let report = stream.finish(Duration::from_millis(500)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    adds_up(&report);
    assert_eq!((report.confirmed, report.on_disk, report.in_memory), (1_000, 29_000, 0));
    drop(stream);
    server.clear_faults();
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 30_000..30_100);
    wait_until(|| stream.get_metrics_snapshot().recovered_rows_confirmed == 29_000);
    let report = stream.finish(TIMEOUT).unwrap();
    adds_up(&report);
    assert_eq!((report.accepted, report.recovered, report.confirmed), (100, 29_000, 29_100));
    assert_complete(&server, 30_100, 29_000);
    assert!(backup_files(root.path()).is_empty());
}

#[test]
fn a_stream_dropped_without_finish_keeps_its_rows_on_disk() {
    let root = tempfile::tempdir().unwrap();
    let server = server();
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..10_000);
    drop(stream);
    server.clear_faults();
    let stream = backed_up(server.uri(), root.path());
    wait_until(|| stream.get_metrics_snapshot().recovered_rows_confirmed == 10_000);
    adds_up(&stream.finish(TIMEOUT).unwrap());
    assert_complete(&server, 10_000, 10_000);
}

#[test]
fn callers_never_wait_for_a_dead_network() {
    let root = tempfile::tempdir().unwrap();
    let server = server();
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let stream = backed_up_with(server.uri(), root.path(), |live| {
        live.ingestion_data_channel_capacity(1_000).backup_data_channel_capacity(20_000)
    });
    send(&stream, 0..200_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(stream.watermarks().durable, Some(200_000));
    server.clear_faults();
    server.restart().unwrap();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    adds_up(&stream.finish(TIMEOUT).unwrap());
    assert_complete(&server, 200_000, 400_000);
}

fn wait_until(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < TIMEOUT, "it did not happen in {TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn events_tell_what_happened_and_the_watermarks_agree() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..1_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.inject(Fault::status(Code::Unavailable, 10), Times::N(1));
    send(&stream, 1_000..2_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    let marks = stream.watermarks();
    assert_eq!((marks.accepted, marks.confirmed), (2_000, Some(2_000)));
    assert_eq!((marks.written, marks.durable), (Some(2_000), Some(2_000)), "confirmed counts as durable");
    stream.finish(TIMEOUT).unwrap();
    let first = stream.events().poll().unwrap();
    assert_eq!((first.number, first.kind.name()), (0, "connected"));
    let mut names = vec!["connected"];
    while let Some(event) = stream.events().poll() {
        names.push(event.kind.name());
    }
    for expected in ["checkpoint", "checkpoint_failed", "disconnected", "caught_up"] {
        assert!(names.contains(&expected), "{expected} is not among {names:?}");
    }
    assert_eq!(stream.events().dropped(), 0);
}

#[test]
fn a_pause_that_sift_asks_for_holds_for_backups_too() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let pause = Duration::from_millis(800);
    let busy = FaultStatus::new(Code::ResourceExhausted).retry_after(pause);
    server.inject(Fault::new(When::EndOfStream, Effect::Status(busy)), Times::N(1));
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..100);
    let began = Instant::now();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    assert!(began.elapsed() >= pause, "the rows were sent again after {:?}", began.elapsed());
    stream.finish(TIMEOUT).unwrap();
    assert_complete(&server, 100, 100);
}

#[test]
fn a_backoff_ends_even_if_nothing_is_left_to_send() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.inject(Fault::status(Code::Unavailable, 100), Times::N(1));
    let stream = backed_up(server.uri(), root.path());
    send(&stream, 0..100);
    wait_until(|| stream.get_metrics_snapshot().retries > 0);
    wait_until(|| stream.get_metrics_snapshot().current_backoff.is_zero());
    stream.finish(TIMEOUT).unwrap();
    assert_complete(&server, 100, 100);
}
