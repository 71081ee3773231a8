//! Each scripted fault does to a client what it says, and the record tells the truth about it.

mod common;

use common::{LONG, connect, open, ready, row, stream};
use siftstream_server::{
    Code, ConnectionFault, Effect, Fault, FaultStatus, GoAway, StreamEnd, StreamReset, Times, When,
};
use std::time::{Duration, Instant};
use tonic_types::StatusExt;

#[tokio::test]
async fn any_code_can_come_at_once_or_after_some_rows() {
    let (server, channel, id) = ready();
    for code in (1..=16).map(Code::from_i32) {
        for rows in [0, 7] {
            server.inject(Fault::status(code, rows), Times::N(1));
            assert_eq!(stream(&channel, &id, 0..100).await.unwrap_err().code(), code);
            let record = server.state().streams().pop().unwrap();
            assert_eq!((record.rows_taken, record.end), (rows, StreamEnd::Status(code)));
            assert!(!record.is_confirmed());
        }
    }
    stream(&channel, &id, 0..100).await.unwrap();
}

#[tokio::test]
async fn retry_info_reaches_the_client() {
    let (server, channel, id) = ready();
    let status = FaultStatus::new(Code::ResourceExhausted).retry_after(Duration::from_secs(2));
    server.inject(Fault::new(When::AtOnce, Effect::Status(status)), Times::N(1));
    let status = stream(&channel, &id, 0..1).await.unwrap_err();
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn an_early_ok_loses_the_rows_after_it() {
    let (server, channel, id) = ready();
    server.inject(Fault::early_ok(5, Duration::from_millis(20)), Times::N(1));
    let (rows, call) = open(&channel);
    for number in 0..10 {
        rows.send(row(&id, number)).await.unwrap();
    }
    tokio::time::timeout(LONG, call).await.unwrap().unwrap().unwrap();
    // The client may have the answer before it is written down.
    assert!(
        server
            .state()
            .wait_for(LONG, |state| state.streams().iter().all(|stream| stream.end != StreamEnd::Open))
    );
    let record = server.state().streams().pop().unwrap();
    assert_eq!(
        (record.rows_taken, record.end, record.saw_end_stream),
        (5, StreamEnd::Status(Code::Ok), false)
    );
    assert_eq!(server.state().rows(), 5);
    drop(rows);
}

#[tokio::test]
async fn an_ok_after_the_half_close_keeps_its_promise() {
    let (server, channel, id) = ready();
    server.inject(Fault::early_ok(5, Duration::from_millis(100)), Times::N(1));
    stream(&channel, &id, 0..10).await.unwrap();
    assert!(server.state().streams()[0].is_confirmed());
    assert_eq!(server.state().rows(), 10);
}

#[tokio::test]
async fn resets_and_goodbyes_are_errors_to_the_client() {
    let (server, channel, id) = ready();
    let effects = [
        Effect::TcpReset,
        Effect::StreamReset(StreamReset::RefusedStream),
        Effect::StreamReset(StreamReset::InternalError),
        Effect::GoAway(GoAway::EnhanceYourCalm),
        Effect::MissingTrailers,
        Effect::MalformedTrailers,
    ];
    for effect in effects {
        server.inject(Fault::new(When::Rows(3), effect.clone()), Times::N(1));
        let result = stream(&channel, &id, 0..50).await;
        assert!(
            result.is_err() || matches!(effect, Effect::MissingTrailers),
            "{effect:?} was taken for success"
        );
        assert!(!server.state().streams().pop().unwrap().is_confirmed());
    }
    stream(&connect(&server), &id, 0..50).await.unwrap();
}

#[tokio::test]
async fn a_graceful_goaway_lets_the_stream_finish() {
    let (server, channel, id) = ready();
    server.inject(Fault::new(When::Rows(3), Effect::GoAway(GoAway::Graceful)), Times::N(1));
    stream(&channel, &id, 0..50).await.unwrap();
    stream(&channel, &id, 50..100).await.unwrap();
    assert_eq!(server.state().connections(), 2);
    assert_eq!(server.state().rows(), 100);
}

#[tokio::test]
async fn a_byte_bound_cuts_a_message_in_half() {
    let (server, channel, id) = ready();
    for bytes in [1, 4, 5, 6, 100, 171] {
        server.inject(Fault::new(When::Bytes(bytes), Effect::TcpReset), Times::N(1));
        stream(&channel, &id, 0..50).await.unwrap_err();
        let record = server.state().streams().pop().unwrap();
        assert_eq!((record.bytes_taken, record.end), (bytes, StreamEnd::TcpReset));
    }
}

#[tokio::test]
async fn a_connection_can_be_reset_at_any_byte() {
    let (server, _, id) = ready();
    for bytes in [0, 1, 24, 100, 500] {
        server.inject_connection(ConnectionFault::ResetAfterBytes(bytes), Times::N(1));
        let channel = connect(&server);
        stream(&channel, &id, 0..50).await.unwrap_err();
    }
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up() {
    let (server, channel, id) = ready();
    for fault in [Fault::new(When::AtOnce, Effect::Silence), Fault::no_response()] {
        server.inject(fault, Times::N(1));
        let (rows, call) = open(&channel);
        rows.send(row(&id, 0)).await.unwrap();
        drop(rows);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!call.is_finished());
        call.abort();
        let number = server.state().streams_opened() - 1;
        let state = server.state();
        let ended = tokio::task::spawn_blocking(move || {
            state.wait_for(LONG, |state| state.streams()[number].end == StreamEnd::Lost)
        });
        assert!(ended.await.unwrap());
    }
}

#[tokio::test]
async fn a_slow_reader_holds_the_client_back() {
    let (server, channel, id) = ready();
    server.inject(Fault::new(When::AtOnce, Effect::SlowReader { bytes_per_s: 20_000 }), Times::N(1));
    let begun = Instant::now();
    stream(&channel, &id, 0..100).await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(250), "{:?}", begun.elapsed());
    assert_eq!(server.state().rows(), 100);
}

#[tokio::test]
async fn a_closed_listener_refuses_until_it_is_opened_again() {
    let (server, channel, id) = ready();
    server.inject(Fault::new(When::AtOnce, Effect::CloseListener), Times::N(1));
    stream(&channel, &id, 0..10).await.unwrap();
    assert_eq!(stream(&connect(&server), &id, 0..10).await.unwrap_err().code(), Code::Unavailable);
    server.start_again().unwrap();
    stream(&connect(&server), &id, 10..20).await.unwrap();
}
