//! Many rows of one flow at once: their timestamps, and one array a channel.

use super::{ChannelIndex, FlowDescriptor, TimeValue};
use crate::schema::ChannelDataType;

/// Many rows of one flow, as one array a channel. It borrows the arrays; nothing is looked at until it is sent.
///
/// Row `n` is made of the `n`th element of each array. Channels that are not set are sent as "no news".
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    pub(crate) flow: FlowRef<'a>,
    pub(crate) timestamps: Timestamps<'a>,
    pub(crate) set: Vec<SetColumn<'a>>,
    pub(crate) skipped: usize,
}

/// One channel as the caller gave it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetColumn<'a> {
    pub(crate) channel: ChannelRef<'a>,
    pub(crate) values: Column<'a>,
    pub(crate) validity: Option<Validity<'a>>,
}

/// Which flow: by its descriptor, or by its name.
#[derive(Debug, Clone, Copy)]
pub enum FlowRef<'a> {
    /// The described flow.
    Descriptor(&'a FlowDescriptor),
    /// The flow with this name.
    Name(&'a str),
}

/// Which channel of a flow: by its index, or by its name.
#[derive(Debug, Clone, Copy)]
pub enum ChannelRef<'a> {
    /// The channel at this place.
    Index(ChannelIndex),
    /// The channel with this name.
    Name(&'a str),
}

/// The time of each row.
#[derive(Debug, Clone, Copy)]
pub enum Timestamps<'a> {
    /// Nanoseconds since 1970.
    Nanos(&'a [i64]),
    /// Times.
    Times(&'a [TimeValue]),
}

/// The values of one channel, one a row; the type must be the channel's.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Column<'a> {
    /// For a `Double` channel.
    Double(&'a [f64]),
    /// For a `Float` channel.
    Float(&'a [f32]),
    /// For a `Bool` channel.
    Bool(&'a [bool]),
    /// For a `Bool` channel, a byte a value: 0 is false.
    BoolBytes(&'a [u8]),
    /// For an `Int32` channel.
    Int32(&'a [i32]),
    /// For a `Uint32` channel.
    Uint32(&'a [u32]),
    /// For an `Int64` channel.
    Int64(&'a [i64]),
    /// For a `Uint64` channel.
    Uint64(&'a [u64]),
    /// For an `Enum` channel: the numbers of entries.
    Enum(&'a [u32]),
    /// For a `String` channel.
    String(&'a [&'a str]),
    /// For a `String` channel, as bytes that must be UTF-8.
    Utf8(Blobs<'a>),
    /// For a `BitField` channel.
    BitField(Blobs<'a>),
    /// For a `Bytes` channel.
    Bytes(Blobs<'a>),
}

/// A piece of bytes for each row.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Blobs<'a> {
    /// A slice a row.
    Slices(&'a [&'a [u8]]),
    /// All bytes together; row `n` has those from `offsets[n]` to `offsets[n + 1]`. There is one offset more than rows.
    Offsets {
        /// Where each row begins, and the last one ends.
        offsets: &'a [i32],
        /// The bytes of all rows.
        bytes: &'a [u8],
    },
    /// The same with wide offsets.
    LargeOffsets {
        /// Where each row begins, and the last one ends.
        offsets: &'a [i64],
        /// The bytes of all rows.
        bytes: &'a [u8],
    },
    /// All bytes together, the same number of them for each row.
    Fixed {
        /// Bytes a row; at least 1.
        width: usize,
        /// The bytes of all rows.
        bytes: &'a [u8],
    },
}

/// Which rows have a value; the others are sent as "no news", and what stands in their place is not looked at.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Validity<'a> {
    /// A bit a row, the lowest bit of a byte first; 1 means that there is a value.
    Bitmap {
        /// The bits.
        bits: &'a [u8],
        /// Which bit belongs to the first row.
        first_bit: usize,
    },
    /// A flag a row.
    Flags(&'a [bool]),
}

impl<'a> Columns<'a> {
    /// Rows of a flow at these times, without values yet.
    pub fn new(flow: impl Into<FlowRef<'a>>, timestamps: impl Into<Timestamps<'a>>) -> Self {
        Self { flow: flow.into(), timestamps: timestamps.into(), set: Vec::new(), skipped: 0 }
    }

    /// Gives the values of a channel.
    pub fn set(&mut self, channel: impl Into<ChannelRef<'a>>, values: impl Into<Column<'a>>) -> &mut Self {
        self.set.push(SetColumn { channel: channel.into(), values: values.into(), validity: None });
        self
    }

    /// Gives the values of a channel that has news in some rows only.
    pub fn set_sparse(
        &mut self,
        channel: impl Into<ChannelRef<'a>>,
        values: impl Into<Column<'a>>,
        validity: Validity<'a>,
    ) -> &mut Self {
        self.set.push(SetColumn { channel: channel.into(), values: values.into(), validity: Some(validity) });
        self
    }

    /// Leaves out the first `rows` rows that are left: those that were accepted already.
    pub fn skip(&mut self, rows: usize) {
        self.skipped = self.skipped.saturating_add(rows).min(self.timestamps.len());
    }

    /// How many rows are left to be sent.
    pub fn len(&self) -> usize {
        self.timestamps.len() - self.skipped
    }

    /// Whether no rows are left to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Timestamps<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nanos(nanos) => nanos.len(),
            Self::Times(times) => times.len(),
        }
    }
}

impl Column<'_> {
    /// The type of channel that takes these values.
    pub fn data_type(&self) -> ChannelDataType {
        match self {
            Self::Double(_) => ChannelDataType::Double,
            Self::Float(_) => ChannelDataType::Float,
            Self::Bool(_) | Self::BoolBytes(_) => ChannelDataType::Bool,
            Self::Int32(_) => ChannelDataType::Int32,
            Self::Uint32(_) => ChannelDataType::Uint32,
            Self::Int64(_) => ChannelDataType::Int64,
            Self::Uint64(_) => ChannelDataType::Uint64,
            Self::Enum(_) => ChannelDataType::Enum,
            Self::String(_) | Self::Utf8(_) => ChannelDataType::String,
            Self::BitField(_) => ChannelDataType::BitField,
            Self::Bytes(_) => ChannelDataType::Bytes,
        }
    }
}

impl Validity<'_> {
    /// How many rows it speaks of.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bitmap { bits, first_bit } => bits.len().saturating_mul(8).saturating_sub(*first_bit),
            Self::Flags(flags) => flags.len(),
        }
    }

    #[inline(always)]
    pub(crate) fn has(&self, row: usize) -> bool {
        match self {
            Self::Bitmap { bits, first_bit } => {
                let bit = first_bit + row;
                bits[bit / 8] >> (bit % 8) & 1 == 1
            }
            Self::Flags(flags) => flags[row],
        }
    }
}

/// Writes `From<$from> for $to`.
macro_rules! from_borrowed {
    ($($to:ident: $from:ty => $make:expr;)*) => {
        $(impl<'a> From<$from> for $to<'a> {
            fn from(given: $from) -> Self {
                $make(given)
            }
        })*
    };
}

from_borrowed! {
    FlowRef: &'a FlowDescriptor => Self::Descriptor;
    FlowRef: &'a str => Self::Name;
    ChannelRef: ChannelIndex => Self::Index;
    ChannelRef: &'a str => Self::Name;
    Timestamps: &'a [i64] => Self::Nanos;
    Timestamps: &'a [TimeValue] => Self::Times;
    Column: &'a [f64] => Self::Double;
    Column: &'a [f32] => Self::Float;
    Column: &'a [bool] => Self::Bool;
    Column: &'a [i32] => Self::Int32;
    Column: &'a [u32] => Self::Uint32;
    Column: &'a [i64] => Self::Int64;
    Column: &'a [u64] => Self::Uint64;
    Column: &'a [&'a str] => Self::String;
}
