//! Where rows become segments: encoded under a short lock into the open segment, which a full buffer or a consumer
//! that asks for more moves into the lanes: one to the wire, one to the disk, or both, sharing each segment.
//!
//! The lock is held for the encoding of one row (or a segment of them, from columns) or the hand-over of a few
//! segments, never over I/O or a wait.
//! `try_push` only tries to get it, for a bounded number of turns: a caller of high priority never waits for a
//! holder that is not running.

mod columns;
mod handover;
mod overflow;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::consumer::Consumer;
use super::lane::{Capacity, Keeping, Lane};
use super::memory::Memory;
use super::overflow::{OverflowPolicy, Overflowed};
use super::segment::{
    FLOW_RUNS, PREFIX_LEN, SEGMENT_SIZE, Segment, SegmentPool, allocated, new_spare, new_touched_spare,
};
use crate::encode::EncodeRow;
use crate::error::{Error, ErrorCode};
use crate::flow::{FlowNames, FlowNumber, FlowRun, TimeValue};
use event_listener::{Event, Listener as _};

pub(crate) use columns::Stopped;

/// How often a `try_push` looks at a lock that is held: some microseconds.
const LOCK_TURNS: u32 = 400;
/// A row's `max_len` is at most so many times its true length.
const ESTIMATE_FACTOR: usize = 6;
/// Segments that a consumer has taken and not sent yet.
const CONSUMER_SEGMENTS: usize = 256;
/// The most segments whose memory is used again, whatever the bounds: 1 GiB.
const MOST_POOLED: usize = 64 * 1024;
/// Segments that are ready before the first row.
const FIRST_SPARES: usize = 8;
/// The most segments that are kept ready: 16 MiB, of which a page each is touched.
const MOST_SPARES: usize = 1024;

/// Why a row was not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No room now, or the lock was held for too long.
    Full,
    /// The stream takes no more rows, or none for now.
    Closed(Error),
    /// This row can never be taken.
    Invalid(Error),
}

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlet {
    /// To gRPC streams.
    Wire,
    /// To files.
    Disk,
}

/// The lanes that an intake feeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outlets {
    /// The caller waits for the wire.
    Wire(Capacity),
    /// The caller waits for the disk.
    Disk(Capacity),
    /// The caller waits for the disk; the wire gets what it can keep up with.
    Both {
        /// Rows wait here until they are written or confirmed.
        disk: Capacity,
        /// When it is full, the oldest rows leave.
        wire: Capacity,
    },
}

impl Outlets {
    fn lanes(self) -> [Option<Lane>; 2] {
        match self {
            Self::Wire(capacity) => [Some(Lane::new(capacity, Keeping::UntilTaken)), None],
            Self::Disk(capacity) => [None, Some(Lane::new(capacity, Keeping::UntilTaken))],
            Self::Both { disk, wire } => {
                [Some(Lane::new(wire, Keeping::WhileRoom)), Some(Lane::new(disk, Keeping::UntilReleased))]
            }
        }
    }

    /// The most memory that all lanes together can hold: they share their segments.
    fn bytes(self) -> u64 {
        match self {
            Self::Wire(capacity) | Self::Disk(capacity) => capacity.bytes,
            Self::Both { disk, wire } => disk.bytes.max(wire.bytes),
        }
    }
}

/// How rows are taken.
#[derive(Debug, Default)]
pub(crate) struct IntakeOptions {
    pub(crate) max_row_size: usize,
    /// What each row ends with.
    pub(crate) suffix: Vec<u8>,
    pub(crate) overflow: OverflowPolicy,
    /// The names of the flows of the rows.
    pub(crate) flow_names: Arc<FlowNames>,
}

#[derive(Debug)]
struct Open {
    shell: Arc<Segment>,
    bytes: Memory,
    flows: Vec<FlowRun>,
    rows: u32,
}

