//! The ingestion task of a live stream: rows to gRPC streams, answers to the ledger.
//!
//! ```text
//!            rows wait            granted              half-close             verdict
//!  lane ──────────────▶ outbox ───────────▶ current ───────────────▶ closing ─────────▶ confirmed
//!                          ▲                   │  failure               │ failure
//!                          └───────────────────┴────────────────────────┴──────────────▶ owed to the disk
//!                            (kept in memory: sent again, in order of IDs)                (with backups)
//! ```
//!
//! One gRPC stream carries rows at a time; up to four half-closed ones wait for their answers beside it. A row is
//! carried by one open stream only: it goes elsewhere when its stream has failed, never before. Without backups, what
//! is carried or waits in the outbox is bounded by the replay window; rows beyond it stay in the lane. With backups
//! nothing is kept here: rows that a failed stream carried, or that left the lane unsent, are owed, and re-ingestion
//! sends them from the disk.

mod judge;
mod reach;
mod register;
mod silence;
mod triggers;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use self::register::Again;
use super::carried::CarriedStreams;
use super::isolation::Isolation;
use super::late_ids::Gate;
use super::link::Link;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::failure_policy::FailurePolicies;
use crate::grpc::{Connection, IngestStream, Verdict};
use crate::ledger::{Ledger, StreamNumber};
use crate::metrics::StreamCounters;
use crate::quarantine::RejectedRow;
use crate::registration::Registrar;
use crate::retry::{Backoff, RetryPolicy};
use crate::stream::consumer::AWAKE;
use crate::stream::delivery::Delivery;
use crate::stream::intake::{Intake, Outlet};
use crate::stream::segment::Segment;

/// How many half-closed streams may wait for their answers.
const MOST_CLOSING: usize = 4;
/// How much is taken from the lane at once.
const TAKE_BYTES: usize = 1024 * 1024;
/// How long HTTP/2 may take to grant a stream before verdicts, requests and silence are looked after again.
const OPEN_PATIENCE: Duration = Duration::from_millis(500);
/// How often silence is looked for.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Where the rows are that a gRPC stream carries, until they are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconfirmed {
    /// In memory, at most about so many bytes.
    InMemory { window_bytes: u64 },
    /// On disk, or in the lane towards it.
    OnDisk,
    /// Nowhere: what a failed stream carried is lost, as the user chose.
    NotKept,
}

/// When a checkpoint is made without being asked for, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointTriggers {
    pub(crate) interval: Duration,
    pub(crate) rows: Option<u64>,
    pub(crate) bytes: Option<u64>,
}

/// The choices of a live stream.
#[derive(Debug, Clone)]
pub(crate) struct IngestionOptions {
    pub(crate) linger: Duration,
    pub(crate) checkpoints: CheckpointTriggers,
    pub(crate) unconfirmed: Unconfirmed,
    /// `None`: the first failure ends the stream.
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) idle_timeout: Duration,
    pub(crate) response_timeout: Duration,
}

struct Current {
    number: StreamNumber,
    stream: IngestStream,
    opened: Instant,
    /// Rows that have this stream to themselves, as far as they were not sent; none on an ordinary stream.
    suspects: Option<VecDeque<Arc<Segment>>>,
}

impl Unconfirmed {
    pub(crate) fn is_in_memory(self) -> bool {
        matches!(self, Self::InMemory { .. })
    }
}

/// When the next attempt to connect or to open may be made.
enum Pause {
    None,
    Until(Instant),
}

/// What the task shares with the callers, and with the other tasks of its stream.
#[derive(Clone)]
pub(crate) struct LiveShared {
    pub(crate) intake: Arc<Intake>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) counters: Arc<StreamCounters>,
    /// None if nobody is to be told.
    pub(crate) events: Option<Arc<Events>>,
    /// What is closed as long as rows cannot be sent for lack of IDs.
    pub(crate) gate: Option<Arc<Gate>>,
    /// How many flows, of which rows wait, are not registered yet: nothing is sent meanwhile.
    pub(crate) holds: Arc<AtomicUsize>,
    /// Who registers the schema again if Sift has lost it.
    pub(crate) registrar: Option<Arc<Registrar>>,
    /// What becomes of rows that Sift rejects.
    pub(crate) rejects: Rejects,
}

/// What becomes of rows that Sift rejects by themselves.
#[derive(Clone)]
pub(crate) enum Rejects {
    /// The user's policy decides.
    ByPolicy(Arc<FailurePolicies>),
    /// Somebody else decides, and looks here for them.
    Handed(Arc<Mutex<Vec<RejectedRow>>>),
}

