//! A stream with backups whose disk, or whose start, is not as it should be: the live path goes on, and no row is lost.

#![allow(clippy::unwrap_used)]

mod common;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{BackedUp, KEY, assert_complete, backed_up, backed_up_with, backup_files, row, server};
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::spool::WhenFull;
use siftstream::{DiskBackupPolicy, ErrorCode, FlowBuilder, Level};
use siftstream_server::{Blackhole, Code, Effect, Fault, LocalServer, Times, When};

const TIMEOUT: Duration = Duration::from_secs(30);
const EIO: i32 = 5;

fn send(stream: &BackedUp, rows: Range<u64>) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < TIMEOUT, "it did not happen in {TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_failing_disk_never_stops_the_live_path() {
    let (server, disk) = (server(), Arc::new(FakeFileSystem::new()));
    let root = std::path::Path::new("/spool");
    let stream = backed_up_with(server.uri(), root, |live| live.filesystem(Arc::clone(&disk) as _));
    disk.fail_changes(Some(EIO));
    send(&stream, 0..50_000);
    wait_until(|| stream.get_metrics_snapshot().disk_degraded);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    wait_until(|| stream.watermarks().durable == Some(50_000));
    disk.fail_changes(None);
    send(&stream, 50_000..60_000);
    wait_until(|| !stream.get_metrics_snapshot().disk_degraded);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 60_000);
    assert_complete(&server, 60_000, 0);
    let names: Vec<_> =
        std::iter::from_fn(|| stream.events().poll()).map(|event| event.kind.name()).collect();
    assert!(names.contains(&"disk_degraded") && names.contains(&"disk_recovered"), "{names:?}");
}

#[test]
fn what_failed_streams_carried_comes_from_memory_while_the_disk_fails() {
    let (server, disk) = (server(), Arc::new(FakeFileSystem::new()));
    let root = std::path::Path::new("/spool");
    let stream = backed_up_with(server.uri(), root, |live| live.filesystem(Arc::clone(&disk) as _));
    disk.fail_changes(Some(EIO));
    server.inject(Fault::status(Code::Unavailable, 500), Times::N(5));
    send(&stream, 0..20_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    assert_complete(&server, 20_000, 5 * 20_000);
    let began = Instant::now();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 20_000, "a disk that nobody needs is no failure");
    assert!(began.elapsed() < TIMEOUT, "finish waited for a disk that nobody needs");
}

#[test]
fn a_stream_whose_server_is_down_from_the_start_keeps_its_rows_and_sends_them_later() {
    let first = server();
    let (uri, port) = (first.uri(), first.port());
    drop(first);
    let root = tempfile::tempdir().unwrap();
    let stream = backed_up_with(uri, root.path(), |live| live.offline_after(Duration::from_millis(50)));
    send(&stream, 0..30_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).keep_rows(true).port(port).start().unwrap();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    send(&stream, 30_000..31_000);
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (31_000, 31_000));
    assert_complete(&server, 31_000, 31_000);
    assert!(backup_files(root.path()).is_empty());
}

#[test]
fn rows_of_a_stream_that_never_met_its_server_arrive_with_a_later_start() {
    let first = server();
    let (uri, port) = (first.uri(), first.port());
    drop(first);
    let root = tempfile::tempdir().unwrap();
    let offline =
        |uri| backed_up_with(uri, root.path(), |live| live.offline_after(Duration::from_millis(50)));
    let stream = offline(uri.clone());
    send(&stream, 0..5_000);
    let report = stream.finish(Duration::from_millis(200)).unwrap();
    assert_eq!((report.on_disk, report.confirmed), (5_000, 0));
    drop(stream);
    let server = LocalServer::builder().api_key(Some(KEY)).keep_rows(true).port(port).start().unwrap();
    let stream = backed_up(uri, root.path());
    wait_until(|| stream.get_metrics_snapshot().recovered_rows_confirmed == 5_000);
    stream.finish(TIMEOUT).unwrap();
    assert_complete(&server, 5_000, 0);
    assert!(backup_files(root.path()).is_empty());
}

