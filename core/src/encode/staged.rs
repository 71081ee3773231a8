//! The short pieces of a row, put together on the stack. The length of each is known when this is compiled, so that it
//! takes a store or two; the row's buffer is appended to once for many of them.

use super::varint::put;
use super::wire::{
    FIELD_TIMESTAMP, TIMESTAMP_STORE, VALUE_KEY, WIRE_FIXED32, WIRE_FIXED64, WIRE_LEN, WIRE_VARINT, key,
    timestamp_into,
};
use crate::flow::TimeValue;

/// Room for about ten numbers: no more than is cleared by a few stores.
const STAGE: usize = 128;
/// The most that a varint's stores touch.
const VARINT_REACH: usize = 10;

/// A buffer that pieces are appended to by way of the stack. What is there goes into it with [`flush`](Self::flush) only.
pub(crate) struct Staged<'b> {
    buf: &'b mut Vec<u8>,
    bytes: [u8; STAGE],
    len: usize,
}

impl<'b> Staged<'b> {
    #[inline(always)]
    pub(crate) fn new(buf: &'b mut Vec<u8>) -> Self {
        Self { buf, bytes: [0; STAGE], len: 0 }
    }

    /// Moves everything into the buffer, and returns it for what is no short piece.
    #[inline(always)]
    pub(crate) fn flush(&mut self) -> &mut Vec<u8> {
        append(self.buf, &self.bytes[..self.len]);
        self.len = 0;
        self.buf
    }

    #[inline(always)]
    pub(crate) fn put_timestamp(&mut self, time: TimeValue) {
        self.put_timestamp_field(FIELD_TIMESTAMP, time);
    }

    /// The time as another field than that of config rows.
    #[inline(always)]
    pub(crate) fn put_timestamp_field(&mut self, field: u8, time: TimeValue) {
        let at = self.room_for(TIMESTAMP_STORE);
        self.len = timestamp_into(&mut self.bytes, at, field, time);
    }

    #[inline(always)]
    pub(crate) fn put_empty(&mut self) {
        self.put([VALUE_KEY, 2, key(11, WIRE_LEN), 0]);
    }

    #[inline(always)]
    pub(crate) fn put_double(&mut self, value: f64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        self.put([VALUE_KEY, 9, key(2, WIRE_FIXED64), a, b, c, d, e, f, g, h]);
    }

    #[inline(always)]
    pub(crate) fn put_float(&mut self, value: f32) {
        let [a, b, c, d] = value.to_le_bytes();
        self.put([VALUE_KEY, 5, key(3, WIRE_FIXED32), a, b, c, d]);
    }

    #[inline(always)]
    pub(crate) fn put_varint_value(&mut self, field: u8, value: u64) {
        let at = self.room_for(3 + VARINT_REACH);
        let len = put(&mut self.bytes, at + 3, value);
        self.bytes[at..at + 3].copy_from_slice(&[
            VALUE_KEY,
            (1 + len).to_le_bytes()[0],
            key(field, WIRE_VARINT),
        ]);
        self.len = at + 3 + len;
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let at = self.room_for(N);
        self.bytes[at..at + N].copy_from_slice(&bytes);
        self.len = at + N;
    }

    /// Where the next `len` bytes go.
    #[inline(always)]
    fn room_for(&mut self, len: usize) -> usize {
        if self.len + len > STAGE {
            self.flush();
        }
        self.len
    }
}

/// Not inlined, and not given the stage itself: so how much is staged stays in a register.
#[inline(never)]
fn append(buf: &mut Vec<u8>, bytes: &[u8]) {
    buf.extend_from_slice(bytes);
}
