//! Many rows and many failures in one stream.

use siftstream_faults::bench::Bench;
use siftstream_faults::cell::Cell;
use siftstream_server::{Code, ConnectionFault, Effect, Fault, GoAway, StreamReset, Times, When};
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

pub fn cells(is_sweep: bool) -> Vec<Cell> {
    let rows = if is_sweep { 5_000_000 } else { 500_000 };
    vec![
        Cell::new(format!("50 failures of every kind in {rows} rows"), rows)
            .lasting(Duration::ZERO)
            .padding(0)
            .setup(|setup| {
                setup.channel_bytes = MIB;
                setup.replay_window_bytes = 2 * MIB;
            })
            .at_each(rows / 50, rows, |bench| {
                fail_once_more(bench);
                // The next gRPC stream takes the fault: asks for it without waiting.
                bench.subject().flush(Duration::ZERO).ok();
            })
            .fails_streams(50)
            .fails_with_backups(40),
    ]
}

/// Adds one failure to those that the next streams will meet; the kinds take turns.
fn fail_once_more(bench: &Bench) {
    let kinds = [
        Fault::status(Code::Cancelled, 0),
        Fault::status(Code::Unknown, 500),
        Fault::status(Code::DeadlineExceeded, 1_000),
        Fault::status(Code::Aborted, 10),
        Fault::status(Code::Internal, 2_000),
        Fault::status(Code::Unavailable, 100),
        Fault::status(Code::ResourceExhausted, 1),
        Fault::early_ok(0, Duration::ZERO),
        Fault::early_ok(1_000, Duration::from_millis(1)),
        Fault::new(When::Rows(700), Effect::TcpReset),
        Fault::new(When::Bytes(12_345), Effect::TcpReset),
        Fault::new(When::AtOnce, Effect::StreamReset(StreamReset::RefusedStream)),
        Fault::new(When::Rows(900), Effect::StreamReset(StreamReset::InternalError)),
        Fault::new(When::Rows(300), Effect::StreamReset(StreamReset::EnhanceYourCalm)),
        Fault::new(When::Rows(400), Effect::GoAway(GoAway::EnhanceYourCalm)),
        Fault::new(When::Rows(50), Effect::MalformedTrailers),
        Fault::new(When::EndOfStream, Effect::MissingTrailers),
        Fault::new(When::Rows(600), Effect::HttpStatus(503)),
        Fault::new(When::EndOfStream, Effect::TcpReset),
    ];
    let state = bench.server().state();
    let turn = usize::try_from(bench.subject().metrics().rows_accepted / 10_000).unwrap();
    bench.server().inject(kinds[turn % kinds.len()].clone(), Times::N(1));
    if turn % 10 == 9 {
        let bytes = 10_000 + u64::try_from(state.streams_opened()).unwrap();
        bench.server().inject_connection(ConnectionFault::ResetAfterBytes(bytes), Times::N(1));
    }
}
