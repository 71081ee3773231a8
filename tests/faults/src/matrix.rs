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
/// Complaints that the table shows of one cell.
const SHOWN_COMPLAINTS: usize = 5;

struct Line<'a> {
    mode: Mode,
    cell: &'a Cell,
    took: Duration,
    outcome: Outcome,
}

/// What became of a cell's promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Broken,
    Known,
    Kept,
}

impl Line<'_> {
    fn verdict(&self) -> Verdict {
        match (self.outcome.complaints.is_empty(), self.cell.known_defect) {
            (true, _) => Verdict::Kept,
            (false, Some(_)) => Verdict::Known,
            (false, None) => Verdict::Broken,
        }
    }
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
    lines.sort_by_key(|line| std::cmp::Reverse(line.verdict()));
    print(&lines, began.elapsed());
    lines.iter().all(|line| line.verdict() != Verdict::Broken)
}

fn run_one(mode: Mode, cell: &Cell, number: u32) -> Line<'_> {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| bench::run(cell, mode, number)))
        .unwrap_or_else(|_| Outcome { complaints: vec!["a panic".to_owned()], ..Outcome::default() });
    Line { mode, cell, took: began.elapsed(), outcome }
}

fn print(lines: &[Line<'_>], took: Duration) {
    println!(
        "{:<9} {:<66} {:>7} {:>8} {:>7} {:>10} {:>7}  verdict",
        "mode", "cell", "rows", "received", "again", "overrun", "took"
    );
    for line in lines {
        let Line { mode, cell, took, outcome } = line;
        println!(
            "{:<9} {:<66} {:>7} {:>8} {:>7} {:>7.1} ms {:>5.2} s  {}",
            mode.name(),
            cell.name,
            outcome.accepted,
            outcome.received,
            outcome.duplicates,
            outcome.overrun.as_secs_f64() * 1e3,
            took.as_secs_f64(),
            match line.verdict() {
                Verdict::Kept => "kept".to_owned(),
                Verdict::Known => format!("KNOWN: {}", cell.known_defect.unwrap_or_default()),
                Verdict::Broken => "BROKEN".to_owned(),
            },
        );
        for complaint in outcome.complaints.iter().take(SHOWN_COMPLAINTS) {
            println!("          {complaint}");
        }
    }
    let sum = |of: fn(&Outcome) -> u64| lines.iter().map(|line| of(&line.outcome)).sum::<u64>();
    let count = |verdict| lines.iter().filter(|line| line.verdict() == verdict).count();
    let worst = lines.iter().map(|line| line.outcome.overrun).max().unwrap_or_default();
    println!(
        "{} cells, {} rows, {} received again, worst overrun {:.1} ms, {} broken, {} known defects, {:.1} s",
        lines.len(),
        sum(|outcome| outcome.accepted),
        sum(|outcome| outcome.duplicates),
        worst.as_secs_f64() * 1e3,
        count(Verdict::Broken),
        count(Verdict::Known),
        took.as_secs_f64()
    );
}
