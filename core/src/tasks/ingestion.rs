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

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::carried::{Carried, CarriedStreams};
use super::late_ids::Gate;
use super::link::Link;
use crate::control::{RetryClass, classify, to_error};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::grpc::{Connection, Failure, FailureKind, IngestStream, Verdict, await_verdict};
use crate::ledger::{Ledger, StreamNumber};
use crate::metrics::StreamCounters;
use crate::retry::{Backoff, RetryPolicy};
use crate::stream::delivery::{Delivery, Requests};
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
}

impl LiveShared {
    fn emit(&self, kind: impl FnOnce() -> EventKind) {
        if let Some(events) = &self.events {
            events.emit(kind());
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
        let mut moved = false;
        loop {
            let requests = self.shared.delivery.requests();
            if requests.cancelled {
                return Ok(());
            }
            self.end_pause();
            self.take()?;
            moved |= !self.outbox.is_empty();
            if self.checkpoint_is_due(&requests) {
                self.half_close();
            }
            if requests.finishing && self.is_done() {
                return Ok(());
            }
            let nothing_to_send = self.outbox.is_empty();
            if !nothing_to_send {
                self.approach_a_stream().await;
            }
            let lingers = nothing_to_send && moved && !self.options.linger.is_zero();
            if nothing_to_send
                && !lingers
                && !self.holds_off()
                && !self.shared.intake.sleep_if_empty(Outlet::Wire)
            {
                continue;
            }
            let wake_at = self.wake_at(lingers);
            let can_send = !nothing_to_send && self.current.is_some();
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
                () = self.shared.intake.woken(Outlet::Wire) => moved = true,
                () = tokio::time::sleep_until(wake_at) => {
                    if lingers {
                        moved = false;
                    }
                    self.watch_for_silence()?;
                }
            }
        }
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
        self.window_bytes().is_some_and(|window| self.carried.allocated() >= window)
    }

    /// Whether rows must stay where they are: there is no room for them, or they have no IDs yet.
    fn holds_off(&self) -> bool {
        self.window_is_full() || self.shared.gate.as_ref().is_some_and(|gate| gate.ids().is_none())
    }

