//! The siftstream command.

mod backups;
mod bench;
mod doctor;
mod fault_flag;
mod record;
mod serve;
mod table;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: bench::CountingAllocator = bench::CountingAllocator;

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

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Backups(args) => backups::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Serve(args) => serve::run(&args),
    }
}
