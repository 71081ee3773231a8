//! The file that is being written: creating it, appending chunks to it, finishing it.

use super::SpoolWriter;
use crate::error::{Error, Result};
use crate::seams::filesystem::File;
use crate::spool::journal::Run;
use crate::spool::policy::FsyncPolicy;
use crate::spool::store::StoredFile;
use std::io;

/// So many bytes are handed to the disk at a time: it works while more is written, and a sync finds little left to do.
const HAND_OVER: u64 = 1 << 20;

/// The file that is being written.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Box<dyn File>,
    pub(super) number: u64,
    /// Bytes of whole chunks; more may be in the file after a failed write.
    pub(super) len: u64,
    pub(super) synced: u64,
    /// Up to here the disk was told to write.
    handed_over: u64,
    /// Up to here room is reserved.
    pub(super) reserved: u64,
    pub(super) torn: bool,
    pub(super) named: bool,
    /// From here on the file lost what it was given: that must move to another file.
    pub(super) lost_from: Option<u64>,
    /// The name does not lead to the file any more.
    pub(super) gone: bool,
    /// The ID of its first row, and the ID after its last.
    pub(super) first_id: Option<u64>,
    pub(super) end_id: u64,
}

impl Current {
    /// Reserves room ahead of a chunk of `len` bytes. Only speed depends on it, so that a refusal does not matter.
    pub(super) fn reserve(&mut self, len: u64, ahead: u64) {
        if ahead > 0 && self.len + len > self.reserved {
            self.file.allocate(self.len, ahead.max(len)).ok();
            self.reserved = self.len + ahead.max(len);
        }
    }

    /// Has the disk begin to write what has gathered.
    fn hand_over(&mut self) {
        let gathered = self.len.saturating_sub(self.handed_over);
        if gathered >= HAND_OVER {
            self.file.start_writeback(self.handed_over, gathered);
            self.handed_over = self.len;
        }
    }

    /// Gives back reserved room behind the end.
    pub(super) fn release(&mut self) {
        if self.reserved > self.len {
            self.file.set_len(self.len).ok();
        }
    }

    /// Appends a whole chunk, after cutting off what a failed attempt left behind.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        let result = self.file.append_all(bytes);
        if result.is_err() {
            self.torn = self.file.set_len(self.len).is_err();
        }
        result
    }
}

impl SpoolWriter {
    /// Writes the oldest closed chunk.
    pub(super) fn write_first(&mut self) -> Result<()> {
        let Some(len) = self.closed.front().map(|chunk| chunk.bytes.len() as u64) else { return Ok(()) };
        let limit = self.options.policy.max_backup_file_size;
        // What is moved stays together, so that it is whole in one place even if no sync works any more.
        if !self.moves() {
            self.discard_rewritten();
            self.sync_if_full(len, limit)?;
        }
        if self.closed.is_empty() {
            return Ok(());
        }
        self.open_file()?;
        let ahead = self.options.preallocate.min(limit);
        let (Some(current), Some(chunk)) = (&mut self.current, self.closed.pop_front()) else {
            return Ok(());
        };
        current.reserve(len, ahead);
        if let Err(error) = current.write(&chunk.bytes) {
            let number = current.number;
            self.closed.push_front(chunk);
            return Err(Error::io(format_args!("cannot write backup file {number}"), &error));
        }
        let (start, rows) = (current.len, u64::from(chunk.rows));
        current.len += len;
        current.first_id.get_or_insert(chunk.first_id);
        current.end_id = chunk.ids().end;
        if self.options.policy.fsync != FsyncPolicy::Never {
            current.hand_over();
        }
        let stored = StoredFile { number: current.number, area: self.area, bytes: current.len };
        let run = Run { file: current.number, start, end: current.len, first_id: chunk.first_id, rows };
        self.spool.note_run(run, stored);
        self.unsynced_since.get_or_insert_with(|| self.clock.monotonic());
        self.window.push(chunk);
        if self.options.policy.fsync == FsyncPolicy::Never {
            self.spare.extend(self.window.shrink(self.options.unsynced_window));
        }
        Ok(())
    }

    /// Finishes a file that has no room for `len` bytes more, and keeps what is unsynced within its bound.
    fn sync_if_full(&mut self, len: u64, limit: u64) -> Result<()> {
        if self.current.as_ref().is_some_and(|current| current.len > 0 && current.len + len > limit) {
            self.sync_written()?;
            self.finish_file()?;
        }
        if self.window.bytes() > self.options.unsynced_window
            && self.options.policy.fsync != FsyncPolicy::Never
        {
            self.sync_written()?;
        }
        Ok(())
    }

    /// Creates the next file if there is none.
    pub(super) fn open_file(&mut self) -> Result<()> {
        if self.current.is_some() {
            return Ok(());
        }
        let failed = |error: &io::Error| Error::io("cannot create a backup file", error);
        loop {
            let number = match self.reserved {
                Some(number) => number,
                None => self.spool.reserve_number()?,
            };
            self.reserved = Some(number);
            let path = self.spool.path_of(self.area, number);
            let fs = self.spool.slot().fs();
            let created = match fs.create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.spool.slot().restore().map_err(|error| failed(&error))?;
                    fs.create_new(&path)
                }
                created => created,
            };
            match created {
                Ok(file) => {
                    self.reserved = None;
                    self.spool.set_active(number, true);
                    let (torn, named, gone, lost_from) = (false, false, false, None);
                    self.current = Some(Current {
                        file,
                        number,
                        len: 0,
                        synced: 0,
                        handed_over: 0,
                        reserved: 0,
                        torn,
                        named,
                        lost_from,
                        gone,
                        first_id: None,
                        end_id: 0,
                    });
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.reserved = None,
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    pub(super) fn finish_file(&mut self) -> Result<()> {
        if let Some(mut current) = self.current.take() {
            current.release();
            self.spool.set_active(current.number, false);
        }
        self.spool.sync_journal()
    }
}
