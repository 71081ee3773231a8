//! `siftstream backups`: looks into backup files, gets rows out of them, and sends them. No command changes what it reads.

mod backup;
mod cat;
mod endpoint;
mod error;
mod export;
mod find;
mod ls;
mod output;
mod remote;
mod repair;
mod row;
mod schema;
mod send;
mod verify;

pub(crate) use self::output::printable;

use self::error::Failure;
use clap::Subcommand;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Options of `siftstream backups`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List backup files: rows, bytes, time span and state.
    Ls(ls::Args),
    /// Check backup files; exits with 1 if one is damaged.
    Verify(verify::Args),
    /// Print rows as lines of JSON.
    Cat(cat::Args),
    /// Copy what is whole in a damaged file to a new file.
    Repair(repair::Args),
    /// Send rows to Sift, and wait until they are confirmed.
    Send(send::Args),
    /// Write rows to one CSV or Parquet file per flow.
    Export(export::Args),
}

/// How a command ended that could do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything is as it should be.
    Whole,
    /// The command has shown or left out something that is damaged or does not fit.
    Imperfect,
    /// Something could not be read; the rest was dealt with.
    Incomplete,
}

impl Outcome {
    /// The worse of two.
    fn and(self, other: Self) -> Self {
        if self.code() >= other.code() { self } else { other }
    }

    fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Imperfect => 1,
            Self::Incomplete => 2,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &args.command {
        Command::Ls(args) => ls::run(args, &mut out),
        Command::Verify(args) => verify::run(args, &mut out),
        Command::Cat(args) => cat::run(args, &mut out),
        Command::Repair(args) => repair::run(args, &mut out),
        Command::Send(args) => send::run(args, &mut out),
        Command::Export(args) => export::run(args, &mut out),
    };
    let flushed = out.flush().map_err(Failure::Stdout);
    let result = result.and_then(|outcome| flushed.map(|()| outcome));
    // What could not be written has nowhere to go: it must not be tried again.
    drop(out.into_parts());
    match result {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(2)
        }
    }
}

/// Says on standard error what went wrong with one file; the command goes on with the next.
fn complain_of(path: &Path, what: &dyn std::fmt::Display) {
    complain(&format_args!("{}: {what}", path.display()));
}

fn complain(what: &dyn std::fmt::Display) {
    let what = output::printable(&what.to_string());
    // Without standard error there is nobody to tell.
    writeln!(io::stderr().lock(), "siftstream backups: {what}").ok();
}
