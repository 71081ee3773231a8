//! Columns are taken as a whole or refused as a whole, and without room it is told how far they came.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{assert_complete, server, stream};
use siftstream::{
    Blobs, ChannelConfig, ChannelDataType, ChannelIndex, Column, Columns, ErrorCode, FlowConfig,
    SiftStreamBuilder, Validity,
};
use siftstream_server::{LocalServer, Value};

const TIMEOUT: Duration = Duration::from_secs(30);

fn times(rows: usize) -> Vec<i64> {
    (1_700_000_000_000_000_000..).take(rows).collect()
}

#[test]
fn rows_sent_as_columns_arrive_once_each_and_unaltered() {
    let server = server();
    let stream = stream(&server);
    let rows = 50_000_u32;
    let (times, seqs) = (times(rows as usize), (0..u64::from(rows)).collect::<Vec<_>>());
    let values: Vec<f64> = (0..rows).map(f64::from).collect();
    let mut columns = Columns::new("bench", times.as_slice());
    columns.set("seq", seqs.as_slice()).set("c0", values.as_slice());
    stream.send_columns_timeout(&columns, TIMEOUT).unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (u64::from(rows), u64::from(rows)));
    assert_complete(&server, u64::from(rows), 0);
    assert_eq!(server.state().schema_error_count(), 0);
    for row in server.state().kept_rows() {
        let [Value::Uint64(seq), Value::Double(value)] = row.values[..] else { panic!("{row:?}") };
        #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
        let expected = seq as f64;
        assert_eq!(value.to_bits(), expected.to_bits());
    }
}

#[test]
fn columns_can_be_awaited_inside_a_runtime() {
    let server = server();
    let stream = common::stream_with(&server, |live| live.ingestion_data_channel_capacity(100));
    let (times, seqs) = (times(20_000), (0..20_000).collect::<Vec<u64>>());
    let mut columns = Columns::new("bench", times.as_slice());
    columns.set("seq", seqs.as_slice());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(stream.send_columns(&columns)).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 20_000);
    assert_complete(&server, 20_000, 0);
}