    fn take(&mut self) -> Result<()> {
        if !self.outbox.is_empty() || self.holds_off() {
            return Ok(());
        }
        self.shared.intake.take(Outlet::Wire, &mut self.outbox, TAKE_BYTES);
        if let Some(ids) = self.shared.gate.as_ref().and_then(|gate| gate.ids()) {
            for segment in &mut self.outbox {
                *segment = Arc::new(segment.with_ids(ids)?);
            }
        }
        self.note_taken();
        Ok(())
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

    fn checkpoint_is_due(&self, requests: &Requests) -> bool {
        let Some(current) = &self.current else { return false };
        let Some(first_carried) = self.shared.delivery.ledger(|ledger| ledger.first_carried(current.number))
        else {
            return false;
        };
        let closing = self.carried.closing().count();
        if closing >= MOST_CLOSING {
            return false;
        }
        let wanted_below = requests.checkpoint_below;
        let sent_below = self.outbox.front().map_or(self.taken_below, |segment| segment.ids().start);
        let going_away = self.connection.as_ref().is_some_and(|connection| !connection.is_usable());
        (requests.finishing && self.outbox.is_empty() && self.nothing_waits())
            || (first_carried < wanted_below && sent_below >= wanted_below)
            || (requests.checkpoint_now && closing == 0)
            || (self.keeps_rows() && self.is_triggered(current))
            || self.window_fills(current.number)
            || going_away
    }

    /// Whether time, rows or bytes ask for a checkpoint.
    fn is_triggered(&self, current: &Current) -> bool {
        let CheckpointTriggers { interval, rows, bytes } = self.options.checkpoints;
        let carried = self.carried.get(current.number);
        let reached = |most: Option<u64>, has: fn(&Carried) -> u64| {
            most.is_some_and(|most| carried.is_some_and(|carried| has(carried) >= most))
        };
        current.opened.elapsed() >= interval || reached(rows, Carried::rows) || reached(bytes, Carried::bytes)
    }

    /// Whether the window is half full and the stream carries enough of it for an early checkpoint to be worth it.
    fn window_fills(&self, number: StreamNumber) -> bool {
        let Some(window) = self.window_bytes() else { return false };
        let share = window / (2 * MOST_CLOSING as u64);
        self.carried.allocated() >= window / 2
            && (self.carried.get(number).is_some_and(|carried| carried.allocated() >= share)
                || self.window_is_full())
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
    }

    fn is_done(&self) -> bool {
        self.outbox.is_empty() && self.carries_nothing() && self.nothing_waits()
    }

    fn carries_rows(&self, number: StreamNumber) -> bool {
        self.shared.delivery.ledger(|ledger| ledger.carries_rows(number))
    }

    fn carries_nothing(&self) -> bool {
        self.shared.delivery.ledger(Ledger::carries_nothing)
    }

    /// Ends the pause in its time, even if there is nothing to send: others may wait for it.
    fn end_pause(&mut self) {
        if matches!(self.pause, Pause::Until(end) if end <= Instant::now()) {
            self.pause = Pause::None;
            self.shared.counters.backoff_ends();
            self.shared.delivery.hold_off(false);
        }
    }

    /// Takes the next step towards an open stream: wait, connect, open.
    async fn approach_a_stream(&mut self) {
        if self.current.is_some() || self.connecting.is_some() {
            return;
        }
        if matches!(self.pause, Pause::Until(_)) {
            return;
        }
        if self.connection.as_ref().is_some_and(|connection| !connection.is_usable()) {
            self.retire_connection();
        }
        let Some(connection) = &self.connection else {
            let link = self.link.clone();
            self.connecting = Some(self.link.runtime().spawn(async move { link.connect().await }));
            return;
        };
        let Ok(opened) = tokio::time::timeout(OPEN_PATIENCE, self.link.open_stream(connection)).await else {
            return;
        };
        match opened {
            Ok((stream, response)) => {
                let number = self.next_number;
                self.next_number += 1;
                let verdict =
                    await_verdict(response, stream.id(), Arc::clone(connection.watch()), connection.pings());
                let verdict = async move { (number, verdict.await) };
                self.awaited.insert(number, self.verdicts.spawn(verdict));
                self.carried.open(number, Instant::now());
                self.shared.delivery.open(number);
                self.shared.counters.stream_opened();
                self.current = Some(Current { number, stream, opened: Instant::now() });
            }
            Err(error) => {
                tracing::debug!(target: "siftstream::ingestion", %error, "cannot open a stream on this connection");
                self.retire_connection();
            }
        }
    }

    /// Lets the connection end with the streams that still close on it.
    fn retire_connection(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.awaited.is_empty()
        {
            self.retiring.insert(self.next_number, connection);
        }
    }

    fn connected(&mut self, connected: Result<Connection>) -> Result<()> {
        match connected {
            Ok(connection) => {
                self.progress = (connection.watch().progress(), Instant::now());
                self.connection = Some(connection);
                self.shared.emit(|| EventKind::Connected);
                Ok(())
            }
            Err(error) => self.failed(RetryClass::Transient { retry_after: None }, error),
        }
    }

    fn send_out(&mut self, writable: bool) {
        let Some(current) = &mut self.current else { return };
        let mut working = writable;
        while working && current.stream.has_capacity() {
            let Some(segment) = self.outbox.pop_front() else { break };
            self.carried.add(current.number, &segment, self.options.unconfirmed.is_in_memory());
            self.shared.delivery.carry(current.number, segment.ids());
            self.shared.counters.sent(segment.rows(), segment.bytes().len());
            working = current.stream.send(segment).is_ok();
        }
        if !working {
            // What the stream carried comes back with its verdict.
            self.current = None;
        }
    }

    fn judge(&mut self, number: StreamNumber, verdict: Verdict) -> Result<()> {
        self.awaited.remove(&number);
        if self.current.as_ref().is_some_and(|current| current.number == number)
            && let Some(mut current) = self.current.take()
        {
            current.stream.cancel();
        }
        if self.awaited.is_empty() {
            self.retiring.clear();
        }
        let carried = self.carried.remove(number);
        let verdict = match verdict {
            Verdict::Confirmed => self.shared.delivery.confirm(number).ok_or_else(Failure::early),
            Verdict::Failed(failure) => Err(failure),
        };
        match verdict {
            Ok(ids) => {
                self.shared.counters.checkpoint(true);
                self.shared.counters.status(0);
                self.failures = 0;
                self.backoff.reset();
                self.shared.emit(|| EventKind::Checkpoint {
                    ranges: ids.iter().collect(),
                    rows: ids.len(),
                    duration: carried.age(),
                });
                Ok(())
            }
            Err(failure) => {
                self.shared.counters.checkpoint(false);
                self.shared.counters.status(failure.code);
                let ids = self.shared.delivery.fail(number);
                let error = self.error_of(&failure);
                if !ids.is_empty() {
                    let (ranges, reason) = (ids.iter().collect(), error.clone());
                    self.shared.emit(|| EventKind::CheckpointFailed { ranges, reason });
                }
                // A pause begins before others can know of rows to send.
                let decided = self.failed_stream(&failure, error);
                match self.options.unconfirmed {
                    Unconfirmed::InMemory { .. } => carried.send_again(&mut self.outbox),
                    Unconfirmed::OnDisk => self.shared.delivery.owe(ids.iter()),
                    Unconfirmed::NotKept => self.shared.delivery.give_up(ids.iter()),
                }
                decided
            }
        }
    }

    fn error_of(&self, failure: &Failure) -> Error {
        let key = self.link.key().current();
        match failure.kind {
            FailureKind::Status => {
                to_error("Sending rows", self.link.place(), failure.code, &failure.message, &key)
            }
            _ => Error::new(ErrorCode::Unavailable, format!("{}: {}", self.link.place(), failure.message)),
        }
    }

    fn failed_stream(&mut self, failure: &Failure, error: Error) -> Result<()> {
        let class = match failure.kind {
            FailureKind::Status => classify(failure.code, &failure.details),
            FailureKind::EarlyOk => {
                self.shared.counters.early_ok();
                RetryClass::Transient { retry_after: None }
            }
            FailureKind::Broken | FailureKind::Silent => {
                self.connection = None;
                RetryClass::Transient { retry_after: None }
            }
        };
        self.failed(class, error)
    }

    /// Decides whether and when to try again after a failure.
    fn failed(&mut self, class: RetryClass, error: Error) -> Result<()> {
        self.failures += 1;
        let error = error.with_data_status(match self.options.unconfirmed {
            Unconfirmed::InMemory { .. } => DataStatus::InMemory,
            Unconfirmed::OnDisk => DataStatus::OnDisk,
            Unconfirmed::NotKept => DataStatus::Unknown,
        });
        let Some(policy) = self.options.retry_policy else { return Err(error) };
        let exhausted = !self.keeps_rows() && self.failures > policy.max_attempts;
        let wait = match class {
            RetryClass::Rejected | RetryClass::Fatal => return Err(error),
            RetryClass::Reregister if self.failures > 1 => return Err(error),
            _ if exhausted => return Err(error),
            RetryClass::Auth => self.backoff.after_auth(),
            RetryClass::Transient { retry_after: Some(asked) } => self.backoff.after(asked),
            RetryClass::Transient { retry_after: None } | RetryClass::Reregister => self.backoff.next_delay(),
        };
        tracing::warn!(target: "siftstream::ingestion", %error, ?wait, "will try again");
        self.shared.emit(|| EventKind::Disconnected { reason: error, retry_in: wait });
        self.shared.counters.backoff_begins(wait);
        if matches!(class, RetryClass::Auth | RetryClass::Transient { retry_after: Some(_) }) {
            self.shared.delivery.hold_off(true);
        }
        let end = Instant::now() + wait;
        // A stream that fails beside another shortens no pause.
        self.pause = match self.pause {
            Pause::Until(later) if later > end => Pause::Until(later),
            Pause::Until(_) | Pause::None => Pause::Until(end),
        };
        Ok(())
    }

    /// Whether rows wait for nothing but the server: for a gRPC stream, or for room on it.
    fn is_held_up(&self) -> bool {
        !self.outbox.is_empty()
            && matches!(self.pause, Pause::None)
            && (self.current.is_some() || self.awaited.is_empty())
    }

    /// The server grants no gRPC stream on this connection.
    fn give_up_connection(&mut self, now: Instant) -> Result<()> {
        self.connection = None;
        self.progress.1 = now;
        let message = format!("{} grants no stream on this connection", self.link.place());
        self.failed(RetryClass::Transient { retry_after: None }, Error::new(ErrorCode::Unavailable, message))
    }

    /// Gives up streams on which nothing moves.
    fn watch_for_silence(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(connection) = &self.connection {
            let progress = connection.watch().progress();
            let waits = !self.carries_nothing() || self.is_held_up();
            if progress != self.progress.0 || !waits {
                self.progress = (progress, now);
            }
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let unanswered = self.carried.closing().find(|(_, ended)| {
            since(*ended) >= self.options.response_timeout
                && since(self.progress.1) >= self.options.response_timeout
        });
        let silent = self.current.is_some() && since(self.progress.1) >= self.options.idle_timeout;
        let number = match (unanswered, &self.current) {
            (Some((number, _)), _) => number,
            (None, Some(current)) if silent && (self.is_held_up() || self.carries_rows(current.number)) => {
                current.number
            }
            (None, None) if self.is_held_up() && since(self.progress.1) >= self.options.idle_timeout => {
                return self.give_up_connection(now);
            }
            _ => return Ok(()),
        };
        if let Some(verdict) = self.awaited.remove(&number) {
            verdict.abort();
        }
        self.progress.1 = now;
        self.judge(number, Verdict::Failed(Failure::silent("nothing moved on the stream for too long")))
    }
}

/// The outcome of a task that may be there; never, if there is none.
async fn finished(task: &mut Option<JoinHandle<Result<Connection>>>) -> Result<Connection> {
    let outcome = match task {
        Some(running) => running.await,
        None => std::future::pending().await,
    };
    *task = None;
    outcome.unwrap_or_else(|_| Err(Error::new(ErrorCode::WorkerDied, "the task that connects died")))
}
