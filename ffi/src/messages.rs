//! Streams of protobuf messages of the caller's own types.

use siftstream_core::{AnyTransport, ProtobufEncoder, ProtobufMessage, Result, SiftStream, TimeValue};

use crate::boundary::{accepted, enter, enter_unless_full, free, output};
use crate::config::siftstream_config;
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::level::level_of;
use crate::log;
use crate::metrics::{siftstream_metrics, snapshot_of};
use crate::report::{finished, siftstream_report};
use crate::status::siftstream_status;
use crate::stream::millis;
use crate::view::{siftstream_bytes, siftstream_str};

/// A stream of protobuf messages of the caller's own types.
pub struct siftstream_message_stream {
    _opaque: [u8; 0],
}

type MessageStream = SiftStream<ProtobufEncoder, AnyTransport>;

kind!(siftstream_message_stream, MessageStream, 0x77, "message stream");

/// Starts a stream of protobuf messages in the mode of the config, within `timeout_ms`. They belong to the config's
/// asset and, if it names one, to a run by its ID; the config has no flows. `name_space` is the namespace that Sift keeps
/// them in, and may be empty. Their files are in a directory of their own. The stream is given in *out; the caller frees
/// it. The config is only read, and the text is copied.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED, AUTH, UNAVAILABLE, TIMEOUT, TLS, IO and others; then nothing is left running.
/// Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_create(
    config: *const siftstream_config,
    name_space: siftstream_str,
    timeout_ms: u32,
    out: *mut *mut siftstream_message_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(out, "out")?;
        let name_space = name_space.get("name_space")?;
        let config = handle::shared(config)?;
        let stream = log::within(|| config.open_protobuf_blocking(name_space, millis(timeout_ms)))?;
        place.write(handle::create(stream)?);
        Ok(())
    })
}

/// Ends the stream without waiting for the network, and frees it, as siftstream_stream_free. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: up to a second, for the disk.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_free(
    stream: *mut siftstream_message_stream,
) -> siftstream_status {
    log::within(|| free(stream))
}

/// Sends an encoded message of the type whose full name is `message_type`, such as `rig.v1.Telemetry`, waiting for room
/// for at most `timeout_ms`. Sift shows the type as `display_name`, unless that is empty. All is copied; the bytes of the
/// message are not looked at.
///
/// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, INVALID_ARGUMENT; then nothing was accepted. Thread-safety: any thread.
/// Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_send(
    stream: *const siftstream_message_stream,
    message_type: siftstream_str,
    display_name: siftstream_str,
    timestamp_ns: i64,
    message: siftstream_bytes,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let message = message_of(message_type, display_name, timestamp_ns, message)?;
        handle::shared(stream)?.send_timeout(message, millis(timeout_ms)).map_err(|refused| refused.error)
    })
}

/// The same without ever waiting. FULL means that there is no room now, and makes no error object.
///
/// Errors: FULL, CLOSED, ROW_TOO_LARGE, INVALID_ARGUMENT; then nothing was accepted. Thread-safety: any thread.
/// Blocking: never. Allocates nothing when warm, for rows of at most 16 KiB.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_try_send(
    stream: *const siftstream_message_stream,
    message_type: siftstream_str,
    display_name: siftstream_str,
    timestamp_ns: i64,
    message: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter_unless_full(error, || {
        let message = message_of(message_type, display_name, timestamp_ns, message)?;
        accepted(handle::shared(stream)?.try_send(message))
    })
}

/// Brings everything accepted so far to a level, a siftstream_level, and waits for that, as siftstream_stream_flush.
///
/// Errors: TIMEOUT, NOT_CONFIGURED for a level that the mode never reaches, and what ended the stream.
/// Thread-safety: any thread. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_flush(
    stream: *const siftstream_message_stream,
    level: i32,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.flush(level_of(level)?, millis(timeout_ms)))
}

/// Ends the stream: delivers what was accepted, and says in *report_out what became of each message, as
/// siftstream_stream_finish.
///
/// Errors: whatever kept messages from being delivered. Thread-safety: any thread. Blocking: up to `timeout_ms` + 250 ms,
/// whatever the server does.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_finish(
    stream: *const siftstream_message_stream,
    timeout_ms: u32,
    report_out: *mut *mut siftstream_report,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || finished(handle::shared(stream)?.finish(millis(timeout_ms)), report_out))
}

/// Takes a snapshot of the counters, in which rows are messages. It is given in *out; the caller frees it.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_message_stream_metrics(
    stream: *const siftstream_message_stream,
    out: *mut *mut siftstream_metrics,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || snapshot_of(&*handle::shared(stream)?, out))
}

/// The message, for as long as the call lasts.
fn message_of<'m>(
    message_type: siftstream_str,
    display_name: siftstream_str,
    timestamp_ns: i64,
    message: siftstream_bytes,
) -> Result<ProtobufMessage<'m>> {
    let timestamp = TimeValue::from_timestamp_nanos(timestamp_ns);
    let sent = ProtobufMessage::new(message_type.get("message_type")?, timestamp, message.get("message")?);
    let name = display_name.get("display_name")?;
    Ok(if name.is_empty() { sent } else { sent.display_name(name) })
}
