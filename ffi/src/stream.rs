//! The stream.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use siftstream_core::events::Events;
use siftstream_core::{
    AnyTransport, Error, ErrorCode, FlowConfig, IngestionConfigEncoder, Level, Result, RunSelector,
    SiftStream, TimeValue,
};

use crate::boundary::{accepted, enter, enter_unless_full, output, value_or};
use crate::config::{run_form, siftstream_config};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::level::{level_of, watermark};
use crate::listener::Listener;
use crate::log;
use crate::report::{finished, siftstream_report};
use crate::row::siftstream_row;
use crate::status::siftstream_status;
use crate::values::{Listed, siftstream_value};
use crate::view::siftstream_str;

/// A stream to Sift.
pub struct siftstream_stream {
    _opaque: [u8; 0],
}

/// The stream of core whose transport is chosen at run time.
pub(crate) type AnyStream = SiftStream<IngestionConfigEncoder, AnyTransport>;

/// What the handle holds.
pub(crate) struct Stream {
    stream: AnyStream,
    listener: Mutex<Option<Arc<Listener>>>,
}

impl Deref for Stream {
    type Target = AnyStream;

    fn deref(&self) -> &AnyStream {
        &self.stream
    }
}

impl Stream {
    fn new(stream: AnyStream) -> Self {
        Self { stream, listener: Mutex::new(None) }
    }

    fn listener(&self) -> MutexGuard<'_, Option<Arc<Listener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the one place for a callback.
    pub(crate) fn take_listener(&self) -> Result<Arc<Listener>> {
        let mut place = self.listener();
        if place.is_some() {
            let message = "the stream has a callback: one callback gets all its events";
            return Err(Error::new(ErrorCode::Busy, message));
        }
        Ok(Arc::clone(place.insert(Arc::default())))
    }

    /// Makes the place free: the callback never came to be.
    pub(crate) fn forget_listener(&self) {
        *self.listener() = None;
    }
}

kind!(siftstream_stream, Stream, 0x5d, "stream", at home);

pub(crate) fn millis(milliseconds: u32) -> Duration {
    Duration::from_millis(u64::from(milliseconds))
}

/// Starts a stream in the mode of the config, within `timeout_ms`: registers the schema with Sift, or takes a place on
/// disk, for which Sift is asked only if an ID is not known. The stream is given in *out; the caller frees it. The
/// config is only read, and can be freed at once.
///
/// Errors: INVALID_ARGUMENT, AUTH, SCHEMA_MISMATCH, UNAVAILABLE, TIMEOUT, TLS, IO and others; then nothing is left
/// running. Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_create(
    config: *const siftstream_config,
    timeout_ms: u32,
    out: *mut *mut siftstream_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(out, "out")?;
        let config = handle::shared(config)?;
        let stream = log::within(|| config.open_blocking(millis(timeout_ms)))?;
        place.write(handle::create(Stream::new(stream))?);
        Ok(())
    })
}

/// Ends the stream without waiting for the network, and frees it; unconfirmed rows of a live-only stream are lost, those
/// of other modes are on disk. Call siftstream_stream_finish first. Calls of other threads keep it running until they
/// return, but waits for events end at once. In a forked child only the handle is freed, at once. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: up to a second, for the disk and a callback that runs.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_free(stream: *mut siftstream_stream) -> siftstream_status {
    enter(std::ptr::null_mut(), || {
        if stream.is_null() {
            return Ok(());
        }
        let deadline = Instant::now() + FREE_TIMEOUT;
        let audience = audience(&*handle::shared(stream)?);
        log::within(|| handle::destroy(stream))?;
        if let Some((events, listener)) = audience {
            events.close();
            listener.inspect(|listener| listener.close(deadline));
        }
        Ok(())
    })
}

/// How long the freeing of a stream waits for its callback.
const FREE_TIMEOUT: Duration = Duration::from_secs(1);

/// Who listens to the stream; nobody in a forked child, where locks may be held for ever.
fn audience(stream: &Stream) -> Option<(Arc<Events>, Option<Arc<Listener>>)> {
    stream.check_process().ok()?;
    Some((Arc::clone(stream.events()), stream.listener().clone()))
}

/// Sends a row, waiting for room for at most `timeout_ms`. The row stays the caller's and can be used again at once.
///
/// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
/// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_send(
    stream: *const siftstream_stream,
    row: *const siftstream_row,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let row = handle::shared_inlined(row)?;
        handle::shared_inlined(stream)?
            .send_timeout(&*row, millis(timeout_ms))
            .map_err(|refused| refused.error)
    })
}

/// Sends a row without ever waiting. The row stays the caller's and can be used again at once.
///
/// FULL means that there is no room now. To keep this path free of allocations, FULL makes no error object.
/// Errors: FULL, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
/// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: never.
/// Allocates nothing when warm, for rows of at most 16 KiB.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send(
    stream: *const siftstream_stream,
    row: *const siftstream_row,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter_unless_full(error, || {
        let row = handle::shared_inlined(row)?;
        accepted(handle::shared_inlined(stream)?.try_send(&*row))
    })
}

