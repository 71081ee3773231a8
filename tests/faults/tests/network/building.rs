//! Faults while a stream is built: rivals, lost answers, small pages, and servers that are not there.

use siftstream::ErrorCode;
use siftstream_faults::cell::{Cell, Expect};
use siftstream_server::{Code, FaultStatus, Times, UnaryEffect, UnaryFault};
use std::time::Duration;

const ROWS: u64 = 200;
const CREATE: &str = "CreateIngestionConfig";
const CREATE_FLOWS: &str = "CreateIngestionConfigFlows";

pub fn cells() -> Vec<Cell> {
    let status = |code| FaultStatus::new(code);
    let mut cells = vec![
        building("a rival creates the config first", Some(CREATE), UnaryEffect::RivalFirst, 1),
        building(
            "the config is created, but the answer is lost",
            Some(CREATE),
            UnaryEffect::DoneButStatus(status(Code::Unavailable)),
            1,
        ),
        building("every call loses its connection once", None, UnaryEffect::TcpReset, 1),
        building("every first call is unavailable", None, UnaryEffect::Status(status(Code::Unavailable)), 3),
        building("a call is never answered", Some(CREATE), UnaryEffect::Silence, 1)
            .setup(|setup| setup.request_timeout = Duration::from_millis(400)),
        building("calls take 50 ms", None, UnaryEffect::Delay(Duration::from_millis(50)), 10),
        building("pages of one", None, UnaryEffect::Delay(Duration::ZERO), 1)
            .server(|server| server.page_size(1)),
        building("pages of one and a rival", Some(CREATE), UnaryEffect::RivalFirst, 1)
            .server(|server| server.page_size(1)),
        building("a rival creates the flows first", Some(CREATE_FLOWS), UnaryEffect::RivalFirst, 1),
    ];
    cells.extend([
        Cell::new("nobody listens", ROWS)
            .setup(|setup| setup.uri = "http://127.0.0.1:1".to_owned())
            .expect(Expect::NoStream(ErrorCode::Unavailable)),
        Cell::new("the name does not exist", ROWS)
            .setup(|setup| setup.uri = "http://sift.invalid:443".to_owned())
            .expect(Expect::NoStream(ErrorCode::Unavailable)),
        Cell::new("the key is wrong", ROWS)
            .setup(|setup| setup.key = "wrong".to_owned())
            .expect(Expect::NoStream(ErrorCode::Auth)),
        building("no call is answered", None, UnaryEffect::Silence, 1_000)
            .setup(|setup| setup.request_timeout = Duration::from_millis(200))
            .expect(Expect::NoStream(ErrorCode::Timeout)),
        building("no call is answered, and little patience", None, UnaryEffect::Silence, 1_000)
            .setup(|setup| {
                setup.build_timeout = Duration::from_millis(200);
                setup.offline_after = Duration::from_millis(50);
            })
            .expect(Expect::NoStream(ErrorCode::Timeout)),
    ]);
    cells
}

fn building(name: &str, method: Option<&str>, effect: UnaryEffect, times: u64) -> Cell {
    let fault = UnaryFault { method: method.map(str::to_owned), effect };
    Cell::new(name, ROWS).unary_fault(fault, Times::N(times))
}
