//! Rows given as columns: checked as a whole, then written many at a time, byte for byte as the same rows one by one.

mod block;
mod cell;
mod check;
mod stamp;

pub(crate) use block::Block;

use crate::error::{Error, ErrorCode, Result};
use crate::flow::{FlowDescriptor, FlowNumber, SetColumn, Timestamps};

/// Columns that belong to a flow of the stream, with arrays of one length.
#[derive(Debug)]
pub(crate) struct CheckedColumns<'a> {
    descriptor: FlowDescriptor,
    timestamps: Timestamps<'a>,
    /// In the order of the flow; none for a channel that was not given.
    channels: Box<[Option<SetColumn<'a>>]>,
    /// What each row begins with: room for the gRPC prefix, then the flow's constant fields.
    head: Box<[u8]>,
    /// No row is longer, without what the stream appends.
    most_len: usize,
    first: usize,
    end: usize,
}

impl CheckedColumns<'_> {
    /// The first row to be sent.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// Behind the last row.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Which flow of the stream the rows belong to.
    pub(crate) fn flow(&self) -> FlowNumber {
        self.descriptor.number()
    }

    /// An error if a row with `suffix` more bytes would be larger than `most`.
    pub(crate) fn check_sizes(&self, suffix: usize, most: usize) -> Result<()> {
        let most = most.min(u32::MAX as usize);
        if self.most_len + suffix <= most {
            return Ok(());
        }
        let mut block = Block::new();
        let mut row = self.first;
        while row < self.end {
            block.measure(self, row);
            if block.longest() + suffix > most {
                return Err(Error::new(
                    ErrorCode::RowTooLarge,
                    format!(
                        "flow '{}': among the rows from {row} on is one of {} bytes, larger than max_row_size ({most}): \
                         split it, or raise the limit",
                        self.descriptor.name(),
                        block.longest() + suffix
                    ),
                ));
            }
            row += block.rows();
        }
        Ok(())
    }
}
