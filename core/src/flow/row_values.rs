//! The values of a row where the caller has them.

use super::Value;
use crate::error::Result;
use crate::schema::ChannelDataType;

/// A number with the type of the channels that take it, in a form that fits into two registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    pub(crate) data_type: ChannelDataType,
    /// As it is written: the bits of a float, or what the varint of an integer says.
    pub(crate) bits: u64,
}

impl Number {
    #[inline(always)]
    fn new(data_type: ChannelDataType, bits: u64) -> Self {
        Self { data_type, bits }
    }

    /// For a `Double` channel.
    #[inline(always)]
    pub fn double(value: f64) -> Self {
        Self::new(ChannelDataType::Double, value.to_bits())
    }

    /// For a `Float` channel.
    #[inline(always)]
    pub fn float(value: f32) -> Self {
        Self::new(ChannelDataType::Float, u64::from(value.to_bits()))
    }

    /// For a `Bool` channel.
    #[inline(always)]
    pub fn bool(value: bool) -> Self {
        Self::new(ChannelDataType::Bool, u64::from(value))
    }

    /// For an `Int32` channel.
    #[inline(always)]
    pub fn int32(value: i32) -> Self {
        Self::new(ChannelDataType::Int32, i64::from(value).cast_unsigned())
    }

    /// For a `Uint32` channel.
    #[inline(always)]
    pub fn uint32(value: u32) -> Self {
        Self::new(ChannelDataType::Uint32, u64::from(value))
    }

    /// For an `Int64` channel.
    #[inline(always)]
    pub fn int64(value: i64) -> Self {
        Self::new(ChannelDataType::Int64, value.cast_unsigned())
    }

    /// For a `Uint64` channel.
    #[inline(always)]
    pub fn uint64(value: u64) -> Self {
        Self::new(ChannelDataType::Uint64, value)
    }

    /// For an `Enum` channel: the number of the entry.
    #[inline(always)]
    pub fn enumeration(entry: u32) -> Self {
        Self::new(ChannelDataType::Enum, u64::from(entry))
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        let Number { data_type, bits } = number;
        // What is cut off is what a number of the type never has.
        let [a, b, c, d, ..] = bits.to_le_bytes();
        let low = [a, b, c, d];
        match data_type {
            ChannelDataType::Double => Self::Double(f64::from_bits(bits)),
            ChannelDataType::Float => Self::Float(f32::from_le_bytes(low)),
            ChannelDataType::Bool => Self::Bool(bits != 0),
            ChannelDataType::Int32 => Self::Int32(i32::from_le_bytes(low)),
            ChannelDataType::Uint32 => Self::Uint32(u32::from_le_bytes(low)),
            ChannelDataType::Int64 => Self::Int64(bits.cast_signed()),
            ChannelDataType::Uint64 => Self::Uint64(bits),
            ChannelDataType::Enum => Self::Enum(u32::from_le_bytes(low)),
            // No number has one of these.
            ChannelDataType::Unspecified
            | ChannelDataType::String
            | ChannelDataType::BitField
            | ChannelDataType::Bytes => Self::Empty,
        }
    }
}

/// A value that is no number, where the caller has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonNumber<'v> {
    /// No news; allowed for a channel of each type.
    Empty,
    /// For a `String` channel.
    String(&'v str),
    /// For a `BitField` channel.
    BitField(&'v [u8]),
    /// For a `Bytes` channel.
    Bytes(&'v [u8]),
}

impl From<NonNumber<'_>> for Value {
    /// Copies the text.
    fn from(value: NonNumber<'_>) -> Self {
        match value {
            NonNumber::Empty => Self::Empty,
            NonNumber::String(text) => Self::String(text.to_owned()),
            NonNumber::BitField(bytes) => Self::BitField(bytes.to_vec()),
            NonNumber::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

/// The values of a row, one a channel, in the order of the flow. They may be asked for more than once, and while other senders
/// wait: they tell what is there, and nothing else.
pub trait RowValues {
    /// How many there are.
    fn count(&self) -> usize;

    /// The value at `at`, which is below [`count`](Self::count), if it is a number.
    fn number(&self, at: usize) -> Option<Number>;

    /// The value at `at`, where there is no number.
    fn non_number(&self, at: usize) -> Result<NonNumber<'_>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_value_that_it_was_made_of() {
        for (number, value) in [
            (Number::double(-0.1), Value::Double(-0.1)),
            (Number::float(-0.1), Value::Float(-0.1)),
            (Number::bool(true), Value::Bool(true)),
            (Number::bool(false), Value::Bool(false)),
            (Number::int32(i32::MIN), Value::Int32(i32::MIN)),
            (Number::uint32(u32::MAX), Value::Uint32(u32::MAX)),
            (Number::int64(i64::MIN), Value::Int64(i64::MIN)),
            (Number::uint64(u64::MAX), Value::Uint64(u64::MAX)),
            (Number::enumeration(u32::MAX), Value::Enum(u32::MAX)),
        ] {
            assert_eq!(Some(number.data_type), value.data_type());
            assert_eq!(Value::from(number), value);
        }
    }
}
