//! Writes one row in place, by stores of fixed sizes, which may touch bytes behind what they stand for.

use super::varint::{put, store};
use super::wire::{
    FIELD_EMPTY, FIELD_TIMESTAMP, VALUE_KEY, WIRE_FIXED32, WIRE_FIXED64, WIRE_LEN, WIRE_VARINT, key,
    timestamp_into, value_field, varint_len,
};
use crate::flow::{Number, TimeValue};
use crate::schema::ChannelDataType;

/// Writes piece behind piece. There is room for the longest form of each, which [`EncodeRow::max_len`](super::EncodeRow::max_len)
/// counts.
///
/// Whoever writes many values makes one of his own: what he does not lend to others stays in registers.
#[derive(Debug)]
pub(crate) struct RowWriter<'r> {
    rest: &'r mut [u8],
    room: usize,
}

impl<'r> RowWriter<'r> {
    #[inline(always)]
    pub(crate) fn new(room: &'r mut [u8]) -> Self {
        Self { room: room.len(), rest: room }
    }

    /// How many bytes were written.
    #[inline(always)]
    pub(crate) fn written(&self) -> usize {
        self.room - self.rest.len()
    }

    #[inline(always)]
    pub(crate) fn put_slice(&mut self, bytes: &[u8]) {
        self.advance(bytes.len()).copy_from_slice(bytes);
    }

    #[inline(always)]
    pub(crate) fn put_timestamp(&mut self, time: TimeValue) {
        self.put_timestamp_field(FIELD_TIMESTAMP, time);
    }

    /// The time as another field than that of config rows.
    #[inline(always)]
    pub(crate) fn put_timestamp_field(&mut self, field: u8, time: TimeValue) {
        let len = timestamp_into(self.rest, field, time);
        self.advance(len);
    }

    #[inline(always)]
    pub(crate) fn put_empty(&mut self) {
        self.put([VALUE_KEY, 2, key(FIELD_EMPTY, WIRE_LEN), 0]);
    }

    #[inline(always)]
    pub(crate) fn put_number(&mut self, number: Number) {
        match number.data_type {
            ChannelDataType::Double => self.put_double(number.bits),
            ChannelDataType::Float => self.put_float(number.bits),
            varint_type => self.put_varint_value(value_field(varint_type), number.bits),
        }
    }

    /// A double with these bits.
    #[inline(always)]
    pub(crate) fn put_double(&mut self, bits: u64) {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.put([
            VALUE_KEY,
            9,
            key(value_field(ChannelDataType::Double), WIRE_FIXED64),
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        ]);
    }

    /// A float whose bits are the lower half.
    #[inline(always)]
    pub(crate) fn put_float(&mut self, bits: u64) {
        let [a, b, c, d, ..] = bits.to_le_bytes();
        self.put([VALUE_KEY, 5, key(value_field(ChannelDataType::Float), WIRE_FIXED32), a, b, c, d]);
    }

    #[inline(always)]
    pub(crate) fn put_varint_value(&mut self, field: u8, value: u64) {
        let len = put(self.rest, 3, value);
        store(self.rest, 0, [VALUE_KEY, (1 + len).to_le_bytes()[0], key(field, WIRE_VARINT)]);
        self.advance(3 + len);
    }

    /// A text or bytes as the value of a channel.
    #[inline(always)]
    pub(crate) fn put_bytes_value(&mut self, field: u8, bytes: &[u8]) {
        let len = bytes_value_into(self.rest, field, bytes);
        self.advance(len);
    }

    /// A field of bytes; there also if it is empty.
    #[inline(always)]
    pub(crate) fn put_bytes(&mut self, field: u8, bytes: &[u8]) {
        let len = bytes_into(self.rest, 0, field, bytes);
        self.advance(len);
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.advance(N).copy_from_slice(&bytes);
    }

    /// The next `len` bytes, which are written herewith.
    #[inline(always)]
    fn advance(&mut self, len: usize) -> &'r mut [u8] {
        let (written, rest) = std::mem::take(&mut self.rest).split_at_mut(len);
        self.rest = rest;
        written
    }
}

/// Writes a text or bytes as the value of a channel, and returns where it ends.
#[inline(never)]
fn bytes_value_into(out: &mut [u8], field: u8, bytes: &[u8]) -> usize {
    let len = bytes.len() as u64;
    out[0] = VALUE_KEY;
    let at = 1 + put(out, 1, 1 + varint_len(len) as u64 + len);
    bytes_into(out, at, field, bytes)
}

/// Writes a field of bytes at `at`, and returns where it ends.
fn bytes_into(out: &mut [u8], at: usize, field: u8, bytes: &[u8]) -> usize {
    out[at] = key(field, WIRE_LEN);
    let begin = at + 1 + put(out, at + 1, bytes.len() as u64);
    let end = begin + bytes.len();
    out[begin..end].copy_from_slice(bytes);
    end
}
