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
    for at in 0..count {
        // SAFETY: the caller promises `count` values at `values`.
        let value = unsafe { &*values.add(at) };
        set(row, ChannelIndex::new(u32::try_from(at).unwrap_or(u32::MAX)), value)?;
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

fn set(row: &mut FlowBuilder, index: ChannelIndex, value: &siftstream_value) -> Result<()> {
    let content = value.content;
    // SAFETY: the caller promises that the member is set that the type names; each member is valid for all bytes.
    unsafe {
        match value.channel_type {
            0 => row.set_empty(index),
            DOUBLE => row.set_double(index, content.double_value),
            FLOAT => row.set_float(index, content.float_value),
            BOOL => row.set_bool(index, content.bool_value != 0),
            INT32 => row.set_int32(index, content.int32_value),
            UINT32 => row.set_uint32(index, content.uint32_value),
            INT64 => row.set_int64(index, content.int64_value),
            UINT64 => row.set_uint64(index, content.uint64_value),
            ENUM => row.set_enum(index, content.enum_value),
            STRING => row.set_string(index, content.string_value.get("a string value")?),
            BIT_FIELD => row.set_bit_field(index, content.bytes_value.get("a bit field value")?),
            BYTES => row.set_bytes(index, content.bytes_value.get("a bytes value")?),
            number => Err(unknown(number)),
        }
    }
}

/// A copy of the caller's value.
pub(crate) fn owned(value: &siftstream_value) -> Result<Value> {
    let content = value.content;
    // SAFETY: as for `set`.
    Ok(unsafe {
        match value.channel_type {
            0 => Value::Empty,
            DOUBLE => Value::Double(content.double_value),
            FLOAT => Value::Float(content.float_value),
            BOOL => Value::Bool(content.bool_value != 0),
            INT32 => Value::Int32(content.int32_value),
            UINT32 => Value::Uint32(content.uint32_value),
            INT64 => Value::Int64(content.int64_value),
            UINT64 => Value::Uint64(content.uint64_value),
            ENUM => Value::Enum(content.enum_value),
            STRING => Value::String(content.string_value.get("a string value")?.to_owned()),
            BIT_FIELD => Value::BitField(content.bytes_value.get("a bit field value")?.to_vec()),
            BYTES => Value::Bytes(content.bytes_value.get("a bytes value")?.to_vec()),
            number => return Err(unknown(number)),
        }
    })
}
