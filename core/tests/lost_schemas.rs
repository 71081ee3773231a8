//! A server that has lost what was registered: the schema is registered again, once, and rows get its new ID on their
//! way, those on disk too. If that does not help the stream says so.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{assert_complete, backed_up, backed_up_with, backup_files, row, server, stream, stream_with};
use siftstream::{
    DataStatus, ErrorCode, FlowBuilder, IngestionConfigEncoder, Level, RetryPolicy, SiftStream, Transport,
};
use siftstream_server::{Code, Fault, FaultStatus, LocalServer, Times, UnaryEffect, UnaryFault};

const TIMEOUT: Duration = Duration::from_secs(60);

fn send<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>, rows: std::ops::Range<u64>) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

/// Sends rows, lets the server lose something between and amid them, and brings all home.
fn survives<T: Transport>(
    server: &LocalServer,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    lose: fn(&LocalServer),
) {
    send(stream, 0..10_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    lose(server);
    send(stream, 10_000..20_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    send(stream, 20_000..25_000);
    assert!(server.state().wait_for(TIMEOUT, |state| state.rows() >= 21_000));
    lose(server);
    send(stream, 25_000..30_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (30_000, 30_000));
    assert_complete(server, 30_000, 30_000);
    assert_eq!(server.state().schema_errors(), []);
}

const LOSSES: [fn(&LocalServer); 2] =
    [|server| server.state().forget_flows(), |server| server.state().forget_configs()];

#[test]
fn rows_in_memory_survive_a_server_that_loses_flows_or_configs() {
    for lose in LOSSES {
        let server = server();
        survives(&server, &stream(&server), lose);
    }
}

#[test]
fn rows_with_backups_survive_a_server_that_loses_flows_or_configs() {
    for lose in LOSSES {
        let (server, root) = (server(), tempfile::tempdir().unwrap());
        let stream = backed_up(server.uri(), root.path());
        survives(&server, &stream, lose);
        drop(stream);
        assert_eq!(backup_files(root.path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn backups_of_an_earlier_start_get_the_id_that_was_given_since() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let uri = server.uri();
    let first = backed_up(uri.clone(), root.path());
    send(&first, 0..1_000);
    first.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.stop();
    send(&first, 1_000..3_000);
    first.finish(Duration::from_millis(300)).unwrap();
    drop(first);
    server.state().forget_configs();
    server.start_again().unwrap();
    let second = backed_up(uri, root.path());
    assert!(server.state().wait_for(TIMEOUT, |state| state.rows() >= 3_000), "{}", server.state().rows());
    send(&second, 3_000..3_100);
    second.flush(Level::Confirmed, TIMEOUT).unwrap();
    second.finish(TIMEOUT).unwrap();
    assert_complete(&server, 3_100, 3_000);
    assert_eq!(server.state().schema_errors(), []);
}

#[test]
fn a_registration_that_fails_for_a_passing_reason_is_tried_again() {
    let server = server();
    let stream = stream(&server);
    send(&stream, 0..100);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.state().forget_configs();
    for status in [Code::Unavailable, Code::Unauthenticated] {
        let fault = UnaryFault { method: None, effect: UnaryEffect::Status(FaultStatus::new(status)) };
        server.inject_unary(fault, Times::N(6));
    }
    send(&stream, 100..200);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    stream.finish(TIMEOUT).unwrap();
    assert_complete(&server, 200, 200);
}

fn impatient() -> RetryPolicy {
    RetryPolicy { max_backoff: Duration::from_millis(50), ..RetryPolicy::default() }
}

/// A server that denies the schema again and again is asked once more, after the schema was registered again.
fn denied<T: Transport>(
    server: &LocalServer,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    code: Code,
) -> siftstream::FinishError {
    server.inject(Fault::status(code, 10), Times::Always);
    send(stream, 0..100);
    let why = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
    let told = match code {
        Code::NotFound => ErrorCode::NotFound,
        _ => ErrorCode::InvalidArgument,
    };
    assert_eq!(why.code(), told, "{why}");
    assert_eq!(server.state().streams_opened(), 2, "once more, after the schema was registered again");
    let failed = stream.finish(TIMEOUT).unwrap_err();
    assert_eq!(failed.report.unconfirmed, vec![0..100]);
    failed
}

#[test]
fn a_schema_that_is_denied_again_ends_the_stream_with_the_reason() {
    for code in [Code::NotFound, Code::AlreadyExists] {
        let server = server();
        let failed = denied(&server, &stream_with(&server, |live| live.retry_policy(impatient())), code);
        assert_eq!(failed.report.in_memory, 100);
    }
}

#[test]
fn with_backups_it_ends_with_its_rows_on_disk() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = backed_up_with(server.uri(), root.path(), |live| live.retry_policy(impatient()));
    let failed = denied(&server, &stream, Code::NotFound);
    assert_eq!((failed.report.on_disk, failed.error.data_status()), (100, DataStatus::OnDisk));
}

#[test]
fn a_schema_that_became_another_one_meanwhile_ends_the_stream_with_the_difference() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = backed_up_with(server.uri(), root.path(), |live| live);
    send(&stream, 0..100);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.state().forget_configs();
    let other = siftstream_server::proto::sift::ingestion_configs::v2::FlowConfig {
        name: "bench".to_owned(),
        channels: Vec::new(),
    };
    server.state().create_config("rig", "rig-v1", vec![other]).unwrap();
    send(&stream, 100..200);
    let why = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
    assert_eq!(why.code(), ErrorCode::SchemaMismatch, "{why}");
    assert!(why.message().contains("c0"), "{why}");
    let failed = stream.finish(TIMEOUT).unwrap_err();
    assert_eq!((failed.report.confirmed, failed.report.on_disk), (100, 100));
}
