//! Connections that are refused, reset, limited, or told goodbye, and servers that restart.

use siftstream::connect::{ConnectionOptions, TcpConnector};
use siftstream::seams::connector::{BoxFuture, BoxIo, Connector};
use siftstream_faults::bench::Bench;
use siftstream_faults::cell::Cell;
use siftstream_server::{ConnectionFault, Effect, Fault, GoAway, StreamReset, Times, When};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

const ROWS: u64 = 3_000;

pub fn cells(is_sweep: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    cells.extend(resets_by_byte(is_sweep));
    cells.extend(resets_of_streams());
    cells.extend(goodbyes(is_sweep));
    cells.extend(limits());
    cells.extend(no_connection());
    cells.extend(restarts());
    cells
}

fn resets_by_byte(is_sweep: bool) -> Vec<Cell> {
    let grid: Vec<u64> = if is_sweep {
        (0..400).chain((400..300_000).step_by(1_009)).collect()
    } else {
        vec![0, 1, 9, 23, 24, 25, 33, 60, 100, 200, 1_000, 10_000, 65_535, 65_536, 150_000]
    };
    let mut cells = Vec::new();
    for &bytes in &grid {
        cells.push(
            Cell::new(format!("connection reset after byte {bytes}"), ROWS)
                .connection_fault(ConnectionFault::ResetAfterBytes(bytes), Times::N(3)),
        );
    }
    for bytes in [1, 4, 5, 6, 16_384, 100_000] {
        cells.push(
            Cell::new(format!("connection reset after byte {bytes} of a stream"), ROWS)
                .fault(Fault::new(When::Bytes(bytes), Effect::TcpReset), Times::N(3))
                .fails_streams(3)
                .fails_with_backups(1),
        );
    }
    cells.push(
        Cell::new("connection reset instead of the answer", ROWS)
            .fault(Fault::new(When::EndOfStream, Effect::TcpReset), Times::N(3))
            .fails_streams(3),
    );
    cells
}

fn resets_of_streams() -> Vec<Cell> {
    let resets = [
        StreamReset::NoError,
        StreamReset::InternalError,
        StreamReset::RefusedStream,
        StreamReset::Cancel,
        StreamReset::EnhanceYourCalm,
    ];
    let moments = [When::AtOnce, When::Rows(1_000), When::EndOfStream];
    let of = |reset: StreamReset, when: When| {
        Cell::new(format!("stream reset by {reset:?} at {when:?}"), ROWS)
            .fault(Fault::new(when, Effect::StreamReset(reset)), Times::N(3))
            .fails_streams(3)
            .fails_with_backups(1)
    };
    resets.iter().flat_map(|&reset| moments.map(|when| of(reset, when))).collect()
}

fn goodbyes(is_sweep: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    cells.push(
        Cell::new("GOAWAY Graceful after every stream, without end", ROWS)
            .setup(|setup| setup.checkpoint_interval = Duration::from_millis(5))
            .fault(Fault::new(When::EndOfStream, Effect::GoAway(GoAway::Graceful)), Times::Always),
    );
    for kind in [GoAway::Graceful, GoAway::EnhanceYourCalm] {
        for when in [When::AtOnce, When::Rows(1_000), When::EndOfStream] {
            cells.push(
                Cell::new(format!("GOAWAY {kind:?} at {when:?}"), ROWS)
                    .fault(Fault::new(when, Effect::GoAway(kind)), Times::N(3)),
            );
        }
        cells.push(
            Cell::new(format!("GOAWAY {kind:?} behind every tenth row"), 300)
                .fault(Fault::new(When::Rows(10), Effect::GoAway(kind)), Times::N(20)),
        );
        let every = Duration::from_millis(if is_sweep { 2_000 } else { 60 });
        cells.push(
            Cell::new(format!("GOAWAY {kind:?} every {every:?}"), ROWS)
                .lasting(every * 6)
                .connection_fault(ConnectionFault::GoAwayAfter(every, kind), Times::N(6)),
        );
    }
    cells
}

