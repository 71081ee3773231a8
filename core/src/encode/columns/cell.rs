//! What one value of a column becomes: one type for each way to write it, so that a column is one loop.

use std::ops::Range;

use crate::encode::varint::{put, store};
use crate::encode::wire;
use crate::flow::Column;
use crate::schema::ChannelDataType as Type;

/// A value as it is written.
pub(super) trait Cell {
    /// How long it is, if that does not depend on the value.
    const WIDTH: Option<usize> = None;

    /// How long it is.
    fn len(&self) -> usize;

    /// Writes it at `at`, and perhaps up to `SCRIBBLE` bytes of nothing behind it.
    fn put(&self, buf: &mut [u8], at: usize);
}

/// Something to be done with all cells of a column.
pub(super) trait Visitor {
    /// What comes of it.
    type Out;

    /// Does it.
    fn visit<C: Cell>(self, cells: impl Iterator<Item = C>) -> Self::Out;
}

/// Hands the cells of some rows of a column to a visitor.
pub(super) fn visit<V: Visitor>(column: &Column<'_>, rows: Range<usize>, visitor: V) -> V::Out {
    match *column {
        Column::Double(values) => visitor.visit(values[rows].iter().map(|&value| Double(value))),
        Column::Float(values) => visitor.visit(values[rows].iter().map(|&value| Float(value))),
        Column::Bool(values) => visitor.visit(values[rows].iter().map(|&value| Bool(value))),
        Column::BoolBytes(values) => visitor.visit(values[rows].iter().map(|&value| Bool(value != 0))),
        Column::Int32(values) => {
            let cell =
                |&value: &i32| Varint::<{ wire::value_field(Type::Int32) }>(i64::from(value).cast_unsigned());
            visitor.visit(values[rows].iter().map(cell))
        }
        Column::Uint32(values) => {
            let cell = |&value: &u32| Varint::<{ wire::value_field(Type::Uint32) }>(u64::from(value));
            visitor.visit(values[rows].iter().map(cell))
        }
        Column::Int64(values) => {
            let cell = |&value: &i64| Varint::<{ wire::value_field(Type::Int64) }>(value.cast_unsigned());
            visitor.visit(values[rows].iter().map(cell))
        }
        Column::Uint64(values) => visitor
            .visit(values[rows].iter().map(|&value| Varint::<{ wire::value_field(Type::Uint64) }>(value))),
        Column::Enum(values) => {
            let cell = |&value: &u32| Varint::<{ wire::value_field(Type::Enum) }>(u64::from(value));
            visitor.visit(values[rows].iter().map(cell))
        }
        Column::String(values) => visitor.visit(
            values[rows].iter().map(|text| Text::<{ wire::value_field(Type::String) }>(text.as_bytes())),
        ),
        Column::Utf8(blobs) => {
            visitor.visit(rows.map(|row| Text::<{ wire::value_field(Type::String) }>(blobs.get(row))))
        }
        Column::BitField(blobs) => {
            visitor.visit(rows.map(|row| Text::<{ wire::value_field(Type::BitField) }>(blobs.get(row))))
        }
        Column::Bytes(blobs) => {
            visitor.visit(rows.map(|row| Text::<{ wire::value_field(Type::Bytes) }>(blobs.get(row))))
        }
    }
}

/// Writes a row of a channel without news.
#[derive(Clone, Copy)]
pub(super) struct Empty;

impl Cell for Empty {
    const WIDTH: Option<usize> = Some(4);

    #[inline(always)]
    fn len(&self) -> usize {
        4
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        store(buf, at, [wire::VALUE_KEY, 2, wire::key(wire::FIELD_EMPTY, wire::WIRE_LEN), 0]);
    }
}

struct Double(f64);

impl Cell for Double {
    const WIDTH: Option<usize> = Some(11);

    #[inline(always)]
    fn len(&self) -> usize {
        11
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        let [a, b, c, d, e, f, g, h] = self.0.to_le_bytes();
        let key = wire::key(wire::value_field(Type::Double), wire::WIRE_FIXED64);
        store(buf, at, [wire::VALUE_KEY, 9, key, a, b, c, d, e, f, g, h]);
    }
}

struct Float(f32);

impl Cell for Float {
    const WIDTH: Option<usize> = Some(7);

    #[inline(always)]
    fn len(&self) -> usize {
        7
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        let [a, b, c, d] = self.0.to_le_bytes();
        store(
            buf,
            at,
            [wire::VALUE_KEY, 5, wire::key(wire::value_field(Type::Float), wire::WIRE_FIXED32), a, b, c, d],
        );
    }
}

struct Bool(bool);

impl Cell for Bool {
    const WIDTH: Option<usize> = Some(4);

    #[inline(always)]
    fn len(&self) -> usize {
        4
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        let key = wire::key(wire::value_field(Type::Bool), wire::WIRE_VARINT);
        store(buf, at, [wire::VALUE_KEY, 2, key, u8::from(self.0)]);
    }
}

/// A number that is a varint in the field `FIELD` of a value.
struct Varint<const FIELD: u8>(u64);

impl<const FIELD: u8> Cell for Varint<FIELD> {
    #[inline(always)]
    fn len(&self) -> usize {
        3 + wire::varint_len(self.0)
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        let len = put(buf, at + 3, self.0);
        store(buf, at, [wire::VALUE_KEY, (1 + len).to_le_bytes()[0], wire::key(FIELD, wire::WIRE_VARINT)]);
    }
}

/// Bytes or text in the field `FIELD` of a value.
struct Text<'a, const FIELD: u8>(&'a [u8]);

impl<const FIELD: u8> Cell for Text<'_, FIELD> {
    #[inline(always)]
    fn len(&self) -> usize {
        let inner = inner_len(self.0.len());
        1 + wire::varint_len(inner as u64) + inner
    }

    #[inline(always)]
    fn put(&self, buf: &mut [u8], at: usize) {
        let inner = inner_len(self.0.len());
        buf[at] = wire::VALUE_KEY;
        let mut end = at + 1;
        end += put(buf, end, inner as u64);
        buf[end] = wire::key(FIELD, wire::WIRE_LEN);
        end += 1;
        end += put(buf, end, self.0.len() as u64);
        buf[end..end + self.0.len()].copy_from_slice(self.0);
    }
}

/// Key, length and content within the value.
#[inline(always)]
fn inner_len(len: usize) -> usize {
    1 + wire::varint_len(len as u64) + len
}
