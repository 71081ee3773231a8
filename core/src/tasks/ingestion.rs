//! The ingestion task of a live stream: rows to gRPC streams, answers to the ledger.
//!
//! ```text
//!            rows wait            granted              half-close             verdict
//!  lane ──────────────▶ outbox ───────────▶ current ───────────────▶ closing ─────────▶ confirmed
//!                          ▲                   │  failure               │ failure
//!                          └───────────────────┴────────────────────────┘  (sent again, in order of IDs)
//! ```
//!
//! One gRPC stream carries rows at a time; up to four half-closed ones wait for their answers beside it. A row is
//! carried by one open stream only: it returns to the outbox when its stream has failed, never before. What is
//! carried or waits in the outbox is bounded by the replay window; rows beyond it stay in the lane.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use super::carried::CarriedStreams;
use super::link::Link;
use crate::control::{RetryClass, classify, to_error};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::grpc::{Connection, Failure, FailureKind, IngestStream, Verdict, await_verdict};
use crate::metrics::StreamCounters;
use crate::retry::{Backoff, RetryPolicy};
use crate::stream::delivery::Delivery;
use crate::stream::intake::Intake;
use crate::stream::segment::Segment;

/// How many half-closed streams may wait for their answers.
const MOST_CLOSING: usize = 4;
/// How much is taken from the lane at once.
const TAKE_BYTES: usize = 1024 * 1024;
/// How long HTTP/2 may take to grant a stream before verdicts, requests and silence are looked after again.
const OPEN_PATIENCE: Duration = Duration::from_millis(500);
/// How often silence is looked for.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// The choices of a live stream.
#[derive(Debug, Clone)]
pub(crate) struct IngestionOptions {
    pub(crate) linger: Duration,
    pub(crate) checkpoint_interval: Duration,
    /// 0: rows are not kept once they were given to a gRPC stream.
    pub(crate) replay_window_bytes: u64,
    /// `None`: the first failure ends the stream.
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) idle_timeout: Duration,
    pub(crate) response_timeout: Duration,
}

struct Current {
    number: u64,
    stream: IngestStream,
    opened: Instant,
}

/// When the next attempt to connect or to open may be made.
enum Pause {
    None,
    Until(tokio::time::Instant),
}

/// The ingestion task.
pub(crate) struct Ingestion {
    intake: Arc<Intake>,
    delivery: Arc<Delivery>,
    counters: Arc<StreamCounters>,
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
    retiring: HashMap<u64, Connection>,
    current: Option<Current>,
    verdicts: JoinSet<(u64, Verdict)>,
    awaited: HashMap<u64, AbortHandle>,
    next_number: u64,
    progress: (u64, Instant),
}

