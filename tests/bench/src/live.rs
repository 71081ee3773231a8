//! Alternates the two clients in a live mode against one counting server and prints medians and ratios.

use std::error::Error;
use std::io::{self, Write};

use crate::Args;
use crate::files::directory;
use crate::run::{Figures, Server, median_ratio, ours, theirs};

/// Measures and prints.
pub(crate) fn run(args: &Args, mode: &str) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let bytes = 1 + args.channels;
    writeln!(out, "{mode}, {bytes} channels a row; rows/s and CPU µs per row of the client process")?;
    let (mut rows, mut cpu) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for round in 1..=args.rounds {
        let dir = directory(args)?;
        let mut command = ours(&server.uri, mode, args.channels, args.messages)?;
        let ours = Figures::of(command.arg("--dir").arg(dir.path()))?;
        let dir = directory(args)?;
        let mut command = theirs(&server.uri, mode, args.channels, args.official_messages)?;
        let theirs = Figures::of(command.arg("--dir").arg(dir.path()))?;
        writeln!(
            out,
            "round {round}: siftstream {:>10.0} rows/s {:.4} µs | sift_stream 0.14 {:>8.0} rows/s {:.4} µs",
            ours.rows_per_s, ours.cpu_us_per_row, theirs.rows_per_s, theirs.cpu_us_per_row
        )?;
        rows.0.push(ours.rows_per_s);
        rows.1.push(theirs.rows_per_s);
        cpu.0.push(ours.cpu_us_per_row);
        cpu.1.push(theirs.cpu_us_per_row);
    }
    let (rows, cpu) = (median_ratio(&rows.0, &rows.1), median_ratio(&cpu.0, &cpu.1));
    writeln!(out, "median of the pairs: {rows:.1} times the rows/s, 1/{:.1} of the CPU per row", 1.0 / cpu)?;
    Ok(())
}
