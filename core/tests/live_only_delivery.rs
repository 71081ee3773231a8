//! A live-only stream against a real server with faults: nothing is lost, and what is said is true.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{assert_complete, row, server, stream, stream_with};
use siftstream::{ErrorCode, FlowBuilder};
use siftstream_server::{Code, Effect, Fault, LocalServer, StreamReset, Times, When};

const TIMEOUT: Duration = Duration::from_secs(30);

fn send_rows(server: &LocalServer, rows: u64) -> siftstream::Report {
    let stream = stream(server);
    let descriptor = stream.get_flow_descriptor("bench").unwrap();
    let mut builder = FlowBuilder::new(&descriptor);
    for seq in 0..rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    stream.finish(TIMEOUT).unwrap()
}

#[test]
fn every_row_arrives_once_in_order_and_valid() {
    let server = server();
    let report = send_rows(&server, 50_000);
    assert_eq!((report.accepted, report.confirmed, report.in_memory), (50_000, 50_000, 0));
    assert_complete(&server, 50_000, 0);
    assert_eq!(server.state().schema_error_count(), 0);
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
        let server = server();
        server.inject(fault.clone(), Times::N(3));
        let report = send_rows(&server, 20_000);
        assert_eq!(report.confirmed, 20_000, "{fault:?}");
        assert_complete(&server, 20_000, 3 * 20_000);
    }
}

#[test]
fn an_early_ok_that_races_the_half_close_confirms_nothing_that_was_not_taken() {
    for rows in [1_u64, 100, 1_000, 10_000] {
        for delay in [0_u64, 1, 2, 5, 20] {
            let server = server();
            server.inject(Fault::early_ok(rows / 2, Duration::from_millis(delay)), Times::N(1));
            let report = send_rows(&server, rows);
            assert_eq!(report.confirmed, rows);
            assert_complete(&server, rows, rows);
        }
    }
}

#[test]
fn a_flush_confirms_all_that_was_accepted_before_it() {
    let server = server();
    let stream = stream(&server);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for round in 1..=5_u64 {
        for seq in (round - 1) * 100..round * 100 {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
        stream.flush_confirmed(TIMEOUT).unwrap();
        assert_eq!(stream.confirmed_watermark(), round * 100);
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 500);
    let metrics = stream.get_metrics_snapshot();
    assert_eq!((metrics.early_oks, metrics.checkpoints_failed), (0, 0), "{metrics:?}");
    assert_complete(&server, 500, 0);
}

#[test]
fn a_silent_server_makes_finish_return_in_time_with_the_truth() {
    let server = server();
    server.inject(Fault::no_response(), Times::Always);
    let stream = stream(&server);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..100 {
        row(&mut builder, seq);
        stream.try_send(&builder).unwrap();
    }
    let began = Instant::now();
    let failed = stream.finish(Duration::from_millis(500)).unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(750), "{:?}", began.elapsed());
    assert_eq!((failed.report.accepted, failed.report.confirmed, failed.report.in_memory), (100, 0, 100));
    assert_eq!(failed.report.unconfirmed, vec![0..100]);
    assert!(stream.finish(Duration::ZERO).is_err(), "a second finish is harmless");
}

#[test]
fn a_full_stream_gives_the_row_back_at_once() {
    let server = server();
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let stream = stream_with(&server, |live| {
        live.ingestion_data_channel_capacity(1_000).replay_window_bytes(64 * 1024)
    });
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    let mut seq = 0;
    let refused = loop {
        row(&mut builder, seq);
        match stream.try_send(&builder) {
            Ok(()) => seq += 1,
            Err(refused) => break refused.error(),
        }
    };
    assert_eq!(refused.code(), ErrorCode::Full);
    let waited = loop {
        if let Err(waited) = stream.send_timeout(&builder, Duration::from_millis(50)) {
            break waited;
        }
    };
    assert_eq!(waited.error.code(), ErrorCode::Timeout);
    let began = Instant::now();
    assert!(stream.try_send(&builder).unwrap_err().is_full());
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    stream.cancel("the test is over");
    assert_eq!(stream.finish(TIMEOUT).unwrap_err().error.code(), ErrorCode::Cancelled);
}

#[test]
fn replay_memory_never_exceeds_the_window_by_more_than_a_segment() {
    const WINDOW: u64 = 300 * 1024;
    const SEGMENT: u64 = 16 * 1024;
    // A full window asks for a checkpoint of however few rows a stream carries, so the failure must come with the first.
    let faults = [
        Fault::no_response(),
        Fault::new(When::AtOnce, Effect::Silence),
        Fault::status(Code::Unavailable, 1),
    ];
    for fault in faults {
        let server = server();
        server.inject(fault.clone(), Times::Always);
        let stream = stream_with(&server, |live| {
            live.ingestion_data_channel_bytes(1024 * 1024).replay_window_bytes(WINDOW)
        });
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
        let (mut accepted, mut most) = (0_u64, 0);
        let waited = loop {
            assert!(accepted < 1_000_000, "{fault:?}: memory grows");
            row(&mut builder, accepted);
            let sent = stream.send_timeout(&builder, Duration::from_millis(300));
            let metrics = stream.get_metrics_snapshot();
            most = most.max(metrics.replay_window_bytes);
            assert!(metrics.replay_window_bytes <= WINDOW + SEGMENT, "{fault:?}: {metrics:?}");
            assert!(metrics.ingestion_channel_bytes <= 1024 * 1024 + 2 * SEGMENT, "{fault:?}: {metrics:?}");
            match sent {
                Ok(()) => accepted += 1,
                Err(refused) => break refused.error,
            }
        };
        assert_eq!(waited.code(), ErrorCode::Timeout, "{fault:?}: {waited}");
        assert!(most >= WINDOW / 2, "{fault:?}: only {most} bytes were ever kept");
        let failed = stream.finish(Duration::ZERO).unwrap_err();
        assert_eq!((failed.report.accepted, failed.report.in_memory), (accepted, accepted), "{fault:?}");
        assert_eq!(failed.report.unconfirmed, vec![0..accepted], "{fault:?}");
    }
}

#[test]
fn with_the_window_off_the_report_names_what_a_failed_stream_carried() {
    let server = server();
    server.inject(Fault::status(Code::Unavailable, 500), Times::N(1));
    let stream = stream_with(&server, |live| live.replay_window_bytes(0));
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..5_000 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    let failed = stream.finish(TIMEOUT).unwrap_err();
    assert_eq!(failed.error.code(), ErrorCode::Dropped);
    assert!(failed.report.dropped >= 500, "{}", failed.report);
    assert_eq!(failed.report.confirmed + failed.report.dropped, 5_000);
    let named: u64 = failed.report.unconfirmed.iter().map(|ids| ids.end - ids.start).sum();
    assert_eq!(named, failed.report.dropped, "{}", failed.report);
    assert_eq!(failed.report.unconfirmed, failed.report.dropped_ids);
    assert_eq!(failed.report.unconfirmed.first().map(|ids| ids.start), Some(0), "the first stream failed");
    let told = std::iter::from_fn(|| stream.events().poll());
    let told: u64 =
        told.filter(|event| event.kind.name() == "dropped").filter_map(|event| event.kind.rows()).sum();
    assert_eq!(told, failed.report.dropped);
    assert_eq!(stream.confirmed_watermark(), 0, "lost rows are not passed over");
}
