//! Writes rows to files: chunks, rotation, room, syncs, and what to do when the disk fails.
//!
//! One thread owns the writer. Rows that it took are never given up by an error: they stay in memory as a chunk that
//! every later call tries to write again, and while such a chunk waits, [`SpoolWriter::append`] takes nothing more.

mod file;
mod room;
mod safety;

use self::file::Current;
use self::room::CHECK_SPACE_EVERY;
use self::safety::Condemned;
use super::pbfs::{ChunkBuilder, GrpcRows, check_rows};
use super::pending::RealIds;
use super::policy::{FsyncPolicy, WhenFull, WriterOptions};
use super::store::{Area, Spool};
use super::window::{Closed, Window};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::seams::clock::Clock;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Why rows are dropped that no policy gave up.
pub(crate) const LOST: &str = "lost by the disk";

const RECORD_EVERY: Duration = Duration::from_millis(500);

/// How far the rows have come. Every row that was appended with an ID below is at that level, or was reported dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Survives a crash of the process.
    pub written: u64,
    /// Survives a power failure.
    pub durable: u64,
}

/// Rows that a policy, or a disk that lost what it had taken, cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedRows {
    /// The epoch of the IDs.
    pub epoch: u64,
    /// The IDs, where they are known. Of rows that the disk lost, only that they are among these IDs is known.
    pub ids: Vec<Range<u64>>,
    /// How many rows.
    pub rows: u64,
    /// What caused it.
    pub cause: &'static str,
}

/// Writes rows to files.
#[derive(Debug)]
pub struct SpoolWriter {
    spool: Arc<Spool>,
    area: Area,
    clock: Arc<dyn Clock>,
    options: WriterOptions,
    building: ChunkBuilder,
    building_since: Option<Duration>,
    building_first: u64,
    closed: VecDeque<Closed>,
    window: Window,
    unsynced_since: Option<Duration>,
    recorded_at: Duration,
    checked_at: Duration,
    next_id: u64,
    current: Option<Current>,
    reserved: Option<u64>,
    condemned: Vec<Condemned>,
    /// Rows of a file whose sync failed are being moved.
    moving: bool,
    /// Chunks below this ID were in such a file before.
    moved_below: u64,
    unchecked_space: u64,
    marks: Watermarks,
    dropped: Vec<DroppedRows>,
    spare: Vec<Vec<u8>>,
}

