//! Protobuf encoding of one row, byte for byte what prost produces.
//!
//! A row is fields 1 and 2 (constant per flow), 3 (timestamp), 4 (one message per channel), then 5 to 7 (constant
//! per stream). Each value is a message with a single field, so its key, length and content are short and known.

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

/// Appends the first `len` of `bytes`. Copying all of them, a number that the compiler knows, is the faster way.
#[inline]
fn put_some<const N: usize>(buf: &mut Vec<u8>, bytes: &[u8; N], len: usize) {
    let start = buf.len();
    buf.extend_from_slice(bytes);
    buf.truncate(start + len);
}

/// Writes a key and a varint at `at` and returns where they end.
#[inline]
fn key_and_varint_into<const N: usize>(out: &mut [u8; N], at: usize, field: u8, mut value: u64) -> usize {
    out[at] = key(field, WIRE_VARINT);
    let mut end = at + 1;
    while value >= 0x80 {
        out[end] = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        end += 1;
    }
    out[end] = value.to_le_bytes()[0];
    end + 1
}

#[inline]
pub(crate) fn put_timestamp(buf: &mut Vec<u8>, time: TimeValue) {
    put_timestamp_field(buf, FIELD_TIMESTAMP, time);
}

/// The time as another field than that of config rows.
#[inline]
pub(crate) fn put_timestamp_field(buf: &mut Vec<u8>, field: u8, time: TimeValue) {
    let mut bytes = [0_u8; MAX_TIMESTAMP_LEN];
    let mut end = 2;
    if time.seconds() != 0 {
        end = key_and_varint_into(&mut bytes, end, 1, time.seconds().cast_unsigned());
    }
    if time.nanos() != 0 {
        end = key_and_varint_into(&mut bytes, end, 2, u64::from(time.nanos()));
    }
    bytes[0] = key(field, WIRE_LEN);
    bytes[1] = (end - 2).to_le_bytes()[0];
    put_some(buf, &bytes, end);
}

#[inline]
pub(crate) fn put_empty(buf: &mut Vec<u8>) {
    buf.extend_from_slice(&[VALUE_KEY, 2, key(11, WIRE_LEN), 0]);
}

#[inline]
pub(crate) fn put_double(buf: &mut Vec<u8>, value: f64) {
    let mut bytes = [VALUE_KEY, 9, key(2, WIRE_FIXED64), 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[3..].copy_from_slice(&value.to_le_bytes());
    buf.extend_from_slice(&bytes);
}

#[inline]
pub(crate) fn put_float(buf: &mut Vec<u8>, value: f32) {
    let mut bytes = [VALUE_KEY, 5, key(3, WIRE_FIXED32), 0, 0, 0, 0];
    bytes[3..].copy_from_slice(&value.to_le_bytes());
    buf.extend_from_slice(&bytes);
}

#[inline]
pub(crate) fn put_varint_value(buf: &mut Vec<u8>, field: u8, value: u64) {
    let mut bytes = [0_u8; 13];
    let end = key_and_varint_into(&mut bytes, 2, field, value);
    bytes[0] = VALUE_KEY;
    bytes[1] = (end - 2).to_le_bytes()[0];
    put_some(buf, &bytes, end);
}

pub(crate) fn put_bytes_value(buf: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    let len = bytes.len() as u64;
    buf.push(VALUE_KEY);
    put_varint(buf, 1 + varint_len(len) as u64 + len);
    buf.push(key(field, WIRE_LEN));
    put_varint(buf, len);
    buf.extend_from_slice(bytes);
}
