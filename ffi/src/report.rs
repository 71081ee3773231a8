//! What became of each row, told by finish.

use std::ops::Range;

use siftstream_core::{Error, ErrorCode, FinishError, Report, Result};

use crate::boundary::{enter, free, output, value_or};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;

/// What became of each row of a stream:
/// accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected.
pub struct siftstream_report {
    _opaque: [u8; 0],
}

kind!(siftstream_report, Report, 0x59, "report");

/// Gives the report of a stream that was finished, for whoever wants it.
pub(crate) fn finished(
    result: Result<Report, FinishError>,
    report_out: *mut *mut siftstream_report,
) -> Result<()> {
    let (report, result) = match result {
        Ok(report) => (report, Ok(())),
        Err(FinishError { error, report }) => (*report, Err(error)),
    };
    if let Ok(place) = output(report_out, "report_out")
        && let Ok(report) = handle::create(report)
    {
        place.write(report);
    }
    result
}

/// Rows that calls to send were told OK for; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_accepted(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.accepted))
}

/// Rows taken over from earlier openings; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_recovered(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.recovered))
}

/// Rows that Sift has confirmed; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_confirmed(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.confirmed))
}

/// Rows kept on disk, to be sent later; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_on_disk(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.on_disk))
}

/// Rows that were only in memory and are not confirmed; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_in_memory(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.in_memory))
}

/// Rows given up by a choice of the user; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_dropped(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.dropped))
}

/// Rows that Sift refused; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_rejected(report: *const siftstream_report) -> u64 {
    value_or(0, || Ok(handle::shared(report)?.rejected))
}

/// How many ranges of message IDs are not confirmed; 0 if `report` is no living report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_unconfirmed_ranges(report: *const siftstream_report) -> usize {
    value_or(0, || Ok(handle::shared(report)?.unconfirmed.len()))
}

/// Gives a range of message IDs that are not confirmed: from *first_out to before *end_out. Ranges are in order; the
/// first is `at` 0.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_unconfirmed_range(
    report: *const siftstream_report,
    at: usize,
    first_out: *mut u64,
    end_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || give_range(&handle::shared(report)?.unconfirmed, at, first_out, end_out))
}

/// How many ranges of message IDs belong to rows that were dropped, where these are known; 0 if `report` is no living
/// report.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_dropped_ranges(report: *const siftstream_report) -> usize {
    value_or(0, || Ok(handle::shared(report)?.dropped_ids.len()))
}

/// Gives a range of message IDs of rows that were dropped: from *first_out to before *end_out. Ranges are in order; the
/// first is `at` 0.
///
/// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_dropped_range(
    report: *const siftstream_report,
    at: usize,
    first_out: *mut u64,
    end_out: *mut u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || give_range(&handle::shared(report)?.dropped_ids, at, first_out, end_out))
}

fn give_range(ranges: &[Range<u64>], at: usize, first_out: *mut u64, end_out: *mut u64) -> Result<()> {
    let (first, end) = (output(first_out, "first_out")?, output(end_out, "end_out")?);
    let range = ranges.get(at).ok_or_else(|| {
        let message = format!("there is no range {at}: the report has {}", ranges.len());
        Error::new(ErrorCode::NotFound, message)
    })?;
    first.write(range.start);
    end.write(range.end);
    Ok(())
}

/// Frees a report. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_free(report: *mut siftstream_report) -> siftstream_status {
    free(report)
}
