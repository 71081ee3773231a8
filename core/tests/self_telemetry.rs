//! Metrics as telemetry: what arrives is what was so, and its trouble is its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::{KEY, row, server, stream};
use siftstream::metrics::{METRICS, SelfTelemetry};
use siftstream::{
    Credentials, ErrorCode, FlowBuilder, IngestionConfigEncoder, LiveStreamingOnly, SiftStream,
    SiftStreamBuilder,
};
use siftstream_server::{Code, Fault, LocalServer, Times, Value};

const TIMEOUT: Duration = Duration::from_secs(30);

fn reporting(sift: &LocalServer) -> SiftStream<IngestionConfigEncoder, LiveStreamingOnly> {
    SiftStreamBuilder::new(Credentials::Config { uri: sift.uri(), apikey: KEY.to_owned() })
        .insecure(true)
        .ingestion_config(SelfTelemetry::form("rig", "rig-metrics"))
        .live_only()
        .build_blocking(TIMEOUT)
        .unwrap()
}

fn wait_for(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !what() {
        assert!(Instant::now() < deadline, "it never came to be");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_metrics_of_a_stream_arrive_as_rows_that_fit_their_schema() {
    let (sift, watcher) = (server(), server());
    let watched = stream(&sift);
    let mut builder = FlowBuilder::new(&watched.get_flow_descriptor("bench").unwrap());
    for seq in 0..1_000 {
        row(&mut builder, seq);
        watched.send_timeout(&builder, TIMEOUT).unwrap();
    }
    watched.flush_confirmed(TIMEOUT).unwrap();
    let report = reporting(&watcher);
    let telemetry = SelfTelemetry::start(&watched, report.clone(), Duration::from_millis(10)).unwrap();
    wait_for(|| report.watermarks().accepted >= 3);
    report.flush_confirmed(TIMEOUT).unwrap();
    drop(telemetry);
    assert_eq!(watcher.state().schema_error_count(), 0);
    let at = METRICS.iter().position(|metric| metric.name == "rows_confirmed").unwrap();
    for row in watcher.state().kept_rows() {
        assert_eq!(row.values[at], Value::Uint64(1_000));
    }
}

#[test]
fn it_ends_with_the_stream_that_it_tells_of_and_does_not_keep_it_alive() {
    let (sift, watcher) = (server(), server());
    let watched = stream(&sift);
    let report = reporting(&watcher);
    let _telemetry = SelfTelemetry::start(&watched, report.clone(), Duration::from_millis(5)).unwrap();
    wait_for(|| report.watermarks().accepted >= 1);
    watched.finish(TIMEOUT).unwrap();
    drop(watched);
    let mut before = report.watermarks().accepted;
    wait_for(|| {
        std::thread::sleep(Duration::from_millis(100));
        std::mem::replace(&mut before, report.watermarks().accepted) == before
    });
}

#[test]
fn a_dead_receiver_of_the_metrics_leaves_the_stream_alone() {
    let (sift, watcher) = (server(), server());
    let watched = stream(&sift);
    let report = reporting(&watcher);
    let _telemetry = SelfTelemetry::start(&watched, report, Duration::from_millis(5)).unwrap();
    watcher.stop();
    let mut builder = FlowBuilder::new(&watched.get_flow_descriptor("bench").unwrap());
    for seq in 0..10_000 {
        row(&mut builder, seq);
        watched.send_timeout(&builder, TIMEOUT).unwrap();
    }
    assert_eq!(watched.finish(TIMEOUT).unwrap().confirmed, 10_000);
}

#[test]
fn warnings_arrive_as_rows_and_a_stream_of_another_schema_is_refused() {
    let (sift, watcher) = (server(), server());
    let report = reporting(&watcher);
    let logs = SelfTelemetry::warnings(report.clone()).unwrap();
    let watched = logs.within(|| stream(&sift));
    sift.inject(Fault::status(Code::Unavailable, 1), Times::N(1));
    let mut builder = FlowBuilder::new(&watched.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    watched.send_timeout(&builder, TIMEOUT).unwrap();
    row(&mut builder, 1);
    watched.send_timeout(&builder, TIMEOUT).unwrap();
    watched.finish(TIMEOUT).unwrap();
    wait_for(|| report.watermarks().accepted >= 1);
    report.flush_confirmed(TIMEOUT).unwrap();
    let rows = watcher.state().kept_rows();
    assert!(rows.iter().any(|row| row.values[0] == Value::String("warn".to_owned())), "{rows:?}");
    let refused = SelfTelemetry::start(&watched, stream(&sift), TIMEOUT).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UnknownFlow);
}
