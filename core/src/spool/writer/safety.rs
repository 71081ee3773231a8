//! Making rows survive a power failure, and saving them from a file that failed.
//!
//! After a failed sync nobody knows what of the unsynced bytes is on disk, and the next sync of the same file says
//! nothing about them; so they are written again, to a new file. Only when those are durable does the journal say how
//! much of the old file counts. A file whose name was removed is saved through its open handle in the same way.

use super::{DroppedRows, LOST, SpoolWriter};
use crate::error::{DataStatus, Error, Result};
use crate::seams::filesystem::File;
use crate::spool::journal::Run;
use crate::spool::pbfs::{Item, PbfsReader};
use crate::spool::store::StoredFile;
use std::io;
use std::ops::Range;

/// Whether a name leads nowhere any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A file whose sync failed: only what was synced before counts, the rest is written elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condemned {
    file: StoredFile,
    /// So many bytes of it count.
    len: u64,
    /// The rows in them have IDs below this one.
    below: u64,
}

impl SpoolWriter {
    /// Syncs what is written. A file whose sync failed is never trusted again: what it was given since its last good
    /// sync goes to a new file, at once, and if that fails too, with the next call.
    pub(super) fn sync_written(&mut self) -> Result<()> {
        let first = self.try_sync();
        let is_lost = self.current.as_ref().is_none_or(|current| current.lost_from.is_some());
        if first.is_ok() || !is_lost || self.moving {
            return first;
        }
        // Moving may fill files, and thus come here again: the second failure ends the attempt.
        self.moving = true;
        let again = self.write_closed().and_then(|()| self.try_sync());
        self.moving = false;
        again
    }

    pub(super) fn try_sync(&mut self) -> Result<()> {
        self.move_lost()?;
        if self.window.is_empty() {
            return Ok(());
        }
        self.sync_name()?;
        let Some(current) = &mut self.current else { return Ok(()) };
        if let Err(error) = current.file.sync_data() {
            current.lost_from = Some(current.synced);
            return Err(Error::io(format_args!("cannot sync backup file {}", current.number), &error)
                .with_data_status(DataStatus::InMemory));
        }
        current.synced = current.len;
        let room = self.options.unsynced_window / self.options.chunk_bytes.max(1);
        self.spare.extend(self.window.clear());
        self.spare.truncate(room);
        self.unsynced_since = None;
        self.recorded_at = self.clock.monotonic();
        self.spool.record_runs()?;
        if !self.moves() {
            self.seal_condemned()?;
        }
        Ok(())
    }

    /// Makes the name of the current file survive a power failure.
    pub(super) fn sync_name(&mut self) -> Result<()> {
        let Some(current) = self.current.as_mut().filter(|current| !current.named) else { return Ok(()) };
        let dir = self.spool.slot().path().join(self.area.dir());
        let synced = self.spool.slot().fs().fsync_dir(&dir);
        synced.map_err(|error| Error::io(format_args!("cannot sync {}", dir.display()), &error))?;
        current.named = true;
        Ok(())
    }

    /// Removes condemned files of which nothing counts, once their rows are written elsewhere: as long as syncs fail,
    /// each attempt leaves one behind.
    pub(super) fn discard_rewritten(&mut self) {
        if self.moves() || self.condemned.is_empty() {
            return;
        }
        let spool = &self.spool;
        self.condemned.retain(|Condemned { file, len, .. }| {
            let removed = *len == 0 && spool.discard(*file).is_ok();
            if removed {
                spool.set_active(file.number, false);
            }
            !removed
        });
    }

    /// The rows of condemned files are safe elsewhere now: says so, and removes files in which nothing is left.
    pub(super) fn seal_condemned(&mut self) -> Result<()> {
        while let Some(Condemned { file, len, below }) = self.condemned.last().copied() {
            self.spool.seal(file.number, len, below)?;
            if len == 0 {
                self.spool.discard(file)?;
            } else {
                self.spool.set_size(StoredFile { bytes: len, ..file });
            }
            self.spool.set_active(file.number, false);
            self.condemned.pop();
        }
        Ok(())
    }

