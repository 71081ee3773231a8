//! The siftstream command.

mod fault_flag;
mod record;
mod serve;
mod table;

use clap::{Parser, Subcommand};
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
    /// Run a local Sift endpoint that checks what it gets.
    Serve(serve::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
    }
}
