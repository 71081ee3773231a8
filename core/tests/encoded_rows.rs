//! Rows that are encoded already are delivered by the rules of live rows, byte for byte.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::server;
use prost::Message;
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataChannelValue as Value, IngestWithConfigDataStreamRequest as Row,
    ingest_with_config_data_channel_value::Type,
};
use siftstream::{
    Credentials, EncodedRow, ErrorCode, LiveStreamingOnly, RawEncoder, RunForm, RunSelector, SiftStream,
    SiftStreamBuilder,
};
use siftstream_server::{Code, Fault, LocalServer, Times};

const TIMEOUT: Duration = Duration::from_secs(30);

fn stream(server: &LocalServer) -> SiftStream<RawEncoder, LiveStreamingOnly> {
    let credentials = Credentials::Config { uri: server.uri(), apikey: common::KEY.to_owned() };
    SiftStreamBuilder::new(credentials)
        .insecure(true)
        .encoded_rows()
        .max_row_size(1_000)
        .build_blocking(TIMEOUT)
        .unwrap()
}

/// Registers the schema, and encodes rows of it.
fn messages(server: &LocalServer, rows: u64) -> Vec<Vec<u8>> {
    let config = common::stream(server).encoder().ingestion_config_id().to_owned();
    let value = |value| Value { r#type: Some(value) };
    let row = |seq| Row {
        ingestion_config_id: config.clone(),
        flow: "bench".into(),
        timestamp: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 7 }),
        channel_values: vec![value(Type::Uint64(seq)), value(Type::Double(0.5))],
        ..Row::default()
    };
    (0..rows).map(|seq| row(seq).encode_to_vec()).collect()
}

#[test]
fn they_arrive_as_they_were_given_whatever_fails_on_the_way() {
    let server = server();
    let messages = messages(&server, 5_000);
    server.inject(Fault::status(Code::Unavailable, 1_000), Times::N(2));
    server.inject(Fault::early_ok(100, Duration::ZERO), Times::N(1));
    let stream = stream(&server);
    for message in &messages {
        stream.send_timeout(EncodedRow::new(message), TIMEOUT).unwrap();
    }
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (5_000, 5_000));
    common::assert_complete(&server, 5_000, 3 * 5_000);
    let kept = server.state().kept_rows();
    assert!(kept.iter().all(|row| messages.iter().any(|message| **message == *row.raw)));
}

#[test]
fn a_run_that_is_attached_takes_the_place_of_their_own() {
    let server = server();
    let messages = messages(&server, 1);
    let stream = stream(&server);
    let run = RunForm { name: "again".into(), client_key: "again".into(), ..RunForm::default() };
    stream.attach_run_blocking(RunSelector::ByForm(run), TIMEOUT).unwrap();
    stream.send_timeout(EncodedRow::new(&messages[0]), TIMEOUT).unwrap();
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(Some(server.state().kept_rows()[0].run_id.clone()), stream.run_id());
}

#[test]
fn one_that_is_too_large_is_refused_at_the_call() {
    let server = server();
    let stream = stream(&server);
    let refused = stream.send_timeout(EncodedRow::new(&[0; 1_001]), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::RowTooLarge);
    assert_eq!(stream.finish(TIMEOUT).unwrap().accepted, 0);
}
