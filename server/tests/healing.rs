//! Faults that last until the server is healed, and the terms that a connection can be given.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use common::{LONG, connect, flow, open, ready, row, stream, unary};
use siftstream_server::proto::sift::ingestion_configs::v2::{
    CreateIngestionConfigRequest, CreateIngestionConfigResponse,
};
use siftstream_server::proto::sift::ping::v1::{PingRequest, PingResponse};
use siftstream_server::{
    Blackhole, Code, ConnectionFault, Effect, Fault, FaultStatus, GoAway, LocalServer, State, StreamEnd,
    Times, UnaryEffect, UnaryFault, When,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CREATE: &str = "/sift.ingestion_configs.v2.IngestionConfigService/CreateIngestionConfig";
const PING: &str = "/sift.ping.v1.PingService/Ping";

/// Long enough for anything that can happen to happen.
const A_WHILE: Duration = Duration::from_millis(100);

async fn eventually(state: Arc<State>, condition: impl Fn(&State) -> bool + Send + 'static) {
    assert!(tokio::task::spawn_blocking(move || state.wait_for(LONG, condition)).await.unwrap());
}

#[tokio::test]
async fn what_lasts_until_healed_lasts_until_healed_and_no_longer() {
    let faults = [
        Fault::new(When::AtOnce, Effect::Silence),
        Fault::new(When::Rows(5), Effect::Silence),
        Fault::no_response(),
        Fault::new(When::Rows(5), Effect::Freeze(None)),
        Fault::new(When::Rows(5), Effect::Blackhole(Blackhole::Both)),
        Fault::new(When::Rows(5), Effect::Blackhole(Blackhole::FromClients)),
        Fault::new(When::Rows(5), Effect::Blackhole(Blackhole::ToClients)),
        Fault::new(When::AtOnce, Effect::SlowReader { bytes_per_s: 0 }),
        Fault::new(When::AtOnce, Effect::SlowReader { bytes_per_s: 1 }),
    ];
    for fault in faults {
        let (server, channel, id) = ready();
        server.inject(fault.clone(), Times::Always);
        let (rows, call) = open(&channel);
        let sender = tokio::spawn(async move {
            for number in 0..100 {
                rows.send(row(&id, number)).await.unwrap();
                if number == 10 {
                    tokio::time::sleep(A_WHILE / 2).await;
                }
            }
        });
        tokio::time::sleep(A_WHILE).await;
        assert!(!call.is_finished(), "{fault:?} did not set in");
        server.heal();
        sender.await.unwrap();
        tokio::time::timeout(LONG, call).await.expect("not healed").unwrap().unwrap();
        let record = &server.state().streams()[0];
        assert!(record.is_confirmed() && record.rows_taken == 100, "{fault:?}: {record:?}");
    }
}

#[tokio::test]
async fn a_fault_that_was_healed_before_it_set_in_never_sets_in() {
    let (server, channel, id) = ready();
    server.inject(Fault::status(Code::Internal, 50), Times::Always);
    let (rows, call) = open(&channel);
    rows.send(row(&id, 0)).await.unwrap();
    eventually(server.state(), |state| state.rows() == 1).await;
    server.heal();
    for number in 1..100 {
        rows.send(row(&id, number)).await.unwrap();
    }
    drop(rows);
    tokio::time::timeout(LONG, call).await.unwrap().unwrap().unwrap();
    server.inject(Fault::status(Code::Internal, 0), Times::N(1));
    assert_eq!(stream(&channel, &id, 0..5).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn a_zero_window_holds_the_client_back_until_healed() {
    let (server, _, id) = ready();
    server.inject_connection(ConnectionFault::ZeroWindow, Times::N(1));
    let channel = connect(&server);
    let call = tokio::spawn(async move { stream(&channel, &id, 0..5_000).await });
    let state = server.state();
    eventually(Arc::clone(&state), |state| state.streams_opened() == 1).await;
    tokio::time::sleep(A_WHILE).await;
    // What a client sent before it had read the settings may arrive; it has 64 KiB for that.
    assert!(!call.is_finished());
    server.heal();
    tokio::time::timeout(LONG, call).await.unwrap().unwrap().unwrap();
    assert!(state.streams()[0].is_confirmed());
    assert_eq!(state.rows(), 5_000);
}

#[tokio::test]
async fn one_stream_at_a_time_makes_the_next_one_wait() {
    let limited = LocalServer::builder().max_concurrent_streams(1).start().unwrap();
    let scripted = LocalServer::builder().start().unwrap();
    scripted.inject_connection(ConnectionFault::MaxStreams(1), Times::Always);
    for server in [limited, scripted] {
        let id = server.state().create_config("asset", "key", vec![flow("f")]).unwrap();
        let channel = connect(&server);
        let (rows, first) = open(&channel);
        rows.send(row(&id, 0)).await.unwrap();
        eventually(server.state(), |state| state.rows() == 1).await;
        let second = tokio::spawn(async move { stream(&channel, &id, 1..2).await });
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((server.state().streams_opened(), second.is_finished()), (1, false));
        drop(rows);
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(server.state().rows(), 2);
    }
}

#[tokio::test]
async fn a_connection_says_goodbye_when_its_time_has_come() {
    for kind in [GoAway::Graceful, GoAway::EnhanceYourCalm] {
        let (server, _, id) = ready();
        server
            .inject_connection(ConnectionFault::GoAwayAfter(Duration::from_millis(20), kind), Times::Always);
        let channel = connect(&server);
        let (rows, call) = open(&channel);
        rows.send(row(&id, 0)).await.unwrap();
        tokio::time::sleep(A_WHILE).await;
        drop(rows);
        let ended = tokio::time::timeout(LONG, call).await.unwrap().unwrap();
        assert_eq!(ended.is_ok(), kind == GoAway::Graceful);
        let _: PingResponse = unary(&channel, PING, PingRequest {}).await.unwrap();
        assert_eq!(server.state().connections(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn all_open_streams_can_be_ended_with_one_status() {
    let (server, channel, id) = ready();
    let mut calls = Vec::new();
    for number in 0..3 {
        let (rows, call) = open(&channel);
        rows.send(row(&id, number)).await.unwrap();
        calls.push((rows, call));
    }
    eventually(server.state(), |state| state.rows() == 3).await;
    server.end_streams(FaultStatus::new(Code::Unauthenticated));
    for (_rows, call) in calls {
        let ended = tokio::time::timeout(LONG, call).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().code(), Code::Unauthenticated);
    }
    let unauthenticated = StreamEnd::Status(Code::Unauthenticated);
    assert!(server.state().streams().iter().all(|record| record.end == unauthenticated));
    stream(&channel, &id, 3..5).await.unwrap();
}

#[tokio::test]
async fn answers_that_are_no_grpc_are_errors_to_the_client() {
    let trailers = |pairs: &[(&str, &str)]| {
        Effect::Trailers(
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    };
    let effects = [
        trailers(&[]),
        trailers(&[("grpc-status", "99")]),
        trailers(&[("grpc-status", "13"), ("grpc-message", "%zz")]),
        Effect::HttpStatus(502),
        Effect::HugeHeaders(32 * 1024 * 1024),
    ];
    for effect in effects {
        let (server, channel, id) = ready();
        server.inject(Fault::new(When::EndOfStream, effect.clone()), Times::N(1));
        let answer = stream(&channel, &id, 0..10).await;
        assert!(answer.is_err(), "{effect:?} was taken for success");
        assert_eq!(server.state().rows(), 10);
    }
    let (server, channel, id) = ready();
    server.inject(Fault::new(When::EndOfStream, Effect::HugeHeaders(10_000)), Times::N(1));
    stream(&channel, &id, 0..10).await.unwrap();
    assert!(server.state().streams()[0].is_confirmed());
}

#[tokio::test]
async fn another_protocol_and_silence_are_no_connection() {
    let (server, _, id) = ready();
    server.inject_connection(ConnectionFault::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Times::N(1));
    stream(&connect(&server), &id, 0..10).await.unwrap_err();
    server.inject_connection(ConnectionFault::Silence, Times::N(1));
    let channel = connect(&server);
    let call = tokio::spawn(async move { stream(&channel, &id, 0..10).await });
    tokio::time::sleep(A_WHILE).await;
    assert!(!call.is_finished());
    server.heal();
    tokio::time::timeout(LONG, call).await.unwrap().unwrap().unwrap();
    assert_eq!(server.state().rows(), 10);
}

#[tokio::test]
async fn a_rival_can_be_first_and_a_call_can_lose_its_connection() {
    let (server, channel, _) = ready();
    let fault = |effect| UnaryFault { method: None, effect };
    server.inject_unary(fault(UnaryEffect::RivalFirst), Times::N(1));
    let form = CreateIngestionConfigRequest {
        asset_name: "asset".to_owned(),
        client_key: "contested".to_owned(),
        flows: vec![flow("f")],
        ..CreateIngestionConfigRequest::default()
    };
    let beaten: Result<CreateIngestionConfigResponse, _> = unary(&channel, CREATE, form).await;
    assert_eq!(beaten.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(server.state().configs().len(), 2);
    server.inject_unary(fault(UnaryEffect::TcpReset), Times::N(1));
    let broken: Result<PingResponse, _> = unary(&channel, PING, PingRequest {}).await;
    broken.unwrap_err();
    let _: PingResponse = unary(&connect(&server), PING, PingRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_listener_can_tell_the_streams_apart_across_restarts() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let server = LocalServer::builder()
        .on_row_of_stream(move |stream, row| log.lock().unwrap().push((stream, row.len())))
        .start()
        .unwrap();
    let id = server.state().create_config("asset", "key", vec![flow("f")]).unwrap();
    stream(&connect(&server), &id, 0..2).await.unwrap();
    server.restart().unwrap();
    stream(&connect(&server), &id, 2..3).await.unwrap();
    let streams: Vec<_> = seen.lock().unwrap().iter().map(|(stream, _)| *stream).collect();
    assert_eq!(streams, [0, 0, 1]);
}
