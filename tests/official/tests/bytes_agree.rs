//! What siftstream sends is byte for byte what prost makes of Sift's own message types.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{FLOW, Row, assert_same_rows, extreme_rows, form, random_rows, run};
use prost::Message as _;
use sift_rs::ingest::v1::{IngestArbitraryProtobufDataStreamRequest, IngestWithConfigDataStreamRequest};
use siftstream::{Credentials, FlowBuilder, ProtobufMessage, RunForm, SiftStreamBuilder, TimeValue};
use siftstream_server::LocalServer;

fn check(run: Option<RunForm>, end_stream_on_validation_error: bool, rows: &[Row]) {
    let server = LocalServer::builder().keep_rows(true).start().unwrap();
    let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let mut config = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form())
        .end_stream_on_validation_error(end_stream_on_validation_error);
    if let Some(run) = run {
        config = config.attach_run(run);
    }
    let stream = config.live_only().build_blocking(Duration::from_secs(10)).unwrap();
    let (config_id, run_id) = (stream.encoder().ingestion_config_id(), stream.run_id());
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor(FLOW).unwrap());
    let mut expected = Vec::with_capacity(rows.len());
    for row in rows {
        row.fill(&mut builder);
        stream.send_timeout(&builder, Duration::from_secs(10)).unwrap();
        let message = row.as_sift(config_id, run_id.as_deref());
        expected.push(IngestWithConfigDataStreamRequest { end_stream_on_validation_error, ..message });
    }
    assert_eq!(stream.finish(Duration::from_secs(30)).unwrap().confirmed, rows.len() as u64);
    assert_eq!(server.state().schema_errors(), []);
    let received: Vec<_> = server.state().kept_rows().into_iter().map(|row| row.raw).collect();
    assert_same_rows(&received, &expected);
}

#[test]
fn random_rows_of_all_types_are_the_bytes_that_prost_makes() {
    check(None, false, &random_rows(20_000));
}

#[test]
fn rows_with_run_and_options_are_the_bytes_that_prost_makes() {
    check(Some(run()), true, &random_rows(2_000));
}

#[test]
fn extreme_values_are_the_bytes_that_prost_makes() {
    check(None, false, &extreme_rows());
}

#[test]
fn protobuf_messages_are_the_bytes_that_prost_makes() {
    let server = LocalServer::builder().keep_rows(true).start().unwrap();
    let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let stream = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .arbitrary_protobuf("rig")
        .namespace("space")
        .end_stream_on_validation_error(true)
        .live_only()
        .build_blocking(Duration::from_secs(10))
        .unwrap();
    let values = [Vec::new(), vec![0], vec![0xff; 127], vec![1; 128], vec![2; 70_000]];
    let times = [0, 1, 999_999_999, 1_700_000_000_123_456_789, -1];
    let mut expected = Vec::new();
    for (value, nanos) in values.iter().flat_map(|value| times.map(|nanos| (value, nanos))) {
        let time = TimeValue::from_timestamp_nanos(nanos);
        for name in [None, Some(""), Some("Shown")] {
            let message = ProtobufMessage::new("a.b.C", time, value);
            let message = name.map_or(message, |name| message.display_name(name));
            stream.send_timeout(message, Duration::from_secs(10)).unwrap();
            let message = IngestArbitraryProtobufDataStreamRequest {
                message_type_identifier: "a.b.C".to_owned(),
                message_type_display_name: name.map(str::to_owned),
                asset_name: "rig".to_owned(),
                timestamp: Some(pbjson_types::Timestamp {
                    seconds: time.seconds(),
                    nanos: time.nanos().try_into().unwrap(),
                }),
                value: value.clone(),
                namespace: "space".to_owned(),
                end_stream_on_validation_error: true,
                ..IngestArbitraryProtobufDataStreamRequest::default()
            };
            expected.push(message.encode_to_vec());
        }
    }
    assert_eq!(stream.finish(Duration::from_secs(30)).unwrap().confirmed, expected.len() as u64);
    assert_eq!(server.state().kept_messages(), expected);
}
