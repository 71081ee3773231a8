//! How long a stream waits between attempts: as long as Sift asks for, as far as the user allows it, and never less than
//! a second after a refused key. Attempts are counted at the server.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{KEY, assert_complete, backed_up_with, row, server, stream_with};
use siftstream::{EventKind, FlowBuilder, IngestionConfigEncoder, Level, RetryPolicy, SiftStream, Transport};
use siftstream_server::{Code, Effect, Fault, FaultStatus, LocalServer, State, StreamEnd, Times, When};

const TIMEOUT: Duration = Duration::from_secs(60);
const ROWS: u64 = 1_000;

fn send<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>, rows: std::ops::Range<u64>) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

/// Makes the next gRPC stream end with the wish for a wait.
fn ask_for(server: &LocalServer, wait: Duration) {
    let busy = FaultStatus::new(Code::ResourceExhausted).retry_after(wait);
    server.inject(Fault::new(When::EndOfStream, Effect::Status(busy)), Times::N(1));
}

/// The first event of a failure: how long the wait is, and what Sift asked for.
fn first_failure<T: Transport>(
    stream: &SiftStream<IngestionConfigEncoder, T>,
) -> (Duration, Option<Duration>) {
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        let event = stream.events().wait(TIMEOUT).expect("no event came");
        if let EventKind::Disconnected { retry_in, asked, .. } = event.kind {
            return (retry_in, asked);
        }
    }
    panic!("no failure was told")
}

/// Sends rows, has Sift ask for `wait`, and brings the rows home; returns the pause that was told and the one that was
/// made.
fn paused<T: Transport>(
    server: &LocalServer,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    wait: Duration,
) -> (Duration, Duration) {
    ask_for(server, wait);
    send(stream, 0..ROWS);
    let began = Instant::now();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    let lasted = began.elapsed();
    let (told, asked) = first_failure(stream);
    assert_eq!(asked, Some(wait));
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, ROWS);
    assert_complete(server, ROWS, ROWS);
    assert_eq!(server.state().streams_opened(), 2, "nobody knocked during the pause");
    (told, lasted)
}

#[test]
fn two_seconds_that_sift_asks_for_are_waited() {
    let wait = Duration::from_secs(2);
    let (first, second) = (server(), server());
    let root = tempfile::tempdir().unwrap();
    let live = stream_with(&first, |live| live);
    let backed_up = backed_up_with(second.uri(), root.path(), |live| live);
    for (told, lasted) in [paused(&first, &live, wait), paused(&second, &backed_up, wait)] {
        assert!((wait..=wait.mul_f64(1.2)).contains(&told), "{told:?}");
        assert!(lasted >= wait, "{lasted:?}");
    }
}

#[test]
fn ten_minutes_that_sift_asks_for_are_cut_as_the_policy_says_and_both_are_told() {
    let most = Duration::from_millis(700);
    let policy = RetryPolicy { max_retry_after: most, ..RetryPolicy::default() };
    let (first, second) = (server(), server());
    let root = tempfile::tempdir().unwrap();
    let live = stream_with(&first, |live| live.retry_policy(policy));
    let backed_up = backed_up_with(second.uri(), root.path(), |live| live.retry_policy(policy));
    let asked = Duration::from_secs(600);
    for (told, lasted) in [paused(&first, &live, asked), paused(&second, &backed_up, asked)] {
        assert!((most..=most.mul_f64(1.2)).contains(&told), "{told:?}");
        assert!(lasted >= most, "{lasted:?}");
    }
}

#[test]
fn a_minute_is_the_longest_wait_that_sift_can_ask_for_by_default() {
    let server = server();
    let stream = stream_with(&server, |live| live);
    ask_for(&server, Duration::from_secs(600));
    send(&stream, 0..ROWS);
    stream.checkpoint().unwrap();
    let (told, asked) = first_failure(&stream);
    let minute = Duration::from_secs(60);
    assert!((minute..=minute.mul_f64(1.2)).contains(&told), "{told:?}");
    assert_eq!(asked, Some(Duration::from_secs(600)));
    stream.cancel("nobody waits for a minute here");
}

#[test]
fn a_policy_that_allows_no_wait_waits_as_after_any_failure() {
    let server = server();
    let policy = RetryPolicy { max_retry_after: Duration::ZERO, ..RetryPolicy::default() };
    let stream = stream_with(&server, |live| live.retry_policy(policy));
    let (told, _) = paused(&server, &stream, Duration::from_secs(600));
    assert!(told <= policy.initial_backoff, "{told:?}");
}

/// Revokes the key while rows flow, until the server refused some attempts; returns how many, and for how long.
fn revoke_and_restore<T: Transport>(
    server: &LocalServer,
    stream: &SiftStream<IngestionConfigEncoder, T>,
) -> (u64, Duration) {
    send(stream, 0..ROWS);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    send(stream, ROWS..2 * ROWS);
    server.state().wait_for(TIMEOUT, |state| state.rows() >= 2 * ROWS);
    let began = Instant::now();
    server.set_api_key(Some("another"));
    server.end_streams(FaultStatus::new(Code::Unauthenticated));
    let has_ended = |state: &State| state.streams().iter().all(|stream| stream.end != StreamEnd::Open);
    assert!(server.state().wait_for(TIMEOUT, has_ended), "the stream did not end");
    send(stream, 2 * ROWS..3 * ROWS);
    assert!(server.state().wait_for(TIMEOUT, |state| state.refused() >= 3), "nobody knocked");
    server.set_api_key(Some(KEY));
    (server.state().refused(), began.elapsed())
}

#[test]
fn a_key_that_is_revoked_and_restored_costs_no_row_and_one_attempt_a_second_at_most() {
    let (first, second) = (server(), server());
    let root = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let live = stream_with(&first, |live| live);
            knocks_rarely_and_delivers(&first, &live);
        });
        scope.spawn(|| {
            let backed_up = backed_up_with(second.uri(), root.path(), |live| live);
            knocks_rarely_and_delivers(&second, &backed_up);
        });
    });
}

fn knocks_rarely_and_delivers<T: Transport>(
    server: &LocalServer,
    stream: &SiftStream<IngestionConfigEncoder, T>,
) {
    let (attempts, lasted) = revoke_and_restore(server, stream);
    // The first attempt is a second away already.
    assert!(attempts <= lasted.as_secs(), "{attempts} attempts within {lasted:?}");
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (3 * ROWS, 3 * ROWS));
    assert_complete(server, 3 * ROWS, ROWS);
}