impl Ingestion {
    pub(crate) fn new(
        intake: Arc<Intake>,
        delivery: Arc<Delivery>,
        counters: Arc<StreamCounters>,
        link: Link,
        options: IngestionOptions,
    ) -> Self {
        Self {
            backoff: Backoff::new(options.retry_policy.unwrap_or_default()),
            intake,
            delivery,
            counters,
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
    pub(crate) async fn run(mut self) {
        if let Err(why) = self.deliver().await {
            tracing::error!(target: "siftstream::ingestion", error = %why, "the stream can deliver nothing more");
            self.delivery.break_with(why.clone());
            self.intake.close(why.with_data_status(DataStatus::NotAccepted));
        }
        self.delivery.end();
    }

    async fn deliver(&mut self) -> Result<()> {
        let mut moved = false;
        loop {
            let requests = self.delivery.requests();
            if requests.cancelled {
                return Ok(());
            }
            self.take();
            moved |= !self.outbox.is_empty();
            if self.checkpoint_is_due(requests.checkpoint_below, requests.finishing) {
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
            if nothing_to_send && !lingers && !self.window_is_full() && !self.intake.sleep_if_empty() {
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
                () = self.intake.woken() => moved = true,
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
    fn wake_at(&self, lingers: bool) -> tokio::time::Instant {
        let now = tokio::time::Instant::now();
        if lingers {
            return now + self.options.linger;
        }
        let mut at = now + WATCH_INTERVAL;
        if let Pause::Until(end) = self.pause {
            at = at.min(end);
        }
        if let Some(current) = &self.current {
            at = at.min((current.opened + self.options.checkpoint_interval).into());
        }
        at.max(now + Duration::from_millis(1))
    }

    fn keeps_rows(&self) -> bool {
        self.options.replay_window_bytes > 0
    }

    fn window_is_full(&self) -> bool {
        self.keeps_rows() && self.carried.allocated() >= self.options.replay_window_bytes
    }

    fn take(&mut self) {
        if self.outbox.is_empty() && !self.window_is_full() {
            self.intake.take(&mut self.outbox, TAKE_BYTES);
            if let Some(last) = self.outbox.back() {
                self.taken_below = self.taken_below.max(last.ids().end);
            }
        }
    }

    fn checkpoint_is_due(&self, wanted_below: u64, finishing: bool) -> bool {
        let Some(current) = &self.current else { return false };
        if !self.carried.carries_rows(current.number) || self.carried.closing().count() >= MOST_CLOSING {
            return false;
        }
        let sent_below = self.outbox.front().map_or(self.taken_below, |segment| segment.ids().start);
        let unconfirmed = self.delivery.confirmed_contiguous() < wanted_below;
        let due_by_time = self.keeps_rows() && current.opened.elapsed() >= self.options.checkpoint_interval;
        let window_fills =
            self.keeps_rows() && self.carried.allocated() >= self.options.replay_window_bytes / 2;
        let going_away = self.connection.as_ref().is_some_and(|connection| !connection.is_usable());
        (finishing && self.outbox.is_empty() && self.intake.levels().queued_rows == 0)
            || (unconfirmed && sent_below >= wanted_below && self.carries_below(current.number, wanted_below))
            || due_by_time
            || window_fills && self.carries_window_share(current.number)
            || going_away
    }

    fn carries_below(&self, number: u64, below: u64) -> bool {
        self.carried
            .get(number)
            .and_then(|carried| carried.ids.iter().next())
            .is_some_and(|ids| ids.start < below)
    }

    /// Whether the stream carries enough of the window for an early checkpoint to be worth it.
    fn carries_window_share(&self, number: u64) -> bool {
        let share = self.options.replay_window_bytes / (2 * MOST_CLOSING as u64);
        self.carried.get(number).is_some_and(|carried| carried.allocated() >= share) || self.window_is_full()
    }

    fn half_close(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        // If the stream broke, its verdict says so.
        if let Err(error) = current.stream.end() {
            tracing::debug!(target: "siftstream::ingestion", %error, "half-close on a broken stream");
        }
        self.carried.ended(current.number, Instant::now());
    }

    fn is_done(&self) -> bool {
        self.outbox.is_empty() && self.carried.is_empty() && self.intake.levels().queued_rows == 0
    }

    /// Takes the next step towards an open stream: wait, connect, open.
    async fn approach_a_stream(&mut self) {
        if self.current.is_some() || self.connecting.is_some() {
            return;
        }
        if let Pause::Until(end) = self.pause {
            if tokio::time::Instant::now() < end {
                return;
            }
            self.pause = Pause::None;
            self.counters.backoff_ends();
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
                self.carried.open(number);
                self.counters.stream_opened();
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
            self.carried.add(current.number, &segment, self.options.replay_window_bytes > 0);
            self.counters.sent(segment.rows(), segment.bytes().len());
            working = current.stream.send(segment).is_ok();
        }
        if !working {
            // What the stream carried comes back with its verdict.
            self.current = None;
        }
    }

    fn judge(&mut self, number: u64, verdict: Verdict) -> Result<()> {
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
        match verdict {
            Verdict::Confirmed => {
                self.counters.checkpoint(true);
                self.counters.status(0);
                self.failures = 0;
                self.backoff.reset();
                self.delivery.confirm(carried.ids.iter());
                Ok(())
            }
            Verdict::Failed(failure) => {
                self.counters.checkpoint(false);
                self.counters.status(failure.code);
                if self.keeps_rows() {
                    carried.send_again(&mut self.outbox);
                } else {
                    self.delivery.give_up(carried.ids.iter());
                }
                self.failed_stream(&failure)
            }
        }
    }

    fn failed_stream(&mut self, failure: &Failure) -> Result<()> {
        let class = match failure.kind {
            FailureKind::Status => classify(failure.code, &failure.details),
            FailureKind::EarlyOk => {
                self.counters.early_ok();
                RetryClass::Transient { retry_after: None }
            }
            FailureKind::Broken | FailureKind::Silent => {
                self.connection = None;
                RetryClass::Transient { retry_after: None }
            }
        };
        let key = self.link.key().current();
        let error = match failure.kind {
            FailureKind::Status => {
                to_error("Sending rows", self.link.place(), failure.code, &failure.message, &key)
            }
            _ => Error::new(ErrorCode::Unavailable, format!("{}: {}", self.link.place(), failure.message)),
        };
        self.failed(class, error)
    }

    /// Decides whether and when to try again after a failure.
    fn failed(&mut self, class: RetryClass, error: Error) -> Result<()> {
        self.failures += 1;
        let error = error.with_data_status(if self.keeps_rows() {
            DataStatus::InMemory
        } else {
            DataStatus::Unknown
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
        self.counters.backoff_begins(wait);
        self.pause = Pause::Until(tokio::time::Instant::now() + wait);
        Ok(())
    }

    /// Gives up streams on which nothing moves.
    fn watch_for_silence(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(connection) = &self.connection {
            let progress = connection.watch().progress();
            let waits = !self.carried.is_empty();
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
            (None, Some(current)) if silent && self.carried.carries_rows(current.number) => current.number,
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
