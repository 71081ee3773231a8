//! What became of each row, told by finish.

use siftstream_core::Report;

use crate::boundary::{free, value_or};
use crate::handle::{self, kind};

/// What became of each row of a stream:
/// accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected.
pub struct siftstream_report {
    _opaque: [u8; 0],
}

kind!(siftstream_report, Report, b"ssreport", "report");

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

/// Frees a report. Nothing for NULL and for a report that was freed.
///
/// Thread-safety: no other thread may use it. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_report_free(report: *mut siftstream_report) {
    free(report);
}
