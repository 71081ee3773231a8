//! Rows to send again, one by one: from a file, or from memory while the disk fails.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::sent::Source;
use crate::error::Result;
use crate::ledger::RangeSet;
use crate::spool::pbfs::GrpcRows;
use crate::spool::{FileInventory, Spool, UnconfirmedRows};
use crate::stream::segment::Segment;

/// A row to send again.
pub(super) struct Row<'a> {
    pub(super) bytes: &'a [u8],
    /// Its message ID, if it is known.
    pub(super) id: Option<u64>,
    /// Its chunk's place in the file.
    pub(super) place: Range<u64>,
}

enum Supply {
    File(Box<UnconfirmedRows>),
    Memory(VecDeque<Arc<Segment>>),
}

/// A batch of rows, copied out of what they come from.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    /// ID and end in `bytes` of each row.
    rows: Vec<(Option<u64>, usize)>,
    next: usize,
    place: Range<u64>,
}

impl Batch {
    fn refill(&mut self, place: Range<u64>) {
        self.bytes.clear();
        self.rows.clear();
        self.next = 0;
        self.place = place;
    }

    fn add(&mut self, id: Option<u64>, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.rows.push((id, self.bytes.len()));
    }
}

/// What is being read.
pub(super) struct Reading {
    source: Source,
    supply: Supply,
    /// Of the running stream: the IDs to send, and those of them that the file should hold and that were not met yet.
    wanted: Option<RangeSet>,
    missing: RangeSet,
    batch: Batch,
}

impl Reading {
    /// All unconfirmed rows of a file of an earlier epoch.
    pub(super) fn earlier(spool: &Arc<Spool>, at: usize, inventory: &FileInventory) -> Result<Self> {
        let source =
            Source { spool: at, file: Some(inventory.file), epoch: inventory.epoch, is_own_epoch: false };
        let supply = Supply::File(Box::new(spool.unconfirmed_rows(inventory)?));
        Ok(Self { source, supply, wanted: None, missing: RangeSet::new(), batch: Batch::default() })
    }

    /// The rows among `wanted` of a file of the running stream.
    pub(super) fn owed(spool: &Arc<Spool>, inventory: &FileInventory, wanted: RangeSet) -> Result<Self> {
        let source =
            Source { spool: 0, file: Some(inventory.file), epoch: inventory.epoch, is_own_epoch: true };
        let supply = Supply::File(Box::new(spool.unconfirmed_rows(inventory)?));
        let held = spool.entry(inventory.file.number).runs;
        let missing = held.iter().flat_map(|run| wanted.overlap(&run.ids())).collect();
        Ok(Self { source, supply, wanted: Some(wanted), missing, batch: Batch::default() })
    }

    /// The rows among `wanted` that are still in memory.
    pub(super) fn from_memory(segments: Vec<Arc<Segment>>, wanted: RangeSet) -> Self {
        let source = Source { spool: 0, file: None, epoch: 0, is_own_epoch: true };
        let supply = Supply::Memory(segments.into());
        Self { source, supply, wanted: Some(wanted), missing: RangeSet::new(), batch: Batch::default() }
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// Where it reads, if from a file.
    pub(super) fn file(&self) -> Option<Source> {
        self.source.file.map(|_| self.source)
    }

    /// The same as place of the spool and number of the file.
    pub(super) fn file_key(&self) -> Option<(usize, u64)> {
        Some((self.source.spool, self.source.file?.number))
    }

    pub(super) fn is_own_epoch(&self) -> bool {
        self.source.is_own_epoch
    }

    /// After the end: wanted rows that the file should have and has not.
    pub(super) fn missing(&self) -> &RangeSet {
        &self.missing
    }

    /// The next row.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        while self.batch.next == self.batch.rows.len() {
            if !self.refill()? {
                return Ok(None);
            }
        }
        let at = self.batch.next;
        self.batch.next += 1;
        let start = if at == 0 { 0 } else { self.batch.rows[at - 1].1 };
        let (id, end) = self.batch.rows[at];
        Ok(Some(Row { bytes: &self.batch.bytes[start..end], id, place: self.batch.place.clone() }))
    }

    /// The last row was not taken: it comes again.
    pub(super) fn put_back(&mut self) {
        self.batch.next -= 1;
    }

    /// Fetches the next batch; false at the end.
    fn refill(&mut self) -> Result<bool> {
        let Self { supply, wanted, missing, batch, .. } = self;
        let is_wanted = |id: u64| wanted.as_ref().is_none_or(|wanted| wanted.contains(&(id..id + 1)));
        match supply {
            Supply::Memory(segments) => {
                let Some(segment) = segments.pop_front() else { return Ok(false) };
                batch.refill(0..0);
                for (id, row) in segment.ids().zip(GrpcRows::new(segment.bytes())) {
                    if is_wanted(id) {
                        batch.add(Some(id), row?);
                    }
                }
            }
            Supply::File(rows) => {
                let Some(chunk) = rows.next_chunk()? else { return Ok(false) };
                batch.refill(chunk.extent());
                for (id, row) in chunk.rows() {
                    // Between two damages nobody knows the IDs: such rows stand for the next ones that are missing.
                    let id = match (id, wanted.is_some()) {
                        (None, true) => missing.first(),
                        (id, _) => id,
                    };
                    if id.is_none_or(is_wanted) {
                        batch.add(id, row);
                    }
                    if let Some(id) = id {
                        missing.remove(&(id..id + 1));
                    }
                }
            }
        }
        Ok(true)
    }
}
