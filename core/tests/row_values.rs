//! A row whose values are all given with the send: written from where they are, refused if they do not fit, kept for later if there
//! is no room.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Stream, server, stream_with};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, ErrorCode, FlowBuilder, FlowConfig, NonNumber, Number,
    OverflowPolicy, Result, RowValues, TimeValue, TrySendError,
};
use siftstream_server::{KeptRow, Value};

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

/// The time of row `seq`.
fn time(seq: u64) -> TimeValue {
    TimeValue::from_timestamp_nanos(1_000_000_000 * i64::try_from(seq).unwrap())
}

/// A flow of two channels, the second of texts.
fn row_of_texts(stream: &Stream) -> FlowBuilder {
    let channels = vec![
        ChannelConfig::new("seq", ChannelDataType::Uint64),
        ChannelConfig::new("text", ChannelDataType::String),
    ];
    stream.add_new_flows_blocking(&[FlowConfig { name: "texts".to_owned(), channels }], TIMEOUT).unwrap();
    FlowBuilder::new(&stream.get_flow_descriptor("texts").unwrap())
}

fn text(seq: u64, text: &str) -> Given {
    Given(vec![seq.into(), text.into()])
}

/// Sends, until there is room.
fn send(stream: &Stream, row: &mut FlowBuilder, seq: u64, values: &Given) {
    while let Err(refused) = stream.try_send_values(row, time(seq), values) {
        assert!(refused.is_full(), "{}", refused.error());
    }
}

/// Seconds and values of rows that the server took.
fn told(rows: &[KeptRow]) -> Vec<(i64, Vec<Value>)> {
    rows.iter().map(|row| (row.timestamp.unwrap().seconds, row.values.clone())).collect()
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
        match stream.try_send_values(row, time(seq), &given(seq)) {
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
    assert_eq!(refused(stream.try_send_values(&mut row, time(0), &wrong)), ErrorCode::WrongType);
    assert_eq!(refused(stream.try_send_values(&mut row, time(0), &text)), ErrorCode::WrongType);
    assert_eq!(refused(stream.try_send_values(&mut row, time(0), &short)), ErrorCode::InvalidArgument);
    assert_eq!(refused(stream.try_send_values(&mut row, time(0), &long)), ErrorCode::InvalidArgument);
    let other = stream_with(&server, |live| live);
    assert_eq!(refused(other.try_send_values(&mut row, time(0), &given(1))), ErrorCode::UnknownFlow);
    assert_eq!(stream.watermarks().accepted, 0);
    let no_news = Given(vec![7_u64.into(), ().into()]);
    send(&stream, &mut row, 7, &no_news);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    let kept = server.state().kept_rows();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].values, [Value::Uint64(7), Value::Empty(())]);
}

#[test]
fn a_row_is_left_as_it_is_by_values_that_are_sent_and_by_those_that_do_not_fit() {
    let server = server();
    let stream = stream_with(&server, |live| live);
    let mut numbers = row_of(&stream);
    let mut texts = row_of_texts(&stream);
    for row in [&mut numbers, &mut texts] {
        row.set_timestamp(time(100));
        row.set_uint64(ChannelIndex::new(0), 100).unwrap();
    }
    texts.set_string(ChannelIndex::new(1), "own").unwrap();
    send(&stream, &mut numbers, 1, &given(1));
    assert_eq!(refused(stream.try_send_values(&mut numbers, time(2), &text(2, "no"))), ErrorCode::WrongType);
    stream.send_timeout(&numbers, TIMEOUT).unwrap();
    send(&stream, &mut texts, 3, &text(3, "given, and longer than the row's own"));
    assert_eq!(refused(stream.try_send_values(&mut texts, time(4), &given(4))), ErrorCode::WrongType);
    stream.send_timeout(&texts, TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 4);
    let long = "given, and longer than the row's own".to_owned();
    assert_eq!(
        told(&server.state().kept_rows()),
        [
            (1, vec![Value::Uint64(1), Value::Double(0.5)]),
            (100, vec![Value::Uint64(100), Value::Empty(())]),
            (3, vec![Value::Uint64(3), Value::String(long)]),
            (100, vec![Value::Uint64(100), Value::String("own".to_owned())]),
        ]
    );
}

#[test]
fn a_row_that_finds_no_room_holds_the_values_that_it_was_given() {
    let server = server();
    let stream =
        stream_with(&server, |live| live.ingestion_data_channel_capacity(100).replay_window_bytes(64 * 1024));
    let mut row = row_of(&stream);
    let mut texts = row_of_texts(&stream);
    server.stop();
    let full = fill_up(&stream, &mut row, 0);
    let outcome = stream.try_send_values(&mut texts, time(full + 1), &text(full + 1, "later"));
    assert!(matches!(outcome, Err(TrySendError::Full(()))));
    assert_eq!(refused(stream.try_send_values(&mut texts, time(0), &given(0))), ErrorCode::WrongType);
    server.start_again().unwrap();
    stream.send_timeout(&row, TIMEOUT).unwrap();
    stream.send_timeout(&texts, TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, full + 2);
    common::assert_complete(&server, full + 2, full + 2);
    let later = |at: u64, second| (i64::try_from(at).unwrap(), vec![Value::Uint64(at), second]);
    let kept = told(&server.state().kept_rows());
    assert_eq!(
        kept[kept.len() - 2..],
        [later(full, Value::Double(0.5)), later(full + 1, Value::String("later".to_owned()))]
    );
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
            send(&stream, &mut row, seq, &given(seq));
        }
        assert!(stream.get_metrics_snapshot().rows_dropped > 0, "{policy:?}");
        let wrong = Given(vec![1.0.into(), 2.0.into()]);
        let refused = loop {
            match stream.try_send_values(&mut row, time(0), &wrong) {
                Err(TrySendError::Full(())) => {}
                other => break refused(other),
            }
        };
        assert_eq!(refused, ErrorCode::WrongType, "{policy:?}");
        assert_eq!(stream.watermarks().accepted, 2_000, "{policy:?}");
    }
}
