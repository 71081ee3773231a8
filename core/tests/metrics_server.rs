//! Metrics over HTTP: what the formats' own readers see, and what a reader cannot do to a stream.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::{row, server, stream};
use prometheus_parse::{Scrape, Value};
use siftstream::metrics::METRICS;
use siftstream::{ErrorCode, FlowBuilder, MetricsServer, SiftStreamMetricsSnapshot};
use siftstream_server::{Code, Fault, Times};

const TIMEOUT: Duration = Duration::from_secs(30);

fn serve() -> MetricsServer {
    MetricsServer::start("127.0.0.1:0".parse().unwrap()).unwrap()
}

/// The status and the body of an answer.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn scrape(address: SocketAddr) -> Scrape {
    let (status, body) = get(address, "/metrics");
    assert_eq!(status, 200);
    Scrape::parse(body.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

fn number(scrape: &Scrape, metric: &str, stream: &str) -> Option<f64> {
    let sample =
        scrape.samples.iter().find(|it| it.metric == metric && it.labels.get("stream") == Some(stream))?;
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) => Some(value),
        _ => panic!("{metric} is neither a counter nor a gauge"),
    }
}

#[test]
fn a_prometheus_reader_sees_the_numbers_of_the_report_with_their_kinds() {
    let sift = server();
    sift.inject(Fault::status(Code::Unavailable, 100), Times::N(1));
    let stream = stream(&sift);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..1_000 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    let report = stream.finish(TIMEOUT).unwrap();
    let metrics = serve();
    let name = "a \"rig\"\\with\nall";
    metrics.watch(name, &stream);
    let scrape = scrape(metrics.address());
    let of_counter = |metric: &str| {
        assert!(
            scrape.samples.iter().any(|it| it.metric == metric && matches!(it.value, Value::Counter(_))),
            "{metric}"
        );
        let label = "a \\\"rig\\\"\\\\with\\nall";
        number(&scrape, metric, name).or_else(|| number(&scrape, metric, label)).unwrap()
    };
    let exact = |rows: u64| f64::from(u32::try_from(rows).unwrap());
    assert_eq!(of_counter("siftstream_rows_accepted_total"), exact(report.accepted));
    assert_eq!(of_counter("siftstream_rows_confirmed_total"), exact(report.confirmed));
    assert_eq!(of_counter("siftstream_rows_dropped_total"), exact(report.dropped));
    assert!(of_counter("siftstream_checkpoints_failed_total") >= 1.0);
    let statuses: Vec<_> =
        scrape.samples.iter().filter(|it| it.metric == "siftstream_grpc_streams_ended_total").collect();
    assert!(statuses.iter().any(|it| it.labels.get("code") == Some("UNAVAILABLE")), "{statuses:?}");
    assert!(statuses.iter().any(|it| it.labels.get("code") == Some("OK")), "{statuses:?}");
}

/// The counters of a stream with backups whose rows took every way: confirmed live, recovered, sent again.
#[test]
fn the_counters_add_up_to_the_report_also_for_rows_of_an_earlier_start() {
    let (sift, dir) = (server(), tempfile::tempdir().unwrap());
    let send = |stream: &common::BackedUp, from: u64, rows: u64| {
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
        for seq in from..from + rows {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
    };
    let first = common::backed_up(sift.uri(), dir.path());
    send(&first, 0, 100);
    first.flush_confirmed(TIMEOUT).unwrap();
    sift.stop();
    send(&first, 100, 400);
    first.flush(siftstream::Level::Durable, TIMEOUT).unwrap();
    let left = first.finish(Duration::from_millis(500)).unwrap();
    let name = "backed";
    let add_up = |stream: &common::BackedUp, report: &siftstream::Report| {
        let metrics = serve();
        metrics.watch(name, stream);
        let scrape = scrape(metrics.address());
        let read = |metric: &str| number(&scrape, metric, name).unwrap_or_else(|| panic!("{metric}"));
        let exact = |rows: u64| f64::from(u32::try_from(rows).unwrap());
        assert_eq!(read("siftstream_rows_accepted_total"), exact(report.accepted), "{report:?}");
        assert_eq!(read("siftstream_rows_recovered_total"), exact(report.recovered), "{report:?}");
        assert_eq!(read("siftstream_rows_dropped_total"), exact(report.dropped), "{report:?}");
        let confirmed =
            read("siftstream_rows_confirmed_total") + read("siftstream_recovered_rows_confirmed_total");
        assert_eq!(confirmed, exact(report.confirmed), "{report:?}");
        let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
        assert_eq!(report.accepted + report.recovered, found, "{report:?}");
    };
    assert_eq!((left.accepted, left.confirmed, left.on_disk), (500, 100, 400));
    add_up(&first, &left);
    drop(first);
    sift.start_again().unwrap();
    sift.inject(Fault::status(Code::Unavailable, 50), Times::N(2));
    let second = common::backed_up(sift.uri(), dir.path());
    send(&second, 500, 300);
    second.flush_confirmed(TIMEOUT).unwrap();
    while second.get_metrics_snapshot().recovered_rows_confirmed < 400 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let report = second.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.recovered, report.confirmed), (300, 400, 700));
    add_up(&second, &report);
}

