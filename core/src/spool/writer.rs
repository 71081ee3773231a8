//! Writes rows to files: chunks, rotation, room, syncs, and what to do when the disk fails.
//!
//! One thread owns the writer. Rows that it took are never given up by an error: they stay in memory as a chunk that
//! every later call tries to write again, and while such a chunk waits, [`SpoolWriter::append`] takes nothing more.

use super::journal::{Record, Run};
use super::pbfs::{ChunkBuilder, GrpcRows, Item, PbfsReader};
use super::policy::{FsyncPolicy, WhenFull, WriterOptions};
use super::store::{Area, Spool, StoredFile};
use super::window::{Closed, Window};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::seams::clock::Clock;
use crate::seams::filesystem::File;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

const CHECK_SPACE_EVERY: u64 = 1 << 20;
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
    /// The IDs, where they are known.
    pub ids: Vec<Range<u64>>,
    /// How many rows.
    pub rows: u64,
    /// What caused it.
    pub cause: &'static str,
}

/// The file that is being written.
#[derive(Debug)]
struct Current {
    file: Box<dyn File>,
    number: u64,
    /// Bytes of whole chunks; more may be in the file after a failed write.
    len: u64,
    synced: u64,
    /// Up to here room is reserved.
    reserved: u64,
    torn: bool,
    named: bool,
    /// From here on the file lost what it was given: that must move to another file.
    lost_from: Option<u64>,
    /// The name does not lead to the file any more.
    gone: bool,
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
    condemned: Vec<(StoredFile, u64)>,
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
        let mut count = 0_u32;
        for row in GrpcRows::new(segment) {
            let len = row?.len();
            if len as u64 > super::pbfs::MAX_CHUNK - 4 {
                return Err(Error::new(
                    ErrorCode::RowTooLarge,
                    format!("a row of {len} bytes is too large for a file"),
                ));
            }
            count += 1;
        }
        if count != rows || first_id < self.next_id {
            let next = self.next_id;
            let what = format!(
                "a segment of {count} rows was announced as {rows} rows from ID {first_id}; next is {next}"
            );
            return Err(Error::new(ErrorCode::InvalidArgument, what));
        }
        if first_id != self.next_id {
            self.close();
            self.settle()?;
        }
        self.next_id = first_id;
        let fits = self.building.rows() + rows <= self.options.batch_size
            && self.building.len() + segment.len() <= self.options.chunk_bytes;
        if fits {
            self.begin();
            self.next_id += u64::from(self.building.push_grpc(segment)?);
        } else {
            for row in GrpcRows::new(segment) {
                self.push(row?)?;
            }
        }
        if self.building.rows() >= self.options.batch_size {
            self.close();
        }
        self.write_closed().ok();
        Ok(())
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
        self.sync()?;
        self.finish_file()?;
        Ok(self.watermarks())
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

    /// Rows that were given up since the last call.
    pub fn take_dropped(&mut self) -> Vec<DroppedRows> {
        std::mem::take(&mut self.dropped)
    }

    fn begin(&mut self) {
        if self.building.is_empty() {
            self.building_first = self.next_id;
            self.building_since = Some(self.clock.monotonic());
        }
    }

