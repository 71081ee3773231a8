//! Callers that must not wait: rows that find no room are dropped as the user chose, and every one of them is counted,
//! named in an event and in the report.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{KEY, config, form, row, server, stream_with};
use siftstream::ledger::RangeSet;
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Columns, Credentials, DiskBackupPolicy, ErrorCode,
    EventKind, FlowBuilder, IngestionConfigEncoder, Level, OverflowPolicy, Report, SiftStream,
    SiftStreamBuilder, Transport, TrySendError,
};
use siftstream_server::{LocalServer, Value};

const TIMEOUT: Duration = Duration::from_secs(30);
const CAPACITY: u64 = 1_000;
const ROWS: u64 = 20_000;
const DROPPING: [OverflowPolicy; 2] = [OverflowPolicy::DropNewest, OverflowPolicy::DropOldest];

fn rows_of<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>) -> FlowBuilder {
    FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap())
}

/// Sends rows that never wait, as a caller must who has better things to do: all are accepted.
fn send_all<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>, seqs: Range<u64>) {
    let mut builder = rows_of(stream);
    for seq in seqs {
        row(&mut builder, seq);
        while let Err(refused) = stream.try_send(&builder) {
            // The lock may be held at this moment; for lack of room nothing is refused.
            assert!(refused.is_full(), "{}", refused.error());
            std::thread::yield_now();
        }
    }
}

/// What the events say was dropped.
fn told<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>) -> RangeSet {
    let mut told = RangeSet::new();
    while let Some(event) = stream.events().poll() {
        if let EventKind::Dropped { ranges, rows, flows, cause } = event.kind {
            assert!(cause.contains("full"), "{cause}");
            assert_eq!(
                flows.iter().map(|flow| (&*flow.flow, flow.rows)).collect::<Vec<_>>(),
                [("bench", rows)]
            );
            assert_eq!(ranges.iter().map(|ids| told.insert(ids.clone())).sum::<u64>(), rows, "told once");
        }
    }
    told
}

fn adds_up(report: &Report) {
    let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
    assert_eq!(report.accepted + report.recovered, found, "{report:?}");
    let named: u64 = report.dropped_ids.iter().map(|ids| ids.end - ids.start).sum();
    assert_eq!(named, report.dropped, "each dropped row is named");
}

/// The numbers of the rows that arrived.
fn arrived(server: &LocalServer) -> RangeSet {
    let mut arrived = RangeSet::new();
    for row in server.state().kept_rows() {
        let Some(Value::Uint64(seq)) = row.values.first() else { panic!("a row without its number") };
        arrived.insert(*seq..seq + 1);
    }
    arrived
}

fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !done() {
        assert!(Instant::now() < deadline, "it did not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_live_stream_to_a_dead_server_drops_what_the_policy_says_and_names_it() {
    for policy in DROPPING {
        let server = server();
        let stream = stream_with(&server, |live| {
            let live = live.ingestion_data_channel_capacity(CAPACITY).replay_window_bytes(64 * 1024);
            live.overflow_policy(policy)
        });
        server.stop();
        // From when the stream knows that nobody is there, nothing makes room.
        send_all(&stream, 0..1);
        wait_until(|| stream.get_metrics_snapshot().retries > 0);
        send_all(&stream, 1..ROWS);
        let metrics = stream.get_metrics_snapshot();
        assert_eq!(metrics.rows_accepted, ROWS, "{policy:?}");
        assert!(metrics.rows_dropped >= ROWS - 3 * CAPACITY, "{policy:?}: {metrics:?}");
        server.start_again().unwrap();
        let refused = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Dropped, "{policy:?}: {refused}");
        assert_eq!(stream.confirmed_watermark(), ROWS, "dropped rows hold nothing up");
        send_all(&stream, ROWS..ROWS + 10);
        let failed = stream.finish(TIMEOUT).unwrap_err();
        assert_eq!(failed.error.code(), ErrorCode::Dropped, "{policy:?}: {failed}");
        let report = failed.report;
        adds_up(&report);
        assert_eq!((report.accepted, report.in_memory), (ROWS + 10, 0), "{policy:?}: {report}");
        assert_eq!(report.unconfirmed, report.dropped_ids);
        let dropped: RangeSet = report.dropped_ids.iter().cloned().collect();
        assert_eq!(told(&stream), dropped, "{policy:?}");
        assert_eq!(arrived(&server).gaps(0..ROWS + 10), report.dropped_ids, "{policy:?}");
        let (first, last) = (dropped.contains(&(0..1)), dropped.contains(&(ROWS - 1..ROWS)));
        let expected = (policy == OverflowPolicy::DropOldest, policy == OverflowPolicy::DropNewest);
        assert!(first <= expected.0 && last == expected.1, "{policy:?}: {first}, {last}");
    }
}