#[test]
fn callers_wait_only_when_the_budget_of_the_disk_is_used_up() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let policy = DiskBackupPolicy {
        backups_dir: Some(root.path().to_owned()),
        min_free: 0,
        max_bytes: Some(200_000),
        when_full: WhenFull::Block,
        ..DiskBackupPolicy::default()
    };
    let stream = backed_up_with(server.uri(), root.path(), |live| {
        live.disk_backup_policy(policy).backup_data_channel_bytes(64 * 1024)
    });
    server.blackhole(Blackhole::Both);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    let mut accepted = 0;
    loop {
        row(&mut builder, accepted);
        match stream.send_timeout(&builder, Duration::from_millis(500)) {
            Ok(()) => accepted += 1,
            Err(refused) => {
                assert_eq!(refused.error.code(), ErrorCode::Timeout, "{}", refused.error);
                break;
            }
        }
        assert!(accepted < 100_000, "the budget was not kept");
    }
    assert!(accepted > 1_000, "{accepted}");
    server.heal();
    server.reset_connections();
    send(&stream, accepted..accepted + 5_000);
    let flushed = stream.flush(Level::Confirmed, TIMEOUT);
    flushed.unwrap_or_else(|error| panic!("{error}: {:?}", stream.get_metrics_snapshot()));
    assert_complete(&server, accepted + 5_000, 2 * accepted + 10_000);
}

#[test]
fn backups_that_somebody_removed_are_told_as_dropped() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let policy = DiskBackupPolicy {
        backups_dir: Some(root.path().to_owned()),
        min_free: 0,
        max_backup_file_size: 64 * 1024,
        ..DiskBackupPolicy::default()
    };
    let stream = backed_up_with(server.uri(), root.path(), |live| live.disk_backup_policy(policy));
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::N(1));
    send(&stream, 0..20_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    backup_files(root.path()).into_iter().for_each(|file| std::fs::remove_file(file).unwrap());
    server.reset_connections();
    let began = Instant::now();
    while stream.get_metrics_snapshot().rows_dropped == 0 {
        assert!(began.elapsed() < TIMEOUT, "nothing was told: {:?}", stream.get_metrics_snapshot());
        std::thread::sleep(Duration::from_millis(5));
    }
    let failed = stream.finish(TIMEOUT).unwrap_err();
    assert_eq!(failed.error.code(), ErrorCode::Dropped, "{failed}");
    let report = failed.report;
    let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
    assert_eq!(report.accepted + report.recovered, found, "{report:?}");
}

#[test]
fn files_of_a_killed_owner_are_adopted_from_its_sub_slot() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let first = backed_up(server.uri(), root.path());
    server.inject(Fault::new(When::AtOnce, Effect::TcpReset), Times::Always);
    let second = backed_up(server.uri(), root.path());
    send(&second, 0..3_000);
    second.flush(Level::Durable, TIMEOUT).unwrap();
    drop(second);
    first.finish(Duration::ZERO).unwrap();
    drop(first);
    server.heal();
    let third = backed_up(server.uri(), root.path());
    wait_until(|| third.get_metrics_snapshot().recovered_rows_confirmed == 3_000);
    third.finish(TIMEOUT).unwrap();
    assert_complete(&server, 3_000, 3_000);
    assert!(backup_files(root.path()).is_empty());
}

#[test]
fn retained_backups_stay_and_are_not_sent_again() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let policy = DiskBackupPolicy {
        backups_dir: Some(root.path().to_owned()),
        min_free: 0,
        retain_backups: true,
        ..DiskBackupPolicy::default()
    };
    for start in 0..2 {
        let stream =
            backed_up_with(server.uri(), root.path(), |live| live.disk_backup_policy(policy.clone()));
        send(&stream, start * 1_000..(start + 1) * 1_000);
        stream.flush(Level::Confirmed, TIMEOUT).unwrap();
        stream.finish(TIMEOUT).unwrap();
    }
    assert_complete(&server, 2_000, 0);
    assert_eq!(backup_files(root.path()).len(), 2);
}