    /// Notices that somebody removed or replaced the file while it is being written.
    pub(super) fn check_name(&mut self) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let path = self.spool.path_of(self.area, current.number);
        let there = match self.spool.slot().fs().metadata(&path) {
            Ok(found) => current.file.inode().is_ok_and(|inode| inode == found.inode),
            Err(error) => !is_gone(&error),
        };
        if !there {
            (current.lost_from, current.gone) = (Some(0), true);
            self.settle()?;
        }
        Ok(())
    }

    /// Moves what a lost file held to a new one: first what only the old file handle can still read, then, as closed
    /// chunks again, what is in memory.
    pub(super) fn move_lost(&mut self) -> Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        let Some(from) = current.lost_from else { return Ok(()) };
        let until = current.len - self.window.bytes() as u64;
        let lost = StoredFile { number: current.number, area: self.area, bytes: current.len };
        let gone = current.gone;
        let Some(old) = self.current.take() else { return Ok(()) };
        if from < until
            && let Err(error) = self.copy_to_new(&*old.file, old.number, from..until)
        {
            if let Some(new) = self.current.take() {
                let bytes = 0;
                self.spool.set_active(new.number, false);
                self.spool.discard(StoredFile { number: new.number, area: self.area, bytes }).ok();
            }
            self.current = Some(old);
            return Err(error);
        }
        let below = self.window.first_id().unwrap_or(self.next_id);
        let mut again = self.window.take();
        self.moved_below = again.back().map_or(0, |chunk| chunk.ids().end).max(self.moved_below);
        again.append(&mut self.closed);
        self.closed = again;
        if gone {
            self.spool.set_active(lost.number, false);
            self.spool.forget(lost.number)?;
            // What removed the file may have removed the journal, too, and with it the schema.
            return self.spool.sync_journal();
        }
        self.condemned.push(Condemned { file: lost, len: from, below });
        Ok(())
    }

    /// The runs of the current file within a stretch that starts at 0 or where the last good sync ended, and ends
    /// where the chunks in memory begin.
    fn runs_between(&self, number: u64, range: &Range<u64>) -> Vec<Run> {
        let clip = |run: Run| {
            let ids = run.ids();
            let first = if run.start < range.start { self.window.first_id() } else { None };
            let last = if run.end > range.end { self.window.first_kept() } else { None };
            let (first_id, end_id) = (first.unwrap_or(ids.start), last.unwrap_or(ids.end));
            let (start, end) = (run.start.max(range.start), run.end.min(range.end));
            Run { start, end, first_id, rows: end_id.saturating_sub(first_id), ..run }
        };
        let runs = self.spool.entry(number).runs;
        runs.into_iter().filter(|run| run.start < range.end && run.end > range.start).map(clip).collect()
    }

    /// Copies the good chunks in a stretch of `source` to a new, synced file.
    pub(super) fn copy_to_new(&mut self, source: &dyn File, number: u64, range: Range<u64>) -> Result<()> {
        self.open_file()?;
        let runs = self.runs_between(number, &range);
        let mut reader = PbfsReader::between(source, range.start, range.end);
        let (mut intact, mut copied) = (true, 0);
        while let Some(item) = reader.next_item()? {
            let Item::Chunk(chunk) = item else {
                intact = false;
                continue;
            };
            let Some(current) = &mut self.current else { break };
            current
                .write(chunk.bytes)
                .map_err(|error| Error::io("cannot move rows to a new backup file", &error))?;
            current.len += chunk.bytes.len() as u64;
            copied += chunk.rows();
        }
        self.sync_name()?;
        let Some(current) = &mut self.current else { return Ok(()) };
        current.file.sync_data().map_err(|error| Error::io("cannot sync a new backup file", &error))?;
        current.synced = current.len;
        let stored = StoredFile { number: current.number, area: self.area, bytes: current.len };
        self.spool.set_size(stored);
        if intact {
            for run in runs {
                let (start, end) = (run.start - range.start, run.end - range.start);
                self.spool.note_run(Run { file: stored.number, start, end, ..run }, stored);
            }
            return Ok(());
        }
        let rows = runs.iter().map(|run| run.rows).sum::<u64>().saturating_sub(copied);
        let ids = runs.iter().map(Run::ids).collect();
        self.count_dropped(DroppedRows { epoch: self.spool.epoch(), ids, rows, cause: LOST })
    }
}
