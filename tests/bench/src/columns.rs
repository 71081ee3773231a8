//! Rows one by one, the same rows as columns, and as many bytes through raw loopback TCP, in turns; and in bursts that fit
//! the channel, where the sends alone are timed, not the network.

use std::error::Error;
use std::io::{self, Write};

use crate::Args;
use crate::raw;
use crate::run::{Figures, Server, median_ratio, ours};

/// Rows in one call.
const ROWS: &str = "1024";
/// Rows in a burst: half of what the channel holds.
pub(crate) const BURST: &str = "50000";
/// What raw TCP is tried with.
const WRITES: [usize; 2] = [16 << 10, 64 << 10];

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let channels = 1 + args.channels;
    writeln!(
        out,
        "live, {channels} channels a row; rows/s, CPU µs per row of the client process and of its sending thread, and GB/s on the wire"
    )?;
    let (mut rows, mut columns, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    let mut callers = (Vec::new(), Vec::new());
    let mut bursts = (Vec::new(), Vec::new());
    let gb_per_s = |figures: &Figures| figures.rows_per_s * figures.bytes_per_row / 1e9;
    for round in 1..=args.rounds {
        let one_by_one = Figures::of(&mut ours(&server.uri, "live", args.channels, args.messages)?)?;
        let mut command = ours(&server.uri, "live", args.channels, args.messages)?;
        let together = Figures::of(command.args(["--columns", ROWS]))?;
        let mut command = ours(&server.uri, "live", args.channels, args.messages)?;
        let burst_of_rows = Figures::of(command.args(["--burst", BURST]))?.accepted_rows_per_s;
        let mut command = ours(&server.uri, "live", args.channels, args.messages)?;
        let burst = Figures::of(command.args(["--burst", BURST, "--columns", ROWS]))?.accepted_rows_per_s;
        let bytes = (args.messages as f64 * together.bytes_per_row) as u64;
        let mut best = 0.0_f64;
        for write in WRITES {
            best = best.max(raw::send(bytes, write)? / 1e9);
        }
        writeln!(
            out,
            "round {round}: rows {:>9.0} rows/s {:.4} / {:.4} µs {:.2} GB/s | columns {:>9.0} rows/s {:.4} / {:.4} µs {:.2} GB/s | bursts: rows {burst_of_rows:>9.0}, columns {burst:>9.0} rows/s | raw TCP {best:.2} GB/s",
            one_by_one.rows_per_s,
            one_by_one.cpu_us_per_row,
            one_by_one.caller_cpu_us_per_row,
            gb_per_s(&one_by_one),
            together.rows_per_s,
            together.cpu_us_per_row,
            together.caller_cpu_us_per_row,
            gb_per_s(&together),
        )?;
        callers.0.push(one_by_one.caller_cpu_us_per_row);
        callers.1.push(together.caller_cpu_us_per_row);
        bursts.0.push(burst_of_rows);
        bursts.1.push(burst);
        rows.push(one_by_one.rows_per_s);
        columns.push(together.rows_per_s);
        raw.push(best / together.bytes_per_row * 1e9);
    }
    writeln!(
        out,
        "median of the rounds: columns are {:.2} times the rows/s until all are confirmed, {:.2} times the rows/s that calls take in bursts, {:.2} times the rows per second of the caller's CPU, {:.0} % of raw TCP's bytes/s",
        median_ratio(&columns, &rows),
        median_ratio(&bursts.1, &bursts.0),
        median_ratio(&callers.0, &callers.1),
        100.0 * median_ratio(&columns, &raw)
    )?;
    Ok(())
}