#[derive(Debug)]
struct State {
    open: Open,
    next_id: u64,
    accepted_bytes: u64,
    /// The latest time that a row was given.
    event_time: Option<TimeValue>,
    /// By [`Outlet`].
    lanes: [Option<Lane>; 2],
    pool: SegmentPool,
    /// What each row ends with: run ID and options.
    suffix: Vec<u8>,
    /// By [`Outlet`]: whether the next row must wake its consumer.
    sleeps: [bool; 2],
    closed: Option<Error>,
    /// Why no row is taken for now.
    refusing: Option<Error>,
    /// Rows that were dropped, and nobody was told yet.
    overflowed: Overflowed,
}

/// The intake of one stream.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    /// Told when there may be room again, or never will be.
    room: Event,
    /// By [`Outlet`]: told when a sleeping consumer has something to do.
    consumers: [Consumer; 2],
    max_row_size: usize,
    overflow: OverflowPolicy,
    flow_names: Arc<FlowNames>,
    /// Rows may have been dropped that nobody was told of yet.
    has_dropped: AtomicBool,
}

/// What was ever accepted, and what waits in each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntakeLevels {
    pub(crate) accepted_rows: u64,
    pub(crate) accepted_bytes: u64,
    pub(crate) wire: LaneLevel,
    pub(crate) disk: LaneLevel,
}

/// What waits in a lane; nothing, if there is no such lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LaneLevel {
    /// Rows that its consumer has not taken.
    pub(crate) rows: u64,
    /// Memory of all rows in it.
    pub(crate) bytes: u64,
    /// Half of its room is taken.
    pub(crate) is_half_full: bool,
}

impl Intake {
    /// An intake that feeds `outlets`, whose consumers keep up to `kept_bytes` more for sending again.
    pub(crate) fn new(outlets: Outlets, kept_bytes: u64, options: IntakeOptions) -> Self {
        let IntakeOptions { max_row_size, suffix, overflow, flow_names } = options;
        let outstanding = outlets.bytes().saturating_add(kept_bytes) / SEGMENT_SIZE as u64;
        let outstanding = usize::try_from(outstanding).unwrap_or(usize::MAX).min(MOST_POOLED);
        let queued = usize::try_from(outlets.bytes() / SEGMENT_SIZE as u64).unwrap_or(usize::MAX);
        let mut pool = SegmentPool::new(outstanding + CONSUMER_SEGMENTS, (queued + 1).min(MOST_SPARES));
        pool.add_spares(std::iter::repeat_with(|| new_spare(FLOW_RUNS)).take(FIRST_SPARES));
        let (shell, bytes, flows) = pool.take();
        let state = State {
            open: Open { shell, bytes, flows, rows: 0 },
            next_id: 0,
            accepted_bytes: 0,
            event_time: None,
            lanes: outlets.lanes(),
            pool,
            suffix,
            sleeps: [false; 2],
            closed: None,
            refusing: None,
            overflowed: Overflowed::default(),
        };
        Self {
            state: Mutex::new(state),
            room: Event::new(),
            consumers: Default::default(),
            max_row_size,
            overflow,
            flow_names,
            has_dropped: AtomicBool::new(false),
        }
    }

    /// Takes a row if that needs no wait.
    pub(crate) fn try_push(&self, row: &mut impl EncodeRow) -> Result<(), Refusal> {
        self.push_locked(self.try_lock()?, row)
    }

