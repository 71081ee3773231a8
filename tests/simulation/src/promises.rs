//! What the stream has promised of each row, and what has been seen of its life.

use std::time::Duration;

use siftstream::{Event, EventKind, Report, Watermarks};

/// What a row is promised to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Promise {
    /// Nothing.
    None,
    /// The end of its process.
    Written,
    /// Everything.
    Durable,
}

/// Rows that were accepted, and which of them must arrive.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// By number.
    rows: Vec<Promise>,
    /// The number of the row whose message ID is 0.
    epoch_starts_at: u64,
    epochs: u64,
    /// What went wrong that never may.
    pub(crate) violations: Vec<String>,
    /// What happened, in order.
    pub(crate) trace: Vec<String>,
}

impl Promises {
    /// A stream was opened.
    pub(crate) fn begin_epoch(&mut self) -> u64 {
        self.epoch_starts_at = self.accepted();
        self.epochs += 1;
        self.epochs
    }

    /// How many rows were accepted: the number of the next one.
    pub(crate) fn accepted(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The next row was accepted.
    pub(crate) fn accept(&mut self) {
        self.rows.push(Promise::None);
    }

    /// Rows of this epoch below this message ID are on disk.
    pub(crate) fn are_written_below(&mut self, id: u64) {
        self.promise(id, Promise::Written);
    }

    /// Rows of this epoch below this message ID are on disk for good, or with Sift.
    pub(crate) fn are_durable_below(&mut self, id: u64) {
        self.promise(id, Promise::Durable);
    }

    fn promise(&mut self, below: u64, promise: Promise) {
        let start = usize::try_from(self.epoch_starts_at).unwrap_or(usize::MAX);
        let count = usize::try_from(below).unwrap_or(usize::MAX);
        self.rows.iter_mut().skip(start).take(count).for_each(|row| *row = promise.max(*row));
    }

    /// The process dies.
    pub(crate) fn killed(&mut self, marks: Watermarks) {
        self.are_written_below(marks.written.unwrap_or(0));
        self.are_durable_below(marks.durable.unwrap_or(0).max(marks.confirmed.unwrap_or(0)));
    }

    /// The machine loses power.
    pub(crate) fn lost_power(&mut self, marks: Watermarks) {
        self.killed(marks);
        let written = self.rows.iter_mut().filter(|row| **row == Promise::Written);
        written.for_each(|row| *row = Promise::None);
    }

    /// The stream was finished, over a disk that works or not.
    pub(crate) fn finished(&mut self, report: &Report, disk_works: bool) {
        let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
        if report.accepted + report.recovered != found {
            self.violation(format!("a report does not add up: {report}"));
        }
        if report.accepted != self.accepted() - self.epoch_starts_at {
            self.violation(format!("a report knows of other rows than were accepted: {report}"));
        }
        if disk_works && (report.in_memory, report.dropped, report.rejected) != (0, 0, 0) {
            self.violation(format!("rows were not kept: {report}"));
        }
        self.are_durable_below(if disk_works { report.accepted } else { 0 });
    }

    /// Takes note of an event; some may never come.
    pub(crate) fn saw(&mut self, at: Duration, event: &Event) {
        self.note(at, format!("{:?}", event.kind));
        let is_fatal = matches!(
            event.kind,
            EventKind::Dropped { .. } | EventKind::Rejected { .. } | EventKind::GaveUp { file: None, .. }
        );
        if is_fatal {
            self.violation(format!("at {at:?}: {:?}", event.kind));
        }
    }

    pub(crate) fn note(&mut self, at: Duration, what: String) {
        self.trace.push(format!("{:>9.3} {what}", at.as_secs_f64()));
    }

    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// By number: whether the row must arrive. The others may.
    pub(crate) fn must_arrive(&self) -> Vec<bool> {
        self.rows.iter().map(|promise| *promise > Promise::None).collect()
    }
}