impl LiveShared {
    fn emit(&self, kind: impl FnOnce() -> EventKind) {
        if let Some(events) = &self.events {
            events.emit(kind());
        }
    }

    /// Tells of rows that were dropped because the channel was full.
    pub(crate) fn tell_overflowed(&self) {
        let Some(overflowed) = self.intake.take_overflowed() else { return };
        self.delivery.give_up(overflowed.ids.iter());
        if let Some(events) = &self.events {
            overflowed.tell(self.intake.overflow_policy(), self.intake.flow_names(), events);
        }
    }

    /// The task died: says so to all who wait.
    fn died(&self) {
        let why = Error::new(ErrorCode::WorkerDied, "the ingestion task died: create the stream again");
        self.emit(|| EventKind::GaveUp { file: None, reason: why.clone() });
        self.delivery.break_with(why.clone());
        self.delivery.end();
        self.intake.close(why);
    }
}

/// The ingestion task.
pub(crate) struct Ingestion {
    shared: LiveShared,
    link: Link,
    options: IngestionOptions,
    backoff: Backoff,
    /// Attempts that failed since the last success.
    failures: u32,
    pause: Pause,
    outbox: VecDeque<Arc<Segment>>,
    /// Rows below this ID have left the intake.
    taken_below: u64,
    carried: CarriedStreams,
    /// Rows among which Sift rejects some.
    isolation: Isolation,
    /// Rows that Sift rejected by themselves, and what it said.
    poison: VecDeque<RejectedRow>,
    /// What was done about a schema that Sift does not know.
    again: Again,
    connecting: Option<JoinHandle<Result<Connection>>>,
    connection: Option<Connection>,
    /// Connections that carry only streams that are closing.
    retiring: HashMap<StreamNumber, Connection>,
    current: Option<Current>,
    verdicts: JoinSet<(StreamNumber, Verdict)>,
    awaited: HashMap<StreamNumber, AbortHandle>,
    next_number: StreamNumber,
    progress: (u64, Instant),
}

impl Ingestion {
    /// Starts the task.
    pub(crate) fn spawn(shared: LiveShared, link: Link, options: IngestionOptions) {
        let runtime = link.runtime().clone();
        if !runtime.is_callers() {
            let _entered = runtime.enter();
            shared.intake.wake_through_the_kernel(Outlet::Wire);
        }
        let running = runtime.spawn(Self::new(shared.clone(), link, options).run());
        runtime.spawn(async move {
            if running.await.is_err() {
                shared.died();
            }
        });
    }

    fn new(shared: LiveShared, link: Link, options: IngestionOptions) -> Self {
        Self {
            backoff: Backoff::new(options.retry_policy.unwrap_or_default()),
            shared,
            link,
            options,
            failures: 0,
            pause: Pause::None,
            outbox: VecDeque::new(),
            taken_below: 0,
            carried: CarriedStreams::default(),
            isolation: Isolation::default(),
            poison: VecDeque::new(),
            again: Again::default(),
            connecting: None,
            connection: None,
            retiring: HashMap::new(),
            current: None,
            verdicts: JoinSet::new(),
            awaited: HashMap::new(),
            next_number: 0,
            progress: (0, Instant::now()),
        }
    }

    /// Runs until everything is confirmed after a finish was asked for, or nothing more can be delivered.
    async fn run(mut self) {
        if let Err(why) = self.deliver().await {
            tracing::error!(target: "siftstream::ingestion", error = %why, "the stream can deliver nothing more");
            self.shared.emit(|| match why.code() {
                ErrorCode::Rejected => EventKind::Rejected { reason: why.clone() },
                _ => EventKind::GaveUp { file: None, reason: why.clone() },
            });
            self.shared.delivery.break_with(why.clone());
            self.shared.intake.close(why.with_data_status(DataStatus::NotAccepted));
        }
        self.shared.delivery.end();
    }

