//! A row whose values are all given with the send: set and sent in one pass, with the errors and the effects of both.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Stream, server, stream_with};
use siftstream::{
    ErrorCode, FlowBuilder, NonNumber, Number, OverflowPolicy, Result, RowValues, TrySendError,
};
use siftstream_server::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Values that a caller has in his own form.
struct Given(Vec<siftstream::Value>);

impl RowValues for Given {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn number(&self, at: usize) -> Option<Number> {
        match self.0[at] {
            siftstream::Value::Uint64(value) => Some(Number::uint64(value)),
            siftstream::Value::Double(value) => Some(Number::double(value)),
            _ => None,
        }
    }

    fn non_number(&self, at: usize) -> Result<NonNumber<'_>> {
        Ok(match &self.0[at] {
            siftstream::Value::String(text) => NonNumber::String(text),
            _ => NonNumber::Empty,
        })
    }
}

fn given(seq: u64) -> Given {
    Given(vec![seq.into(), 0.5.into()])
}

fn row_of(stream: &Stream) -> FlowBuilder {
    FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap())
}

fn refused(outcome: std::result::Result<(), TrySendError<()>>) -> ErrorCode {
    match outcome {
        Err(TrySendError::Refused(refused)) => refused.error.code(),
        other => panic!("expected a refusal, not {:?}", other.map_err(|error| error.error())),
    }
}

/// Sends rows from `seq` on until one finds no room, and gives its number. The lock may be held for a moment, too: only
/// after many attempts there is no room.
fn fill_up(stream: &Stream, row: &mut FlowBuilder, mut seq: u64) -> u64 {
    let mut attempts = 0;
    while attempts < 1_000 {
        match stream.try_send_values(row, &given(seq)) {
            Ok(()) => (seq, attempts) = (seq + 1, 0),
            Err(TrySendError::Full(())) => attempts += 1,
            Err(refused) => panic!("{}", refused.error()),
        }
        std::thread::yield_now();
    }
    seq
}

#[test]
fn a_row_with_a_value_that_does_not_fit_leaves_nothing_behind() {
    let server = server();
    let stream = stream_with(&server, |live| live);
    let mut row = row_of(&stream);
    let wrong = Given(vec![1_u64.into(), 2_u64.into()]);
    let text = Given(vec![1_u64.into(), "2".into()]);
    let short = Given(vec![1_u64.into()]);
    let long = Given(vec![1_u64.into(), 2.0.into(), 3.0.into()]);
    assert_eq!(refused(stream.try_send_values(&mut row, &wrong)), ErrorCode::WrongType);
    assert_eq!(refused(stream.try_send_values(&mut row, &text)), ErrorCode::WrongType);
    assert_eq!(refused(stream.try_send_values(&mut row, &short)), ErrorCode::InvalidArgument);
    assert_eq!(refused(stream.try_send_values(&mut row, &long)), ErrorCode::InvalidArgument);
    let other = stream_with(&server, |live| live);
    assert_eq!(refused(other.try_send_values(&mut row, &given(1))), ErrorCode::UnknownFlow);
    assert_eq!(stream.watermarks().accepted, 0);
    let no_news = Given(vec![7_u64.into(), ().into()]);
    while stream.try_send_values(&mut row, &no_news).is_err() {}
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    let kept = server.state().kept_rows();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].values, [Value::Uint64(7), Value::Empty(())]);
}

#[test]
fn a_row_that_finds_no_room_holds_the_values_that_it_was_given() {
    let server = server();
    let stream =
        stream_with(&server, |live| live.ingestion_data_channel_capacity(100).replay_window_bytes(64 * 1024));
    server.stop();
    let mut row = row_of(&stream);
    let full = fill_up(&stream, &mut row, 0);
    server.start_again().unwrap();
    stream.send_timeout(&row, TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, full + 1);
    common::assert_complete(&server, full + 1, full + 1);
}

#[test]
fn a_stream_that_drops_rows_refuses_those_that_no_row_can_hold() {
    for policy in [OverflowPolicy::DropNewest, OverflowPolicy::DropOldest] {
        let server = server();
        let stream = stream_with(&server, |live| {
            let live = live.ingestion_data_channel_capacity(100).replay_window_bytes(64 * 1024);
            live.overflow_policy(policy)
        });
        server.stop();
        let mut row = row_of(&stream);
        for seq in 0..2_000 {
            while stream.try_send_values(&mut row, &given(seq)).is_err() {}
        }
        assert!(stream.get_metrics_snapshot().rows_dropped > 0, "{policy:?}");
        let wrong = Given(vec![1.0.into(), 2.0.into()]);
        let refused = loop {
            match stream.try_send_values(&mut row, &wrong) {
                Err(TrySendError::Full(())) => {}
                other => break refused(other),
            }
        };
        assert_eq!(refused, ErrorCode::WrongType, "{policy:?}");
        assert_eq!(stream.watermarks().accepted, 2_000, "{policy:?}");
    }
}
