//! Columns become segments: measured without the lock, written under it, at most a segment at a time.
//!
//! Between two holds of the lock lies the measuring of the next rows, so that others get their turn.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::{Intake, Refusal, State};
use crate::encode::columns::{Block, CheckedColumns};
use crate::stream::lane::Lane;
use crate::stream::memory::Memory;
use crate::stream::segment::SEGMENT_SIZE;
use event_listener::Listener as _;

/// Columns that were refused from some row on.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// How many rows were accepted before.
    pub(crate) accepted: usize,
    pub(crate) why: Refusal,
}

/// Rows of columns on their way in.
struct Progress<'a, 'c> {
    columns: &'a CheckedColumns<'c>,
    next: usize,
}

impl Progress<'_, '_> {
    fn stopped(&self, why: Refusal) -> Stopped {
        Stopped { accepted: self.next - self.columns.first(), why }
    }
}

impl Intake {
    /// Takes as many rows as that needs no wait.
    pub(crate) fn try_push_columns(&self, columns: &CheckedColumns<'_>) -> Result<(), Stopped> {
        let mut rows = self.begin(columns, Self::try_lock)?;
        self.push_some(&mut rows, Self::try_lock).map_err(|why| rows.stopped(why))
    }

    /// Takes all rows, waiting for room for at most `timeout` altogether.
    pub(crate) fn push_columns_until(
        &self,
        columns: &CheckedColumns<'_>,
        timeout: Duration,
    ) -> Result<(), Stopped> {
        let mut rows = self.begin(columns, Self::wait_lock)?;
        let mut push = || match self.push_some(&mut rows, Self::wait_lock) {
            Err(Refusal::Full) => None,
            done => Some(done.map_err(|why| rows.stopped(why))),
        };
        if let Some(done) = push() {
            return done;
        }
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let listener = self.room.listen();
            if let Some(done) = push() {
                return done;
            }
            self.wake_consumers();
            match deadline {
                None => listener.wait(),
                Some(deadline) if listener.wait_deadline(deadline).is_none() => {
                    return Err(rows.stopped(Refusal::Full));
                }
                Some(_) => {}
            }
        }
    }

    /// Takes all rows, waiting for room. Dropping the future before it is ready leaves the first rows accepted.
    pub(crate) async fn push_columns(&self, columns: &CheckedColumns<'_>) -> Result<(), Stopped> {
        let mut rows = self.begin(columns, Self::wait_lock)?;
        let mut push = || match self.push_some(&mut rows, Self::wait_lock) {
            Err(Refusal::Full) => None,
            done => Some(done.map_err(|why| rows.stopped(why))),
        };
        loop {
            if let Some(done) = push() {
                return done;
            }
            let listener = self.room.listen();
            if let Some(done) = push() {
                return done;
            }
            self.wake_consumers();
            listener.await;
        }
    }

    /// Nothing is taken of columns with a row that is too large.
    fn begin<'a, 'c, L>(&self, columns: &'a CheckedColumns<'c>, lock: L) -> Result<Progress<'a, 'c>, Stopped>
    where
        L: Fn(&Self) -> Result<MutexGuard<'_, State>, Refusal>,
    {
        let rows = Progress { columns, next: columns.first() };
        let suffix = match lock(self) {
            Ok(state) => state.suffix.len(),
            Err(why) => return Err(rows.stopped(why)),
        };
        columns.check_sizes(suffix, self.max_row_size).map_err(|why| rows.stopped(Refusal::Invalid(why)))?;
        Ok(rows)
    }

    fn push_some<L>(&self, rows: &mut Progress<'_, '_>, lock: L) -> Result<(), Refusal>
    where
        L: Fn(&Self) -> Result<MutexGuard<'_, State>, Refusal>,
    {
        let mut block = Block::new();
        while rows.next < rows.columns.end() {
            block.measure(rows.columns, rows.next);
            let mut at = 0;
            while at < block.rows() {
                let taken = self.push_step(lock(self)?, rows.columns, &block, at)?;
                at += taken;
                rows.next += taken;
            }
        }
        Ok(())
    }

    /// Takes the rows of the block from `at` on that fit into one segment; at least one.
    fn push_step(
        &self,
        mut state: MutexGuard<'_, State>,
        columns: &CheckedColumns<'_>,
        block: &Block,
        at: usize,
    ) -> Result<usize, Refusal> {
        if let Some(why) = state.closed.as_ref().or(state.refusing.as_ref()) {
            return Err(Refusal::Closed(why.clone()));
        }
        let suffix = state.suffix.len();
        // Rows were measured with another run attached, if they are too large now.
        if block.longest() + suffix > self.max_row_size {
            return Err(Refusal::Invalid(self.too_large(block.longest() + suffix)));
        }
        let count = loop {
            let room = state.rows_of_room();
            if room == 0 {
                if self.makes_room(&mut state) {
                    continue;
                }
                return self.refuse_or_drop_rows(state, columns.flow(), block.rows() - at);
            }
            let count = block.fit(at, SEGMENT_SIZE.saturating_sub(state.open.bytes.len()), suffix);
            if count > 0 {
                break count.min(room);
            }
            if state.open.rows == 0 {
                state.open.bytes = Memory::with_room(block.memory_of(at, suffix));
                break 1;
            }
            state.close_open();
        };
        let State { open, suffix, next_id, accepted_bytes, .. } = &mut *state;
        let bytes = block.write(columns, at, count, suffix, open.bytes.room());
        open.bytes.keep(bytes);
        // A segment holds far fewer rows than a u32 counts.
        open.note(columns.flow(), u32::try_from(count).unwrap_or(u32::MAX));
        *next_id += count as u64;
        *accepted_bytes += bytes as u64;
        let asleep = std::mem::take(&mut state.sleeps);
        drop(state);
        if asleep != [false; 2] {
            self.wake_those(asleep);
        }
        Ok(count)
    }

    fn wait_lock(&self) -> Result<MutexGuard<'_, State>, Refusal> {
        Ok(self.lock())
    }
}

impl State {
    /// How many rows fit beside the open segment, before anybody has to wait.
    fn rows_of_room(&self) -> usize {
        let (rows, bytes) = (u64::from(self.open.rows), self.open.allocated());
        let room = self.lanes.iter().flatten().map(|lane: &Lane| lane.rows_of_room(rows, bytes)).min();
        usize::try_from(room.unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
    }
}
