//! OK while the client still has the stream open: never a confirmation of what was not taken.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use siftstream_faults::bench::Bench;
use siftstream_faults::cell::Cell;
use siftstream_server::{Effect, Fault, Times, When};
use std::time::Duration;

const ROWS: [u64; 5] = [0, 1, 100, 1_000, 10_000];
const DELAYS_MS: [u64; 6] = [0, 1, 5, 20, 50, 200];

pub fn cells(is_sweep: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    let rounds = if is_sweep { 10 } else { 1 };
    for _ in 0..rounds {
        for rows in ROWS {
            for delay_ms in DELAYS_MS {
                let delay = Duration::from_millis(delay_ms);
                cells.push(while_sending(rows, delay));
                if rows > 0 {
                    let turns = (300 / (delay_ms + 2)).clamp(3, 40_000 / rows.max(1_000));
                    cells.push(racing_the_half_close(rows, delay, turns));
                }
            }
        }
        for rows in [1, 100, 1_000] {
            for delay_ms in [0, 1, 5] {
                cells.push(over_tls(racing_the_half_close(rows, Duration::from_millis(delay_ms), 30)));
            }
        }
        for rows in [1, 100, 1_000] {
            for delay_ms in [0, 1, 5] {
                cells.push(racing_before_a_reset(rows, Duration::from_millis(delay_ms), 30));
            }
        }
        cells.push(
            Cell::new("an OK on a connection that breaks before it is certain", 2_000)
                .fault(Fault::new(When::EndOfStream, Effect::OkThenTcpReset(Duration::ZERO)), Times::N(3))
                .fails_streams(3)
                .fails_with_backups(1),
        );
        for rows in [0, 100] {
            for delay_ms in [0, 5, 50] {
                cells.push(drained(rows, Duration::from_millis(delay_ms)));
            }
        }
    }
    cells
}

/// The OK comes while rows still come.
fn while_sending(rows: u64, delay: Duration) -> Cell {
    Cell::new(format!("early OK after {rows} rows and {delay:?}, while sending"), rows + 1_000)
        .at(rows + 500, Bench::wait_until_a_stream_ended)
        .fault(Fault::early_ok(rows, delay), Times::N(2))
        .fails_streams(1)
}

/// The OK and the half-close are on their way at the same time, once for every `rows` rows. Who wins changes from
/// turn to turn, for the half-close comes up to two milliseconds later than the delay.
fn racing_the_half_close(rows: u64, delay: Duration, turns: u64) -> Cell {
    let name = format!("early OK after {rows} rows and {delay:?}, racing the half-close");
    race(name, Fault::early_ok(rows, delay), rows, delay, turns)
}

/// The same, but the connection breaks before anything else of the server can tell that its OK was early.
fn racing_before_a_reset(rows: u64, delay: Duration, turns: u64) -> Cell {
    let name = format!("early OK after {rows} rows and {delay:?}, then a connection reset");
    race(name, Fault::new(When::Rows(rows), Effect::OkThenTcpReset(delay)), rows, delay, turns)
}

fn race(name: String, early_ok: Fault, rows: u64, delay: Duration, turns: u64) -> Cell {
    let all = rows * turns;
    Cell::new(name, all).lasting(Duration::ZERO).fault(early_ok.clone(), Times::N(1)).at_each(
        rows,
        all,
        move |bench| {
            let turn = bench.subject().watermarks().accepted / rows;
            std::thread::sleep(delay + Duration::from_micros(turn * 370 % 2_000));
            bench.subject().flush(Duration::from_secs(10)).unwrap();
            bench.server().clear_faults();
            bench.server().inject(early_ok.clone(), Times::N(1));
        },
    )
}

/// The server goes on reading after its OK, and throws away what it reads: no reset gives it away.
fn drained(rows: u64, delay: Duration) -> Cell {
    Cell::new(format!("early OK after {rows} rows and {delay:?}, then reading on"), rows + 1_000)
        .at(rows + 500, Bench::wait_until_a_stream_ended)
        .fault(Fault::new(When::Rows(rows), Effect::Ok { delay, drain: true }), Times::N(2))
        .fails_streams(1)
}

/// The same over TLS, where the client cannot see what waits in the socket.
fn over_tls(cell: Cell) -> Cell {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let (leaf_pem, key_pem, ca_pem) = (leaf.pem(), key.serialize_pem(), ca.pem().into_bytes());
    cell.named_also("TLS")
        .server(move |server| server.tls(&leaf_pem, &key_pem, None))
        .setup(move |setup| setup.ca_pem = Some(ca_pem.clone()))
}