impl SpoolWriter {
    /// A writer into one directory of a spool. Creates its first file with its first row.
    #[must_use]
    pub fn new(spool: Arc<Spool>, area: Area, clock: Arc<dyn Clock>, options: WriterOptions) -> Self {
        let now = clock.monotonic();
        Self {
            spool,
            area,
            clock,
            options,
            building: ChunkBuilder::default(),
            building_since: None,
            building_first: 0,
            closed: VecDeque::new(),
            window: Window::default(),
            unsynced_since: None,
            recorded_at: now,
            checked_at: now,
            next_id: 0,
            current: None,
            reserved: None,
            condemned: Vec::new(),
            moving: false,
            moved_below: 0,
            unchecked_space: CHECK_SPACE_EVERY,
            marks: Watermarks::default(),
            dropped: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Takes a segment of gRPC-framed rows with the IDs `first_id..first_id + rows`, which must be above all earlier
    /// ones. After an error nothing was taken: pass the same segment again once the cause is gone. `DiskFull` means
    /// that there is no room (the policy says whether to wait).
    pub fn append(&mut self, segment: &[u8], first_id: u64, rows: u32) -> Result<()> {
        self.settle()?;
        if first_id < self.next_id {
            let next = self.next_id;
            let message = format!("rows from ID {first_id} cannot follow those below {next}");
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        if first_id != self.next_id {
            self.close();
            self.settle()?;
        }
        let next_id = std::mem::replace(&mut self.next_id, first_id);
        if let Err(error) = self.take(segment, rows) {
            self.next_id = next_id;
            return Err(error);
        }
        if self.building.rows() >= self.options.batch_size {
            self.close();
        }
        self.write_closed().ok();
        Ok(())
    }

    /// Takes a segment whole if it fits into a chunk, else row by row; after an error nothing of it.
    fn take(&mut self, segment: &[u8], rows: u32) -> Result<()> {
        let fits = |chunk: &ChunkBuilder| {
            chunk.rows().saturating_add(rows) <= self.options.batch_size
                && chunk.len() + segment.len() <= self.options.chunk_bytes
        };
        let mut fits_now = fits(&self.building);
        if !fits_now && fits(&ChunkBuilder::default()) && self.is_nearly_full() {
            self.close();
            self.settle()?;
            fits_now = true;
        }
        if !fits_now {
            check_rows(segment, rows)?;
            return GrpcRows::new(segment).try_for_each(|row| self.push(row?));
        }
        let was_empty = self.building.is_empty();
        self.building.push_rows(segment, rows)?;
        if was_empty && rows > 0 {
            self.begin();
        }
        self.next_id += u64::from(rows);
        Ok(())
    }

    /// The ID of the next row.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Says that the rows below `next_id` which were not appended need not be (they are confirmed already).
    pub fn skip_to(&mut self, next_id: u64) {
        if next_id > self.next_id {
            self.close();
            self.next_id = next_id;
        }
    }

    /// Does what is due: closes a chunk that waited long enough, writes, syncs. Call it when nothing is left to
    /// append, and at [`SpoolWriter::next_deadline`].
    pub fn poll(&mut self) -> Result<Watermarks> {
        let now = self.clock.monotonic();
        if self.building_since.is_some_and(|since| now >= since + self.options.flush_interval) {
            self.close();
        }
        self.settle()?;
        if now >= self.checked_at + self.options.flush_interval {
            self.checked_at = now;
            self.check_name()?;
        }
        let due = match self.options.policy.fsync {
            FsyncPolicy::Never => false,
            FsyncPolicy::Interval(interval) => {
                self.unsynced_since.is_some_and(|since| now >= since + interval)
            }
            FsyncPolicy::EveryChunk => !self.window.is_empty(),
        };
        if due {
            self.sync_written()?;
        } else if now >= self.recorded_at + RECORD_EVERY {
            self.recorded_at = now;
            self.spool.record_runs()?;
        }
        Ok(self.watermarks())
    }

    /// When [`SpoolWriter::poll`] has something to do, on the clock's monotonic time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let chunk = self.building_since.map(|since| since + self.options.flush_interval);
        let sync = match self.options.policy.fsync {
            FsyncPolicy::Never => None,
            FsyncPolicy::Interval(interval) => self.unsynced_since.map(|since| since + interval),
            FsyncPolicy::EveryChunk => self.unsynced_since,
        };
        chunk.into_iter().chain(sync).min()
    }

    /// Writes every row that was taken.
    pub fn flush(&mut self) -> Result<Watermarks> {
        self.close();
        self.settle()?;
        self.check_name()?;
        Ok(self.watermarks())
    }

    /// Writes every row that was taken, and makes it survive a power failure.
    pub fn sync(&mut self) -> Result<Watermarks> {
        self.flush()?;
        self.sync_written()?;
        Ok(self.watermarks())
    }

    /// Finishes the current file; the next row begins another.
    pub fn rotate(&mut self) -> Result<Watermarks> {
        self.flush()?;
        self.finish_written()
    }

    /// Finishes the current file, if there is one, as it is: rows that were not written yet go to the next one.
    pub fn finish_written(&mut self) -> Result<Watermarks> {
        self.sync_written()?;
        self.finish_file()?;
        Ok(self.watermarks())
    }

    /// From now on writes to `data/`. Rows that still wait in memory, be it for room, go there, too, with `ids` in the
    /// place of their placeholders.
    pub fn begin_data(&mut self, ids: &RealIds) -> Result<()> {
        self.close();
        self.finish_written()?;
        let known = self.closed.iter().map(|chunk| ids.put_into_chunk(&chunk.bytes));
        let known = known.collect::<Result<Vec<_>>>()?;
        self.closed.iter_mut().zip(known).for_each(|(chunk, bytes)| chunk.bytes = bytes);
        self.area = Area::Data;
        Ok(())
    }

    /// How far the rows have come. Never goes back.
    pub fn watermarks(&mut self) -> Watermarks {
        let building = (!self.building.is_empty()).then_some(self.building_first);
        let memory = self.closed.front().map(|chunk| chunk.first_id).or(building).unwrap_or(self.next_id);
        let unsynced = self.window.first_id().unwrap_or(memory).min(memory);
        self.marks.written = self.marks.written.max(memory);
        self.marks.durable = self.marks.durable.max(unsynced);
        self.marks
    }

    /// Whether rows of a file that failed are not safe in another one yet. Until then no finished file has them.
    #[must_use]
    pub fn is_saving(&self) -> bool {
        self.moves() || !self.condemned.is_empty()
    }

    /// Whether rows that were written once wait to be written again.
    fn moves(&self) -> bool {
        self.closed.front().is_some_and(|chunk| chunk.first_id < self.moved_below)
    }

    /// How many rows are in memory only.
    #[must_use]
    pub fn rows_in_memory(&self) -> u64 {
        u64::from(self.building.rows()) + self.closed.iter().map(|chunk| u64::from(chunk.rows)).sum::<u64>()
    }

    /// The number of the file that is being written.
    #[must_use]
    pub fn current_file(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.number)
    }

    /// The IDs from the first to the last row of the file that is being written; rows in between may have been skipped.
    #[must_use]
    pub fn current_ids(&self) -> Option<Range<u64>> {
        let current = self.current.as_ref()?;
        Some(current.first_id?..current.end_id)
    }

    /// How many bytes of whole chunks the file that is being written has.
    #[must_use]
    pub fn current_bytes(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.len)
    }

