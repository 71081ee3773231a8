//! The stream.

use std::time::Duration;

use siftstream_core::{
    Credentials, Error, ErrorCode, FinishError, FlowConfig, IngestionConfigEncoder, IngestionConfigForm,
    LiveStreamingOnly, Report, Result, RunSelector, SiftStream, SiftStreamBuilder, TrySendError,
};

use crate::boundary::{enter, free, output, value_or};
use crate::config::{Config, run_form, siftstream_config};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::report::siftstream_report;
use crate::row::siftstream_row;
use crate::status::siftstream_status;
use crate::values::{fill, siftstream_value};
use crate::view::siftstream_str;

/// A stream to Sift.
pub struct siftstream_stream {
    _opaque: [u8; 0],
}

/// What the handle holds.
pub(crate) type Stream = SiftStream<IngestionConfigEncoder, LiveStreamingOnly>;

kind!(siftstream_stream, Stream, b"ssstream", "stream");

fn millis(milliseconds: u32) -> Duration {
    Duration::from_millis(u64::from(milliseconds))
}

/// Registers the schema with Sift and starts a live-only stream, within `timeout_ms`. The stream is given in *out; the
/// caller frees it. The config is only read.
///
/// Errors: INVALID_ARGUMENT, AUTH, SCHEMA_MISMATCH, UNAVAILABLE, TIMEOUT, TLS and others; then nothing is left running.
/// Thread-safety: any thread; the config by one at a time. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_create(
    config: *const siftstream_config,
    timeout_ms: u32,
    out: *mut *mut siftstream_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(out, "out")?;
        place.write(handle::create(open(handle::shared(config)?.clone(), millis(timeout_ms))?));
        Ok(())
    })
}

fn open(config: Config, timeout: Duration) -> Result<Stream> {
    let credentials = Credentials::Config { uri: config.uri, apikey: config.api_key };
    let mut base = SiftStreamBuilder::new(credentials)
        .insecure(config.insecure)
        .connection(|connection| connection.user_agent = siftstream_core::connect::user_agent("c"));
    if let Some(threads) = config.worker_threads {
        base = base.worker_threads(threads);
    }
    let form = IngestionConfigForm {
        asset_name: config.asset_name,
        client_key: config.client_key,
        flows: config.flows,
    };
    let mut shared = base
        .ingestion_config(form)
        .add_asset_tags(config.asset_tags)
        .add_asset_metadata(config.asset_metadata);
    shared = match config.run {
        Some(RunSelector::ById(id)) => shared.attach_run_id(&id),
        Some(RunSelector::ByForm(form)) => shared.attach_run(form),
        None => shared,
    };
    if let Some(end) = config.end_stream_on_validation_error {
        shared = shared.end_stream_on_validation_error(end);
    }
    if let Some(bytes) = config.max_row_size {
        shared = shared.max_row_size(bytes);
    }
    let mut live = shared.live_only();
    if let Some(linger) = config.linger {
        live = live.linger(linger);
    }
    if let Some(interval) = config.checkpoint_interval {
        live = live.checkpoint_interval(interval);
    }
    if let Some(bytes) = config.replay_window_bytes {
        live = live.replay_window_bytes(bytes);
    }
    if let Some(rows) = config.ingestion_data_channel_capacity {
        live = live.ingestion_data_channel_capacity(rows);
    }
    if let Some(bytes) = config.ingestion_data_channel_bytes {
        live = live.ingestion_data_channel_bytes(bytes);
    }
    live.build_blocking(timeout)
}

/// Ends the stream without waiting for the network; unconfirmed rows of a live-only stream are lost. Call
/// siftstream_stream_finish first. Nothing for NULL and for a stream that was freed.
///
/// Thread-safety: no other thread may use it. Blocking: briefly.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_free(stream: *mut siftstream_stream) {
    free(stream);
}

/// Sends a row, waiting for room for at most `timeout_ms`. The row stays the caller's and can be used again at once.
///
/// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
/// Thread-safety: the stream by any thread, the row by one at a time. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_send(
    stream: *const siftstream_stream,
    row: *const siftstream_row,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let row = handle::shared(row)?;
        handle::shared(stream)?.send_timeout(row, millis(timeout_ms)).map_err(|refused| refused.error)
    })
}

/// Sends a row without ever waiting. The row stays the caller's and can be used again at once.
///
/// FULL means that there is no room now. To keep this path free of allocations, FULL makes no error object.
/// Errors: FULL, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
/// Thread-safety: the stream by any thread, the row by one at a time. Blocking: never. Allocates nothing when warm.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send(
    stream: *const siftstream_stream,
    row: *const siftstream_row,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    let mut full = false;
    let status = enter(error, || match handle::shared(stream)?.try_send(handle::shared(row)?) {
        Err(TrySendError::Refused(refused)) => Err(refused.error),
        Err(TrySendError::Full(_)) => {
            full = true;
            Ok(())
        }
        Ok(()) => Ok(()),
    });
    if full { siftstream_status::SIFTSTREAM_FULL } else { status }
}

/// Fills the row with `count` values, one a channel, and sends it without ever waiting: one call a row.
///
/// Errors: as siftstream_row_set_values and siftstream_stream_try_send; then nothing was accepted.
/// Thread-safety: the stream by any thread, the row by one at a time. Blocking: never. Allocates nothing when warm.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send_values(
    stream: *const siftstream_stream,
    row: *mut siftstream_row,
    timestamp_ns: i64,
    values: *const siftstream_value,
    count: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    let filled = enter(error, || fill(handle::exclusive(row)?, timestamp_ns, values, count));
    if filled != siftstream_status::SIFTSTREAM_OK {
        return filled;
    }
    siftstream_stream_try_send(stream, row, error)
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
    enter(error, || handle::shared(stream)?.flush_confirmed(millis(timeout_ms)))
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
    enter(error, || {
        let give = |report: Report| {
            if let Ok(place) = output(report_out, "report_out") {
                place.write(handle::create(report));
            }
        };
        match handle::shared(stream)?.finish(millis(timeout_ms)) {
            Ok(report) => {
                give(report);
                Ok(())
            }
            Err(FinishError { error, report }) => {
                give(report);
                Err(error)
            }
        }
    })
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
        handle::shared(stream)?.cancel(reason.get("reason")?);
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
/// Thread-safety: any thread; the config by one at a time. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_add_new_flows(
    stream: *const siftstream_stream,
    config: *const siftstream_config,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let flows: Vec<FlowConfig> = handle::shared(config)?.flows.clone();
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
        handle::shared(stream)?.detach_run();
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
