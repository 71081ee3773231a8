//! A row that is written from where the caller has its values, in one pass over them.

use super::misfit::misfit;
use super::{ChannelIndex, FlowDescriptor, FlowNumber, NonNumber, RowValues, TimeValue};
use crate::encode::{EncodeRow, RowWriter, wire};
use crate::error::{Error, Result};
use crate::schema::ChannelDataType;

/// Values, one for each channel of a flow.
#[derive(Debug)]
pub(crate) struct GivenRow<'r, V> {
    flow: &'r FlowDescriptor,
    timestamp: TimeValue,
    values: &'r V,
    /// Bytes of its texts.
    text_len: usize,
}

impl<'r, V: RowValues> GivenRow<'r, V> {
    /// An error if these are not as many as the flow has channels. Whether each fits its channel is seen when the row is
    /// written; if the flow has channels of texts, whose lengths must be known before, it is seen now.
    #[inline(always)]
    pub(crate) fn new(flow: &'r FlowDescriptor, timestamp: TimeValue, values: &'r V) -> Result<Self> {
        if !flow.is_of_numbers() {
            return Self::checked(flow, timestamp, values);
        }
        flow.check_count(values.count())?;
        Ok(Self { flow, timestamp, values, text_len: 0 })
    }

    /// An error if these are not as many as the flow has channels, or one of them does not fit its channel.
    pub(crate) fn checked(flow: &'r FlowDescriptor, timestamp: TimeValue, values: &'r V) -> Result<Self> {
        flow.check_count(values.count())?;
        let mut row = Self { flow, timestamp, values, text_len: 0 };
        for (at, data_type) in flow.data_types().iter().enumerate() {
            match values.number(at) {
                Some(number) if number.data_type == *data_type => {}
                Some(number) => return Err(row.misfit(at, number.data_type)),
                None => row.text_len += row.text(at, *data_type)?.map_or(0, <[u8]>::len),
            }
        }
        Ok(row)
    }

    /// The text or bytes at `at`, where there is no number; none if there is no news.
    fn text(&self, at: usize, data_type: ChannelDataType) -> Result<Option<&[u8]>> {
        let (given, text) = match self.values.non_number(at)? {
            NonNumber::Empty => return Ok(None),
            NonNumber::String(text) => (ChannelDataType::String, text.as_bytes()),
            NonNumber::BitField(bytes) => (ChannelDataType::BitField, bytes),
            NonNumber::Bytes(bytes) => (ChannelDataType::Bytes, bytes),
        };
        if given == data_type { Ok(Some(text)) } else { Err(self.misfit(at, given)) }
    }

    #[cold]
    fn misfit(&self, at: usize, given: ChannelDataType) -> Error {
        misfit(self.flow, ChannelIndex::at(at), given)
    }
}

impl<V: RowValues> EncodeRow for GivenRow<'_, V> {
    #[inline(always)]
    fn max_len(&self) -> usize {
        self.flow.most_len() + self.text_len
    }

    #[inline(always)]
    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        let mut writer = RowWriter::new(room);
        writer.put_slice(self.flow.prefix());
        writer.put_timestamp(self.timestamp);
        for (at, data_type) in self.flow.data_types().iter().enumerate() {
            match self.values.number(at) {
                Some(number) if number.data_type == *data_type => writer.put_number(number),
                Some(number) => return Err(self.misfit(at, number.data_type)),
                None => match self.text(at, *data_type)? {
                    Some(text) => writer.put_bytes_value(wire::value_field(*data_type), text),
                    None => writer.put_empty(),
                },
            }
        }
        Ok(writer.written())
    }

    #[inline(always)]
    fn flow(&self) -> FlowNumber {
        self.flow.number()
    }

    #[inline(always)]
    fn event_time(&self) -> Option<TimeValue> {
        Some(self.timestamp)
    }
}
