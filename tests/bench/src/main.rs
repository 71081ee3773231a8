//! The same workload through siftstream and through Sift's own client, alternating, against one counting server
//! process; prints the ratios.

mod compare;
mod official;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: compare::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One run of Sift's own client; prints one line of JSON.
    Official(official::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Official(args)) => official::run(args),
        None => compare::run(&cli.compare),
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