#[test]
fn a_live_stream_that_blocks_drops_nothing() {
    let server = server();
    let stream = stream_with(&server, |live| {
        let live = live.ingestion_data_channel_capacity(CAPACITY).replay_window_bytes(64 * 1024);
        live.overflow_policy(OverflowPolicy::Block)
    });
    server.stop();
    let mut builder = rows_of(&stream);
    let mut seq = 0;
    let waited = loop {
        row(&mut builder, seq);
        match stream.send_timeout(&builder, Duration::from_millis(300)) {
            Ok(()) => seq += 1,
            Err(refused) => break refused.error,
        }
    };
    assert_eq!(waited.code(), ErrorCode::Timeout);
    assert!(matches!(stream.try_send(&builder), Err(TrySendError::Full(_))));
    server.start_again().unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed, report.dropped), (seq, seq, 0));
}

#[test]
fn columns_that_find_no_room_are_dropped_by_the_same_policy() {
    for policy in DROPPING {
        let server = server();
        let stream = stream_with(&server, |live| {
            let live = live.ingestion_data_channel_capacity(CAPACITY).replay_window_bytes(64 * 1024);
            live.overflow_policy(policy)
        });
        server.stop();
        let descriptor = stream.get_flow_descriptor("bench").unwrap();
        let (times, values) = (vec![1_i64; 20_000], vec![0.5_f64; 20_000]);
        let seqs: Vec<u64> = (0..ROWS).collect();
        let mut columns = Columns::new(&descriptor, &times[..]);
        columns.set(ChannelIndex::new(0), &seqs[..]).set(ChannelIndex::new(1), &values[..]);
        stream.send_columns_timeout(&columns, Duration::ZERO).unwrap();
        server.start_again().unwrap();
        let report = stream.finish(TIMEOUT).unwrap_err().report;
        adds_up(&report);
        assert_eq!((report.accepted, report.in_memory), (ROWS, 0), "{policy:?}: {report}");
        assert!(report.dropped >= ROWS - 3 * CAPACITY, "{policy:?}: {report}");
        assert_eq!(arrived(&server).gaps(0..ROWS), report.dropped_ids, "{policy:?}");
        assert_eq!(told(&stream), report.dropped_ids.iter().cloned().collect(), "{policy:?}");
    }
}

#[test]
fn a_row_that_can_never_be_taken_is_an_error_also_where_rows_are_dropped() {
    let server = server();
    let mut form = form();
    form.flows[0].channels.push(ChannelConfig::new("text", ChannelDataType::String));
    let credentials = Credentials::Config { uri: server.uri(), apikey: KEY.to_owned() };
    let stream = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form)
        .max_row_size(150)
        .live_only()
        .ingestion_data_channel_capacity(10)
        .overflow_policy(OverflowPolicy::DropNewest)
        .build_blocking(TIMEOUT)
        .unwrap();
    server.stop();
    send_all(&stream, 0..1_000);
    let accepted = stream.get_metrics_snapshot().rows_accepted;
    let mut builder = rows_of(&stream);
    row(&mut builder, 0);
    builder.set_string(ChannelIndex::new(2), &"x".repeat(100)).unwrap();
    let refused = stream.try_send(&builder).unwrap_err().error();
    assert_eq!(refused.code(), ErrorCode::RowTooLarge, "{refused}");
    assert_eq!(stream.get_metrics_snapshot().rows_accepted, accepted);
}

fn policy() -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some("/backups".into()), min_free: 0, ..DiskBackupPolicy::default() }
}