fn limits() -> Vec<Cell> {
    let often = |setup: &mut siftstream_faults::mode::Setup| {
        setup.checkpoint_interval = Duration::from_millis(20);
    };
    let slow_answers = Fault::delayed_ok(Duration::from_millis(60));
    vec![
        Cell::new("one stream at a time, and answers take longer than checkpoints", ROWS)
            .lasting(Duration::from_millis(400))
            .server(|server| server.max_concurrent_streams(1))
            .setup(often)
            .fault(slow_answers.clone(), Times::N(6)),
        Cell::new("answers take longer than checkpoints", ROWS)
            .lasting(Duration::from_millis(400))
            .setup(often)
            .fault(slow_answers, Times::N(20)),
        Cell::new("no stream at all on two connections", ROWS)
            .connection_fault(ConnectionFault::MaxStreams(0), Times::N(2))
            .patience(Duration::from_secs(4)),
        Cell::new("zero window on two connections", ROWS)
            .connection_fault(ConnectionFault::ZeroWindow, Times::N(2))
            .patience(Duration::from_secs(4)),
        Cell::new("zero window until healed", ROWS)
            .connection_fault(ConnectionFault::ZeroWindow, Times::Always)
            .until_healed(),
        Cell::new("windows of 1,000 bytes", ROWS).server(|server| server.windows(1_000, 65_535)),
    ]
}

fn no_connection() -> Vec<Cell> {
    let lost = |name: &str, fault: ConnectionFault, times: u64| {
        Cell::new(name, ROWS).connection_fault(fault, Times::N(times))
    };
    vec![
        lost("accepted and closed, 10 times", ConnectionFault::Close, 10),
        lost("accepted and silent, 2 times", ConnectionFault::Silence, 2),
        lost("accepted and silent until healed", ConnectionFault::Silence, 100).until_healed(),
        lost("HTTP/1.1 answers, 3 times", ConnectionFault::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 3),
        lost("a TLS alert answers, 3 times", ConnectionFault::Answer(&[21, 3, 3, 0, 2, 2, 80]), 3),
        lost("noise answers, 3 times", ConnectionFault::Answer(&[0xa5; 5_000]), 3),
        Cell::new("refused for a while", ROWS)
            .lasting(Duration::from_millis(400))
            .at(500, refuse)
            .at(2_000, |bench| bench.server().start_again().unwrap())
            .fails_streams(1),
        Cell::new("refused until healed", ROWS).at(500, refuse).until_healed().fails_streams(1),
        Cell::new("the name cannot be looked up for a while", ROWS)
            .setup(|setup| setup.connector = Some(Arc::new(LostName::new(&setup.uri, 8))))
            .fault(Fault::new(When::Rows(500), Effect::TcpReset), Times::N(2))
            .fails_streams(2),
    ]
}

/// Loses the connections, and lets nobody in.
fn refuse(bench: &Bench) {
    bench.wait_until_rows_flow();
    bench.server().close_listener();
    bench.server().reset_connections();
}

fn restart(bench: &Bench) {
    bench.wait_until_rows_flow();
    bench.server().restart().unwrap();
}

fn restarts() -> Vec<Cell> {
    vec![
        Cell::new("the server restarts three times", ROWS)
            .lasting(Duration::from_millis(300))
            .at(700, restart)
            .at(1_400, restart)
            .at(2_100, restart)
            .fails_streams(3),
        Cell::new("the server is down for a while", ROWS)
            .lasting(Duration::from_millis(400))
            .at(500, |bench| {
                bench.wait_until_rows_flow();
                bench.server().stop();
            })
            .at(2_000, |bench| bench.server().start_again().unwrap())
            .fails_streams(1),
        Cell::new("all connections are reset eight times", ROWS).lasting(Duration::from_millis(300)).at_each(
            350,
            ROWS,
            |bench| bench.server().reset_connections(),
        ),
    ]
}

/// The first connections go to the server; then, for some attempts, its name is not found.
struct LostName {
    good: TcpConnector,
    lost: TcpConnector,
    attempts: AtomicU32,
    failures: u32,
}

/// Attempts before the name is lost: one for unary calls, one for rows.
const GOOD_ATTEMPTS: u32 = 2;

impl LostName {
    fn new(uri: &str, failures: u32) -> Self {
        let to = |uri: &str| {
            let mut options = ConnectionOptions::new(uri);
            options.insecure = true;
            options.connect_timeout = Duration::from_millis(500);
            TcpConnector::new(options).unwrap()
        };
        Self { good: to(uri), lost: to("http://sift.invalid:1"), attempts: AtomicU32::new(0), failures }
    }
}

impl Connector for LostName {
    fn connect(&self) -> BoxFuture<'_, siftstream::Result<BoxIo>> {
        let attempt = self.attempts.fetch_add(1, Relaxed);
        let is_lost = (GOOD_ATTEMPTS..GOOD_ATTEMPTS + self.failures).contains(&attempt);
        if is_lost { self.lost.connect() } else { self.good.connect() }
    }
}
