//! Tagged values, for sending a row in one call.

use siftstream_core::{Error, ErrorCode, NonNumber, Number, Result, RowValues, Value};

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

/// The caller's values of a row.
pub(crate) struct Listed {
    values: *const siftstream_value,
    count: usize,
}

impl Listed {
    pub(crate) fn new(values: *const siftstream_value, count: usize) -> Result<Self> {
        if values.is_null() && count > 0 { Err(null("values")) } else { Ok(Self { values, count }) }
    }

    /// The value at `at`, which is below `count`.
    #[inline(always)]
    fn at(&self, at: usize) -> &siftstream_value {
        // SAFETY: the caller of the library promises `count` values for as long as the call takes. Nobody asks for one before
        // he knows that so many are wanted.
        unsafe { &*self.values.add(at) }
    }
}

impl RowValues for Listed {
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    fn number(&self, at: usize) -> Option<Number> {
        number(self.at(at))
    }

    fn non_number(&self, at: usize) -> Result<NonNumber<'_>> {
        non_number(self.at(at))
    }
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

/// The value, if it is a number.
#[inline(always)]
fn number(value: &siftstream_value) -> Option<Number> {
    let content = &value.content;
    // SAFETY: the caller promises that the member is set that the type names; each member is valid for all bytes.
    Some(unsafe {
        match value.channel_type {
            DOUBLE => Number::double(content.double_value),
            FLOAT => Number::float(content.float_value),
            BOOL => Number::bool(content.bool_value != 0),
            INT32 => Number::int32(content.int32_value),
            UINT32 => Number::uint32(content.uint32_value),
            INT64 => Number::int64(content.int64_value),
            UINT64 => Number::uint64(content.uint64_value),
            ENUM => Number::enumeration(content.enum_value),
            _ => return None,
        }
    })
}

fn non_number(value: &siftstream_value) -> Result<NonNumber<'_>> {
    let content = &value.content;
    // SAFETY: as for `number`.
    Ok(unsafe {
        match value.channel_type {
            0 => NonNumber::Empty,
            STRING => NonNumber::String(content.string_value.get("a string value")?),
            BIT_FIELD => NonNumber::BitField(content.bytes_value.get("a bit field value")?),
            BYTES => NonNumber::Bytes(content.bytes_value.get("a bytes value")?),
            other => return Err(unknown(other)),
        }
    })
}

/// A copy of the caller's value.
pub(crate) fn owned(value: &siftstream_value) -> Result<Value> {
    match number(value) {
        Some(number) => Ok(number.into()),
        None => non_number(value).map(Value::from),
    }
}
