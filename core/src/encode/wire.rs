//! Protobuf encoding of one row, byte for byte what prost produces.
//!
//! A row is fields 1 and 2 (constant per flow), 3 (timestamp), 4 (one message per channel), then 5 to 7 (constant
//! per stream). Each value is a message with a single field, so its key, length and content are short and known.

use super::varint;
use crate::flow::TimeValue;
use crate::schema::ChannelDataType;

pub(crate) const FIELD_CONFIG_ID: u8 = 1;
pub(crate) const FIELD_FLOW: u8 = 2;
pub(crate) const FIELD_TIMESTAMP: u8 = 3;
pub(crate) const FIELD_RUN_ID: u8 = 5;
pub(crate) const FIELD_END_STREAM_ON_VALIDATION_ERROR: u8 = 6;

/// The longest varint.
const MOST_VARINT: usize = 10;
/// What the stores of a timestamp touch at most: key and length, then seconds and nanoseconds with their keys, and what
/// the store of the last varint writes behind it.
pub(crate) const TIMESTAMP_STORE: usize = 24;

/// The field of a value that says that there is no news.
pub(crate) const FIELD_EMPTY: u8 = 11;

pub(crate) const WIRE_VARINT: u8 = 0;
pub(crate) const WIRE_FIXED64: u8 = 1;
pub(crate) const WIRE_LEN: u8 = 2;
pub(crate) const WIRE_FIXED32: u8 = 5;

pub(crate) const fn key(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

pub(crate) const VALUE_KEY: u8 = key(4, WIRE_LEN);

/// The field of a value that holds content of this type.
pub(crate) const fn value_field(data_type: ChannelDataType) -> u8 {
    match data_type {
        ChannelDataType::String => 1,
        ChannelDataType::Double => 2,
        ChannelDataType::Float => 3,
        ChannelDataType::Bool => 4,
        ChannelDataType::Int32 => 5,
        ChannelDataType::Uint32 => 6,
        ChannelDataType::Int64 => 7,
        ChannelDataType::Uint64 => 8,
        ChannelDataType::BitField => 9,
        ChannelDataType::Enum => 10,
        ChannelDataType::Unspecified => FIELD_EMPTY,
        ChannelDataType::Bytes => 12,
    }
}

/// The most bytes that a value of a type takes, or that its stores touch, beside its text: key, length, inner key, and a
/// number or an inner length.
pub(crate) fn most_value_len(data_type: ChannelDataType) -> usize {
    use ChannelDataType as Type;
    match data_type {
        Type::Double => 3 + 8,
        Type::Float => 3 + 4,
        Type::Bool | Type::Int32 | Type::Uint32 | Type::Int64 | Type::Uint64 | Type::Enum => 3 + MOST_VARINT,
        Type::Unspecified | Type::String | Type::BitField | Type::Bytes => 2 + 2 * MOST_VARINT,
    }
}

/// How many bytes `value` takes as a varint.
#[inline(always)]
pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_varint(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    buf.push(value.to_le_bytes()[0]);
}

/// A string field of the row; nothing for an empty one, as proto3 asks.
pub(crate) fn put_string(buf: &mut Vec<u8>, field: u8, text: &str) {
    if !text.is_empty() {
        buf.push(key(field, WIRE_LEN));
        put_varint(buf, text.len() as u64);
        buf.extend_from_slice(text.as_bytes());
    }
}

/// A `true` of the row.
pub(crate) fn put_true(buf: &mut Vec<u8>, field: u8) {
    buf.extend_from_slice(&[key(field, WIRE_VARINT), 1]);
}

/// Writes a timestamp as a field, and returns how long it is. Touches at most [`TIMESTAMP_STORE`] bytes.
#[inline(always)]
pub(crate) fn timestamp_into(out: &mut [u8], field: u8, time: TimeValue) -> usize {
    let mut end = 2;
    if time.seconds() != 0 {
        out[end] = key(1, WIRE_VARINT);
        end += 1 + varint::put(out, end + 1, time.seconds().cast_unsigned());
    }
    if time.nanos() != 0 {
        out[end] = key(2, WIRE_VARINT);
        end += 1 + varint::put(out, end + 1, u64::from(time.nanos()));
    }
    out[0] = key(field, WIRE_LEN);
    out[1] = (end - 2).to_le_bytes()[0];
    end
}
