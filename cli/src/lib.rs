//! The siftstream command, as a library: for the command itself, and for `python -m siftstream`.

mod backups;
mod bench;
mod doctor;
mod record;
mod serve;
mod table;

pub use bench::CountingAllocator;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Telemetry streaming to Sift.
#[derive(Debug, Parser)]
#[command(name = "siftstream", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look into backup files, get rows out of them, and send them.
    Backups(backups::Args),
    /// Measure how fast rows are delivered.
    Bench(bench::Args),
    /// Find out why streams do not work here, and what to do.
    Doctor(doctor::Args),
    /// Run a local Sift endpoint that checks what it gets.
    Serve(serve::Args),
}

/// Runs the command with these arguments, of which the first is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Without an output there is nobody to tell.
            error.print().ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.command {
        Command::Backups(args) => backups::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Serve(args) => serve::run(&args),
    }
}
