//! No fault of network or server loses a row.
//!
//! Each cell streams rows through one fault; the oracle of `siftstream_faults` judges. Words on the command line
//! choose the cells whose names contain one of them. `SIFTSTREAM_FAULTS=sweep` runs finer grids and longer cells.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a helper that fails fails its test")]

mod answers;
mod building;
mod codes;
mod connections;
mod early_ok;
mod keys;
mod long;
mod memory;
mod silence;

use siftstream_faults::cell::Cell;
use siftstream_faults::matrix;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_sweep = std::env::var("SIFTSTREAM_FAULTS").is_ok_and(|value| value == "sweep");
    let cells: Vec<Cell> = [
        long::cells(is_sweep),
        codes::cells(is_sweep),
        early_ok::cells(is_sweep),
        connections::cells(is_sweep),
        silence::cells(is_sweep),
        answers::cells(),
        keys::cells(),
        memory::cells(),
        building::cells(),
    ]
    .into_iter()
    .flatten()
    .filter(|cell| words.is_empty() || words.iter().any(|word| cell.name().contains(word.as_str())))
    .collect();
    if matrix::run(&cells) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
