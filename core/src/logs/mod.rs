//! Logs for programs that have no `tracing` subscriber: a callback on a thread of its own. Silent without one.
//!
//! The library logs through `tracing`, under the targets in [`TARGETS`]. Its threads log to whatever subscriber the thread
//! had that started them; [`Logs`] is such a subscriber. No global one is ever installed.
//!
//! ```text
//!  a thread of the library ──▶ LogSink: level? too many like it? ──▶ queue ──▶ `siftstream-log`: the callback
//!                                                                 full: dropped, counted
//! ```

mod counts;
mod limit;
mod sink;
mod threshold;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant, SystemTime};

use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::error::Result;
use crate::seams::process::Origin;
use crate::seams::worker;
use counts::Counts;
use sink::LogSink;
use threshold::Threshold;

/// How many records wait for the callback.
const CAPACITY: usize = 1_024;

/// The targets under which the library logs. They are stable: filters may name them.
pub const TARGETS: &[(&str, &str)] = &[
    ("siftstream::connect", "Addresses, sockets, certificates"),
    ("siftstream::control", "Calls other than sending: ping, ingestion configs, flows, runs, assets"),
    ("siftstream::grpc", "HTTP/2 connections"),
    ("siftstream::ingestion", "Live gRPC streams: how they ended, what is tried next"),
    ("siftstream::reingestion", "Rows that are sent again from the disk"),
    ("siftstream::disk", "Files, the journal, what was found at the start"),
    ("siftstream::checkpoint", "Where inputs resume"),
    ("siftstream::threads", "Threads that cannot be set up or woken as was wanted"),
    ("siftstream::stream", "A stream as a whole: what a drop left, schema trouble"),
    ("siftstream::events", "Every event of a stream, as text"),
];

/// How much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Data or a stream is lost, or a person is needed.
    Error,
    /// Something is wrong and the library copes.
    Warn,
    /// Rare news.
    Info,
    /// What happened, step by step.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name of the level, the same in all languages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

impl From<tracing::Level> for LogLevel {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// One line of a log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogRecord {
    /// When it was logged, by the clock of the machine.
    pub at: SystemTime,
    /// How much it matters.
    pub level: LogLevel,
    /// Which part of the library says it, one of [`TARGETS`].
    pub target: &'static str,
    /// What it says, with its fields behind it as `name=value`.
    pub message: String,
}

/// A callback that gets what streams log. Cheap to clone; ends when no clone and no stream that logs to it is left.
#[derive(Clone)]
pub struct Logs {
    dispatch: Dispatch,
    /// While there is only one subscriber, `tracing` takes what the thread that first meets a place in the code thinks
    /// of it for what all think; and most threads of a program do not log here.
    _another: Dispatch,
    threshold: Arc<Threshold>,
    counts: Arc<Counts>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Logs {
    /// Calls `callback` with each record of `max_level` or a graver one, on a thread of its own. A callback that is slow
    /// makes records drop, nothing else wait. Of records of one kind at most 10 a second come; the next one tells how many
    /// did not. A forked child logs nothing.
    pub fn to_callback(
        max_level: LogLevel,
        mut callback: impl FnMut(LogRecord) + Send + 'static,
    ) -> Result<Self> {
        let origin = Origin::here()?;
        let (sender, receiver) = sync_channel(CAPACITY);
        let (threshold, counts) = (Arc::new(Threshold::new(max_level)), Arc::<Counts>::default());
        let seen = Arc::clone(&counts);
        worker::spawn("siftstream-log", move || {
            for record in receiver {
                callback(record);
                seen.saw_one();
            }
        })?;
        let sink = LogSink::new(Arc::clone(&threshold), sender, Arc::clone(&counts), origin);
        let _another = Dispatch::new(NoSubscriber::new());
        Ok(Self { dispatch: Dispatch::new(sink), _another, threshold, counts })
    }

    /// From now on records of `max_level` or graver ones come, from streams that log here already too; with `None` none do.
    pub fn set_max_level(&self, max_level: Option<LogLevel>) {
        self.threshold.set(max_level);
    }

    /// Waits until the callback has returned from every record so far, for at most `timeout`. Whether it has. In the
    /// callback itself this can only run into the timeout.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.counts.all_seen(Instant::now() + timeout)
    }

    /// Runs `work`; streams that are built in it log here for as long as they live.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// The same for work that is awaited.
    pub fn within_async<F: Future>(&self, work: F) -> impl Future<Output = F::Output> {
        work.with_subscriber(self.dispatch.clone())
    }

    /// How many records the callback was too slow for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}