    async fn deliver(&mut self) -> Result<()> {
        let mut awake_until = Instant::now();
        loop {
            let requests = self.shared.delivery.requests();
            if requests.cancelled {
                return Ok(());
            }
            self.end_pause();
            self.approach_a_schema();
            if self.options.unconfirmed != Unconfirmed::OnDisk {
                self.shared.tell_overflowed();
            }
            while let Some(row) = self.poison.pop_front() {
                self.reject(row).await?;
            }
            self.take()?;
            if !self.outbox.is_empty() {
                awake_until = self.awake_until();
            }
            if let Some(cause) = self.due_checkpoint(&requests) {
                self.shared.counters.half_closed(cause);
                self.half_close();
            }
            if requests.finishing && self.is_done() {
                return Ok(());
            }
            let nothing_to_send = self.has_nothing_to_send();
            if !nothing_to_send {
                self.approach_a_stream().await;
                self.begin_isolation();
            }
            let lingers = nothing_to_send && Instant::now() < awake_until;
            if nothing_to_send
                && !lingers
                && !self.holds_off()
                && !self.shared.intake.sleep_if_empty(Outlet::Wire)
            {
                continue;
            }
            let wake_at = self.wake_at(lingers);
            let can_send = self.can_send();
            let sendable = async {
                match &mut self.current {
                    Some(current) if can_send => {
                        std::future::poll_fn(|cx| current.stream.poll_writable(cx)).await
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(ended) = self.verdicts.join_next() => {
                    if let Ok((number, verdict)) = ended {
                        self.judge(number, verdict)?;
                    }
                }
                writable = sendable => self.send_out(writable.is_ok()),
                connected = finished(&mut self.connecting) => self.connected(connected)?,
                registered = finished(&mut self.again.running) => self.registered_again(registered)?,
                () = self.shared.intake.woken(Outlet::Wire) => awake_until = self.awake_until(),
                () = tokio::time::sleep_until(wake_at) => self.watch_for_silence()?,
            }
        }
    }

    /// Until when rows are looked for after some have come now; not at all, if rows are to be sent at once.
    fn awake_until(&self) -> Instant {
        let linger = self.options.linger;
        Instant::now() + if linger.is_zero() { linger } else { linger.max(AWAKE) }
    }

    /// When something has to be looked at even if nothing happens.
    fn wake_at(&self, lingers: bool) -> Instant {
        let now = Instant::now();
        if lingers {
            return now + self.options.linger;
        }
        let mut at = now + WATCH_INTERVAL;
        if let Pause::Until(end) = self.pause {
            at = at.min(end);
        }
        if let Some(current) = &self.current {
            at = at.min(current.opened + self.options.checkpoints.interval);
        }
        at.max(now + Duration::from_millis(1))
    }

    /// Whether rows can be sent again after a failure.
    fn keeps_rows(&self) -> bool {
        self.options.unconfirmed != Unconfirmed::NotKept
    }

    fn window_bytes(&self) -> Option<u64> {
        match self.options.unconfirmed {
            Unconfirmed::InMemory { window_bytes } => Some(window_bytes),
            Unconfirmed::OnDisk | Unconfirmed::NotKept => None,
        }
    }

    fn window_is_full(&self) -> bool {
        self.window_bytes().is_some_and(|window| self.kept_bytes() >= window)
    }

    /// Memory of the rows that are kept for sending again.
    fn kept_bytes(&self) -> u64 {
        self.carried.allocated() + self.isolation.allocated()
    }

    /// Whether the open stream, or the next one, has no row to carry.
    fn has_nothing_to_send(&self) -> bool {
        match self.current.as_ref().and_then(|current| current.suspects.as_ref()) {
            Some(suspects) => suspects.is_empty(),
            None => self.outbox.is_empty() && self.isolation.is_empty(),
        }
    }

    /// Whether there is a row for the stream that is open.
    fn can_send(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| !current.suspects.as_ref().unwrap_or(&self.outbox).is_empty())
    }

    /// Gives suspect rows the stream that is open and carries nothing yet.
    fn begin_isolation(&mut self) {
        let closing = self.carried.closing().count();
        let Some(current) = &mut self.current else { return };
        let is_fresh = current.suspects.is_none()
            && !self.shared.delivery.ledger(|ledger| ledger.carries_rows(current.number));
        if is_fresh
            && closing < MOST_CLOSING
            && let Some(rows) = self.isolation.next()
        {
            self.carried.isolates(current.number);
            current.suspects = Some(rows.into());
        }
    }

    /// Whether rows must stay where they are: there is no room for them, or they have no IDs yet.
    fn holds_off(&self) -> bool {
        self.window_is_full()
            || self.shared.holds.load(Ordering::Acquire) > 0
            || self.shared.gate.as_ref().is_some_and(|gate| gate.ids().is_none())
    }

    fn take(&mut self) -> Result<()> {
        if !self.outbox.is_empty() || self.holds_off() {
            return Ok(());
        }
        let most = self.most_to_take();
        self.shared.intake.take(Outlet::Wire, &mut self.outbox, most);
        if let Some(ids) = self.shared.gate.as_ref().and_then(|gate| gate.ids()) {
            for segment in &mut self.outbox {
                *segment = Arc::new(segment.with_ids(ids)?);
            }
        }
        self.note_taken();
        if self.options.unconfirmed.is_in_memory() {
            self.shared.counters.kept(self.replay_bytes());
        }
        Ok(())
    }

    /// What is taken fits into the window, but for a segment.
    fn most_to_take(&self) -> usize {
        let room = self.window_bytes().map(|window| window.saturating_sub(self.kept_bytes()));
        room.and_then(|room| usize::try_from(room).ok()).map_or(TAKE_BYTES, |room| room.min(TAKE_BYTES))
    }

    /// Memory of all rows that are unconfirmed, whether they were sent or not.
    fn replay_bytes(&self) -> u64 {
        let waiting = self.outbox.iter().map(|segment| segment.allocated() as u64);
        let suspects = self.current.iter().filter_map(|current| current.suspects.as_ref()).flatten();
        let suspects = suspects.map(|segment| segment.allocated() as u64);
        self.kept_bytes() + waiting.chain(suspects).sum::<u64>()
    }

    /// Rows between those taken before and these left the lane unsent: they are owed.
    fn note_taken(&mut self) {
        let (Some(first), Some(last)) = (self.outbox.front(), self.outbox.back()) else { return };
        let (start, end) = (first.ids().start, last.ids().end);
        if self.taken_below < start {
            self.shared.delivery.owe(std::iter::once(self.taken_below..start));
        }
        self.taken_below = self.taken_below.max(end);
    }

    fn nothing_waits(&self) -> bool {
        self.shared.intake.levels().wire.rows == 0
    }

    fn half_close(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        // If the stream broke, its verdict says so.
        if let Err(error) = current.stream.end() {
            tracing::debug!(target: "siftstream::ingestion", %error, "half-close on a broken stream");
        }
        self.shared.delivery.half_close(current.number);
        self.carried.ended(current.number, Instant::now());
        self.shared.counters.awaited(self.carried.closing().count());
    }

    fn is_done(&self) -> bool {
        let isolates = self.current.as_ref().is_some_and(|current| current.suspects.is_some());
        self.outbox.is_empty()
            && self.isolation.is_empty()
            && self.poison.is_empty()
            && !isolates
            && self.carries_nothing()
            && self.nothing_waits()
    }

    fn carries_rows(&self, number: StreamNumber) -> bool {
        self.shared.delivery.ledger(|ledger| ledger.carries_rows(number))
    }

    fn carries_nothing(&self) -> bool {
        self.shared.delivery.ledger(Ledger::carries_nothing)
    }

    fn send_out(&mut self, writable: bool) {
        let Some(current) = &mut self.current else { return };
        let mut working = writable;
        while working && current.stream.has_capacity() {
            let source = current.suspects.as_mut().unwrap_or(&mut self.outbox);
            let Some(segment) = source.pop_front() else { break };
            let segment = self.again.renamed(segment, &self.shared);
            self.carried.add(current.number, &segment, self.options.unconfirmed.is_in_memory());
            self.shared.delivery.carry(current.number, segment.ids());
            self.shared.counters.sent(segment.rows(), segment.bytes().len());
            working = current.stream.send(segment).is_ok();
        }
        let is_isolated = current.suspects.as_ref().is_some_and(VecDeque::is_empty);
        if !working {
            self.lose_current();
        } else if is_isolated {
            self.half_close();
        }
    }

    /// The open stream takes nothing more. What it carried comes back with its verdict.
    fn lose_current(&mut self) {
        let unsent = self.current.take().and_then(|current| current.suspects);
        if let Some(rows) = unsent.filter(|rows| !rows.is_empty()) {
            self.isolation.again(rows.into());
        }
    }
}

/// The outcome of a task that may be there; never, if there is none.
async fn finished<R>(task: &mut Option<JoinHandle<Result<R>>>) -> Result<R> {
    let outcome = match task {
        Some(running) => running.await,
        None => std::future::pending().await,
    };
    *task = None;
    outcome.unwrap_or_else(|_| Err(Error::new(ErrorCode::WorkerDied, "a task of the stream died")))
}
