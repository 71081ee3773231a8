//! What the tests beside Sift's crates share: rows of all value types, and the same rows as Sift's own messages.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use pbjson_types::{Empty, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use sift_rs::ingest::v1::ingest_with_config_data_channel_value::Type;
use sift_rs::ingest::v1::{IngestWithConfigDataChannelValue, IngestWithConfigDataStreamRequest};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, FlowBuilder, FlowConfig, IngestionConfigForm, RunForm,
    TimeValue, Value,
};

pub const FLOW: &str = "all-types";
pub const TYPES: [ChannelDataType; 11] = [
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

/// The first and the last second that protobuf knows.
const SECONDS: [i64; 2] = [-62_135_596_800, 253_402_300_799];

pub fn form() -> IngestionConfigForm {
    let channels = TYPES.iter().map(|data_type| ChannelConfig::new(data_type.as_str(), *data_type)).collect();
    IngestionConfigForm {
        asset_name: "rover".to_owned(),
        client_key: "rover-v1".to_owned(),
        flows: vec![FlowConfig { name: FLOW.to_owned(), channels }],
    }
}

pub fn run() -> RunForm {
    RunForm { name: "run".to_owned(), client_key: "run-1".to_owned(), ..RunForm::default() }
}

/// A row before anybody encoded it.
#[derive(Debug, Clone)]
pub struct Row {
    pub seconds: i64,
    pub nanos: u32,
    /// One for each of [`TYPES`].
    pub values: Vec<Value>,
}

impl Row {
    pub fn fill(&self, row: &mut FlowBuilder) {
        row.set_timestamp(TimeValue::try_from_timestamp(self.seconds, self.nanos).unwrap());
        for (index, value) in (0..).zip(&self.values) {
            row.set(ChannelIndex::new(index), value.clone()).unwrap();
        }
    }

    /// The message that Sift's own types make of it.
    pub fn as_sift(&self, config_id: &str, run_id: Option<&str>) -> IngestWithConfigDataStreamRequest {
        IngestWithConfigDataStreamRequest {
            ingestion_config_id: config_id.to_owned(),
            flow: FLOW.to_owned(),
            timestamp: Some(Timestamp { seconds: self.seconds, nanos: i32::try_from(self.nanos).unwrap() }),
            channel_values: self.values.iter().map(as_sift).collect(),
            run_id: run_id.unwrap_or_default().to_owned(),
            ..IngestWithConfigDataStreamRequest::default()
        }
    }
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
    let [first, last] = SECONDS;
    let seconds = prop_oneof![Just(0_i64), Just(first), Just(last), first..=last];
    (seconds, prop_oneof![Just(0_u32), Just(999_999_999_u32), 0_u32..=999_999_999])
}

/// `count` random rows, the same in every run.
pub fn random_rows(count: usize) -> Vec<Row> {
    let strategy = (time(), TYPES.map(value));
    let mut runner = TestRunner::deterministic();
    let row = |_| {
        let ((seconds, nanos), values) = strategy.new_tree(&mut runner).unwrap().current();
        Row { seconds, nanos, values: values.into() }
    };
    (0..count).map(row).collect()
}

/// The ends of each type's range, NaNs with payloads, and rows without news.
pub fn extreme_rows() -> Vec<Row> {
    let doubles = [
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::from_bits(0xFFF8_0000_DEAD_BEEF),
        f64::from_bits(0x7FF0_0000_0000_0001),
        -0.0,
        0.0,
    ];
    let floats = [
        f32::MIN,
        f32::MAX,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(0xFFC0_BEEF),
        f32::from_bits(0x7F80_0001),
        -0.0,
        0.0,
    ];
    let texts = ["", "\0", "é\u{10FFFF}\r\n", "0123456789abcdef"];
    let row = |(at, (double, float)): (usize, (f64, f32))| {
        let even = at % 2 == 0;
        let values = vec![
            Value::Double(double),
            Value::String(texts[at % texts.len()].to_owned()),
            Value::Enum(if even { 0 } else { u32::MAX }),
            Value::BitField(vec![if even { 0 } else { 0xFF }; at]),
            Value::Bool(even),
            Value::Float(float),
            Value::Int32(if even { i32::MIN } else { i32::MAX }),
            Value::Uint32(if even { 0 } else { u32::MAX }),
            Value::Int64(if even { i64::MIN } else { i64::MAX }),
            Value::Uint64(if even { 0 } else { u64::MAX }),
            Value::Bytes((0..=255).cycle().take(at * 100).collect()),
        ];
        Row { seconds: SECONDS[at % 2], nanos: if even { 0 } else { 999_999_999 }, values }
    };
    let mut rows: Vec<_> = doubles.into_iter().zip(floats).enumerate().map(row).collect();
    rows.push(Row { seconds: 0, nanos: 0, values: vec![Value::Empty; TYPES.len()] });
    rows
}

/// All files below `dir`, in the order of their names.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Fails at the first row that is not, byte for byte, the expected one.
pub fn assert_same_rows<R: AsRef<[u8]>>(found: &[R], expected: &[IngestWithConfigDataStreamRequest]) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.as_ref() == expected.encode_to_vec(), "row {number} is not {expected:?}");
    }
}
