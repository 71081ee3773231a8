//! Bounds: windows that are small or off, rows that are large.

use siftstream::ErrorCode;
use siftstream_faults::cell::{Cell, Expect};
use siftstream_faults::mode::Setup;
use siftstream_server::{Code, Effect, Fault, Times, When};
use std::time::Duration;

const KIB: u64 = 1024;

pub fn cells() -> Vec<Cell> {
    let small = |setup: &mut Setup| {
        setup.channel_bytes = 128 * KIB;
        setup.replay_window_bytes = 256 * KIB;
    };
    let mut cells = vec![
        Cell::new("a small window, no fault", 20_000).lasting(Duration::ZERO).setup(small),
        Cell::new("a small window, and every third stream fails", 200_000)
            .lasting(Duration::ZERO)
            .setup(small)
            .fault(Fault::none(), Times::N(1))
            .fault(Fault::status(Code::Unavailable, 100), Times::N(1))
            .fault(Fault::none(), Times::N(2))
            .fault(Fault::new(When::Rows(1), Effect::TcpReset), Times::N(1))
            .fault(Fault::none(), Times::N(2))
            .fault(Fault::status(Code::Internal, 1), Times::N(1))
            .fails_streams(3)
            .fails_with_backups(1),
        Cell::new("a small window, and a server that never answers", 100_000)
            .lasting(Duration::ZERO)
            .setup(small)
            .fault(Fault::no_response(), Times::Always)
            .never_heals(Duration::from_millis(200))
            .expect(Expect::Stops(ErrorCode::Timeout)),
        Cell::new("a small window, and silence for a while", 20_000)
            .lasting(Duration::from_millis(100))
            .setup(small)
            .fault(Fault::new(When::Rows(200), Effect::Silence), Times::N(1))
            .fails_streams(1)
            .fails_with_backups(0),
        Cell::new("rows of up to 1 MiB, and resets", 24)
            .padding(1024 * 1024)
            .setup(|setup| setup.replay_window_bytes = 64 * 1024 * KIB)
            .lasting(Duration::from_millis(100))
            .fault(Fault::new(When::Bytes(3_000_000), Effect::TcpReset), Times::N(2))
            .fails_streams(2)
            .fails_with_backups(0),
        Cell::new("one more than is confirmed, then nothing", 1)
            .fault(Fault::status(Code::Internal, 1), Times::N(5))
            .fails_streams(5),
    ];
    for (name, fault) in [
        ("Unavailable", Fault::status(Code::Unavailable, 1_000)),
        ("a reset", Fault::new(When::Rows(1_000), Effect::TcpReset)),
        ("an early OK", Fault::early_ok(1_000, Duration::ZERO)),
        ("no answer", Fault::no_response()),
    ] {
        cells.push(
            Cell::new(format!("the window is off, and {name}"), 5_000)
                .setup(|setup| setup.replay_window_bytes = 0)
                .fault(fault, Times::N(1))
                .at(4_000, move |bench| {
                    if name != "no answer" {
                        bench.wait_until_a_stream_ended();
                    }
                })
                .fails_streams(1)
                .expect(Expect::Stops(ErrorCode::Dropped)),
        );
    }
    cells.push(Cell::new("the window is off, no fault", 5_000).setup(|setup| setup.replay_window_bytes = 0));
    cells
}
