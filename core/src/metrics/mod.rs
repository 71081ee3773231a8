//! Counters of one stream, without locks, and how they are shown: as a list with their meanings, as JSON, and over HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::stream::intake::IntakeLevels;

mod catalogue;
mod disk;
mod exposition;
mod http;
mod recovery;
mod self_telemetry;
mod server;

pub use catalogue::{METRICS, Metric, MetricKind, MetricValue, STATUS_NAMES};
pub(crate) use disk::DiskCounters;
pub(crate) use recovery::RecoveryCounters;
pub use self_telemetry::SelfTelemetry;
pub use server::MetricsServer;

/// What the tasks of a stream count.
#[derive(Debug, Default)]
pub(crate) struct StreamCounters {
    rows_sent: AtomicU64,
    bytes_sent: AtomicU64,
    streams_opened: AtomicU64,
    checkpoints: AtomicU64,
    checkpoints_failed: AtomicU64,
    checkpoints_by_timer: AtomicU64,
    checkpoints_by_request: AtomicU64,
    checkpoint_us: AtomicU64,
    checkpoints_awaited: AtomicU64,
    bytes_confirmed: AtomicU64,
    early_oks: AtomicU64,
    retries: AtomicU64,
    current_backoff_us: AtomicU64,
    kept_bytes: AtomicU64,
    statuses: [AtomicU64; 17],
}

/// The counters of a stream at one moment. Each is exact; together they are not one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SiftStreamMetricsSnapshot {
    /// Rows accepted from callers.
    pub rows_accepted: u64,
    /// Bytes of these rows as they are sent.
    pub bytes_accepted: u64,
    /// Rows given to gRPC streams; a row that is sent again counts again.
    pub rows_sent: u64,
    /// Bytes given to gRPC streams.
    pub bytes_sent: u64,
    /// Rows that Sift has confirmed.
    pub rows_confirmed: u64,
    /// Bytes that confirmed gRPC streams of the live path carried.
    pub bytes_confirmed: u64,
    /// Rows given up by a choice of the user.
    pub rows_dropped: u64,
    /// Rows that survive a crash of the process, counted from the first without a gap; 0 without a disk.
    pub rows_written: u64,
    /// Rows that survive a power failure, counted from the first without a gap; 0 without a disk.
    pub rows_durable: u64,
    /// Backup files created by this stream.
    pub backup_files: u64,
    /// Bytes of all backup files of the slot, those of earlier streams included.
    pub backup_bytes: u64,
    /// How often the disk failed.
    pub disk_errors: u64,
    /// The disk fails at this moment: rows wait in memory.
    pub disk_degraded: bool,
    /// Unconfirmed rows of earlier epochs that were found on disk.
    pub rows_recovered: u64,
    /// Those of them that Sift has confirmed since.
    pub recovered_rows_confirmed: u64,
    /// Rows of this stream that were confirmed by re-ingestion.
    pub rows_reingested: u64,
    /// Backup files of earlier epochs that are yet to be sent again.
    pub files_to_reingest: u64,
    /// gRPC streams opened to send rows again from the disk.
    pub reingestion_streams_opened: u64,
    /// Those that ended with a confirmation.
    pub reingestion_checkpoints: u64,
    /// Those that ended without one.
    pub reingestion_checkpoints_failed: u64,
    /// Rows that the live path owes to re-ingestion at this moment.
    pub rows_owed: u64,
    /// Rows that wait to be sent.
    pub ingestion_channel_rows: u64,
    /// Memory held by the rows that wait to be sent.
    pub ingestion_channel_bytes: u64,
    /// Memory held by rows that were taken to be sent and are not confirmed: what the replay window bounds; 0 with a disk.
    pub replay_window_bytes: u64,
    /// Rows that wait to be written.
    pub backup_channel_rows: u64,
    /// Memory held by the rows that wait to be written, or are being written.
    pub backup_channel_bytes: u64,
    /// gRPC streams opened.
    pub streams_opened: u64,
    /// gRPC streams that ended with a confirmation.
    pub checkpoints: u64,
    /// gRPC streams that ended without one.
    pub checkpoints_failed: u64,
    /// Checkpoints that were made because their interval had passed.
    pub checkpoints_by_timer: u64,
    /// Checkpoints that a caller asked for: by a flush, a finish, or `checkpoint`.
    pub checkpoints_by_request: u64,
    /// The time of all confirmed gRPC streams, from the first row to the confirmation.
    pub checkpoint_time: Duration,
    /// Half-closed gRPC streams whose answer is awaited at this moment.
    pub checkpoints_awaited: u64,
    /// Answers OK that came too early to be a confirmation.
    pub early_oks: u64,
    /// Waits before another attempt.
    pub retries: u64,
    /// The wait that goes on now; zero if there is none.
    pub current_backoff: Duration,
    /// How often a gRPC stream ended with each status code, by number.
    pub statuses: [u64; 17],
}

