//! What the stream has promised of each row, and what has been seen of its life.

use std::time::Duration;

use siftstream::{Event, EventKind, Report, Watermarks};

/// Rows that were accepted, and which of them must arrive.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// By number: whether the row must arrive. The others may.
    must: Vec<bool>,
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
        self.must.len() as u64
    }

    /// The next row was accepted.
    pub(crate) fn accept(&mut self) {
        self.must.push(false);
    }

    /// Rows of this epoch below this message ID must arrive.
    pub(crate) fn must_arrive_below(&mut self, id: u64) {
        let start = usize::try_from(self.epoch_starts_at).unwrap_or(usize::MAX);
        let count = usize::try_from(id).unwrap_or(usize::MAX);
        self.must.iter_mut().skip(start).take(count).for_each(|must| *must = true);
    }

    /// The process dies.
    pub(crate) fn killed(&mut self, marks: Watermarks) {
        self.must_arrive_below(marks.written.unwrap_or(0).max(marks.confirmed.unwrap_or(0)));
    }

    /// The machine loses power.
    pub(crate) fn lost_power(&mut self, marks: Watermarks) {
        self.must_arrive_below(marks.durable.unwrap_or(0).max(marks.confirmed.unwrap_or(0)));
    }

    /// The stream was finished, over a disk that works or not.
    pub(crate) fn finished(&mut self, report: &Report, disk_works: bool) {
        let found =
            report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
        if report.accepted + report.recovered != found {
            self.violation(format!("a report does not add up: {report}"));
        }
        if report.accepted != self.accepted() - self.epoch_starts_at {
            self.violation(format!("a report knows of other rows than were accepted: {report}"));
        }
        if disk_works && (report.in_memory, report.dropped, report.rejected) != (0, 0, 0) {
            self.violation(format!("rows were not kept: {report}"));
        }
        self.must_arrive_below(if disk_works { report.accepted } else { 0 });
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

    pub(crate) fn must_arrive(&self) -> &[bool] {
        &self.must
    }
}
