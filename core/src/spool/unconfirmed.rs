//! Reading back the rows that were not confirmed, to send them again.

use super::journal::FileEntry;
use super::pbfs::{Chunk, Item, PbfsReader};
use super::recover::{FileInventory, Span};
use super::store::Spool;
use crate::error::Result;
use crate::ledger::RangeSet;
use crate::seams::filesystem::File;
use std::ops::Range;

impl Spool {
    /// Reads the rows of a file that were not confirmed.
    pub fn unconfirmed_rows(&self, inventory: &FileInventory) -> Result<UnconfirmedRows> {
        let entry = self.entry(inventory.file.number);
        let confirmed =
            self.with_index(|index| index.confirmed.get(&entry.epoch).cloned()).unwrap_or_default();
        let (source, end) = self.open_file(inventory.file, &entry)?;
        let reader = PbfsReader::between(source, 0, end);
        Ok(UnconfirmedRows {
            reader,
            spans: inventory.spans.clone(),
            entry,
            confirmed,
            at: 0,
            rows_before: 0,
        })
    }
}

/// Reads the unconfirmed rows of a file, chunk by chunk.
#[derive(Debug)]
pub struct UnconfirmedRows {
    reader: PbfsReader<Box<dyn File>>,
    spans: Vec<Span>,
    entry: FileEntry,
    confirmed: RangeSet,
    at: usize,
    rows_before: u64,
}

/// A chunk with at least one unconfirmed row.
#[derive(Debug)]
pub struct UnconfirmedChunk<'a> {
    chunk: Chunk<'a>,
    first_id: Option<u64>,
    confirmed: &'a RangeSet,
}

impl<'a> UnconfirmedChunk<'a> {
    /// Its place, for [`Spool::confirm_extents`] once all its rows are confirmed.
    #[must_use]
    pub fn extent(&self) -> Range<u64> {
        self.chunk.offset..self.chunk.end()
    }

    /// Its unconfirmed rows, with their message IDs where these are known.
    pub fn rows(&self) -> impl Iterator<Item = (Option<u64>, &'a [u8])> + use<'a> {
        let (first_id, confirmed) = (self.first_id, self.confirmed);
        let number = move |(row, message)| (first_id.map(|first| first + row), message);
        let open =
            move |(id, _): &(Option<u64>, &[u8])| !id.is_some_and(|id| confirmed.contains(&(id..id + 1)));
        (0..).zip(self.chunk.messages()).map(number).filter(open)
    }
}

impl UnconfirmedRows {
    /// The next chunk with an unconfirmed row.
    pub fn next_chunk(&mut self) -> Result<Option<UnconfirmedChunk<'_>>> {
        loop {
            let (extent, rows) = match self.reader.next_item()? {
                None => return Ok(None),
                Some(Item::Damage(_)) => continue,
                Some(Item::Chunk(chunk)) => (chunk.offset..chunk.end(), chunk.rows()),
            };
            while self.spans.get(self.at).is_some_and(|span| span.extent.end <= extent.start) {
                self.at += 1;
                self.rows_before = 0;
            }
            let span = self.spans.get(self.at).filter(|span| span.extent.start <= extent.start);
            let first_id = span.and_then(|span| Some(span.ids.as_ref()?.start + self.rows_before));
            self.rows_before += rows;
            let by_id = first_id.is_some_and(|first| self.confirmed.contains(&(first..first + rows)));
            if !by_id && !self.entry.confirmed.contains(&extent) {
                let chunk = self.reader.current(extent)?;
                return Ok(Some(UnconfirmedChunk { chunk, first_id, confirmed: &self.confirmed }));
            }
        }
    }
}
