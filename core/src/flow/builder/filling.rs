//! A row of numbers that is filled while it is written, in one pass over its values.

use super::FlowBuilder;
use crate::encode::{EncodeRow, RowWriter};
use crate::error::Result;
use crate::flow::{FlowNumber, RowValues, TimeValue};

/// A row without channels of texts, and what its channels are set to when it is written.
pub(crate) struct Filling<'r, V> {
    pub(crate) row: &'r mut FlowBuilder,
    pub(crate) values: &'r V,
}

impl<V: RowValues> EncodeRow for Filling<'_, V> {
    #[inline(always)]
    fn max_len(&self) -> usize {
        self.row.max_encoded_len()
    }

    #[inline(always)]
    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        let mut writer = RowWriter::new(room);
        self.row.encode_head(&mut writer);
        for at in 0..self.row.slots.len() {
            match self.row.set_from(self.values, at)? {
                Some(number) => writer.put_number(number),
                None => writer.put_empty(),
            }
        }
        Ok(writer.written())
    }

    #[inline(always)]
    fn flow(&self) -> FlowNumber {
        self.row.descriptor().number()
    }

    #[inline(always)]
    fn event_time(&self) -> Option<TimeValue> {
        self.row.timestamp()
    }
}
