//! Tagged values, for sending a row in one call.

use siftstream_core::{ChannelIndex, Error, ErrorCode, FlowBuilder, Result, TimeValue, Value};

use crate::boundary::null;
use crate::config::siftstream_channel_type as Type;
use crate::view::{siftstream_bytes, siftstream_str};

/// The content of a value; the member that its type names is set.
#[derive(Clone, Copy)]
#[repr(C)]
pub union siftstream_value_content {
    /// For SIFTSTREAM_DOUBLE.
    pub double_value: f64,
    /// For SIFTSTREAM_FLOAT.
    pub float_value: f32,
    /// For SIFTSTREAM_BOOL: 0 is false.
    pub bool_value: u8,
    /// For SIFTSTREAM_INT32.
    pub int32_value: i32,
    /// For SIFTSTREAM_UINT32.
    pub uint32_value: u32,
    /// For SIFTSTREAM_INT64.
    pub int64_value: i64,
    /// For SIFTSTREAM_UINT64.
    pub uint64_value: u64,
    /// For SIFTSTREAM_ENUM: the number of the entry.
    pub enum_value: u32,
    /// For SIFTSTREAM_STRING.
    pub string_value: siftstream_str,
    /// For SIFTSTREAM_BIT_FIELD and SIFTSTREAM_BYTES.
    pub bytes_value: siftstream_bytes,
}

/// A value of one channel.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct siftstream_value {
    /// A siftstream_channel_type; 0 means "no news" for a channel of any type.
    pub channel_type: i32,
    /// The content that the type asks for.
    pub content: siftstream_value_content,
}

/// Fills `row` with the caller's `count` values, one a channel, in the order of the flow.
pub(crate) fn fill(
    row: &mut FlowBuilder,
    timestamp_ns: i64,
    values: *const siftstream_value,
    count: usize,
) -> Result<()> {
    let wanted = row.descriptor().channel_count();
    if count != wanted {
        let flow = row.descriptor().name();
        let message = format!(
            "{count} values were given for the flow '{flow}' of {wanted} channels: give one a channel"
        );
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    if values.is_null() && count > 0 {
        return Err(null("values"));
    }
    row.set_timestamp(TimeValue::from_timestamp_nanos(timestamp_ns));
    // SAFETY: the caller promises `count` values at `values`.
    let values = if count > 0 { unsafe { std::slice::from_raw_parts(values, count) } } else { &[] };
    let index = |at| ChannelIndex::new(u32::try_from(at).unwrap_or(u32::MAX));
    let mut at = 0;
    while at < count {
        at += row.set_numbers(index(at), values[at..].iter().map(number));
        if let Some(value) = values.get(at) {
            set(row, index(at), value)?;
            at += 1;
        }
    }
    Ok(())
}

const DOUBLE: i32 = Type::SIFTSTREAM_DOUBLE as i32;
const STRING: i32 = Type::SIFTSTREAM_STRING as i32;
const ENUM: i32 = Type::SIFTSTREAM_ENUM as i32;
const BIT_FIELD: i32 = Type::SIFTSTREAM_BIT_FIELD as i32;
const BOOL: i32 = Type::SIFTSTREAM_BOOL as i32;
const FLOAT: i32 = Type::SIFTSTREAM_FLOAT as i32;
const INT32: i32 = Type::SIFTSTREAM_INT32 as i32;
const UINT32: i32 = Type::SIFTSTREAM_UINT32 as i32;
const INT64: i32 = Type::SIFTSTREAM_INT64 as i32;
const UINT64: i32 = Type::SIFTSTREAM_UINT64 as i32;
const BYTES: i32 = Type::SIFTSTREAM_BYTES as i32;

fn unknown(number: i32) -> Error {
    let message = format!("{number} is no channel type: use one of siftstream_channel_type, or 0");
    Error::new(ErrorCode::InvalidArgument, message)
}

/// The value, if it is a number; else Empty.
#[inline(always)]
fn number(value: &siftstream_value) -> Value {
    let content = value.content;
    // SAFETY: the caller promises that the member is set that the type names; each member is valid for all bytes.
    unsafe {
        match value.channel_type {
            DOUBLE => Value::Double(content.double_value),
            FLOAT => Value::Float(content.float_value),
            BOOL => Value::Bool(content.bool_value != 0),
            INT32 => Value::Int32(content.int32_value),
            UINT32 => Value::Uint32(content.uint32_value),
            INT64 => Value::Int64(content.int64_value),
            UINT64 => Value::Uint64(content.uint64_value),
            ENUM => Value::Enum(content.enum_value),
            _ => Value::Empty,
        }
    }
}

fn set(row: &mut FlowBuilder, index: ChannelIndex, value: &siftstream_value) -> Result<()> {
    let content = value.content;
    // SAFETY: as for `number`.
    unsafe {
        match value.channel_type {
            STRING => row.set_string(index, content.string_value.get("a string value")?),
            BIT_FIELD => row.set_bit_field(index, content.bytes_value.get("a bit field value")?),
            BYTES => row.set_bytes(index, content.bytes_value.get("a bytes value")?),
            _ => row.set(index, empty_or_number(value)?),
        }
    }
}

fn empty_or_number(value: &siftstream_value) -> Result<Value> {
    match (value.channel_type, number(value)) {
        (0, _) => Ok(Value::Empty),
        (unknown_type, Value::Empty) => Err(unknown(unknown_type)),
        (_, number) => Ok(number),
    }
}

/// A copy of the caller's value.
pub(crate) fn owned(value: &siftstream_value) -> Result<Value> {
    let content = value.content;
    // SAFETY: as for `number`.
    Ok(unsafe {
        match value.channel_type {
            STRING => Value::String(content.string_value.get("a string value")?.to_owned()),
            BIT_FIELD => Value::BitField(content.bytes_value.get("a bit field value")?.to_vec()),
            BYTES => Value::Bytes(content.bytes_value.get("a bytes value")?.to_vec()),
            _ => return empty_or_number(value),
        }
    })
}
