//! `siftstream bench`: sends numbered rows as fast as it can, or at a rate, and says how it went.

mod allocations;
mod columns;
mod configured;
mod latency;
mod result;
mod usage;
mod workload;

pub use allocations::CountingAllocator;

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

/// How rows are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// In memory only.
    #[default]
    Live,
    /// Live, with backups on disk.
    LiveWithBackups,
    /// To files only.
    FileBackup,
}

/// The options of `siftstream bench`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Open the stream of this configuration file, completed by environment variables, and send rows of its first flow;
    /// other options win over it. docs/configuration.md says what it can hold.
    #[arg(long, conflicts_with_all = ["columns", "channels"])]
    pub config: Option<std::path::PathBuf>,
    /// The endpoint, such as http://127.0.0.1:50051.
    #[arg(long, required_unless_present = "config")]
    pub uri: Option<String>,
    /// Allow http://: the key and all data travel unencrypted.
    #[arg(long)]
    pub insecure: bool,
    /// The API key; `bench` without it.
    #[arg(long)]
    pub api_key: Option<String>,
    /// How rows are delivered; in memory only without it.
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// How many rows.
    #[arg(long, default_value_t = 1_000_000)]
    pub messages: u64,
    /// How many double channels beside `seq`.
    #[arg(long, default_value_t = 9)]
    pub channels: u32,
    /// Send so many rows in one call, as columns; one by one without it.
    #[arg(long)]
    pub columns: Option<NonZeroU32>,
    /// Fill arrays with so many rows, send those, wait until they are confirmed, and so on: `send_seconds` is then the time
    /// of the sends alone. So many rows must fit the channel, or the sends wait for room.
    #[arg(long, conflicts_with_all = ["config", "rate", "latency"])]
    pub burst: Option<NonZeroU32>,
    /// Rows per second and thread; as fast as possible without it.
    #[arg(long, conflicts_with = "columns")]
    pub rate: Option<u64>,
    /// How many threads send.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Where backups go.
    #[arg(long)]
    pub dir: Option<std::path::PathBuf>,
    /// How often a checkpoint is made, in milliseconds.
    #[arg(long)]
    pub checkpoint_ms: Option<u64>,
    /// Wait so long, before finish, for everything to be confirmed.
    #[arg(long)]
    pub wait_confirmed_ms: Option<u64>,
    /// The time that finish has.
    #[arg(long, default_value_t = 30_000)]
    pub finish_timeout_ms: u64,
    /// Measure each send.
    #[arg(long, conflicts_with = "columns")]
    pub latency: bool,
    /// End with one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. The exit code is 0 only if every row is where it should be.
pub fn run(args: &Args) -> ExitCode {
    match workload::run(args) {
        Ok(result) => {
            let text = if args.json { result.to_json() } else { result.to_text() };
            let written = writeln!(io::stdout().lock(), "{text}");
            if written.is_ok() && result.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            // Nothing more can be said if the error stream is closed.
            writeln!(io::stderr().lock(), "siftstream bench: {error}").ok();
            ExitCode::from(2)
        }
    }
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
