//! Alternates the file modes of the two clients, and after each run of ours writes the same bytes plainly.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use crate::Args;
use crate::plain;
use crate::run::{Figures, Server, median_ratio, ours, theirs};

const MODE: &str = "file-backup";

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let channels = 1 + args.channels;
    writeln!(
        out,
        "files, {channels} channels a row, until all is synced; rows/s and CPU µs per row of the client process"
    )?;
    let (mut rows, mut cpu, mut plain) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()), Vec::new());
    for round in 1..=args.rounds {
        let (ours, plain_rows) = one_of_ours(args, &server.uri)?;
        let dir = directory(args)?;
        let mut command = theirs(&server.uri, MODE, args.channels, args.file_messages)?;
        let theirs = Figures::of(command.arg("--dir").arg(dir.path()))?;
        writeln!(
            out,
            "round {round}: siftstream {:>9.0} rows/s {:.4} µs | sift_stream 0.14 {:>8.0} rows/s {:.4} µs | plain {:>9.0} rows/s",
            ours.rows_per_s, ours.cpu_us_per_row, theirs.rows_per_s, theirs.cpu_us_per_row, plain_rows
        )?;
        rows.0.push(ours.rows_per_s);
        rows.1.push(theirs.rows_per_s);
        cpu.0.push(ours.cpu_us_per_row);
        cpu.1.push(theirs.cpu_us_per_row);
        plain.push(plain_rows);
    }
    let share = 100.0 * median_ratio(&rows.0, &plain);
    let (rows, cpu) = (median_ratio(&rows.0, &rows.1), median_ratio(&cpu.0, &cpu.1));
    writeln!(
        out,
        "median of the pairs: {rows:.1} times the rows/s, 1/{:.1} of the CPU per row, {share:.0} % of plain write and fdatasync",
        1.0 / cpu
    )?;
    Ok(())
}

/// A run of ours, and at how many rows a second its bytes are written plainly.
fn one_of_ours(args: &Args, uri: &str) -> Result<(Figures, f64), Box<dyn Error>> {
    let dir = directory(args)?;
    let mut command = ours(uri, MODE, args.channels, args.file_messages)?;
    let ours = Figures::of(command.arg("--dir").arg(dir.path()))?;
    let copy = directory(args)?;
    let seconds = plain::rewrite(dir.path(), copy.path())?.as_secs_f64();
    Ok((ours, args.file_messages as f64 / seconds))
}

/// A fresh directory, removed when it is dropped.
pub(crate) fn directory(args: &Args) -> io::Result<tempfile::TempDir> {
    let parent = args.dir.as_deref().unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix("siftstream-bench-").tempdir_in(parent)
}
