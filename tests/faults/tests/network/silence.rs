//! Silence in each of its forms: on a stream, on a connection, in one direction, for a while or until healed.

use siftstream::ErrorCode;
use siftstream_faults::cell::{Cell, Expect};
use siftstream_server::{Blackhole, Effect, Fault, Times, When};
use std::time::Duration;

const ROWS: u64 = 3_000;
const SHORT: Duration = Duration::from_millis(150);
/// Longer than the client's patience.
const LONG: Duration = Duration::from_millis(900);

pub fn cells(is_sweep: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for when in [When::AtOnce, When::Rows(1_000), When::EndOfStream] {
        let silence = |times| {
            Cell::new(format!("silence at {when:?}, {times:?}"), ROWS)
                .fault(Fault::new(when, Effect::Silence), times)
        };
        cells.push(silence(Times::N(1)).fails_streams(1));
        cells.push(silence(Times::Always).until_healed());
        cells.push(
            silence(Times::Always)
                .named_also("never healed")
                .never_heals(Duration::from_millis(400))
                .expect(Expect::Stops(ErrorCode::Timeout)),
        );
    }
    for way in [Blackhole::Both, Blackhole::FromClients, Blackhole::ToClients] {
        cells.extend(blackholes(way));
    }
    for time in [Some(SHORT), Some(LONG), None] {
        let cell = Cell::new(format!("connection frozen for {time:?}"), ROWS)
            .lasting(Duration::from_millis(60))
            .fault(Fault::new(When::Rows(1_000), Effect::Freeze(time)), Times::N(1));
        cells.push(if time.is_none() { cell.until_healed() } else { cell });
    }
    cells.extend(slow_readers(is_sweep));
    for delay in [Duration::from_millis(10), SHORT, LONG] {
        cells.push(
            Cell::new(format!("the answer takes {delay:?}"), ROWS)
                .fault(Fault::delayed_ok(delay), Times::N(1)),
        );
    }
    cells
}

fn blackholes(way: Blackhole) -> [Cell; 4] {
    let passing = |time: Duration| {
        Cell::new(format!("blackhole {way:?} for {time:?}"), ROWS)
            .lasting(time * 3)
            .at(1_000, move |bench| bench.server().blackhole(way))
            .at(2_000, |bench| bench.server().heal())
    };
    [
        passing(SHORT),
        passing(LONG / 2),
        Cell::new(format!("blackhole {way:?} until healed"), ROWS)
            .lasting(Duration::from_millis(60))
            .fault(Fault::new(When::Rows(1_000), Effect::Blackhole(way)), Times::N(1))
            .until_healed(),
        Cell::new(format!("blackhole {way:?}, never healed"), ROWS)
            .lasting(Duration::from_millis(60))
            .at(1_000, move |bench| bench.server().blackhole(way))
            .never_heals(Duration::from_millis(400))
            .expect(Expect::Stops(ErrorCode::Timeout)),
    ]
}

fn slow_readers(is_sweep: bool) -> Vec<Cell> {
    let slow = |bytes_per_s: u64, times: Times| {
        Cell::new(format!("reader of {bytes_per_s} B/s, {times:?}"), ROWS)
            .fault(Fault::new(When::AtOnce, Effect::SlowReader { bytes_per_s }), times)
    };
    let mut cells = vec![
        slow(0, Times::N(1)),
        slow(0, Times::Always).until_healed(),
        slow(1, Times::N(2)),
        slow(1, Times::Always).until_healed(),
        slow(1_000_000, Times::Always),
    ];
    if is_sweep {
        cells.push(slow(100_000, Times::Always));
    }
    cells
}
