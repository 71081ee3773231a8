//! What siftstream sends is byte for byte what prost makes of Sift's own message types.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use pbjson_types::{Empty, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use sift_rs::ingest::v1::ingest_with_config_data_channel_value::Type;
use sift_rs::ingest::v1::{IngestWithConfigDataChannelValue, IngestWithConfigDataStreamRequest};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, FlowBuilder, FlowConfig, IngestionConfigForm,
    RunForm, SiftStreamBuilder, TimeValue, Value,
};
use siftstream_server::LocalServer;

const ROWS: usize = 20_000;

const TYPES: [ChannelDataType; 11] = [
    ChannelDataType::Double,
    ChannelDataType::String,
    ChannelDataType::Enum,
    ChannelDataType::BitField,
    ChannelDataType::Bool,
    ChannelDataType::Float,
    ChannelDataType::Int32,
    ChannelDataType::Uint32,
    ChannelDataType::Int64,
    ChannelDataType::Uint64,
    ChannelDataType::Bytes,
];

fn value(data_type: ChannelDataType) -> BoxedStrategy<Value> {
    let given = match data_type {
        ChannelDataType::Double => any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))).boxed(),
        ChannelDataType::Float => any::<u32>().prop_map(|bits| Value::Float(f32::from_bits(bits))).boxed(),
        ChannelDataType::String => ".{0,200}".prop_map(Value::String).boxed(),
        ChannelDataType::Enum => any::<u32>().prop_map(Value::Enum).boxed(),
        ChannelDataType::BitField => {
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::BitField).boxed()
        }
        ChannelDataType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ChannelDataType::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
        ChannelDataType::Uint32 => any::<u32>().prop_map(Value::Uint32).boxed(),
        ChannelDataType::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        ChannelDataType::Uint64 => any::<u64>().prop_map(Value::Uint64).boxed(),
        _ => prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes).boxed(),
    };
    prop_oneof![1 => Just(Value::Empty), 6 => given].boxed()
}

fn time() -> impl Strategy<Value = (i64, u32)> {
    let seconds = prop_oneof![
        Just(0_i64),
        Just(-62_135_596_800_i64),
        Just(253_402_300_799_i64),
        -62_135_596_800_i64..=253_402_300_799_i64,
    ];
    (seconds, prop_oneof![Just(0_u32), Just(999_999_999_u32), 0_u32..=999_999_999])
}

fn as_sift(value: &Value) -> IngestWithConfigDataChannelValue {
    let kind = match value.clone() {
        Value::Double(value) => Type::Double(value),
        Value::Float(value) => Type::Float(value),
        Value::String(value) => Type::String(value),
        Value::Enum(value) => Type::Enum(value),
        Value::BitField(value) => Type::BitField(value),
        Value::Bool(value) => Type::Bool(value),
        Value::Int32(value) => Type::Int32(value),
        Value::Uint32(value) => Type::Uint32(value),
        Value::Int64(value) => Type::Int64(value),
        Value::Uint64(value) => Type::Uint64(value),
        Value::Bytes(value) => Type::Bytes(value),
        _ => Type::Empty(Empty {}),
    };
    IngestWithConfigDataChannelValue { r#type: Some(kind) }
}

fn check(run: Option<RunForm>, end_stream_on_validation_error: bool, rows: usize) {
    let server = LocalServer::builder().keep_rows(true).start().unwrap();
    let channels: Vec<_> =
        TYPES.iter().map(|data_type| ChannelConfig::new(data_type.as_str(), *data_type)).collect();
    let form = IngestionConfigForm {
        asset_name: "rover".to_owned(),
        client_key: "rover-v1".to_owned(),
        flows: vec![FlowConfig { name: "all-types".to_owned(), channels }],
    };
    let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let mut config = SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form)
        .end_stream_on_validation_error(end_stream_on_validation_error);
    if let Some(run) = run {
        config = config.attach_run(run);
    }
    let stream = config.live_only().build_blocking(Duration::from_secs(10)).unwrap();
    let mut row = FlowBuilder::new(&stream.get_flow_descriptor("all-types").unwrap());
    let strategy = (time(), TYPES.map(value));
    let mut runner = TestRunner::deterministic();
    let mut expected = Vec::with_capacity(rows);
    for _ in 0..rows {
        let ((seconds, nanos), values) = strategy.new_tree(&mut runner).unwrap().current();
        row.set_timestamp(TimeValue::try_from_timestamp(seconds, nanos).unwrap());
        for (index, value) in (0..).zip(&values) {
            row.set(ChannelIndex::new(index), value.clone()).unwrap();
        }
        stream.send_timeout(&row, Duration::from_secs(10)).unwrap();
        let message = IngestWithConfigDataStreamRequest {
            ingestion_config_id: stream.encoder().ingestion_config_id().to_owned(),
            flow: "all-types".to_owned(),
            timestamp: Some(Timestamp { seconds, nanos: i32::try_from(nanos).unwrap() }),
            channel_values: values.iter().map(as_sift).collect(),
            run_id: stream.run_id().unwrap_or_default(),
            end_stream_on_validation_error,
            ..IngestWithConfigDataStreamRequest::default()
        };
        expected.push(message.encode_to_vec());
    }
    assert_eq!(stream.finish(Duration::from_secs(30)).unwrap().confirmed, rows as u64);
    assert_eq!(server.state().schema_errors(), []);
    let received = server.state().kept_rows();
    assert_eq!(received.len(), expected.len());
    for (number, (received, expected)) in received.iter().zip(&expected).enumerate() {
        assert_eq!(received.raw, expected.as_slice(), "row {number}");
    }
}

#[test]
fn random_rows_of_all_types_are_the_bytes_that_prost_makes() {
    check(None, false, ROWS);
}

#[test]
fn rows_with_run_and_options_are_the_bytes_that_prost_makes() {
    let run = RunForm {
        name: "run".to_owned(),
        client_key: "run-1".to_owned(),
        description: None,
        tags: Vec::new(),
        metadata: Vec::new(),
    };
    check(Some(run), true, 2_000);
}
