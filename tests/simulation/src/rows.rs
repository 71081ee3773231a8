//! Rows that say who they are: everything in a row follows from its number.

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, FlowBuilder, FlowConfig, IngestionConfigForm, Result,
    TimeValue,
};
use siftstream_server::{KeptRow, Value};

/// The flow that all rows belong to.
pub const FLOW: &str = "numbered";

const FIRST_SECOND: i64 = 1_700_000_000;

/// The schema of the rows.
pub fn form() -> IngestionConfigForm {
    IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "rig-v1".to_owned(),
        flows: vec![FlowConfig {
            name: FLOW.to_owned(),
            channels: vec![
                ChannelConfig::new("seq", ChannelDataType::Uint64),
                ChannelConfig::new("text", ChannelDataType::String),
            ],
        }],
    }
}

/// Fills `builder` with the row `seq`.
pub fn fill(builder: &mut FlowBuilder, seq: u64) -> Result<()> {
    let nanos = FIRST_SECOND * 1_000_000_000 + i64::try_from(seq).unwrap_or(i64::MAX);
    builder.set_timestamp(TimeValue::from_timestamp_nanos(nanos));
    builder.set_uint64(ChannelIndex::new(0), seq)?;
    builder.set_string(ChannelIndex::new(1), &text(seq))
}

/// Text of 0 to 255 letters.
fn text(seq: u64) -> String {
    let mixed = seq.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [length, letter, ..] = mixed.to_be_bytes();
    char::from(b'a' + letter % 26).to_string().repeat(usize::from(length))
}

/// The number of a row that was received; what is wrong with it, if it is not as it was sent.
pub fn number_of(row: &KeptRow) -> Result<u64, String> {
    let [Value::Uint64(seq), Value::String(found)] = row.values.as_slice() else {
        return Err(format!("a row with other channels: {row:?}"));
    };
    let nanos = i32::try_from(*seq).unwrap_or(i32::MAX);
    let in_time = row.timestamp.is_some_and(|time| (time.seconds, time.nanos) == (FIRST_SECOND, nanos));
    if row.flow != FLOW || !in_time || *found != text(*seq) {
        return Err(format!("row {seq} was altered: {row:?}"));
    }
    Ok(*seq)
}
