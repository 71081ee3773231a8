//! What was handed over, in order, until it is confirmed and written down.

use std::ops::Range;

use crate::spool::StoredFile;

/// Where rows that are sent again come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// The place of the spool in the worker's list.
    pub(super) spool: usize,
    /// The file; none for rows from memory.
    pub(super) file: Option<StoredFile>,
    /// The epoch of the message IDs.
    pub(super) epoch: u64,
    /// They are rows of the running stream: the ledger knows them.
    pub(super) is_own_epoch: bool,
}

/// What is known of rows that were handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Their message IDs.
    Ids(Range<u64>),
    /// Only the chunk they were in.
    Place { extent: Range<u64>, rows: u64 },
    /// No row: the file has been read to its end.
    EndOfFile,
}

/// Rows that were handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) source: Source,
    pub(super) origin: Origin,
    /// They are confirmed when so many rows, of all that were handed over, are.
    pub(super) below: u64,
}

impl Sent {
    pub(super) fn new(source: Source, id: Option<u64>, place: Range<u64>, below: u64) -> Self {
        let origin = match id {
            Some(id) => Origin::Ids(id..id + 1),
            None => Origin::Place { extent: place, rows: 1 },
        };
        Self { source, origin, below }
    }

    /// Takes in a row if it follows on those it has.
    pub(super) fn take_in(
        &mut self,
        source: Source,
        id: Option<u64>,
        place: &Range<u64>,
        below: u64,
    ) -> bool {
        if self.source != source {
            return false;
        }
        match (&mut self.origin, id) {
            (Origin::Ids(ids), Some(id)) if ids.end == id => ids.end += 1,
            (Origin::Place { extent, rows }, None) if extent == place => *rows += 1,
            _ => return false,
        }
        self.below = below;
        true
    }
}
