//! The counters of a stream at one moment.

use std::ops::Deref;
use std::sync::OnceLock;

use siftstream_core::metrics::{METRICS, Metric, MetricValue};
use siftstream_core::{Encoder, Error, ErrorCode, Result, SiftStream, SiftStreamMetricsSnapshot, Transport};

use crate::boundary::{enter, free, output, value_or};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;
use crate::view::siftstream_str;

/// The counters of a stream at one moment.
pub struct siftstream_metrics {
    _opaque: [u8; 0],
}

kind!(siftstream_metrics, Metrics, 0x57, "metrics snapshot");

/// A snapshot, and its JSON once somebody wants it.
pub(crate) struct Metrics {
    snapshot: SiftStreamMetricsSnapshot,
    json: OnceLock<String>,
}

impl Deref for Metrics {
    type Target = SiftStreamMetricsSnapshot;

    fn deref(&self) -> &SiftStreamMetricsSnapshot {
        &self.snapshot
    }
}

/// Takes a snapshot of the stream's counters into *out. The caller frees it; it may outlive the stream.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_metrics(
    stream: *const siftstream_stream,
    out: *mut *mut siftstream_metrics,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || snapshot_of(&**handle::shared(stream)?, out))
}

/// Takes a snapshot of a stream, of rows or of messages.
pub(crate) fn snapshot_of<E: Encoder, T: Transport>(
    stream: &SiftStream<E, T>,
    out: *mut *mut siftstream_metrics,
) -> Result<()> {
    stream.check_process()?;
    let snapshot = stream.get_metrics_snapshot();
    output(out, "out")?.write(handle::create(Metrics { snapshot, json: OnceLock::new() })?);
    Ok(())
}

/// Frees a snapshot. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_free(metrics: *mut siftstream_metrics) -> siftstream_status {
    free(metrics)
}

/// Rows accepted from callers; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_accepted(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_accepted))
}

/// Bytes of the accepted rows as they are sent; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_bytes_accepted(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.bytes_accepted))
}

/// Rows given to gRPC streams; a row that is sent again counts again; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_sent(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_sent))
}

/// Bytes given to gRPC streams; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_bytes_sent(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.bytes_sent))
}

/// Rows that Sift has confirmed; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_confirmed(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_confirmed))
}

/// Rows given up by a choice of the user; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_dropped(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_dropped))
}

/// Rows that survive a crash of the process, from the first without a gap; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_written(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_written))
}

/// Rows that survive a power failure, from the first without a gap; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_durable(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_durable))
}

/// Backup files created by this stream; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_backup_files(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.backup_files))
}

/// Bytes of all backup files, those of earlier starts included; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_backup_bytes(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.backup_bytes))
}

/// How often the disk failed; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_disk_errors(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.disk_errors))
}

/// Whether the disk fails now: rows wait in memory; false if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_disk_degraded(metrics: *const siftstream_metrics) -> bool {
    value_or(false, || Ok(handle::shared(metrics)?.disk_degraded))
}

/// Unconfirmed rows of earlier starts that were found on disk; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_recovered(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_recovered))
}

/// Those of the recovered rows that Sift has confirmed since; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_recovered_rows_confirmed(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.recovered_rows_confirmed))
}

/// Rows of this stream that were confirmed after they were read back from disk; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_reingested(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_reingested))
}

/// Rows that are yet to be read back from disk and sent, at this moment; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_rows_owed(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.rows_owed))
}

/// Rows that wait to be sent; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_ingestion_channel_rows(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.ingestion_channel_rows))
}

/// Memory held by the rows that wait to be sent; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_ingestion_channel_bytes(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.ingestion_channel_bytes))
}

/// Rows that wait to be written; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_backup_channel_rows(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.backup_channel_rows))
}

/// Memory held by the rows that wait to be written, or are being written; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_backup_channel_bytes(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.backup_channel_bytes))
}

/// gRPC streams opened; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_streams_opened(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.streams_opened))
}

/// gRPC streams that ended with a confirmation; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_checkpoints(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.checkpoints))
}

/// gRPC streams that ended without one; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_checkpoints_failed(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.checkpoints_failed))
}

/// Answers OK that came too early to be a confirmation; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_early_oks(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.early_oks))
}

/// Waits before another attempt; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_retries(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.retries))
}

/// The wait that goes on now, in microseconds; 0 if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_current_backoff_us(metrics: *const siftstream_metrics) -> u64 {
    value_or(
        0,
        || Ok(u64::try_from(handle::shared(metrics)?.current_backoff.as_micros()).unwrap_or(u64::MAX)),
    )
}

/// Memory held by rows that were taken to be sent and are not confirmed: what the replay window bounds. 0 in modes with
/// files, or if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_replay_window_bytes(metrics: *const siftstream_metrics) -> u64 {
    value_or(0, || Ok(handle::shared(metrics)?.replay_window_bytes))
}

/// How often a gRPC stream ended with the status `code`; 0 if `code` is none, or `metrics` no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_grpc_status(metrics: *const siftstream_metrics, code: i32) -> u64 {
    value_or(0, || {
        let code = usize::try_from(code).unwrap_or(usize::MAX);
        Ok(handle::shared(metrics)?.statuses.get(code).copied().unwrap_or(0))
    })
}

/// All metrics as a JSON object: each by its name, durations in seconds, and `statuses` as an object with the count of
/// each status code that occurred. The text belongs to the snapshot; it is empty if `metrics` is no living snapshot.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_json(metrics: *const siftstream_metrics) -> siftstream_str {
    value_or(siftstream_str::of(""), || {
        let metrics = handle::shared(metrics)?;
        Ok(siftstream_str::of(metrics.json.get_or_init(|| metrics.snapshot.to_json())))
    })
}

/// How many metrics have a name: those that siftstream_metrics_name and siftstream_metrics_value know. All of
/// docs/observability.md but the status codes.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_count() -> usize {
    METRICS.len()
}

/// The name of the metric with this number, from 0; empty if there is none. The text lives for ever.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_name(number: usize) -> siftstream_str {
    siftstream_str::of(METRICS.get(number).map_or("", |metric| metric.name))
}

/// Writes the value of the metric with this number into *value: counts as they are (exact below 2^53), durations in
/// seconds, flags as 0 or 1.
///
/// Errors: INVALID_ARGUMENT if there is no such metric, or `metrics` is no living snapshot. Thread-safety: any thread.
/// Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_value(
    metrics: *const siftstream_metrics,
    number: usize,
    value: *mut f64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let snapshot = &handle::shared(metrics)?.snapshot;
        output(value, "value")?.write(plain(metric(number)?.read(snapshot)));
        Ok(())
    })
}

fn metric(number: usize) -> Result<&'static Metric> {
    METRICS.get(number).ok_or_else(|| {
        let message = format!("there is no metric {number}: there are {}", METRICS.len());
        Error::new(ErrorCode::InvalidArgument, message)
    })
}

#[allow(clippy::cast_precision_loss, reason = "documented: exact below 2^53")]
fn plain(value: MetricValue) -> f64 {
    match value {
        MetricValue::Count(count) => count as f64,
        MetricValue::Seconds(seconds) => seconds,
        MetricValue::Flag(flag) => f64::from(u8::from(flag)),
        _ => f64::NAN,
    }
}
