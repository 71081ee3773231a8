//! The same rows from Rust and from C, in turns: one call a row, and one call a value. Once until all are confirmed, and once in
//! bursts that fit the channel, where the sends alone are timed.

use std::error::Error;
use std::io::{self, Write};
use std::process::Command;

use crate::Args;
use crate::columns::BURST;
use crate::run::{Figures, Server, median_ratio, ours, sibling};

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let channels = 1 + args.channels;
    writeln!(out, "live, {channels} channels a row; rows/s until all are confirmed / of calls in bursts")?;
    let rust = |burst: &[&str]| -> Result<Figures, Box<dyn Error>> {
        Figures::of(ours(&server.uri, "live", args.channels, args.messages)?.args(burst))
    };
    let c = |way: &str, burst: &[&str]| -> Result<Figures, Box<dyn Error>> {
        let mut command = Command::new(sibling("siftstream-bench-c")?);
        command.args([&server.uri, way, &args.channels.to_string(), &args.messages.to_string()]);
        Figures::of(command.args(burst))
    };
    let (mut confirmed, mut bursts) = (<[Vec<f64>; 3]>::default(), <[Vec<f64>; 3]>::default());
    for round in 1..=args.rounds {
        let until_confirmed = [rust(&[])?, c("values", &[])?, c("setters", &[])?].map(|run| run.rows_per_s);
        let in_bursts = [rust(&["--burst", BURST])?, c("values", &[BURST])?, c("setters", &[BURST])?]
            .map(|run| run.accepted_rows_per_s);
        let [rust, values, setters] = std::array::from_fn(|way| {
            confirmed[way].push(until_confirmed[way]);
            bursts[way].push(in_bursts[way]);
            format!("{:>9.0} / {:>9.0}", until_confirmed[way], in_bursts[way])
        });
        writeln!(out, "round {round}: Rust {rust} | C, a call a row {values} | C, a call a value {setters}")?;
    }
    for (what, [rust, values, setters]) in
        [("until all are confirmed", &confirmed), ("of calls in bursts", &bursts)]
    {
        writeln!(
            out,
            "median of the rounds, {what}: C has {:.0} % of Rust's rows/s with a call a row, {:.0} % with a call a value",
            100.0 * median_ratio(values, rust),
            100.0 * median_ratio(setters, rust)
        )?;
    }
    Ok(())
}
