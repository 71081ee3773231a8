//! What happened to a stream: the event object.

use std::time::{Duration, UNIX_EPOCH};

use siftstream_core::events::{Event, EventKind};
use siftstream_core::{Error, ErrorCode, Result};

use crate::boundary::{enter, free, output, value_or};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// Something that happened to a stream.
pub struct siftstream_event {
    _opaque: [u8; 0],
}

kind!(siftstream_event, Told, 0x5f, "event");

/// An event and its text, which getters give views of.
pub(crate) struct Told {
    event: Event,
    text: String,
}

/// What happened. New numbers are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_event_kind {
    /// Something that this version of the header has no name for.
    SIFTSTREAM_EVENT_UNKNOWN = 0,
    /// A connection to the endpoint is open.
    SIFTSTREAM_EVENT_CONNECTED = 1,
    /// The connection is gone, or a gRPC stream on it failed. Has an error and a wait before the next attempt, and the wait
    /// that Sift asked for, if it did.
    SIFTSTREAM_EVENT_DISCONNECTED = 2,
    /// Sift confirmed all that one gRPC stream carried. Has rows, ranges, flows and the duration.
    SIFTSTREAM_EVENT_CHECKPOINT = 3,
    /// A gRPC stream confirmed nothing of what it carried; the rows are sent again. Has rows, ranges and an error.
    SIFTSTREAM_EVENT_CHECKPOINT_FAILED = 4,
    /// The disk fails; rows wait in memory. Has an error.
    SIFTSTREAM_EVENT_DISK_DEGRADED = 5,
    /// The disk works again.
    SIFTSTREAM_EVENT_DISK_RECOVERED = 6,
    /// Part of a file was damaged, and its bytes were put aside. Has the file and the number of bytes.
    SIFTSTREAM_EVENT_QUARANTINED = 7,
    /// Sift refused rows for what is in them. Has an error.
    SIFTSTREAM_EVENT_REJECTED = 8,
    /// Nothing more is tried: of the stream, or of one file, which stays where it is. Has an error, and maybe a file.
    SIFTSTREAM_EVENT_GAVE_UP = 9,
    /// A flow was registered with Sift. Its name is the subject.
    SIFTSTREAM_EVENT_FLOW_REGISTERED = 10,
    /// Unconfirmed rows of an earlier start were found; they are sent in the background. Has rows.
    SIFTSTREAM_EVENT_RECOVERED = 11,
    /// Everything that was owed from the disk is confirmed.
    SIFTSTREAM_EVENT_CAUGHT_UP = 12,
    /// Rows were given up, by a policy that the user chose or because a disk lost them. Has rows, ranges and flows where
    /// these are known, and the cause as the subject.
    SIFTSTREAM_EVENT_DROPPED = 13,
}

use siftstream_event_kind as Number;

fn number_of(kind: &EventKind) -> Number {
    match kind {
        EventKind::Connected => Number::SIFTSTREAM_EVENT_CONNECTED,
        EventKind::Disconnected { .. } => Number::SIFTSTREAM_EVENT_DISCONNECTED,
        EventKind::Checkpoint { .. } => Number::SIFTSTREAM_EVENT_CHECKPOINT,
        EventKind::CheckpointFailed { .. } => Number::SIFTSTREAM_EVENT_CHECKPOINT_FAILED,
        EventKind::DiskDegraded { .. } => Number::SIFTSTREAM_EVENT_DISK_DEGRADED,
        EventKind::DiskRecovered => Number::SIFTSTREAM_EVENT_DISK_RECOVERED,
        EventKind::Quarantined { .. } => Number::SIFTSTREAM_EVENT_QUARANTINED,
        EventKind::Rejected { .. } => Number::SIFTSTREAM_EVENT_REJECTED,
        EventKind::GaveUp { .. } => Number::SIFTSTREAM_EVENT_GAVE_UP,
        EventKind::FlowRegistered { .. } => Number::SIFTSTREAM_EVENT_FLOW_REGISTERED,
        EventKind::Recovered { .. } => Number::SIFTSTREAM_EVENT_RECOVERED,
        EventKind::CaughtUp => Number::SIFTSTREAM_EVENT_CAUGHT_UP,
        EventKind::Dropped { .. } => Number::SIFTSTREAM_EVENT_DROPPED,
        _ => Number::SIFTSTREAM_EVENT_UNKNOWN,
    }
}

impl siftstream_event {
    pub(crate) fn create(event: Event) -> Result<*mut Self> {
        let text = event.to_string();
        handle::create(Told { event, text })
    }
}

/// Reads the kind of an event; `otherwise` if `event` is no living event.
fn read<T>(event: *const siftstream_event, otherwise: T, read: impl FnOnce(&EventKind) -> T) -> T {
    value_or(otherwise, || Ok(read(&handle::shared(event)?.event.kind)))
}

