//! Protobuf encoding of one row, byte for byte what prost produces.
//!
//! A row is fields 1 and 2 (constant per flow), 3 (timestamp), 4 (one message per channel), then 5 to 7 (constant
//! per stream). Each value is a message with a single field, so its key, length and content are short and known.

use super::varint;
use crate::flow::TimeValue;

pub(crate) const FIELD_CONFIG_ID: u8 = 1;
pub(crate) const FIELD_FLOW: u8 = 2;
pub(crate) const FIELD_TIMESTAMP: u8 = 3;
pub(crate) const FIELD_RUN_ID: u8 = 5;
pub(crate) const FIELD_END_STREAM_ON_VALIDATION_ERROR: u8 = 6;

pub(crate) const VALUE_STRING: u8 = 1;
pub(crate) const VALUE_BOOL: u8 = 4;
pub(crate) const VALUE_INT32: u8 = 5;
pub(crate) const VALUE_UINT32: u8 = 6;
pub(crate) const VALUE_INT64: u8 = 7;
pub(crate) const VALUE_UINT64: u8 = 8;
pub(crate) const VALUE_BIT_FIELD: u8 = 9;
pub(crate) const VALUE_ENUM: u8 = 10;
pub(crate) const VALUE_BYTES: u8 = 12;

/// Key and length, then seconds and nanoseconds with their keys.
pub(crate) const MAX_TIMESTAMP_LEN: usize = 2 + 11 + 6;
/// The same with what the stores of its last varint touch behind it.
pub(crate) const TIMESTAMP_STORE: usize = 24;
/// The most bytes that a value takes beside its text: key, length, inner key, and a number or an inner length.
pub(crate) const MAX_FIXED_VALUE_LEN: usize = 1 + 10 + 1 + 10;

pub(crate) const WIRE_VARINT: u8 = 0;
pub(crate) const WIRE_FIXED64: u8 = 1;
pub(crate) const WIRE_LEN: u8 = 2;
pub(crate) const WIRE_FIXED32: u8 = 5;

pub(crate) const fn key(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

pub(crate) const VALUE_KEY: u8 = key(4, WIRE_LEN);

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

/// A field of bytes; there also if it is empty.
pub(crate) fn put_bytes(buf: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    buf.push(key(field, WIRE_LEN));
    put_varint(buf, bytes.len() as u64);
    buf.extend_from_slice(bytes);
}

/// A `true` of the row.
pub(crate) fn put_true(buf: &mut Vec<u8>, field: u8) {
    buf.extend_from_slice(&[key(field, WIRE_VARINT), 1]);
}

/// Writes a timestamp as a field at `at`, and returns where it ends. Touches at most [`TIMESTAMP_STORE`] bytes.
#[inline(always)]
pub(crate) fn timestamp_into(out: &mut [u8], at: usize, field: u8, time: TimeValue) -> usize {
    let mut end = at + 2;
    if time.seconds() != 0 {
        out[end] = key(1, WIRE_VARINT);
        end += 1 + varint::put(out, end + 1, time.seconds().cast_unsigned());
    }
    if time.nanos() != 0 {
        out[end] = key(2, WIRE_VARINT);
        end += 1 + varint::put(out, end + 1, u64::from(time.nanos()));
    }
    out[at] = key(field, WIRE_LEN);
    out[at + 1] = (end - at - 2).to_le_bytes()[0];
    end
}

/// A text or bytes as the value of a channel.
pub(crate) fn put_bytes_value(buf: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    let len = bytes.len() as u64;
    buf.push(VALUE_KEY);
    put_varint(buf, 1 + varint_len(len) as u64 + len);
    buf.push(key(field, WIRE_LEN));
    put_varint(buf, len);
    buf.extend_from_slice(bytes);
}
