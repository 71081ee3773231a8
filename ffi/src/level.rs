//! How far rows have come.

use siftstream_core::{Error, ErrorCode, Level, Result, Watermarks};

use crate::config::choose;

/// How far a row has come; each level counts as the ones before it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_level {
    /// A call to send was told OK. Nothing to wait for: siftstream_stream_flush does not take it.
    SIFTSTREAM_LEVEL_ACCEPTED = 0,
    /// The row survives a crash of the process.
    SIFTSTREAM_LEVEL_WRITTEN = 1,
    /// The row survives a power failure.
    SIFTSTREAM_LEVEL_DURABLE = 2,
    /// Sift has the row.
    SIFTSTREAM_LEVEL_CONFIRMED = 3,
}

use siftstream_level as Number;

/// The level that a flush can wait for.
pub(crate) fn level_of(number: i32) -> Result<Level> {
    let levels = [
        (Number::SIFTSTREAM_LEVEL_WRITTEN as i32, Level::Written),
        (Number::SIFTSTREAM_LEVEL_DURABLE as i32, Level::Durable),
        (Number::SIFTSTREAM_LEVEL_CONFIRMED as i32, Level::Confirmed),
    ];
    choose(number, "siftstream_level, beyond SIFTSTREAM_LEVEL_ACCEPTED", &levels)
}

/// The mark of a level.
pub(crate) fn watermark(marks: Watermarks, number: i32) -> Result<u64> {
    if number == Number::SIFTSTREAM_LEVEL_ACCEPTED as i32 {
        return Ok(marks.accepted);
    }
    let level = level_of(number)?;
    let mark = match level {
        Level::Written => marks.written,
        Level::Durable => marks.durable,
        _ => marks.confirmed,
    };
    mark.ok_or_else(|| {
        let message = format!("rows of this stream are never {level}: use another level, or another mode");
        Error::new(ErrorCode::NotConfigured, message)
    })
}
