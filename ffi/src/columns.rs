//! Sending many rows in one call: one array a channel.

use std::ffi::c_void;
use std::slice;

use siftstream_core::{
    Blobs, ChannelIndex, Column, Columns, Error, ErrorCode, Result, SendColumnsError, Validity,
};

use crate::boundary::{enter, null};
use crate::config::siftstream_channel_type as Type;
use crate::error::siftstream_error;
use crate::flow::siftstream_flow;
use crate::handle;
use crate::status::siftstream_status;
use crate::stream::{Stream, millis, siftstream_stream};
use crate::view::{siftstream_bytes, siftstream_str};

/// The values of one channel in many rows: a view of the caller's memory, which must not change during the call.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct siftstream_column {
    /// `count` values of the type's C type: double, float, int32_t, uint32_t, int64_t, uint64_t; uint8_t for
    /// SIFTSTREAM_BOOL, 0 is false; uint32_t for SIFTSTREAM_ENUM; siftstream_str for SIFTSTREAM_STRING; siftstream_bytes
    /// for SIFTSTREAM_BIT_FIELD and SIFTSTREAM_BYTES. Aligned as that type asks. May be NULL if `count` is 0.
    pub values: *const c_void,
    /// How many values: one for each timestamp.
    pub count: usize,
    /// NULL, or a bit for each value, the lowest bit of a byte first. A value whose bit is 0 is "no news", and is not
    /// looked at.
    pub validity: *const u8,
    /// The index of the channel within the flow.
    pub channel: u32,
    /// A siftstream_channel_type: that of the channel.
    pub channel_type: i32,
}

/// Sends `rows` rows of the flow, waiting for room for at most `timeout_ms` altogether: row n has the time
/// `timestamps_ns[n]`, in nanoseconds since 1970, and the nth value of each of the `column_count` columns. Channels
/// without a column are sent as "no news". All arrays stay the caller's; they are only read, and free again when the
/// call returns.
///
/// `*next_row` says which row to begin with, and receives the first row that was not accepted: also after an error, so
/// that the same call can be made again. Columns that are not of the flow, whose lengths differ, or that have a row
/// that is too large are refused as a whole, and then `*next_row` stays.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL, WRONG_TYPE, ROW_TOO_LARGE; then nothing was accepted. TIMEOUT,
/// CLOSED and what else ended the stream; then *next_row says what was accepted. Thread-safety: any thread.
/// Blocking: up to `timeout_ms`. Allocates a few times a call, whatever the number of rows; more memory for texts.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_send_columns(
    stream: *const siftstream_stream,
    flow: *const siftstream_flow,
    timestamps_ns: *const i64,
    rows: usize,
    columns: *const siftstream_column,
    column_count: usize,
    next_row: *mut usize,
    timeout_ms: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let given = Given { timestamps_ns, rows, columns, column_count };
        send(stream, flow, given, next_row, |stream, columns| {
            stream.send_columns_timeout(columns, millis(timeout_ms)).map(|()| columns.len())
        })
        .map(drop)
    })
}

/// Sends as many rows as there is room for, from `*next_row` on, without ever waiting. Everything else is as for
/// siftstream_stream_send_columns.
///
/// FULL means that there was no room for all rows; *next_row says where to go on. FULL makes no error object.
/// Errors: FULL, and those of siftstream_stream_send_columns but TIMEOUT. Thread-safety: any thread. Blocking: never.
/// Allocates a few times a call, whatever the number of rows; more memory for texts.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_try_send_columns(
    stream: *const siftstream_stream,
    flow: *const siftstream_flow,
    timestamps_ns: *const i64,
    rows: usize,
    columns: *const siftstream_column,
    column_count: usize,
    next_row: *mut usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    let mut full = false;
    let status = enter(error, || {
        let given = Given { timestamps_ns, rows, columns, column_count };
        full =
            send(stream, flow, given, next_row, |stream, columns| stream.try_send_columns(columns))? < rows;
        Ok(())
    });
    if full { siftstream_status::SIFTSTREAM_FULL } else { status }
}

/// The arrays as C gives them.
struct Given {
    timestamps_ns: *const i64,
    rows: usize,
    columns: *const siftstream_column,
    column_count: usize,
}

