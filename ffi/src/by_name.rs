//! Rows by the names of their channels: also of flows that are registered by their first row.

use siftstream_core::schema::MAX_CHANNELS;
use siftstream_core::{ChannelValue, Error, ErrorCode, Flow, Result, TimeValue};

use crate::boundary::{accepted, enter, enter_unless_full, null};
use crate::config::siftstream_config;
use crate::error::siftstream_error;
use crate::handle;
use crate::status::siftstream_status;
use crate::stream::{millis, siftstream_stream};
use crate::values::{owned, siftstream_value};
use crate::view::siftstream_str;

/// A value and the name of its channel.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct siftstream_channel_value {
    /// The channel's name.
    pub channel: siftstream_str,
    /// Its value.
    pub value: siftstream_value,
}

/// Sends a row of the flow with `count` values in any order; channels that are not named are sent as "no news". Names and
/// texts are copied. With siftstream_config_set_auto_register_flows the flow may be unknown: it is registered first, and
/// the call waits for that. Slower than a siftstream_row, and allocates.
///
/// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, UNKNOWN_CHANNEL, WRONG_TYPE, INVALID_ARGUMENT, SCHEMA_MISMATCH
/// with the difference and others; then nothing was accepted. Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_send_by_name(
    stream: *const siftstream_stream,
    flow: siftstream_str,
    timestamp_ns: i64,
    values: *const siftstream_channel_value,
    count: usize,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let row = row(flow, timestamp_ns, values, count)?;
        handle::shared(stream)?.send_timeout(row, millis(timeout_ms)).map_err(|refused| refused.error)
    })
}

/// The same without ever waiting. FULL means that there is no room now, or that the flow is being registered. FULL makes
/// no error object.
///
/// Errors: FULL, and those of siftstream_stream_send_by_name but TIMEOUT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send_by_name(
    stream: *const siftstream_stream,
    flow: siftstream_str,
    timestamp_ns: i64,
    values: *const siftstream_channel_value,
    count: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter_unless_full(error, || {
        let row = row(flow, timestamp_ns, values, count)?;
        accepted(handle::shared(stream)?.try_send(row))
    })
}

fn row(
    flow: siftstream_str,
    timestamp_ns: i64,
    values: *const siftstream_channel_value,
    count: usize,
) -> Result<Flow> {
    if values.is_null() && count > 0 {
        return Err(null("values"));
    }
    if count > MAX_CHANNELS {
        let message = format!("{count} values: a flow has at most {MAX_CHANNELS} channels");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    let value = |at: usize| {
        // SAFETY: the caller promises `count` values at `values`.
        let given = unsafe { &*values.add(at) };
        Ok(ChannelValue::new(given.channel.get("the name of a channel")?, owned(&given.value)?))
    };
    let values = (0..count).map(value).collect::<Result<Vec<_>>>()?;
    Ok(Flow::new(flow.get("flow")?, TimeValue::from_timestamp_nanos(timestamp_ns), &values))
}

/// Keeps the flows of `config` for their first rows: each is registered with its config, units and names of enum values
/// included, when its first row is sent by name. Nothing else of the config is looked at; it is only read.
///
/// Errors: NOT_CONFIGURED without siftstream_config_set_auto_register_flows, INVALID_ARGUMENT; then flows before the one
/// that is refused are kept. Thread-safety: any thread; nobody may change the config meanwhile. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_stage_flows(
    stream: *const siftstream_stream,
    config: *const siftstream_config,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let flows = handle::shared(config)?.flows().to_vec();
        let stream = handle::shared(stream)?;
        flows.into_iter().try_for_each(|flow| stream.stage_flow(flow))
    })
}