#[test]
fn bad_input_is_refused_as_a_whole_with_its_code() {
    let server = server();
    let mut form = common::form();
    form.flows = vec![FlowConfig {
        name: "f".to_owned(),
        channels: vec![
            ChannelConfig::new("n", ChannelDataType::Uint64),
            ChannelConfig::new("text", ChannelDataType::String),
        ],
    }];
    let credentials = siftstream::Credentials::Config { uri: server.uri(), apikey: common::KEY.to_owned() };
    let stream = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form)
        .max_row_size(1_000)
        .live_only()
        .build_blocking(TIMEOUT)
        .unwrap();
    let other = common::stream(&server);
    let foreign = other.get_flow_descriptor("bench").unwrap();
    let times = times(1_000);
    let (numbers, few) = (vec![1_u64; 1_000], vec![1_u64; 999]);
    let doubles = vec![1.0; 1_000];
    let mut texts = vec!["a"; 1_000];
    let long = "x".repeat(1_000);
    texts[999] = &long;
    let offsets = |last: i32| (0..1_000).chain([last]).collect::<Vec<i32>>();
    let (back, beyond, joined) = (offsets(0), offsets(2_000), vec![b'a'; 1_000]);
    let mut not_text = joined.clone();
    not_text[999] = 0xff;
    let of = |flow: &'static str, channel: &'static str, column| {
        let mut columns = Columns::new(flow, times.as_slice());
        columns.set(channel, column);
        columns
    };
    let blobs = |offsets, bytes| Column::Utf8(Blobs::Offsets { offsets, bytes });
    let good = offsets(1_000);
    let mut twice = of("f", "n", Column::Uint64(&numbers));
    twice.set("n", numbers.as_slice());
    let mut short_validity = Columns::new("f", times.as_slice());
    let validity = Validity::Bitmap { bits: &[0xff; 124], first_bit: 0 };
    short_validity.set_sparse("n", numbers.as_slice(), validity);
    let mut no_such_index = Columns::new("f", times.as_slice());
    no_such_index.set(ChannelIndex::new(2), numbers.as_slice());
    let cases = [
        (of("nowhere", "n", Column::Uint64(&numbers)), ErrorCode::UnknownFlow),
        (Columns::new(&foreign, times.as_slice()), ErrorCode::UnknownFlow),
        (of("f", "m", Column::Uint64(&numbers)), ErrorCode::UnknownChannel),
        (no_such_index, ErrorCode::UnknownChannel),
        (of("f", "n", Column::Double(&doubles)), ErrorCode::WrongType),
        (of("f", "n", Column::Uint64(&few)), ErrorCode::InvalidArgument),
        (twice, ErrorCode::InvalidArgument),
        (short_validity, ErrorCode::InvalidArgument),
        (of("f", "text", blobs(&back, &joined)), ErrorCode::InvalidArgument),
        (of("f", "text", blobs(&beyond, &joined)), ErrorCode::InvalidArgument),
        (of("f", "text", blobs(&[], &joined)), ErrorCode::InvalidArgument),
        (of("f", "text", blobs(&good, &not_text)), ErrorCode::InvalidArgument),
        (
            of("f", "text", Column::Utf8(Blobs::Fixed { width: 0, bytes: &joined })),
            ErrorCode::InvalidArgument,
        ),
        (of("f", "text", Column::String(&texts)), ErrorCode::RowTooLarge),
    ];
    for (columns, code) in &cases {
        // Ok(0) says that another thread had the stream: try again.
        let mut tries = std::iter::repeat_with(|| stream.try_send_columns(columns)).take(1_000);
        let tried = tries.find(|tried| !matches!(tried, Ok(0))).unwrap().unwrap_err();
        assert_eq!((tried.accepted, tried.error.code()), (0, *code), "{tried}");
        let sent = stream.send_columns_timeout(columns, TIMEOUT).unwrap_err();
        assert_eq!((sent.accepted, sent.error.code()), (0, *code), "{sent}");
    }
    assert_eq!(stream.get_metrics_snapshot().rows_accepted, 0);
    stream.send_columns_timeout(&of("f", "text", blobs(&good, &joined)), TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1_000);
    assert_eq!(server.state().schema_error_count(), 0);
}

/// A stream that nothing leaves, with room for some rows.
fn stuck(server: &LocalServer) -> common::Stream {
    common::stream_with(server, |live| {
        live.ingestion_data_channel_capacity(100).replay_window_bytes(64 * 1024)
    })
}

#[test]
fn without_room_the_first_rows_are_taken_and_counted() {
    let server = LocalServer::builder().api_key(Some(common::KEY)).keep_rows(true).start().unwrap();
    server.inject(siftstream_server::Fault::no_response(), siftstream_server::Times::Always);
    let stream = stuck(&server);
    let (times, seqs) = (times(100_000), (0..100_000).collect::<Vec<u64>>());
    let mut columns = Columns::new("bench", times.as_slice());
    columns.set("seq", seqs.as_slice());
    let tried = stream.try_send_columns(&columns).unwrap();
    assert!(tried > 0 && tried < 100_000, "{tried}");
    columns.skip(tried);
    let sent = stream.send_columns_timeout(&columns, Duration::from_millis(200)).unwrap_err();
    assert_eq!(sent.error.code(), ErrorCode::Timeout);
    let accepted = tried + sent.accepted;
    assert_eq!(stream.get_metrics_snapshot().rows_accepted, accepted as u64);
    stream.cancel("enough");
    columns.skip(sent.accepted);
    let refused = stream.send_columns_timeout(&columns, TIMEOUT).unwrap_err();
    assert_eq!((refused.accepted, refused.error.code()), (0, ErrorCode::Cancelled));
}

#[test]
fn an_empty_set_of_rows_is_sent_at_once() {
    let stream = stream(&server());
    stream.send_columns_timeout(&Columns::new("bench", [].as_slice() as &[i64]), Duration::ZERO).unwrap();
    assert_eq!(stream.try_send_columns(&Columns::new("bench", [].as_slice() as &[i64])).unwrap(), 0);
}
