//! The same rows from Rust and from C, in turns: one call a row, and one call a value.

use std::error::Error;
use std::io::{self, Write};
use std::process::Command;

use crate::Args;
use crate::run::{Figures, Server, median_ratio, ours, sibling};

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let channels = 1 + args.channels;
    writeln!(out, "live, {channels} channels a row; rows/s and CPU µs per row of the client process")?;
    let c = |way: &str| -> Result<Figures, Box<dyn Error>> {
        let mut command = Command::new(sibling("siftstream-bench-c")?);
        command.args([&server.uri, way, &args.channels.to_string(), &args.messages.to_string()]);
        Figures::of(&mut command)
    };
    let (mut rust, mut values, mut setters) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let in_rust = Figures::of(&mut ours(&server.uri, "live", args.channels, args.messages)?)?;
        let (in_values, in_setters) = (c("values")?, c("setters")?);
        writeln!(
            out,
            "round {round}: Rust {:>9.0} rows/s {:.4} µs | C, a call a row {:>9.0} rows/s {:.4} µs | C, a call a value {:>9.0} rows/s {:.4} µs",
            in_rust.rows_per_s,
            in_rust.cpu_us_per_row,
            in_values.rows_per_s,
            in_values.cpu_us_per_row,
            in_setters.rows_per_s,
            in_setters.cpu_us_per_row,
        )?;
        rust.push(in_rust.rows_per_s);
        values.push(in_values.rows_per_s);
        setters.push(in_setters.rows_per_s);
    }
    writeln!(
        out,
        "median of the rounds: C has {:.0} % of Rust's rows/s with a call a row, {:.0} % with a call a value",
        100.0 * median_ratio(&values, &rust),
        100.0 * median_ratio(&setters, &rust)
    )?;
    Ok(())
}
