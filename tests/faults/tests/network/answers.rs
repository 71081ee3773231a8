//! Answers that are malformed, huge, or no gRPC at all.

use siftstream::ErrorCode;
use siftstream_faults::bench::Bench;
use siftstream_faults::cell::{Cell, Expect};
use siftstream_faults::mode::Setup;
use siftstream_server::{Code, Effect, Fault, FaultStatus, Times, When};
use std::time::Duration;

const ROWS: u64 = 2_000;
const MIB: usize = 1024 * 1024;

pub fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let trailers: [&[(&str, &str)]; 7] = [
        &[],
        &[("grpc-status", "")],
        &[("grpc-status", "99")],
        &[("grpc-status", "-1")],
        &[("grpc-status", "OK")],
        &[("grpc-status", "14"), ("grpc-status-details-bin", "no base64!")],
        &[("grpc-status", "14"), ("grpc-message", "%f0%9f%zz%"), ("grpc-status-details-bin", "AAAA")],
    ];
    for pairs in trailers {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for when in [When::Rows(1_000), When::EndOfStream] {
            cells.push(no_confirmation(
                format!("trailers {pairs:?}"),
                when,
                Effect::Trailers(Vec::clone(&owned)),
            ));
        }
    }
    for when in [When::Rows(1_000), When::EndOfStream] {
        cells.push(no_confirmation("no trailers", when, Effect::MissingTrailers));
        cells.push(no_confirmation("a status that is no number", when, Effect::MalformedTrailers));
        for status in [200, 429, 500, 502, 503, 504] {
            cells.push(no_confirmation(format!("HTTP status {status}"), when, Effect::HttpStatus(status)));
        }
    }
    cells.push(
        no_confirmation("an answer of 2 MiB", When::Rows(1_000), Effect::HugeResponse(2 * MIB))
            .at(1_500, Bench::wait_until_a_stream_ended),
    );
    cells.push(
        no_confirmation("HTTP status 401", When::EndOfStream, Effect::HttpStatus(401))
            .takes_at_least(Duration::from_secs(1)),
    );
    cells.push(
        no_confirmation("HTTP status 404", When::EndOfStream, Effect::HttpStatus(404))
            .expect(Expect::Stops(ErrorCode::Unimplemented)),
    );
    for bytes in [1_000, 64 * 1024, 8 * MIB] {
        cells.push(good(format!("an answer of {bytes} bytes"), Effect::HugeResponse(bytes)));
    }
    cells.push(good("headers of 60 KiB".to_owned(), Effect::HugeHeaders(60 * 1024)));
    cells.push(no_confirmation("headers of 32 MiB", When::EndOfStream, Effect::HugeHeaders(32 * MIB)));
    for bytes in [10_000, MIB] {
        let status = FaultStatus { message: "€".repeat(bytes), ..FaultStatus::new(Code::Unavailable) };
        cells.push(no_confirmation(
            format!("a message of {bytes} characters"),
            When::Rows(1_000),
            Effect::Status(status),
        ));
    }
    cells
}

/// What follows confirms nothing, and the client tries again.
fn no_confirmation(name: impl std::fmt::Display, when: When, effect: Effect) -> Cell {
    Cell::new(format!("{name} at {when:?}"), ROWS)
        .fault(Fault::new(when, effect), Times::N(1))
        .fails_streams(1)
}

/// What follows is unusual, and confirms.
fn good(name: String, effect: Effect) -> Cell {
    Cell::new(name, ROWS)
        .setup(Setup::be_patient)
        .fault(Fault::new(When::EndOfStream, effect), Times::N(1))
        .opens_at_most(1)
}