    /// Takes a row, waiting for room for at most `timeout`. Looks at the clock only if it has to wait.
    pub(crate) fn push_until(&self, row: &mut impl EncodeRow, timeout: Duration) -> Result<(), Refusal> {
        match self.push_locked(self.lock(), row) {
            Err(Refusal::Full) => {}
            done => return done,
        }
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let listener = self.room.listen();
            match self.push_locked(self.lock(), row) {
                Err(Refusal::Full) => {}
                done => return done,
            }
            self.wake_consumers();
            match deadline {
                None => listener.wait(),
                Some(deadline) if listener.wait_deadline(deadline).is_none() => return Err(Refusal::Full),
                Some(_) => {}
            }
        }
    }

    /// Takes a row, waiting for room. Dropping the future before it is ready means that the row was not taken.
    pub(crate) async fn push(&self, row: &mut impl EncodeRow) -> Result<(), Refusal> {
        loop {
            match self.push_locked(self.lock(), row) {
                Err(Refusal::Full) => {}
                done => return done,
            }
            let listener = self.room.listen();
            match self.push_locked(self.lock(), row) {
                Err(Refusal::Full) => {}
                done => return done,
            }
            self.wake_consumers();
            listener.await;
        }
    }

    fn push_locked(&self, mut state: MutexGuard<'_, State>, row: &mut impl EncodeRow) -> Result<(), Refusal> {
        if let Some(why) = state.closed.as_ref().or(state.refusing.as_ref()) {
            return Err(Refusal::Closed(why.clone()));
        }
        let open_rows = u64::from(state.open.rows);
        if !state.has_room(open_rows, state.open.allocated()) && !self.makes_room(&mut state) {
            return self.refuse_or_drop(state, row);
        }
        let most = PREFIX_LEN + row.max_len() + state.suffix.len();
        if state.open.bytes.len() + most > SEGMENT_SIZE {
            if state.open.rows > 0 {
                state.close_open();
            }
            if most > state.open.bytes.capacity() {
                if row.max_len() / ESTIMATE_FACTOR > self.max_row_size {
                    return Err(Refusal::Invalid(self.too_large(row.max_len())));
                }
                state.open.bytes = Memory::with_room(most);
            }
        }
        let State { open, suffix, .. } = &mut *state;
        let room = open.bytes.room();
        let mut len = row.encode(&mut room[PREFIX_LEN..]).map_err(Refusal::Invalid)?;
        if !suffix.is_empty() {
            let end = PREFIX_LEN + len;
            room[end..end + suffix.len()].copy_from_slice(suffix);
            len += suffix.len();
        }
        let Some(prefix) = u32::try_from(len).ok().filter(|_| len <= self.max_row_size) else {
            return Err(Refusal::Invalid(self.too_large(len)));
        };
        let [a, b, c, d] = prefix.to_be_bytes();
        room[..PREFIX_LEN].copy_from_slice(&[0, a, b, c, d]);
        open.bytes.keep(PREFIX_LEN + len);
        open.note(row.flow(), 1);
        state.next_id += 1;
        let event_time = row.event_time();
        if state.event_time < event_time {
            state.event_time = event_time;
        }
        state.accepted_bytes += (PREFIX_LEN + len) as u64;
        let asleep = std::mem::take(&mut state.sleeps);
        drop(state);
        if asleep != [false; 2] {
            self.wake_those(asleep);
        }
        Ok(())
    }

    #[cold]
    fn too_large(&self, len: usize) -> Error {
        Error::new(
            ErrorCode::RowTooLarge,
            format!(
                "a row of {len} bytes is larger than max_row_size ({}): split it, or raise the limit",
                self.max_row_size
            ),
        )
    }

    /// Makes memory for `bytes` of rows ready, so that the first rows neither allocate nor fault.
    pub(crate) fn prefault(&self, bytes: u64) {
        let wanted = bytes.div_ceil(SEGMENT_SIZE as u64);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).clamp(FIRST_SPARES, MOST_POOLED);
        let ready: Vec<_> = std::iter::repeat_with(|| new_touched_spare(FLOW_RUNS)).take(wanted).collect();
        let mut state = self.lock();
        state.open.bytes.touch();
        state.pool.add_ready(ready);
    }

    /// How many rows were accepted, and the latest time that one of them was given.
    pub(crate) fn accepted(&self) -> (u64, Option<TimeValue>) {
        let state = self.lock();
        (state.next_id, state.event_time)
    }

    /// Replaces what each row from now on ends with.
    pub(crate) fn set_suffix(&self, suffix: Vec<u8>) {
        self.lock().suffix = suffix;
    }

    /// Takes no more rows, for the reason given first; what was accepted stays for the consumer.
    pub(crate) fn close(&self, why: Error) {
        self.lock().closed.get_or_insert(why);
        self.room.notify(usize::MAX);
        self.wake_consumers();
    }

    /// Why no more rows are taken, if so.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.lock().closed.clone()
    }

    /// Refuses rows for this reason until told otherwise; those who wait for room are told at once.
    pub(crate) fn refuse(&self, why: Option<Error>) {
        let refuses = why.is_some();
        self.lock().refusing = why;
        if refuses {
            self.room.notify(usize::MAX);
        }
    }

    pub(crate) fn levels(&self) -> IntakeLevels {
        let state = self.lock();
        let (open_rows, open_bytes) = (u64::from(state.open.rows), state.open.bytes.len() as u64);
        let level = |outlet| {
            state.lane(outlet).map_or_else(LaneLevel::default, |lane| LaneLevel {
                rows: lane.waiting_rows() + open_rows,
                bytes: lane.bytes() + open_bytes,
                is_half_full: lane.is_half_full(),
            })
        };
        IntakeLevels {
            accepted_rows: state.next_id,
            accepted_bytes: state.accepted_bytes,
            wire: level(Outlet::Wire),
            disk: level(Outlet::Disk),
        }
    }

    #[inline(always)]
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, if it can be had within a bounded number of turns.
    #[inline(always)]
    fn try_lock(&self) -> Result<MutexGuard<'_, State>, Refusal> {
        for _ in 0..LOCK_TURNS {
            match self.state.try_lock() {
                Ok(state) => return Ok(state),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        Err(Refusal::Full)
    }
}