#[test]
fn every_field_of_a_snapshot_is_exposed_under_its_own_name() {
    let fields = format!("{:?}", SiftStreamMetricsSnapshot::default());
    let fields = fields.split_once('{').unwrap().1;
    let mut named: Vec<&str> = fields
        .split(", ")
        .filter_map(|part| part.split_once(": "))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "statuses")
        .collect();
    let mut listed: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    named.sort_unstable();
    listed.sort_unstable();
    assert_eq!(named, listed);
}

#[test]
fn json_has_each_metric_of_each_stream_that_lives() {
    let sift = server();
    let (first, second) = (stream(&sift), stream(&sift));
    let metrics = serve();
    metrics.watch("first", &first);
    metrics.watch("second", &second);
    let names = || {
        let (status, body) = get(metrics.address(), "/metrics.json");
        assert_eq!(status, 200);
        let all: serde_json::Value = serde_json::from_str(&body).unwrap();
        let streams = all["streams"].as_array().unwrap().clone();
        for stream in &streams {
            assert!(METRICS.iter().all(|metric| !stream["metrics"][metric.name].is_null()), "{stream}");
        }
        streams.iter().map(|stream| stream["stream"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["first", "second"]);
    drop(first);
    assert_eq!(names(), ["second"]);
}

#[test]
fn health_is_bad_only_when_a_stream_can_go_on_no_more() {
    let sift = server();
    let stream = stream(&sift);
    let metrics = serve();
    metrics.watch("rig", &stream);
    assert_eq!(get(metrics.address(), "/healthz"), (200, "ok\n".to_owned()));
    stream.cancel("the test says so");
    let (status, why) = get(metrics.address(), "/healthz");
    assert_eq!(status, 503);
    assert!(why.starts_with("rig: ") && why.contains("the test says so"), "{why}");
}

#[test]
fn other_paths_and_methods_are_refused_in_words() {
    let metrics = serve();
    assert_eq!(get(metrics.address(), "/").0, 404);
    let mut socket = TcpStream::connect(metrics.address()).unwrap();
    socket
        .write_all(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[test]
fn readers_that_say_nothing_and_readers_that_talk_nonsense_keep_nobody_else_waiting() {
    let metrics = serve();
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(metrics.address()).unwrap()).collect();
    let mut nonsense = TcpStream::connect(metrics.address()).unwrap();
    nonsense.write_all(&[0xFF; 4_096]).unwrap();
    assert_eq!(get(metrics.address(), "/healthz").0, 200);
    drop(silent);
}

#[test]
fn an_address_that_is_taken_is_an_error_and_a_dropped_server_frees_it() {
    let metrics = serve();
    let address = metrics.address();
    let error = MetricsServer::start(address).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    drop(metrics);
    let deadline = std::time::Instant::now() + TIMEOUT;
    while MetricsServer::start(address).is_err() {
        assert!(std::time::Instant::now() < deadline, "the address is still taken");
        std::thread::sleep(Duration::from_millis(5));
    }
}