    /// Finishes the current file without a sync: for one whose rows are all confirmed, and which is about to go.
    pub fn finish_unsynced(&mut self) -> Result<()> {
        self.spare.extend(self.window.clear());
        self.unsynced_since = None;
        self.finish_file()
    }

    /// Rows that were given up since the last call.
    pub fn take_dropped(&mut self) -> Vec<DroppedRows> {
        std::mem::take(&mut self.dropped)
    }

    /// Whether a chunk may close for what comes next, to take that whole instead of row by row.
    fn is_nearly_full(&self) -> bool {
        self.building.len() >= self.options.chunk_bytes / 2
            || self.building.rows() >= self.options.batch_size / 2
    }

    /// The next ID is the first one of the chunk in the making.
    fn begin(&mut self) {
        self.building_first = self.next_id;
        self.building_since = Some(self.clock.monotonic());
    }

    fn push(&mut self, row: &[u8]) -> Result<()> {
        let full = self.building.len() + 4 + row.len() > self.options.chunk_bytes
            || self.building.rows() >= self.options.batch_size;
        if full {
            self.close();
        }
        if self.building.is_empty() {
            self.begin();
        }
        self.building.push(row)?;
        self.next_id += 1;
        Ok(())
    }

    fn close(&mut self) {
        if self.building.is_empty() {
            return;
        }
        let next = ChunkBuilder::with_buffer(self.spare.pop().unwrap_or_default());
        let chunk = std::mem::replace(&mut self.building, next);
        let rows = chunk.rows();
        self.closed.push_back(Closed { bytes: chunk.finish(), first_id: self.building_first, rows });
        self.building_since = None;
    }

    /// Brings everything that waits to the disk, or says why it cannot.
    fn settle(&mut self) -> Result<()> {
        self.write_closed().map_err(|error| error.with_data_status(DataStatus::InMemory))
    }

    fn write_closed(&mut self) -> Result<()> {
        self.move_lost()?;
        while let Some(chunk) = self.closed.front() {
            let (len, ids) = (chunk.bytes.len() as u64, chunk.ids());
            // What moves takes the place of what it was: the budget has it already.
            let room = if self.moves() { Ok(()) } else { self.make_room(len) };
            match room.and_then(|()| self.write_first()) {
                Ok(()) => {}
                Err(error) if error.code() == ErrorCode::DiskFull => match self.options.policy.when_full {
                    WhenFull::Block | WhenFull::Error => return Err(error),
                    WhenFull::DropOldest => self.drop_oldest(ids)?,
                    WhenFull::DropNewest => self.drop_newest(ids)?,
                },
                Err(error) => return Err(error),
            }
        }
        self.discard_rewritten();
        Ok(())
    }
}

impl Drop for SpoolWriter {
    /// Writes what is in memory, without a sync; whoever needs to know whether it worked calls `rotate` before.
    fn drop(&mut self) {
        self.flush().ok();
        self.spool.record_runs().ok();
        if let Some(current) = &mut self.current {
            current.release();
            self.spool.set_active(current.number, false);
        }
    }
}
