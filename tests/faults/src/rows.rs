//! Rows that prove themselves: all of a row follows from its stream and sequence number, so any change shows.

use prost::Message;
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, FlowBuilder, FlowConfig, IngestionConfigForm, TimeValue,
};
use siftstream_server::Value;
use siftstream_server::proto::sift::ingest::v1::IngestWithConfigDataStreamRequest;

/// The flow that carries them.
pub const FLOW: &str = "telemetry";

const BASE_SECONDS: i64 = 1_700_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// The step between two rows' timestamps; a prime, so that seconds and nanoseconds both change.
const STEP_NANOS: u64 = 999_983;

/// How the rows of one cell look.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The number of the client's stream.
    pub stream: u32,
    /// Bytes of padding in the largest row.
    pub padding: usize,
}

impl Shape {
    fn padding_of(self, seq: u64) -> Vec<u8> {
        let length = match u64::try_from(self.padding) {
            Ok(most @ 1..) => most / 2 + seq % (most / 2 + 1),
            _ => 0,
        };
        (0..length).map(|at| (at.wrapping_mul(31) ^ seq) as u8).collect()
    }

    fn check_of(self, seq: u64) -> f64 {
        f64::from_bits((seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(self.stream)) >> 2)
    }

    /// Fills `builder` with the row `seq`.
    pub fn fill(self, builder: &mut FlowBuilder, seq: u64) {
        let nanos = seq * STEP_NANOS;
        let seconds = BASE_SECONDS + (nanos / NANOS_PER_SECOND).cast_signed();
        let nanos = u32::try_from(nanos % NANOS_PER_SECOND).unwrap();
        builder.set_timestamp(TimeValue::try_from_timestamp(seconds, nanos).unwrap());
        builder.set_uint64(ChannelIndex::new(0), seq).unwrap();
        builder.set_uint32(ChannelIndex::new(1), self.stream).unwrap();
        builder.set_double(ChannelIndex::new(2), self.check_of(seq)).unwrap();
        builder.set_bytes(ChannelIndex::new(3), &self.padding_of(seq)).unwrap();
    }

    /// The sequence number of a row as it was received; an error tells what was altered.
    pub fn read(self, raw: &[u8]) -> Result<u64, String> {
        let row = IngestWithConfigDataStreamRequest::decode(raw).map_err(|error| error.to_string())?;
        let values: Vec<_> = row.channel_values.iter().map(|value| value.r#type.clone()).collect();
        let [Some(Value::Uint64(seq)), rest @ ..] = &values[..] else {
            return Err(format!("a row without a number: {row:?}"));
        };
        let expected = [
            Some(Value::Uint32(self.stream)),
            Some(Value::Double(self.check_of(*seq))),
            Some(Value::Bytes(self.padding_of(*seq))),
        ];
        let nanos = seq.wrapping_mul(STEP_NANOS);
        let time = row.timestamp.unwrap_or_default();
        let is_on_time = time.seconds == BASE_SECONDS + (nanos / NANOS_PER_SECOND).cast_signed()
            && u64::try_from(time.nanos).ok() == Some(nanos % NANOS_PER_SECOND);
        if *rest != expected || !is_on_time || row.flow != FLOW || !row.run_id.is_empty() {
            return Err(format!("row {seq} was altered: {:?} at {time:?}", &rest[..rest.len().min(2)]));
        }
        Ok(*seq)
    }
}

/// The schema of the rows, among flows that are never sent.
pub fn form() -> IngestionConfigForm {
    let idle = |name: &str| FlowConfig {
        name: name.to_owned(),
        channels: vec![ChannelConfig::new("temperature", ChannelDataType::Double)],
    };
    let telemetry = FlowConfig {
        name: FLOW.to_owned(),
        channels: vec![
            ChannelConfig::new("seq", ChannelDataType::Uint64),
            ChannelConfig::new("stream", ChannelDataType::Uint32),
            ChannelConfig::new("check", ChannelDataType::Double),
            ChannelConfig::new("padding", ChannelDataType::Bytes),
        ],
    };
    IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "rig-v1".to_owned(),
        flows: vec![idle("a"), telemetry, idle("b")],
    }
}
