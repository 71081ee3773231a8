//! The same workload through siftstream and through Sift's own client, alternating, against one counting server
//! process; prints the ratios.

mod c;
mod columns;
mod files;
mod live;
mod official;
mod plain;
mod raw;
mod run;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One run of Sift's own client; prints one line of JSON.
    Official(official::Args),
    /// The other end of raw TCP; prints its address.
    Sink,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compared {
    /// Streaming to a server, in memory only.
    Live,
    /// Streaming to a server, with backups on disk.
    Backups,
    /// Writing files.
    Files,
    /// Rows one by one, as columns, and raw loopback TCP.
    Columns,
    /// Rows from Rust and from C.
    C,
    /// One after the other.
    All,
}

/// The options of a comparison.
#[derive(Debug, ClapArgs)]
struct Args {
    /// What is compared.
    #[arg(long, value_enum, default_value = "all")]
    compare: Compared,
    /// Rows of each live run of siftstream.
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Rows of each live run of Sift's own client.
    #[arg(long, default_value_t = 1_000_000)]
    official_messages: u64,
    /// Rows of each run into files, of either client.
    #[arg(long, default_value_t = 3_000_000)]
    file_messages: u64,
    /// On which disk files are written; the current directory by default. They are removed again.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Double channels beside `seq`.
    #[arg(long, default_value_t = 9)]
    channels: usize,
    /// Pairs of runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

fn compare(args: &Args) -> Result<(), Box<dyn Error>> {
    let wanted = |what| args.compare == what || args.compare == Compared::All;
    if wanted(Compared::Live) {
        live::run(args, "live")?;
    }
    if wanted(Compared::Backups) {
        live::run(args, "live-with-backups")?;
    }
    if wanted(Compared::Files) {
        files::run(args)?;
    }
    if wanted(Compared::Columns) {
        columns::run(args)?;
    }
    if wanted(Compared::C) {
        c::run(args)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Official(args)) => official::run(args),
        Some(Command::Sink) => raw::sink(),
        None => compare(&cli.compare),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing more can be said if the error stream is closed.
            writeln!(io::stderr().lock(), "siftstream-bench: {error}").ok();
            ExitCode::FAILURE
        }
    }
}
