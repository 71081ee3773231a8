//! Every number of a snapshot, once: its name, kind, unit and meaning. What shows metrics to people goes by this list.

use super::SiftStreamMetricsSnapshot as Snapshot;

/// How a metric behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows while the stream lives.
    Counter,
    /// What is so at this moment.
    Gauge,
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A number of things.
    Count(u64),
    /// Seconds.
    Seconds(f64),
    /// Whether it is so.
    Flag(bool),
}

/// One number of a snapshot.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// The same in all languages.
    pub name: &'static str,
    /// How it behaves over time.
    pub kind: MetricKind,
    /// What it tells.
    pub meaning: &'static str,
    read: fn(&Snapshot) -> MetricValue,
}

impl Metric {
    /// Its value in `snapshot`.
    #[must_use]
    pub fn read(&self, snapshot: &Snapshot) -> MetricValue {
        (self.read)(snapshot)
    }
}

const fn counter(name: &'static str, meaning: &'static str, read: fn(&Snapshot) -> MetricValue) -> Metric {
    Metric { name, kind: MetricKind::Counter, meaning, read }
}

const fn gauge(name: &'static str, meaning: &'static str, read: fn(&Snapshot) -> MetricValue) -> Metric {
    Metric { name, kind: MetricKind::Gauge, meaning, read }
}

/// Lists fields of the snapshot under their own names.
macro_rules! catalogue {
    ($($make:ident $value:ident $name:ident: $meaning:literal,)*) => {
        &[$($make(stringify!($name), $meaning, |snapshot| $value(snapshot.$name)),)*]
    };
}

use MetricValue::{Count as count, Flag as flag};

fn seconds(duration: std::time::Duration) -> MetricValue {
    MetricValue::Seconds(duration.as_secs_f64())
}

/// All metrics but the status codes, in the order of the snapshot.
pub const METRICS: &[Metric] = catalogue! {
    counter count rows_accepted: "Rows accepted from callers",
    counter count bytes_accepted: "Bytes of the accepted rows, as they are sent",
    counter count rows_sent: "Rows given to gRPC streams; a row that is sent again counts again",
    counter count bytes_sent: "Bytes given to gRPC streams",
    counter count rows_confirmed: "Rows that Sift has confirmed",
    counter count bytes_confirmed: "Bytes that confirmed gRPC streams of the live path carried",
    counter count rows_dropped: "Rows given up by a choice of the user",
    counter count rows_written: "Rows that survive a crash of the process, from the first without a gap",
    counter count rows_durable: "Rows that survive a power failure, from the first without a gap",
    counter count backup_files: "Backup files created by this stream",
    gauge count backup_bytes: "Bytes of all backup files of the slot, those of earlier streams included",
    counter count disk_errors: "How often the disk failed",
    gauge flag disk_degraded: "Whether the disk fails at this moment: rows wait in memory",
    counter count rows_recovered: "Unconfirmed rows of earlier epochs that were found on disk",
    counter count recovered_rows_confirmed: "Recovered rows that Sift has confirmed since",
    counter count rows_reingested: "Rows of this stream that were confirmed by re-ingestion",
    gauge count files_to_reingest: "Backup files of earlier epochs that are yet to be sent again",
    counter count reingestion_streams_opened: "gRPC streams opened to send rows again from the disk",
    counter count reingestion_checkpoints: "Re-ingestion's gRPC streams that ended with a confirmation",
    counter count reingestion_checkpoints_failed: "Re-ingestion's gRPC streams that ended without one",
    gauge count rows_owed: "Rows that the live path owes to re-ingestion",
    gauge count ingestion_channel_rows: "Rows that wait to be sent",
    gauge count ingestion_channel_bytes: "Memory held by the rows that wait to be sent",
    gauge count replay_window_bytes: "Memory held by rows that were sent and are not confirmed, for sending them again",
    gauge count backup_channel_rows: "Rows that wait to be written",
    gauge count backup_channel_bytes: "Memory held by the rows that wait to be written or are being written",
    counter count streams_opened: "gRPC streams opened",
    counter count checkpoints: "gRPC streams that ended with a confirmation",
    counter count checkpoints_failed: "gRPC streams that ended without a confirmation",
    counter count checkpoints_by_timer: "Checkpoints made because their interval had passed",
    counter count checkpoints_by_request: "Checkpoints that a caller asked for: by a flush, a finish or `checkpoint`",
    counter seconds checkpoint_time: "The time of all confirmed gRPC streams, from the first row to the confirmation",
    gauge count checkpoints_awaited: "Half-closed gRPC streams whose answer is awaited",
    counter count early_oks: "Answers OK that came too early to be a confirmation",
    counter count retries: "Waits before another attempt",
    gauge seconds current_backoff: "The wait that goes on now; 0 if there is none",
};

/// The names of the gRPC status codes, by number.
pub const STATUS_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
