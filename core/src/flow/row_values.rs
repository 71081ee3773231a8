//! The values of a row where the caller has them.

use super::ValueRef;
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

/// The values of a row, one a channel, in the order of the flow. Both ways to ask may be used, more than once each, and while
/// other senders wait: they tell what is there, and nothing else.
pub trait RowValues {
    /// How many there are.
    fn count(&self) -> usize;

    /// The value at `at`, if it is a number.
    fn number(&self, at: usize) -> Option<Number>;

    /// The value at `at`, which is below [`count`](Self::count).
    fn value(&self, at: usize) -> Result<ValueRef<'_>>;
}
