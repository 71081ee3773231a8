//! Many rows as columns, borrowed from JavaScript or owned while they wait for room.

use std::borrow::Cow;
use std::ops::Range;

use siftstream::flow::Timestamps;
use siftstream::{Blobs, ChannelDataType, ChannelIndex, Column, Columns, Result, TimeValue, Validity};

use crate::error::invalid;

/// The values of one channel.
#[derive(Clone)]
pub(crate) enum Values<'a> {
    Double(Cow<'a, [f64]>),
    Float(Cow<'a, [f32]>),
    Bool(Cow<'a, [u8]>),
    Int32(Cow<'a, [i32]>),
    Uint32(Cow<'a, [u32]>),
    Int64(Cow<'a, [i64]>),
    Uint64(Cow<'a, [u64]>),
    Enum(Cow<'a, [u32]>),
    /// Texts or bytes: what kind of channel, where each row begins and the last one ends, and the bytes of all.
    Blobs {
        data_type: ChannelDataType,
        offsets: Cow<'a, [i32]>,
        bytes: Cow<'a, [u8]>,
    },
}

/// One channel of a batch.
#[derive(Clone)]
pub(crate) struct Set<'a> {
    pub(crate) channel: ChannelIndex,
    pub(crate) values: Values<'a>,
    pub(crate) validity: Option<Vec<bool>>,
}

/// The time of each row.
#[derive(Clone)]
pub(crate) enum Times<'a> {
    Nanos(Cow<'a, [i64]>),
    Times(Vec<TimeValue>),
}

/// Rows of one flow.
#[derive(Clone)]
pub(crate) struct Batch<'a> {
    pub(crate) flow: Cow<'a, str>,
    pub(crate) times: Times<'a>,
    pub(crate) sets: Vec<Set<'a>>,
}

impl Batch<'_> {
    pub(crate) fn len(&self) -> usize {
        match &self.times {
            Times::Nanos(times) => times.len(),
            Times::Times(times) => times.len(),
        }
    }

    /// The rows as core takes them.
    pub(crate) fn columns(&self) -> Columns<'_> {
        let times = match &self.times {
            Times::Nanos(times) => Timestamps::Nanos(times),
            Times::Times(times) => Timestamps::Times(times),
        };
        let mut columns = Columns::new(&*self.flow, times);
        for set in &self.sets {
            let values = set.values.column();
            match &set.validity {
                None => columns.set(set.channel, values),
                Some(flags) => columns.set_sparse(set.channel, values, Validity::Flags(flags)),
            };
        }
        columns
    }

    /// Some of the rows; an error if a column has fewer.
    pub(crate) fn rows(&self, rows: Range<usize>) -> Result<Batch<'_>> {
        let times = match &self.times {
            Times::Nanos(times) => Times::Nanos(part(times, &rows)?),
            Times::Times(times) => Times::Times(part(times, &rows)?.into_owned()),
        };
        let sets = self.sets.iter().map(|set| {
            let flags = set.validity.as_ref().map(|flags| part(flags, &rows).map(Cow::into_owned));
            Ok(Set { channel: set.channel, values: set.values.rows(&rows)?, validity: flags.transpose()? })
        });
        Ok(Batch { flow: Cow::Borrowed(&self.flow), times, sets: sets.collect::<Result<_>>()? })
    }

    /// The same rows, independent of JavaScript.
    pub(crate) fn into_owned(self) -> Batch<'static> {
        let times = match self.times {
            Times::Nanos(times) => Times::Nanos(own(times)),
            Times::Times(times) => Times::Times(times),
        };
        let own_set = |set: Set<'_>| Set {
            channel: set.channel,
            values: set.values.into_owned(),
            validity: set.validity,
        };
        Batch {
            flow: Cow::Owned(self.flow.into_owned()),
            times,
            sets: self.sets.into_iter().map(own_set).collect(),
        }
    }
}

impl Values<'_> {
    fn column(&self) -> Column<'_> {
        match self {
            Self::Double(values) => Column::Double(values),
            Self::Float(values) => Column::Float(values),
            Self::Bool(values) => Column::BoolBytes(values),
            Self::Int32(values) => Column::Int32(values),
            Self::Uint32(values) => Column::Uint32(values),
            Self::Int64(values) => Column::Int64(values),
            Self::Uint64(values) => Column::Uint64(values),
            Self::Enum(values) => Column::Enum(values),
            Self::Blobs { data_type, offsets, bytes } => {
                let blobs = Blobs::Offsets { offsets, bytes };
                match data_type {
                    ChannelDataType::String => Column::Utf8(blobs),
                    ChannelDataType::BitField => Column::BitField(blobs),
                    _ => Column::Bytes(blobs),
                }
            }
        }
    }

    fn rows(&self, rows: &Range<usize>) -> Result<Values<'_>> {
        Ok(match self {
            Self::Double(values) => Values::Double(part(values, rows)?),
            Self::Float(values) => Values::Float(part(values, rows)?),
            Self::Bool(values) => Values::Bool(part(values, rows)?),
            Self::Int32(values) => Values::Int32(part(values, rows)?),
            Self::Uint32(values) => Values::Uint32(part(values, rows)?),
            Self::Int64(values) => Values::Int64(part(values, rows)?),
            Self::Uint64(values) => Values::Uint64(part(values, rows)?),
            Self::Enum(values) => Values::Enum(part(values, rows)?),
            Self::Blobs { data_type, offsets, bytes } => {
                // There is one offset more than rows.
                let offsets = part(offsets, &(rows.start..rows.end + 1))?;
                Values::Blobs { data_type: *data_type, offsets, bytes: Cow::Borrowed(bytes) }
            }
        })
    }

    fn into_owned(self) -> Values<'static> {
        match self {
            Self::Double(values) => Values::Double(own(values)),
            Self::Float(values) => Values::Float(own(values)),
            Self::Bool(values) => Values::Bool(own(values)),
            Self::Int32(values) => Values::Int32(own(values)),
            Self::Uint32(values) => Values::Uint32(own(values)),
            Self::Int64(values) => Values::Int64(own(values)),
            Self::Uint64(values) => Values::Uint64(own(values)),
            Self::Enum(values) => Values::Enum(own(values)),
            Self::Blobs { data_type, offsets, bytes } => {
                Values::Blobs { data_type, offsets: own(offsets), bytes: own(bytes) }
            }
        }
    }
}

fn part<'a, T: Clone>(values: &'a [T], rows: &Range<usize>) -> Result<Cow<'a, [T]>> {
    let part = values.get(rows.clone());
    part.map(Cow::Borrowed).ok_or_else(|| invalid("a column has fewer values than there are timestamps"))
}

fn own<T: Clone>(values: Cow<'_, [T]>) -> Cow<'static, [T]> {
    Cow::Owned(values.into_owned())
}