impl State {
    fn lane(&self, outlet: Outlet) -> Option<&Lane> {
        self.lanes[outlet as usize].as_ref()
    }

    fn lane_mut(&mut self, outlet: Outlet) -> Option<&mut Lane> {
        self.lanes[outlet as usize].as_mut()
    }

    #[inline(always)]
    fn has_room(&self, open_rows: u64, open_bytes: u64) -> bool {
        let has_room =
            |lane: &Option<Lane>| lane.as_ref().is_none_or(|lane| lane.has_room(open_rows, open_bytes));
        let [wire, disk] = &self.lanes;
        has_room(wire) && has_room(disk)
    }

    fn push_to_lanes(&mut self, segment: Arc<Segment>) {
        let [wire, disk] = &mut self.lanes;
        match (wire, disk) {
            (Some(wire), Some(disk)) => {
                wire.push(Arc::clone(&segment));
                disk.push(segment);
            }
            (Some(lane), None) | (None, Some(lane)) => lane.push(segment),
            (None, None) => {}
        }
    }

    fn open_first_id(&self) -> u64 {
        self.next_id - u64::from(self.open.rows)
    }

    /// Moves the open segment into the lanes and opens another one.
    fn close_open(&mut self) {
        let first_id = self.open_first_id();
        let (shell, bytes, flows) = self.pool.take();
        let full = std::mem::replace(&mut self.open, Open { shell, bytes, flows, rows: 0 });
        let segment = full.into_segment(first_id);
        self.pool.lend(&segment);
        self.push_to_lanes(segment);
    }
}

impl Open {
    /// Takes note of rows that were written.
    #[inline(always)]
    fn note(&mut self, flow: FlowNumber, rows: u32) {
        self.rows += rows;
        match self.flows.last_mut() {
            Some(run) if run.flow == flow => run.rows += rows,
            _ => self.flows.push(FlowRun { flow, rows }),
        }
    }

    /// What it costs in memory.
    #[inline(always)]
    fn allocated(&self) -> u64 {
        allocated(&self.bytes, &self.flows) as u64
    }

    fn into_segment(mut self, first_id: u64) -> Arc<Segment> {
        let segment = Segment::new(self.bytes, self.flows, first_id, self.rows);
        match Arc::get_mut(&mut self.shell) {
            Some(shell) => {
                *shell = segment;
                self.shell
            }
            None => Arc::new(segment),
        }
    }
}
