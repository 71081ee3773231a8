//! Room on the disk and in the budget, and what is given up when there is none.

use super::{DroppedRows, SpoolWriter};
use crate::error::{Error, ErrorCode, Result};
use crate::spool::journal::Record;
use std::ops::Range;

/// How many bytes are written between two looks at the free space of the disk.
pub(super) const CHECK_SPACE_EVERY: u64 = 1 << 20;

impl SpoolWriter {
    /// Whether the budget and the disk have room for `len` bytes more.
    pub(super) fn make_room(&mut self, len: u64) -> Result<()> {
        let policy = &self.options.policy;
        let used = self.spool.bytes();
        if let Some(max) = policy.max_bytes.filter(|max| used + len > *max) {
            return Err(full(format!("backups take {used} of at most {max} bytes")));
        }
        self.unchecked_space += len;
        if self.unchecked_space >= CHECK_SPACE_EVERY {
            let free = self.spool.slot().fs().free_space(self.spool.slot().path()).unwrap_or(u64::MAX);
            if free < policy.min_free.saturating_add(len) {
                return Err(full(format!(
                    "the disk has {free} bytes left, of which {} stay free",
                    policy.min_free
                )));
            }
            self.unchecked_space = 0;
        }
        Ok(())
    }

    /// Gives up the oldest finished file; if there is none, the oldest rows are the closed chunk with these IDs.
    pub(super) fn drop_oldest(&mut self, ids: Range<u64>) -> Result<()> {
        let oldest = match self.spool.finished_files().first().copied() {
            Some(file) => file,
            None if self.current.as_ref().is_some_and(|current| current.len > 0) => {
                self.sync_written()?;
                self.finish_file()?;
                return Ok(());
            }
            None => return self.drop_newest(ids),
        };
        let inventory = self.spool.inspect(oldest)?;
        let ids =
            inventory.spans.iter().filter(|span| span.unconfirmed > 0).filter_map(|span| span.ids.clone());
        let (ids, rows) = (ids.collect(), inventory.unconfirmed());
        self.spool.discard(oldest)?;
        self.count_dropped(DroppedRows {
            epoch: inventory.epoch,
            ids,
            rows,
            cause: "no room: oldest dropped",
        })
    }

    /// Gives up the oldest closed chunk, which is newer than everything on disk.
    pub(super) fn drop_newest(&mut self, ids: Range<u64>) -> Result<()> {
        self.spare.extend(self.closed.pop_front().map(|chunk| chunk.bytes));
        let rows = ids.end - ids.start;
        let ids = vec![ids];
        self.count_dropped(DroppedRows {
            epoch: self.spool.epoch(),
            ids,
            rows,
            cause: "no room: newest dropped",
        })
    }

    pub(super) fn count_dropped(&mut self, dropped: DroppedRows) -> Result<()> {
        let rows = dropped.rows;
        self.dropped.push(dropped);
        match self.spool.append(&[Record::Dropped { rows }]) {
            Err(error) if error.code() != ErrorCode::DiskFull => Err(error),
            _ => Ok(()),
        }
    }
}

fn full(what: String) -> Error {
    Error::new(ErrorCode::DiskFull, format!("{what}; make room or raise the limit"))
}
