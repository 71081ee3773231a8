//! Runs the cells, several at once, and prints the table.

use crate::bench::{self, Outcome};
use crate::cell::Cell;
use crate::mode::Mode;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Cells at once. Most of a cell is waiting.
const AT_ONCE: usize = 8;

struct Line {
    mode: Mode,
    name: String,
    took: Duration,
    outcome: Outcome,
}

/// Runs every cell over every mode and prints a line for each. Returns whether all promises were kept.
pub fn run(cells: &[Cell]) -> bool {
    let began = Instant::now();
    let jobs: Vec<_> = Mode::ALL.iter().flat_map(|mode| cells.iter().map(|cell| (*mode, cell))).collect();
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((mode, cell)) = jobs.get(next.fetch_add(1, Relaxed)) {
                    let number = u32::try_from(next.load(Relaxed)).unwrap();
                    let line = run_one(*mode, cell, number);
                    lines.lock().unwrap().push(line);
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort_by_key(|line| !line.outcome.complaints.is_empty());
    print(&lines, began.elapsed());
    lines.iter().all(|line| line.outcome.complaints.is_empty())
}

fn run_one(mode: Mode, cell: &Cell, number: u32) -> Line {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| bench::run(cell, mode, number)))
        .unwrap_or_else(|_| Outcome { complaints: vec!["a panic".to_owned()], ..Outcome::default() });
    Line { mode, name: cell.name.clone(), took: began.elapsed(), outcome }
}

fn print(lines: &[Line], took: Duration) {
    println!(
        "{:<9} {:<58} {:>7} {:>8} {:>7} {:>10} {:>7}  verdict",
        "mode", "cell", "rows", "received", "again", "overrun", "took"
    );
    for Line { mode, name, took, outcome } in lines {
        let verdict = if outcome.complaints.is_empty() { "kept" } else { "BROKEN" };
        println!(
            "{:<9} {name:<58} {:>7} {:>8} {:>7} {:>7.1} ms {:>5.2} s  {verdict}",
            mode.name(),
            outcome.accepted,
            outcome.received,
            outcome.duplicates,
            outcome.overrun.as_secs_f64() * 1e3,
            took.as_secs_f64(),
        );
        for complaint in outcome.complaints.iter().take(5) {
            println!("          {complaint}");
        }
    }
    let sum = |of: fn(&Outcome) -> u64| lines.iter().map(|line| of(&line.outcome)).sum::<u64>();
    let broken = lines.iter().filter(|line| !line.outcome.complaints.is_empty()).count();
    let worst = lines.iter().map(|line| line.outcome.overrun).max().unwrap_or_default();
    println!(
        "{} cells, {} rows, {} received again, worst overrun {:.1} ms, {broken} broken, {:.1} s",
        lines.len(),
        sum(|outcome| outcome.accepted),
        sum(|outcome| outcome.duplicates),
        worst.as_secs_f64() * 1e3,
        took.as_secs_f64()
    );
}
