//! Each status code, at once and in the middle of a stream, and the wait that a server asks for.

use siftstream::ErrorCode;
use siftstream_faults::cell::{Cell, Expect};
use siftstream_faults::mode::Setup;
use siftstream_server::{Code, Effect, Fault, FaultStatus, StreamReset, Times, When};
use std::time::Duration;

const ROWS: u64 = 2_000;

pub fn cells(is_sweep: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    let moments: &[u64] = if is_sweep { &[0, 1, 2, 10, 500, 1_000, 1_999, 2_000] } else { &[0, 1_000] };
    for code in (1..=16).map(Code::from_i32) {
        for &rows in moments {
            cells.push(cell(code, rows));
        }
    }
    for code in [Code::NotFound, Code::AlreadyExists] {
        cells.push(
            Cell::new(format!("{code:?} again and again"), ROWS)
                .fault(Fault::status(code, 100), Times::Always)
                .never_heals(Duration::from_secs(5))
                .expect(Expect::Stops(stops_with(code))),
        );
    }
    cells.push(
        Cell::new("Unavailable without a retry policy", ROWS)
            .setup(|setup| setup.retry_policy = None)
            .fault(Fault::status(Code::Unavailable, 100), Times::N(1))
            .expect(Expect::Stops(ErrorCode::Unavailable)),
    );
    cells.extend(retry_info());
    cells.push(forty_failures());
    cells
}

fn cell(code: Code, rows: u64) -> Cell {
    let cell = Cell::new(format!("{code:?} after {rows} rows"), ROWS)
        .fault(Fault::status(code, rows), Times::N(1))
        .fails_streams(1);
    match code {
        // Codes that reject rows make the client look for the row; a rejection that does not come again finds none.
        Code::Unimplemented => cell.expect(Expect::Stops(stops_with(code))),
        Code::Unauthenticated | Code::PermissionDenied => cell.takes_at_least(Duration::from_secs(1)),
        _ => cell,
    }
}

fn stops_with(code: Code) -> ErrorCode {
    match code {
        Code::FailedPrecondition | Code::DataLoss => ErrorCode::Rejected,
        Code::Unimplemented => ErrorCode::Unimplemented,
        Code::NotFound => ErrorCode::NotFound,
        _ => ErrorCode::InvalidArgument,
    }
}

fn retry_info() -> [Cell; 3] {
    let asks_for = |wait: Duration| {
        let status = FaultStatus::new(Code::ResourceExhausted).retry_after(wait);
        Cell::new(format!("RetryInfo of {wait:?}"), ROWS)
            .fault(Fault::new(When::Rows(500), Effect::Status(status)), Times::N(1))
            .fails_streams(1)
            .setup(Setup::be_patient)
            .opens_at_most(2)
    };
    let long = Duration::from_secs(2);
    [
        asks_for(Duration::ZERO),
        asks_for(long).takes_at_least(long),
        asks_for(Duration::from_secs(600))
            .never_heals(Duration::from_millis(300))
            .expect(Expect::Stops(ErrorCode::Timeout))
            .opens_at_most(1),
    ]
}

/// Backoff grows, and ends with the first success.
fn forty_failures() -> Cell {
    (0..40)
        .fold(Cell::new("40 failed streams in a row, then health", ROWS), |cell, at| {
            let fault = match at % 4 {
                0 => Fault::status(Code::Unavailable, 0),
                1 => Fault::status(Code::ResourceExhausted, at * 40),
                2 => Fault::new(When::Rows(at * 40), Effect::TcpReset),
                _ => Fault::new(When::Rows(at * 40), Effect::StreamReset(StreamReset::InternalError)),
            };
            cell.fault(fault, Times::N(1))
        })
        .fails_streams(40)
        // The live path and re-ingestion share the rows: a stream may end well before its fault.
        .fails_with_backups(20)
}