/// Why a gRPC stream was half-closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckpointCause {
    /// Its interval had passed.
    Timer,
    /// A caller wants confirmation.
    Request,
    /// Rows, bytes, a full window, a server that goes away, a row that is looked for.
    Other,
}

/// A snapshot with the name of its stream.
#[derive(Debug, Clone)]
struct LabelledSnapshot {
    name: String,
    snapshot: SiftStreamMetricsSnapshot,
}

impl StreamCounters {
    pub(crate) fn sent(&self, rows: u32, bytes: usize) {
        self.rows_sent.fetch_add(u64::from(rows), Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So much memory holds rows for sending them again.
    pub(crate) fn kept(&self, bytes: u64) {
        self.kept_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn stream_opened(&self) {
        self.streams_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A gRPC stream was half-closed, for the reason that `cause` gives.
    pub(crate) fn half_closed(&self, cause: CheckpointCause) {
        let counter = match cause {
            CheckpointCause::Timer => &self.checkpoints_by_timer,
            CheckpointCause::Request => &self.checkpoints_by_request,
            CheckpointCause::Other => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// So many half-closed streams wait for their answers.
    pub(crate) fn awaited(&self, streams: usize) {
        self.checkpoints_awaited.store(streams as u64, Ordering::Relaxed);
    }

    /// A gRPC stream that carried so many bytes for so long ended with a confirmation.
    pub(crate) fn confirmed(&self, bytes: u64, age: Duration) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.bytes_confirmed.fetch_add(bytes, Ordering::Relaxed);
        let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        self.checkpoint_us.fetch_add(micros, Ordering::Relaxed);
        self.status(0);
    }

    /// A gRPC stream ended without one.
    pub(crate) fn failed(&self, code: i32, by_early_ok: bool) {
        self.checkpoints_failed.fetch_add(1, Ordering::Relaxed);
        self.early_oks.fetch_add(u64::from(by_early_ok), Ordering::Relaxed);
        self.status(code);
    }

    fn status(&self, code: i32) {
        if let Some(counter) = usize::try_from(code).ok().and_then(|code| self.statuses.get(code)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A wait before the next attempt begins.
    pub(crate) fn backoff_begins(&self, wait: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.current_backoff_us.store(micros, Ordering::Relaxed);
    }

    /// The wait is over.
    pub(crate) fn backoff_ends(&self) {
        self.current_backoff_us.store(0, Ordering::Relaxed);
    }

    /// Adds what these counters of re-ingestion count to those of the live path.
    pub(crate) fn add_reingestion_to(&self, snapshot: &mut SiftStreamMetricsSnapshot) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        snapshot.rows_sent += read(&self.rows_sent);
        snapshot.bytes_sent += read(&self.bytes_sent);
        snapshot.reingestion_streams_opened = read(&self.streams_opened);
        snapshot.reingestion_checkpoints = read(&self.checkpoints);
        snapshot.reingestion_checkpoints_failed = read(&self.checkpoints_failed);
    }

    pub(crate) fn snapshot(
        &self,
        levels: IntakeLevels,
        confirmed: u64,
        dropped: u64,
    ) -> SiftStreamMetricsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SiftStreamMetricsSnapshot {
            rows_accepted: levels.accepted_rows,
            bytes_accepted: levels.accepted_bytes,
            rows_sent: read(&self.rows_sent),
            bytes_sent: read(&self.bytes_sent),
            rows_confirmed: confirmed,
            bytes_confirmed: read(&self.bytes_confirmed),
            rows_dropped: dropped,
            rows_written: 0,
            rows_durable: 0,
            backup_files: 0,
            backup_bytes: 0,
            disk_errors: 0,
            disk_degraded: false,
            rows_recovered: 0,
            recovered_rows_confirmed: 0,
            rows_reingested: 0,
            files_to_reingest: 0,
            reingestion_streams_opened: 0,
            reingestion_checkpoints: 0,
            reingestion_checkpoints_failed: 0,
            rows_owed: 0,
            ingestion_channel_rows: levels.wire.rows,
            ingestion_channel_bytes: levels.wire.bytes,
            replay_window_bytes: read(&self.kept_bytes),
            backup_channel_rows: levels.disk.rows,
            backup_channel_bytes: levels.disk.bytes,
            streams_opened: read(&self.streams_opened),
            checkpoints: read(&self.checkpoints),
            checkpoints_failed: read(&self.checkpoints_failed),
            checkpoints_by_timer: read(&self.checkpoints_by_timer),
            checkpoints_by_request: read(&self.checkpoints_by_request),
            checkpoint_time: Duration::from_micros(read(&self.checkpoint_us)),
            checkpoints_awaited: read(&self.checkpoints_awaited),
            early_oks: read(&self.early_oks),
            retries: read(&self.retries),
            current_backoff: Duration::from_micros(read(&self.current_backoff_us)),
            statuses: std::array::from_fn(|code| read(&self.statuses[code])),
        }
    }
}