/// A view of a text of an event; of nothing if `event` is no living event.
fn view(event: *const siftstream_event, text: impl FnOnce(&Told) -> &str) -> siftstream_str {
    value_or(siftstream_str { ptr: std::ptr::null(), len: 0 }, || {
        Ok(siftstream_str::of(text(&*handle::shared(event)?)))
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What happened; SIFTSTREAM_EVENT_UNKNOWN if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_kind_of(event: *const siftstream_event) -> siftstream_event_kind {
    read(event, Number::SIFTSTREAM_EVENT_UNKNOWN, number_of)
}

/// The name of what happened, such as "checkpoint"; the same in all languages. Empty if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_kind_name(event: *const siftstream_event) -> siftstream_str {
    view(event, |told| told.event.kind.name())
}

/// What happened, in words. The text belongs to the event; it is empty if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_text(event: *const siftstream_event) -> siftstream_str {
    view(event, |told| &told.text)
}

/// Its place among all events of the stream, from 0; a gap means that events were dropped from the queue, or that
/// somebody else read them. 0 if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_number(event: *const siftstream_event) -> u64 {
    value_or(0, || Ok(handle::shared(event)?.event.number))
}

/// When it happened, in nanoseconds since 1970 by the clock of the machine; 0 if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_time_ns(event: *const siftstream_event) -> i64 {
    value_or(0, || {
        let since = handle::shared(event)?.event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    })
}

/// How many rows it is about; 0 if it is not about rows, or `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_rows(event: *const siftstream_event) -> u64 {
    read(event, 0, |kind| kind.rows().unwrap_or(0))
}

/// How many ranges of message IDs it is about; 0 if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_ranges(event: *const siftstream_event) -> usize {
    read(event, 0, |kind| kind.ranges().len())
}

/// Gives a range of message IDs: from *first_out to before *end_out. Ranges are in order; the first is `at` 0.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_range(
    event: *const siftstream_event,
    at: usize,
    first_out: *mut u64,
    end_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let told = handle::shared(event)?;
        let ranges = told.event.kind.ranges();
        let range = ranges.get(at).ok_or_else(|| {
            let message = format!("there is no range {at}: the event has {}", ranges.len());
            Error::new(ErrorCode::NotFound, message)
        })?;
        let (first, end) = (output(first_out, "first_out")?, output(end_out, "end_out")?);
        first.write(range.start);
        end.write(range.end);
        Ok(())
    })
}

/// How many flows the rows it is about belong to, where that is known; 0 if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_flows(event: *const siftstream_event) -> usize {
    read(event, 0, |kind| kind.flows().len())
}

/// Gives the name of a flow in *name_out, and in *rows_out how many of the rows belong to it; the first is `at` 0. The
/// text belongs to the event.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last flow. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_flow(
    event: *const siftstream_event,
    at: usize,
    name_out: *mut siftstream_str,
    rows_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let told = handle::shared(event)?;
        let flows = told.event.kind.flows();
        let found = flows.get(at).ok_or_else(|| {
            let message = format!("there is no flow {at}: the event has {}", flows.len());
            Error::new(ErrorCode::NotFound, message)
        })?;
        let (name, rows) = (output(name_out, "name_out")?, output(rows_out, "rows_out")?);
        name.write(siftstream_str::of(&found.flow));
        rows.write(found.rows);
        Ok(())
    })
}

/// Gives in *file_out the number of the file it is about.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND if it is not about a file. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_file(
    event: *const siftstream_event,
    file_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let (place, event) = (output(file_out, "file_out")?, handle::shared(event)?);
        place.write(event.event.kind.file().ok_or_else(|| {
            Error::new(ErrorCode::NotFound, "the event is not about a file: look at its kind first")
        })?);
        Ok(())
    })
}

/// How many bytes of a file were put aside; 0 if it is not about that, or `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_bytes(event: *const siftstream_event) -> u64 {
    read(event, 0, |kind| match kind {
        EventKind::Quarantined { bytes, .. } => *bytes,
        _ => 0,
    })
}

/// From opening the gRPC stream to its confirmation, in microseconds; 0 if it is not about a checkpoint, or `event` is
/// no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_duration_us(event: *const siftstream_event) -> u64 {
    read(event, 0, |kind| match kind {
        EventKind::Checkpoint { duration, .. } => micros(*duration),
        _ => 0,
    })
}

/// The wait before the next attempt, in microseconds; 0 if there is none, or `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_retry_in_us(event: *const siftstream_event) -> u64 {
    read(event, 0, |kind| match kind {
        EventKind::Disconnected { retry_in, .. } => micros(*retry_in),
        _ => 0,
    })
}

/// The wait that Sift asked for, in microseconds; more than the wait before the next attempt where
/// siftstream_config_set_max_retry_after_ms allows less. 0 if it asked for none, or `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_retry_asked_us(event: *const siftstream_event) -> u64 {
    read(event, 0, |kind| match kind {
        EventKind::Disconnected { asked: Some(asked), .. } => micros(*asked),
        _ => 0,
    })
}

/// What it is about in a word: the name of the flow that was registered, or the cause of a drop. The text belongs to the
/// event; it is empty for other kinds, or if `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_subject(event: *const siftstream_event) -> siftstream_str {
    view(event, |told| match &told.event.kind {
        EventKind::FlowRegistered { name } => name,
        EventKind::Dropped { cause, .. } => cause,
        _ => "",
    })
}

/// The error behind the event, which the caller frees; NULL if there is none, or `event` is no living event.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_error(event: *const siftstream_event) -> *mut siftstream_error {
    value_or(std::ptr::null_mut(), || match handle::shared(event)?.event.kind.error() {
        Some(error) => siftstream_error::create(error.clone()),
        None => Ok(std::ptr::null_mut()),
    })
}

/// Frees an event and its texts. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_event_free(event: *mut siftstream_event) -> siftstream_status {
    free(event)
}
