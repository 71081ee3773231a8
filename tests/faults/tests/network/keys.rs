//! Keys that are revoked, restored and replaced while rows flow.

use siftstream_faults::cell::Cell;
use siftstream_faults::mode::KEY;
use siftstream_server::{Code, FaultStatus};
use std::time::Duration;

const ROWS: u64 = 3_000;

pub fn cells() -> Vec<Cell> {
    let revoked = |name: &str| {
        Cell::new(name, ROWS)
            .lasting(Duration::from_millis(200))
            .at(1_000, |bench| {
                bench.wait_until_rows_flow();
                bench.server().set_api_key(Some("another"));
                bench.server().end_streams(FaultStatus::new(Code::Unauthenticated));
            })
            .fails_streams(1)
            .takes_at_least(Duration::from_secs(1))
    };
    vec![
        revoked("the key is revoked and restored").at(2_000, |bench| bench.server().set_api_key(Some(KEY))),
        revoked("the key is revoked, and the client gets the new one")
            .at(2_000, |bench| bench.subject().set_api_key("another").unwrap()),
        Cell::new("the key is revoked between two streams", ROWS)
            .at(1_000, |bench| {
                bench.wait_until_rows_flow();
                bench.server().set_api_key(Some("another"));
                // What is open ends well; the next rows need another stream.
                bench.subject().flush(Duration::from_secs(10)).unwrap();
            })
            .at(2_500, |bench| {
                bench.wait_for(|_| bench.subject().metrics().checkpoints_failed > 0);
                bench.server().set_api_key(Some(KEY));
            })
            .fails_streams(1),
    ]
}
