//! What happens to rows when the channel that callers wait for is full.

use crate::events::{EventKind, Events};
use crate::flow::{FlowCounts, FlowNames};
use crate::ledger::RangeSet;

/// What happens to rows when the channel that callers wait for is full: that to the network, or with a disk the one to
/// the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OverflowPolicy {
    /// Callers wait, as long as they chose to; a call that does not wait gets the row back.
    #[default]
    Block,
    /// The row that finds no room is dropped.
    DropNewest,
    /// The oldest rows that wait make room, about 16 KiB of them at a time; never rows that are being sent or written.
    DropOldest,
}

impl OverflowPolicy {
    /// The name used in messages, configuration files and the other languages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
        }
    }

    /// Why rows were dropped, in words.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::Block => "",
            Self::DropNewest => "the channel was full: newest dropped",
            Self::DropOldest => "the channel was full: oldest dropped",
        }
    }
}

/// Rows that were dropped because a channel was full. They were accepted, and have message IDs.
#[derive(Debug, Default)]
pub(crate) struct Overflowed {
    pub(crate) ids: RangeSet,
    pub(crate) flows: FlowCounts,
}

impl Overflowed {
    /// Tells of them in an event.
    pub(crate) fn tell(&self, policy: OverflowPolicy, names: &FlowNames, events: &Events) {
        let rows = self.ids.len();
        tracing::warn!(target: "siftstream::stream", rows, "{}", policy.cause());
        events.emit(EventKind::Dropped {
            ranges: self.ids.iter().collect(),
            rows,
            flows: names.tell(&self.flows),
            cause: policy.cause().to_owned(),
        });
    }
}
