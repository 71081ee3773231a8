//! What must hold before any row of columns is accepted.

use std::ops::Range;

use super::CheckedColumns;
use crate::encode::IngestionConfigEncoder;
use crate::error::{Error, ErrorCode, Result};
use crate::flow::{
    Blobs, ChannelIndex, ChannelRef, Column, Columns, FlowDescriptor, FlowRef, SetColumn, no_such_channel,
    wrong_type,
};
use crate::stream::segment::PREFIX_LEN;

impl<'a> CheckedColumns<'a> {
    /// Checks all of `columns` against the schema.
    pub(crate) fn new(columns: &Columns<'a>, encoder: &IngestionConfigEncoder) -> Result<Self> {
        let descriptor = match columns.flow {
            FlowRef::Name(name) => encoder.get_flow_descriptor(name)?,
            FlowRef::Descriptor(descriptor) => {
                encoder.check_owner(descriptor)?;
                descriptor.clone()
            }
        };
        let rows = columns.timestamps.len();
        let mut channels = vec![None; descriptor.channel_count()].into_boxed_slice();
        let mut text_len = 0;
        for column in &columns.set {
            let index = match column.channel {
                ChannelRef::Index(index) => index,
                ChannelRef::Name(name) => descriptor.index(name)?,
            };
            let place =
                channels.get_mut(index.position()).ok_or_else(|| no_such_channel(&descriptor, index))?;
            text_len += check(&descriptor, index, column, columns.skipped..rows)?;
            if place.replace(*column).is_some() {
                return Err(bad(&descriptor, index, "is given twice: give one array a channel"));
            }
        }
        let mut head = vec![0; PREFIX_LEN];
        head.extend_from_slice(descriptor.prefix());
        Ok(Self {
            timestamps: columns.timestamps,
            channels,
            head: head.into(),
            most_len: descriptor.most_len() + text_len,
            first: columns.skipped,
            end: rows,
            descriptor,
        })
    }
}

/// Checks one column; returns the bytes of its longest text.
fn check(
    descriptor: &FlowDescriptor,
    index: ChannelIndex,
    column: &SetColumn<'_>,
    rows: Range<usize>,
) -> Result<usize> {
    let given = column.values.data_type();
    if descriptor.data_type(index) != Some(given) {
        return Err(wrong_type(descriptor, index, given));
    }
    let (values, wanted) = (column.values.len(), rows.end);
    if values != Some(wanted) {
        let values = values.map_or("an unclear number of".to_owned(), |values| values.to_string());
        let why = format!("has {values} values for {wanted} timestamps: give one for each");
        return Err(bad(descriptor, index, &why));
    }
    if let Some(validity) = column.validity.filter(|validity| validity.len() < wanted) {
        let why = format!("has a validity of {} rows for {wanted} timestamps: give all", validity.len());
        return Err(bad(descriptor, index, &why));
    }
    longest_text(descriptor, index, column, rows)
}

fn longest_text(
    descriptor: &FlowDescriptor,
    index: ChannelIndex,
    column: &SetColumn<'_>,
    rows: Range<usize>,
) -> Result<usize> {
    let present = |row: &usize| column.validity.is_none_or(|validity| validity.has(*row));
    match column.values {
        Column::String(texts) => Ok(texts[rows].iter().map(|text| text.len()).max().unwrap_or(0)),
        Column::Utf8(blobs) | Column::BitField(blobs) | Column::Bytes(blobs) => {
            let must_be_text = matches!(column.values, Column::Utf8(_));
            let mut longest = 0;
            for row in rows.filter(present) {
                let bytes = blobs.checked(row).ok_or_else(|| {
                    let why = format!("has offsets in row {row} that go back or beyond the bytes");
                    bad(descriptor, index, &why)
                })?;
                if must_be_text && let Err(error) = std::str::from_utf8(bytes) {
                    let why =
                        format!("is not UTF-8 in row {row} at byte {}: encode it so", error.valid_up_to());
                    return Err(bad(descriptor, index, &why));
                }
                longest = longest.max(bytes.len());
            }
            Ok(longest)
        }
        _ => Ok(0),
    }
}

fn bad(descriptor: &FlowDescriptor, index: ChannelIndex, why: &str) -> Error {
    let channel = descriptor.channel_name(index).unwrap_or_default();
    let message = format!("the column of channel '{channel}' of flow '{}' {why}", descriptor.name());
    Error::new(ErrorCode::InvalidArgument, message)
}

impl Column<'_> {
    /// How many rows it has; none if its parts do not fit each other.
    fn len(&self) -> Option<usize> {
        match self {
            Self::Double(values) => Some(values.len()),
            Self::Float(values) => Some(values.len()),
            Self::Bool(values) => Some(values.len()),
            Self::BoolBytes(values) => Some(values.len()),
            Self::Int32(values) => Some(values.len()),
            Self::Uint32(values) | Self::Enum(values) => Some(values.len()),
            Self::Int64(values) => Some(values.len()),
            Self::Uint64(values) => Some(values.len()),
            Self::String(values) => Some(values.len()),
            Self::Utf8(blobs) | Self::BitField(blobs) | Self::Bytes(blobs) => blobs.len(),
        }
    }
}

impl<'a> Blobs<'a> {
    fn len(&self) -> Option<usize> {
        match self {
            Self::Slices(slices) => Some(slices.len()),
            Self::Offsets { offsets, .. } => offsets.len().checked_sub(1),
            Self::LargeOffsets { offsets, .. } => offsets.len().checked_sub(1),
            Self::Fixed { width, bytes } => {
                bytes.len().checked_div(*width).filter(|_| bytes.len().is_multiple_of(*width))
            }
        }
    }

    /// The bytes of a row; none if its offsets make no sense.
    fn checked(&self, row: usize) -> Option<&'a [u8]> {
        let (bytes, from, to) = match *self {
            Self::Slices(slices) => return slices.get(row).copied(),
            Self::Offsets { offsets, bytes } => {
                let [from, to] = [*offsets.get(row)?, *offsets.get(row + 1)?];
                (bytes, usize::try_from(from).ok()?, usize::try_from(to).ok()?)
            }
            Self::LargeOffsets { offsets, bytes } => {
                let [from, to] = [*offsets.get(row)?, *offsets.get(row + 1)?];
                (bytes, usize::try_from(from).ok()?, usize::try_from(to).ok()?)
            }
            Self::Fixed { width, bytes } => (bytes, row * width, (row + 1) * width),
        };
        bytes.get(from..to)
    }

    /// The bytes of a row that was checked; anything for one without a value.
    pub(super) fn get(&self, row: usize) -> &'a [u8] {
        self.checked(row).unwrap_or_default()
    }
}