/// Sends a row of `count` values, one a channel, without ever waiting: one call a row, written from where the values lie.
/// `row` says of which flow. After FULL it holds the time and the values, for siftstream_stream_send or another
/// siftstream_stream_try_send; after OK and after an error it holds what it held before.
///
/// Errors: as siftstream_row_set_values and siftstream_stream_try_send; then nothing was accepted.
/// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: never.
/// Allocates nothing when warm, for rows of at most 16 KiB; FULL does for texts longer than the row has held before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send_values(
    stream: *const siftstream_stream,
    row: *mut siftstream_row,
    timestamp_ns: i64,
    values: *const siftstream_value,
    count: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter_unless_full(error, || {
        let values = Listed::new(values, count)?;
        let timestamp = TimeValue::from_timestamp_nanos(timestamp_ns);
        // The row is this call's own until it was sent, so that it can hold the values.
        let mut row = handle::exclusive_inlined(row)?;
        accepted(handle::shared_inlined(stream)?.try_send_values(&mut row, timestamp, &values))
    })
}

/// Brings everything accepted so far to a level, a siftstream_level, and waits for that. It makes it happen: a
/// checkpoint for CONFIRMED, an fsync for DURABLE.
///
/// Errors: TIMEOUT, NOT_CONFIGURED for a level that rows of the mode never reach, and what ended the stream.
/// Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_flush(
    stream: *const siftstream_stream,
    level: i32,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.flush(level_of(level)?, millis(timeout_ms)))
}

/// Makes everything accepted so far confirmed by Sift, and waits for that.
///
/// Errors: TIMEOUT, and what ended the stream. Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_flush_confirmed(
    stream: *const siftstream_stream,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.flush(Level::Confirmed, millis(timeout_ms)))
}

/// Asks Sift to confirm what was accepted so far, and waits for nothing: events and watermarks tell when it did.
///
/// Errors: NOT_CONFIGURED for a mode that does not send to Sift. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_checkpoint(
    stream: *const siftstream_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.checkpoint())
}

/// Ends the stream: delivers what was accepted, and says in *report_out what became of each row. The report is given
/// also when not all rows were delivered, and is the caller's to free; `report_out` may be NULL. Calling it again is
/// harmless. The stream still has to be freed.
///
/// Errors: whatever kept rows from being delivered. Thread-safety: any thread. Blocking: up to `timeout_ms` + 250 ms,
/// whatever the server does.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_finish(
    stream: *const siftstream_stream,
    timeout_ms: u32,
    report_out: *mut *mut siftstream_report,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || finished(handle::shared(stream)?.finish(millis(timeout_ms)), report_out))
}

/// Ends the stream now; calls that wait get the reason. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_cancel(
    stream: *const siftstream_stream,
    reason: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        stream.cancel(reason.get("reason")?);
        Ok(())
    })
}

/// Gives in *rows_out how many rows, from the first one on, are at a level, a siftstream_level, or beyond it without a
/// gap. Rows that a policy dropped count as passed.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED for a level that rows of the mode never reach. Thread-safety: any thread.
/// Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_watermark(
    stream: *const siftstream_stream,
    level: i32,
    rows_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        output(rows_out, "rows_out")?.write(watermark(stream.watermarks(), level)?);
        Ok(())
    })
}

/// How many rows, from the first one on, are confirmed without a gap; 0 if `stream` is no living stream.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_confirmed_watermark(stream: *const siftstream_stream) -> u64 {
    value_or(0, || Ok(handle::shared(stream)?.confirmed_watermark()))
}

/// Registers the flows of `config` that the stream does not have, so that their rows can be sent. Nothing else of the
/// config is looked at.
///
/// Errors: SCHEMA_MISMATCH with the difference, UNAVAILABLE and others; then none was added.
/// Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_add_new_flows(
    stream: *const siftstream_stream,
    config: *const siftstream_config,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let flows: Vec<FlowConfig> = handle::shared(config)?.flows().to_vec();
        handle::shared(stream)?.add_new_flows_blocking(&flows, millis(timeout_ms))
    })
}

/// Attaches rows sent from now on to the run with this client key, which is created or updated. The texts are copied.
///
/// Errors: INVALID_ARGUMENT, UNAVAILABLE and others; then nothing changed.
/// Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_attach_run(
    stream: *const siftstream_stream,
    name: siftstream_str,
    client_key: siftstream_str,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let run = run_form(name, client_key)?;
        handle::shared(stream)?.attach_run_blocking(run, millis(timeout_ms))
    })
}

/// Attaches rows sent from now on to an existing run. The text is copied.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE and others; then nothing changed.
/// Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_attach_run_id(
    stream: *const siftstream_stream,
    run_id: siftstream_str,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let run = RunSelector::ById(run_id.get("run_id")?.to_owned());
        handle::shared(stream)?.attach_run_blocking(run, millis(timeout_ms))
    })
}

/// Rows sent from now on belong to no run.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_detach_run(
    stream: *const siftstream_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        stream.detach_run();
        Ok(())
    })
}

/// Replaces the API key; requests that begin later carry the new one. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_set_api_key(
    stream: *const siftstream_stream,
    api_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let key = api_key.get("api_key")?;
        if key.is_empty() {
            return Err(Error::new(ErrorCode::InvalidArgument, "the API key is empty: give the new one"));
        }
        handle::shared(stream)?.set_api_key(key)
    })
}