/// Sends with `call`, tells in `*next_row` how far that came, and returns that too.
fn send(
    stream: *const siftstream_stream,
    flow: *const siftstream_flow,
    given: Given,
    next_row: *mut usize,
    call: impl FnOnce(&Stream, &Columns<'_>) -> Result<usize, SendColumnsError>,
) -> Result<usize> {
    // SAFETY: the caller gave NULL or one number, which is this call's until it returns.
    let next_row = unsafe { next_row.as_mut() }.ok_or_else(|| null("next_row"))?;
    if *next_row > given.rows {
        let message = format!("*next_row is {} of {} rows: begin with 0", *next_row, given.rows);
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    let (stream, descriptor) = (handle::shared(stream)?, handle::shared(flow)?);
    let timestamps = array(given.timestamps_ns, given.rows, "timestamps_ns")?;
    let given_columns = array(given.columns, given.column_count, "columns")?;
    let texts = given_columns.iter().map(texts).collect::<Result<Vec<_>>>()?;
    let mut columns = Columns::new(&*descriptor, timestamps);
    for (column, texts) in given_columns.iter().zip(&texts) {
        let (index, values) = (ChannelIndex::new(column.channel), values(column, texts)?);
        match validity(column) {
            None => columns.set(index, values),
            Some(validity) => columns.set_sparse(index, values, validity),
        };
    }
    columns.skip(*next_row);
    let (accepted, outcome) = match call(&stream, &columns) {
        Ok(accepted) => (accepted, Ok(())),
        Err(failed) => (failed.accepted, Err(failed.error)),
    };
    *next_row += accepted;
    outcome.map(|()| *next_row)
}

/// `count` values of the caller.
pub(crate) fn array<'a, T>(values: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if values.is_null() {
        return Err(null(name));
    }
    if !values.is_aligned() || count > isize::MAX.cast_unsigned() / size_of::<T>() {
        let message =
            format!("{name} has {count} elements at {values:p}: give an aligned pointer and its true length");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    // SAFETY: the caller promises `count` readable values at `values` that do not change during the call. Only types
    // are asked for that are valid for all bytes.
    Ok(unsafe { slice::from_raw_parts(values, count) })
}

fn elements<'a, T>(column: &siftstream_column) -> Result<&'a [T]> {
    array(column.values.cast(), column.count, "the values of a column")
}

fn validity(column: &siftstream_column) -> Option<Validity<'_>> {
    if column.validity.is_null() {
        return None;
    }
    // SAFETY: the caller promises a bit for each value.
    let bits = unsafe { slice::from_raw_parts(column.validity, column.count.div_ceil(8)) };
    Some(Validity::Bitmap { bits, first_bit: 0 })
}

/// Views of the texts of a column; none for one of another type.
fn texts<'a>(column: &siftstream_column) -> Result<Vec<&'a [u8]>> {
    const STRING: i32 = Type::SIFTSTREAM_STRING as i32;
    const BIT_FIELD: i32 = Type::SIFTSTREAM_BIT_FIELD as i32;
    const BYTES: i32 = Type::SIFTSTREAM_BYTES as i32;
    let as_bytes = |text: &siftstream_str| siftstream_bytes { ptr: text.ptr.cast(), len: text.len };
    let views: Vec<siftstream_bytes> = match column.channel_type {
        STRING => elements(column)?.iter().map(as_bytes).collect(),
        BIT_FIELD | BYTES => elements(column)?.to_vec(),
        _ => Vec::new(),
    };
    let bits = column.validity;
    let is_present = |row: usize| {
        // SAFETY: the caller promises a bit for each value.
        bits.is_null() || unsafe { *bits.add(row / 8) } >> (row % 8) & 1 == 1
    };
    let text = |(row, view): (usize, siftstream_bytes)| {
        if is_present(row) { view.get("a value of a column") } else { Ok(&[][..]) }
    };
    views.into_iter().enumerate().map(text).collect()
}

fn values<'a>(column: &siftstream_column, texts: &'a [&'a [u8]]) -> Result<Column<'a>> {
    const DOUBLE: i32 = Type::SIFTSTREAM_DOUBLE as i32;
    const STRING: i32 = Type::SIFTSTREAM_STRING as i32;
    const ENUM: i32 = Type::SIFTSTREAM_ENUM as i32;
    const BIT_FIELD: i32 = Type::SIFTSTREAM_BIT_FIELD as i32;
    const BOOL: i32 = Type::SIFTSTREAM_BOOL as i32;
    const FLOAT: i32 = Type::SIFTSTREAM_FLOAT as i32;
    const INT32: i32 = Type::SIFTSTREAM_INT32 as i32;
    const UINT32: i32 = Type::SIFTSTREAM_UINT32 as i32;
    const INT64: i32 = Type::SIFTSTREAM_INT64 as i32;
    const UINT64: i32 = Type::SIFTSTREAM_UINT64 as i32;
    const BYTES: i32 = Type::SIFTSTREAM_BYTES as i32;
    Ok(match column.channel_type {
        DOUBLE => Column::Double(elements(column)?),
        FLOAT => Column::Float(elements(column)?),
        BOOL => Column::BoolBytes(elements(column)?),
        INT32 => Column::Int32(elements(column)?),
        UINT32 => Column::Uint32(elements(column)?),
        INT64 => Column::Int64(elements(column)?),
        UINT64 => Column::Uint64(elements(column)?),
        ENUM => Column::Enum(elements(column)?),
        STRING => Column::Utf8(Blobs::Slices(texts)),
        BIT_FIELD => Column::BitField(Blobs::Slices(texts)),
        BYTES => Column::Bytes(Blobs::Slices(texts)),
        unknown => {
            let message = format!("{unknown} is no channel type: use one of siftstream_channel_type");
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
    })
}
