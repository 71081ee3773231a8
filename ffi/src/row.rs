//! A row that is filled channel by channel and sent again and again.

use siftstream_core::{ChannelIndex, FlowBuilder, Number, Result, TimeValue};

use crate::boundary::{enter, free, output};
use crate::error::siftstream_error;
use crate::flow::siftstream_flow;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::values::{Listed, siftstream_value};
use crate::view::{siftstream_bytes, siftstream_str};

/// A row of one flow, preallocated.
pub struct siftstream_row {
    _opaque: [u8; 0],
}

kind!(siftstream_row, FlowBuilder, 0x5b, "row", at home);

fn set(
    row: *mut siftstream_row,
    error: *mut *mut siftstream_error,
    change: impl FnOnce(&mut FlowBuilder) -> Result<()>,
) -> siftstream_status {
    enter(error, || change(&mut *handle::exclusive(row)?))
}

/// What is called for each value of a row takes the short way first, which cannot fail but only not be there.
#[inline(always)]
fn set_number(
    row: *mut siftstream_row,
    index: u32,
    number: Number,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    let index = ChannelIndex::new(index);
    if handle::at_home(row).is_some_and(|mut row| row.set_if_fits(index, number)) {
        return siftstream_status::SIFTSTREAM_OK;
    }
    set_number_elsewhere(row, index, number, error)
}

/// Where the short way ends. As a function of C it never unwinds, so that who calls it last has nothing to do afterwards.
#[inline(never)]
#[allow(improper_ctypes_definitions, reason = "called from here alone")]
extern "C" fn set_number_elsewhere(
    row: *mut siftstream_row,
    index: ChannelIndex,
    number: Number,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| row.set_number(index, number))
}

/// Makes an empty row of the flow in *out. The caller frees it; it may outlive the flow's handle.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_create(
    flow: *const siftstream_flow,
    out: *mut *mut siftstream_row,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let row = FlowBuilder::new(&*handle::shared(flow)?);
        output(out, "out")?.write(handle::create(row)?);
        Ok(())
    })
}

/// Frees a row. NULL is fine.
///
/// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_free(row: *mut siftstream_row) -> siftstream_status {
    free(row)
}

/// Empties all channels and forgets the timestamp; keeps the memory.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_clear(
    row: *mut siftstream_row,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| {
        row.clear();
        Ok(())
    })
}

/// Sets the row's time in nanoseconds since 1970, negative before it. A row that was given none is sent with the time
/// of the send.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_timestamp_ns(
    row: *mut siftstream_row,
    timestamp_ns: i64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    let time = TimeValue::from_timestamp_nanos(timestamp_ns);
    if let Some(mut row) = handle::at_home(row) {
        row.set_timestamp(time);
        return siftstream_status::SIFTSTREAM_OK;
    }
    set_timestamp_elsewhere(row, time, error)
}

#[inline(never)]
#[allow(improper_ctypes_definitions, reason = "called from here alone")]
extern "C" fn set_timestamp_elsewhere(
    row: *mut siftstream_row,
    time: TimeValue,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| {
        row.set_timestamp(time);
        Ok(())
    })
}

/// Sets "no news" for the channel at `index`, whatever its type.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_empty(
    row: *mut siftstream_row,
    index: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| row.set_empty(ChannelIndex::new(index)))
}

/// Sets the channel at `index`, a SIFTSTREAM_DOUBLE.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_double(
    row: *mut siftstream_row,
    index: u32,
    value: f64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::double(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_FLOAT.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_float(
    row: *mut siftstream_row,
    index: u32,
    value: f32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::float(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_BOOL.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_bool(
    row: *mut siftstream_row,
    index: u32,
    value: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::bool(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_INT32.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_int32(
    row: *mut siftstream_row,
    index: u32,
    value: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::int32(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_UINT32.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_uint32(
    row: *mut siftstream_row,
    index: u32,
    value: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::uint32(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_INT64.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_int64(
    row: *mut siftstream_row,
    index: u32,
    value: i64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::int64(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_UINT64.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_uint64(
    row: *mut siftstream_row,
    index: u32,
    value: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::uint64(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_ENUM to the entry with this number.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates nothing.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_enum(
    row: *mut siftstream_row,
    index: u32,
    value: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set_number(row, index, Number::enumeration(value), error)
}

/// Sets the channel at `index`, a SIFTSTREAM_STRING. The content is copied.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates only for content longer than the channel has had before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_string(
    row: *mut siftstream_row,
    index: u32,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| row.set_string(ChannelIndex::new(index), value.get("value")?))
}

/// Sets the channel at `index`, a SIFTSTREAM_BIT_FIELD. The content is copied.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates only for content longer than the channel has had before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_bit_field(
    row: *mut siftstream_row,
    index: u32,
    value: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| row.set_bit_field(ChannelIndex::new(index), value.get("value")?))
}

/// Sets the channel at `index`, a SIFTSTREAM_BYTES. The content is copied.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
/// time. Blocking: never. Allocates only for content longer than the channel has had before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_bytes(
    row: *mut siftstream_row,
    index: u32,
    value: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| row.set_bytes(ChannelIndex::new(index), value.get("value")?))
}

/// Sets the time and all channels of the row at once: `count` values, one a channel, in the order of the flow.
///
/// Errors: INVALID_ARGUMENT, WRONG_TYPE; then some channels may be set. Thread-safety: one thread at a time.
/// Blocking: never. Allocates only for texts longer than their channel has had before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_row_set_values(
    row: *mut siftstream_row,
    timestamp_ns: i64,
    values: *const siftstream_value,
    count: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(row, error, |row| {
        let values = Listed::new(values, count)?;
        row.set_timestamp(TimeValue::from_timestamp_nanos(timestamp_ns));
        row.set_values(&values)
    })
}
