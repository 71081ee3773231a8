//! The `tracing` subscriber behind [`Logs`](super::Logs): takes the library's own events, and nothing else.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::LogRecord;
use super::counts::Counts;
use super::limit::Limit;
use super::threshold::Threshold;
use crate::seams::process::Origin;

/// Targets of the library begin with this.
const OURS: &str = "siftstream::";

pub(super) struct LogSink {
    threshold: Arc<Threshold>,
    limit: Mutex<Limit>,
    records: SyncSender<LogRecord>,
    counts: Arc<Counts>,
    /// In a forked child nobody reads the queue, and nobody can tell whether its locks are held for ever.
    origin: Origin,
}

impl LogSink {
    pub(super) fn new(
        threshold: Arc<Threshold>,
        records: SyncSender<LogRecord>,
        counts: Arc<Counts>,
        origin: Origin,
    ) -> Self {
        Self { threshold, limit: Mutex::default(), records, counts, origin }
    }
}

impl Subscriber for LogSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= self.threshold.get()
            && metadata.target().starts_with(OURS)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.threshold.get())
    }

    fn event(&self, event: &Event<'_>) {
        if self.origin.is_elsewhere() {
            return;
        }
        let metadata = event.metadata();
        let passed = self
            .limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pass(metadata.callsite(), Instant::now());
        let Some(held_back) = passed else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let record = LogRecord {
            at: SystemTime::now(),
            level: (*metadata.level()).into(),
            target: metadata.target(),
            message: text.into_message(held_back),
        };
        let counter = match self.records.try_send(record) {
            Ok(()) => &self.counts.queued,
            Err(_) => &self.counts.dropped,
        };
        counter.fetch_add(1, Ordering::Release);
    }

    // Spans are never enabled, so these are not called with any.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Fields as text.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn into_message(self, held_back: u64) -> String {
        let Self { mut message, fields } = self;
        message.push_str(&fields);
        if held_back > 0 {
            // Writing to a string cannot fail.
            write!(message, " ({held_back} more like this were not logged)").ok();
        }
        message
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        written.ok();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