#[test]
fn a_recording_on_a_full_disk_drops_what_the_policy_says_and_goes_on_with_room() {
    for overflow in DROPPING {
        let disk = FakeFileSystem::new();
        let stream = config("http://127.0.0.1:1".to_owned())
            .file_backup()
            .disk_backup_policy(policy())
            .ingestion_config_id("0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f")
            .backup_data_channel_capacity(CAPACITY)
            .overflow_policy(overflow)
            .filesystem(Arc::new(disk.clone()))
            .build_blocking(TIMEOUT)
            .unwrap();
        assert_eq!(stream.config().overflow_policy, overflow);
        disk.set_capacity(Some(0));
        send_all(&stream, 0..ROWS);
        wait_until(|| stream.get_metrics_snapshot().disk_degraded);
        disk.set_capacity(None);
        send_all(&stream, ROWS..ROWS + 10);
        let refused = stream.flush(Level::Durable, TIMEOUT).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Dropped, "{overflow:?}: {refused}");
        stream.flush(Level::Durable, TIMEOUT).unwrap();
        assert_eq!(stream.watermarks().durable, Some(ROWS + 10));
        let failed = stream.finish(TIMEOUT).unwrap_err();
        assert_eq!(failed.error.code(), ErrorCode::Dropped, "{overflow:?}: {failed}");
        adds_up(&failed.report);
        assert_eq!((failed.report.accepted, failed.report.in_memory), (ROWS + 10, 0), "{}", failed.report);
        assert!(failed.report.dropped > 0 && failed.report.on_disk > 0, "{}", failed.report);
        assert_eq!(told(&stream), failed.report.dropped_ids.iter().cloned().collect(), "{overflow:?}");
    }
}

#[test]
fn with_backups_rows_are_dropped_only_when_disk_and_network_both_fail() {
    for overflow in DROPPING {
        let (server, disk) = (server(), FakeFileSystem::new());
        let stream = config(server.uri())
            .live_with_backups()
            .disk_backup_policy(policy())
            .backup_data_channel_capacity(CAPACITY)
            .ingestion_data_channel_capacity(CAPACITY)
            .overflow_policy(overflow)
            .filesystem(Arc::new(disk.clone()))
            .build_blocking(TIMEOUT)
            .unwrap();
        server.stop();
        disk.set_capacity(Some(0));
        send_all(&stream, 0..ROWS);
        assert!(stream.get_metrics_snapshot().rows_dropped > 0, "{overflow:?}");
        disk.set_capacity(None);
        server.start_again().unwrap();
        let refused = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Dropped, "{overflow:?}: {refused}");
        let failed = stream.finish(TIMEOUT).unwrap_err();
        adds_up(&failed.report);
        let report = failed.report;
        assert_eq!(
            (report.accepted, report.in_memory, report.on_disk),
            (ROWS, 0, 0),
            "{overflow:?}: {report}"
        );
        assert_eq!(arrived(&server).gaps(0..ROWS), report.dropped_ids, "{overflow:?}");
        let told = told(&stream);
        let untold: Vec<_> = report.dropped_ids.iter().filter(|ids| !told.contains(ids)).collect();
        assert!(untold.is_empty(), "{overflow:?}: {untold:?} were dropped and nobody was told");
    }
}

#[test]
fn rows_that_the_disk_had_no_room_for_are_confirmed_if_sift_has_them() {
    for overflow in DROPPING {
        let (server, disk) = (server(), FakeFileSystem::new());
        let stream = config(server.uri())
            .live_with_backups()
            .disk_backup_policy(policy())
            .backup_data_channel_capacity(CAPACITY)
            .checkpoint_interval(Duration::from_secs(3600))
            .overflow_policy(overflow)
            .filesystem(Arc::new(disk.clone()))
            .build_blocking(TIMEOUT)
            .unwrap();
        disk.set_capacity(Some(0));
        send_all(&stream, 0..ROWS);
        disk.set_capacity(None);
        let report = stream.finish(TIMEOUT).unwrap_or_else(|failed| *failed.report);
        adds_up(&report);
        assert_eq!(
            (report.accepted, report.in_memory, report.on_disk),
            (ROWS, 0, 0),
            "{overflow:?}: {report}"
        );
        assert_eq!(arrived(&server).gaps(0..ROWS), report.dropped_ids, "{overflow:?}");
        if overflow == OverflowPolicy::DropOldest {
            assert_eq!(report.dropped, 0, "what left the way to the disk was still on its way to Sift");
        }
    }
}