    fn push(&mut self, row: &[u8]) -> Result<()> {
        let full = self.building.len() + 4 + row.len() > self.options.chunk_bytes
            || self.building.rows() >= self.options.batch_size;
        if full {
            self.close();
        }
        self.begin();
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
            match self.make_room(len).and_then(|()| self.write_first()) {
                Ok(()) => {}
                Err(error) if error.code() == ErrorCode::DiskFull => match self.options.policy.when_full {
                    WhenFull::Block | WhenFull::Error => return Err(error),
                    WhenFull::DropOldest => self.drop_oldest(error)?,
                    WhenFull::DropNewest => self.drop_newest(ids)?,
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the budget and the disk have room for `len` bytes more.
    fn make_room(&mut self, len: u64) -> Result<()> {
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

    /// Writes the oldest closed chunk.
    fn write_first(&mut self) -> Result<()> {
        let Some(len) = self.closed.front().map(|chunk| chunk.bytes.len() as u64) else { return Ok(()) };
        let limit = self.options.policy.max_backup_file_size;
        if self.current.as_ref().is_some_and(|current| current.len > 0 && current.len + len > limit) {
            self.sync_written()?;
            self.finish_file()?;
        }
        if self.window.bytes() > self.options.unsynced_window
            && self.options.policy.fsync != FsyncPolicy::Never
        {
            self.sync_written()?;
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

    /// Creates the next file if there is none.
    fn open_file(&mut self) -> Result<()> {
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
                    self.spool.slot().restore_dirs().map_err(|error| failed(&error))?;
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
                        reserved: 0,
                        torn,
                        named,
                        lost_from,
                        gone,
                    });
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.reserved = None,
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    /// Syncs what is written. A file whose sync failed is never trusted again: what it was given since its last good
    /// sync goes to a new file, at once, and if that fails too, with the next call.
    fn sync_written(&mut self) -> Result<()> {
        let first = self.try_sync();
        if first.is_ok() || self.current.as_ref().is_some_and(|current| current.lost_from.is_none()) {
            return first;
        }
        self.write_closed()?;
        self.try_sync()
    }

    fn try_sync(&mut self) -> Result<()> {
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
        if self.closed.is_empty() {
            self.seal_condemned()?;
        }
        Ok(())
    }

    /// Makes the name of the current file survive a power failure.
    fn sync_name(&mut self) -> Result<()> {
        let Some(current) = self.current.as_mut().filter(|current| !current.named) else { return Ok(()) };
        let dir = self.spool.slot().path().join(self.area.dir());
        let synced = self.spool.slot().fs().fsync_dir(&dir);
        synced.map_err(|error| Error::io(format_args!("cannot sync {}", dir.display()), &error))?;
        current.named = true;
        Ok(())
    }

    /// The rows of condemned files are safe elsewhere now: says so, and removes files in which nothing is left.
    fn seal_condemned(&mut self) -> Result<()> {
        while let Some((file, len)) = self.condemned.last().copied() {
            self.spool.append(&[Record::Sealed { file: file.number, len }])?;
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

    fn finish_file(&mut self) -> Result<()> {
        if let Some(mut current) = self.current.take() {
            current.release();
            self.spool.set_active(current.number, false);
        }
        self.spool.sync_journal()
    }

    /// Notices that somebody removed or replaced the file while it is being written.
    fn check_name(&mut self) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let path = self.spool.path_of(self.area, current.number);
        let there = match self.spool.slot().fs().metadata(&path) {
            Ok(found) => current.file.inode().is_ok_and(|inode| inode == found.inode),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if !there {
            (current.lost_from, current.gone) = (Some(0), true);
            self.settle()?;
        }
        Ok(())
    }

    /// Moves what a lost file held to a new one: first what only the old file handle can still read, then, as closed
    /// chunks again, what is in memory.
    fn move_lost(&mut self) -> Result<()> {
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
        let mut again = self.window.take();
        again.append(&mut self.closed);
        self.closed = again;
        if gone {
            self.spool.set_active(lost.number, false);
            return self.spool.forget(lost.number);
        }
        self.condemned.push((lost, from));
        Ok(())
    }

    /// Copies the good chunks in a stretch of `source` to a new, synced file.
    fn copy_to_new(&mut self, source: &dyn File, number: u64, range: Range<u64>) -> Result<()> {
        self.open_file()?;
        let runs = self.spool.entry(number).runs;
        let mut reader = PbfsReader::between(source, range.start, range.end);
        let mut intact = true;
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
        }
        self.sync_name()?;
        let Some(current) = &mut self.current else { return Ok(()) };
        current.file.sync_data().map_err(|error| Error::io("cannot sync a new backup file", &error))?;
        current.synced = current.len;
        let stored = StoredFile { number: current.number, area: self.area, bytes: current.len };
        self.spool.set_size(stored);
        let inside = runs.iter().filter(|run| run.start >= range.start && run.end <= range.end);
        for run in inside.filter(|_| intact) {
            let (start, end) = (run.start - range.start, run.end - range.start);
            self.spool.note_run(Run { file: stored.number, start, end, ..*run }, stored);
        }
        if !intact {
            let ids = runs.iter().map(Run::ids).collect();
            self.dropped.push(DroppedRows {
                epoch: self.spool.epoch(),
                ids,
                rows: 0,
                cause: "lost by the disk",
            });
        }
        Ok(())
    }

    /// Gives up the oldest finished file; `error` if there is none.
    fn drop_oldest(&mut self, error: Error) -> Result<()> {
        let oldest = match self.spool.finished_files().first().copied() {
            Some(file) => file,
            None if self.current.as_ref().is_some_and(|current| current.len > 0) => {
                self.sync_written()?;
                self.finish_file()?;
                self.spool.finished_files().first().copied().ok_or(error)?
            }
            None => return Err(error),
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
    fn drop_newest(&mut self, ids: Range<u64>) -> Result<()> {
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

    fn count_dropped(&mut self, dropped: DroppedRows) -> Result<()> {
        let rows = dropped.rows;
        self.dropped.push(dropped);
        match self.spool.append(&[Record::Dropped { rows }]) {
            Err(error) if error.code() != ErrorCode::DiskFull => Err(error),
            _ => Ok(()),
        }
    }
}

impl Current {
    /// Reserves room ahead of a chunk of `len` bytes. Only speed depends on it, so that a refusal does not matter.
    fn reserve(&mut self, len: u64, ahead: u64) {
        if ahead > 0 && self.len + len > self.reserved {
            self.file.allocate(self.len, ahead.max(len)).ok();
            self.reserved = self.len + ahead.max(len);
        }
    }

    /// Gives back reserved room behind the end.
    fn release(&mut self) {
        if self.reserved > self.len {
            self.file.set_len(self.len).ok();
        }
    }

    /// Appends a whole chunk, after cutting off what a failed attempt left behind.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
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

fn full(what: String) -> Error {
    Error::new(ErrorCode::DiskFull, format!("{what}; make room or raise the limit"))
}
