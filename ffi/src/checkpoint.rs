//! What callers note of their inputs, and where these resume.

use siftstream_core::checkpoint::{CheckpointState, Mark, Recovery};
use siftstream_core::{Error, ErrorCode, Level, Result};

use crate::boundary::{enter, free, output, value_or};
use crate::config::siftstream_config;
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::level::level_of;
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;
use crate::view::{siftstream_bytes, siftstream_str};

/// Where the inputs of a stream stand. All parts of one mark come into force together.
pub struct siftstream_mark {
    _opaque: [u8; 0],
}

kind!(siftstream_mark, Mark, 0x71, "mark");

/// The newest stored checkpoints of a stream.
pub struct siftstream_recovery {
    _opaque: [u8; 0],
}

kind!(siftstream_recovery, Recovery, 0x73, "recovery");

/// Sets the file that keeps the checkpoints of the inputs, so that they survive the process; kept in memory only by
/// default. It is created with the first one. The text is copied. For SIFTSTREAM_MODE_LIVE_ONLY; modes that write files
/// keep them with these.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_checkpoint_file(
    config: *mut siftstream_config,
    path: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::exclusive(config)?.set("checkpoint_file", path.get("path")?))
}

/// Makes a mark that notes nothing yet in *out. The caller frees it.
///
/// Errors: INVALID_ARGUMENT if `out` is NULL. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_create(
    out: *mut *mut siftstream_mark,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        output(out, "out")?.write(handle::create(Mark::new())?);
        Ok(())
    })
}

fn note(
    mark: *mut siftstream_mark,
    error: *mut *mut siftstream_error,
    more: impl FnOnce(Mark) -> Result<Mark>,
) -> siftstream_status {
    enter(error, || {
        let mut mark = handle::exclusive(mark)?;
        *mark = more(mark.clone())?;
        Ok(())
    })
}

/// Notes the next offset to read from `source`. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_set_offset(
    mark: *mut siftstream_mark,
    source: siftstream_str,
    offset: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    note(mark, error, |mark| Ok(mark.offset(source.get("source")?, offset)))
}

/// Notes state of the caller's own under a name; an earlier one of the name is replaced. Text and bytes are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_set_state(
    mark: *mut siftstream_mark,
    name: siftstream_str,
    state: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    note(mark, error, |mark| Ok(mark.state(name.get("name")?, state.get("state")?)))
}

/// Notes anything else under a key. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_set_metadata(
    mark: *mut siftstream_mark,
    key: siftstream_str,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    note(mark, error, |mark| Ok(mark.metadata(key.get("key")?, value.get("value")?)))
}

/// Notes the latest event time, in nanoseconds since 1970, if it is later than the timestamps of the rows say.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_set_event_time(
    mark: *mut siftstream_mark,
    nanoseconds: i64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    note(mark, error, |mark| Ok(mark.event_time(nanoseconds)))
}

/// Frees a mark. NULL is fine.
///
/// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_mark_free(mark: *mut siftstream_mark) -> siftstream_status {
    free(mark)
}

/// Notes what the mark says about the rows sent so far. It is stored as a checkpoint when they are durable, and as
/// another one when they are confirmed, as far as the mode has these levels; a flush to a level waits for that, too. The
/// mark stays the caller's and can be used again.
///
/// Errors: INVALID_ARGUMENT if the stream's marks have more than 1,024 sources, states or entries of metadata, or 1 MiB;
/// then nothing was noted. Thread-safety: any thread; nobody may change the mark meanwhile. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_mark(
    stream: *const siftstream_stream,
    mark: *const siftstream_mark,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let mark = handle::shared(mark)?.clone();
        handle::shared(stream)?.mark(mark)
    })
}

/// Notes that everything sent so far covers `source` up to `offset`, the next one to read: siftstream_stream_mark in one
/// call. The text is copied.
///
/// Errors: as siftstream_stream_mark. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_mark_offset(
    stream: *const siftstream_stream,
    source: siftstream_str,
    offset: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.mark_offset(source.get("source")?, offset))
}

/// Gives the newest stored checkpoints in *out, which the caller frees: before the first mark those that earlier streams
/// of this name left, from which inputs resume.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_recover(
    stream: *const siftstream_stream,
    out: *mut *mut siftstream_recovery,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let recovery = handle::shared(stream)?.recover()?;
        output(out, "out")?.write(handle::create(recovery)?);
        Ok(())
    })
}

/// The next offset to read from `source` so that no row is lost: that of the durable checkpoint, or without a disk of the
/// confirmed one. 0 if nothing is known of it, or if `recovery` is no living recovery.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_offset(
    recovery: *const siftstream_recovery,
    source: siftstream_str,
) -> u64 {
    value_or(0, || Ok(handle::shared(recovery)?.offset(source.get("source")?)))
}

/// The checkpoint of a level.
fn at(recovery: &Recovery, level: i32) -> Result<&CheckpointState> {
    let level = level_of(level)?;
    let found = match level {
        Level::Durable => recovery.durable.as_ref(),
        Level::Confirmed => recovery.confirmed.as_ref(),
        _ => None,
    };
    found.ok_or_else(|| {
        Error::new(ErrorCode::NotFound, format!("there is no checkpoint of rows that are {level}"))
    })
}

fn unknown(what: &str, name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("the checkpoint has no {what} '{name}'"))
}

/// Gives in *rows_out how many rows had been sent at the checkpoint of a level, SIFTSTREAM_LEVEL_DURABLE or
/// SIFTSTREAM_LEVEL_CONFIRMED, by all streams of the name together.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_rows(
    recovery: *const siftstream_recovery,
    level: i32,
    rows_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let rows = at(&*handle::shared(recovery)?, level)?.row_count;
        output(rows_out, "rows_out")?.write(rows);
        Ok(())
    })
}

/// Gives in *nanoseconds_out the latest event time at the checkpoint of a level, in nanoseconds since 1970.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_event_time(
    recovery: *const siftstream_recovery,
    level: i32,
    nanoseconds_out: *mut i64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let time = at(&*handle::shared(recovery)?, level)?.event_time_watermark;
        let time = time.ok_or_else(|| Error::new(ErrorCode::NotFound, "no row had been given a time"))?;
        output(nanoseconds_out, "nanoseconds_out")?.write(time);
        Ok(())
    })
}

/// Gives in *state_out the caller's own state at the checkpoint of a level. The bytes belong to `recovery`.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_state(
    recovery: *const siftstream_recovery,
    level: i32,
    name: siftstream_str,
    state_out: *mut siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let (recovery, name) = (handle::shared(recovery)?, name.get("name")?);
        let state = at(&recovery, level)?.state.get(name).ok_or_else(|| unknown("state", name))?;
        output(state_out, "state_out")?.write(siftstream_bytes::of(state));
        Ok(())
    })
}

/// Gives in *value_out what was noted under a key at the checkpoint of a level. The text belongs to `recovery`.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_metadata(
    recovery: *const siftstream_recovery,
    level: i32,
    key: siftstream_str,
    value_out: *mut siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let (recovery, key) = (handle::shared(recovery)?, key.get("key")?);
        let value = at(&recovery, level)?.metadata.get(key).ok_or_else(|| unknown("metadata", key))?;
        output(value_out, "value_out")?.write(siftstream_str::of(value));
        Ok(())
    })
}

/// Frees a recovery. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_recovery_free(recovery: *mut siftstream_recovery) -> siftstream_status {
    free(recovery)
}
