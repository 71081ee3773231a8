//! What a run sent, or would send.

use super::super::Outcome;
use super::super::output::{json_line, printable};
use super::super::row::Moment;
use super::source::{Source, Tally};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a run sent, or would send.
#[derive(Debug, Default)]
pub(super) struct Report {
    files: usize,
    refused: u64,
    rows: u64,
    bytes: u64,
    flows: BTreeMap<String, u64>,
    span: Option<(Moment, Moment)>,
    damaged: u64,
    placeholders: u64,
    confirmed_by_slot: u64,
    confirmed: u64,
    /// Bytes of files that earlier runs have dealt with, and how many of them they left out.
    earlier: (u64, u64),
}

impl Report {
    pub(super) fn new(sources: &[Source], refused: u64) -> Self {
        let earlier = sources.iter().map(|source| &source.from);
        let earlier = earlier.fold((0, 0), |sum, sent| (sum.0 + sent.offset, sum.1 + sent.left_out));
        Self { files: sources.len(), refused, earlier, ..Self::default() }
    }

    /// Takes in what was found in a file.
    pub(super) fn add(&mut self, tally: &Tally) {
        self.rows += tally.rows;
        self.bytes += tally.bytes;
        for (flow, rows) in &tally.flows {
            *self.flows.entry(flow.clone()).or_default() += rows;
        }
        if let Some((first, last)) = tally.span {
            let (earliest, latest) = self.span.unwrap_or((first, last));
            self.span = Some((earliest.min(first), latest.max(last)));
        }
        self.damaged += tally.damaged;
        self.placeholders += tally.placeholders;
        self.confirmed_by_slot += tally.confirmed;
    }

    /// Takes in how many rows Sift has confirmed.
    pub(super) fn confirmed(&mut self, rows: u64) {
        self.confirmed = rows;
    }

    /// Whether all that the files hold could be sent, in this run and those before.
    pub(super) fn outcome(&self) -> Outcome {
        if self.placeholders > 0 {
            Outcome::Incomplete
        } else if self.damaged > 0 || self.earlier.1 > 0 {
            Outcome::Imperfect
        } else {
            Outcome::Whole
        }
    }

    pub(super) fn print(&self, dry_run: bool, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
        if as_json { self.print_json(dry_run, out) } else { self.print_text(dry_run, out) }
    }

    fn print_json(&self, dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
        let entry = json!({
            "dry_run": dry_run,
            "files": self.files,
            "files_refused": self.refused,
            "rows": self.rows,
            "bytes": self.bytes,
            "confirmed": (!dry_run).then_some(self.confirmed),
            "flows": self.flows,
            "first": self.span.map(|(first, _)| first.to_string()),
            "last": self.span.map(|(_, last)| last.to_string()),
            "damaged_bytes": self.damaged,
            "placeholder_rows": self.placeholders,
            "rows_confirmed_by_slot": self.confirmed_by_slot,
            "bytes_before": self.earlier.0,
            "bytes_left_out_before": self.earlier.1,
        });
        json_line(out, &entry)
    }

    fn print_text(&self, dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
        let Self { rows, bytes, files, confirmed, .. } = self;
        let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        if dry_run {
            writeln!(out, "would send {rows} rows, {bytes} bytes, of {files}")?;
        } else {
            writeln!(out, "sent {rows} rows, {bytes} bytes, of {files}; {confirmed} rows are confirmed")?;
        }
        if let Some((first, last)) = self.span {
            writeln!(out, "from {first} to {last}")?;
        }
        for (flow, rows) in &self.flows {
            writeln!(out, "{rows:>12} rows of {}", printable(flow))?;
        }
        for (count, what) in [
            (self.earlier.0, "bytes of the files were dealt with before"),
            (self.earlier.1, "bytes were left out before"),
            (self.confirmed_by_slot, "rows left out: their slot knows that they are confirmed"),
            (self.damaged, "damaged bytes left out"),
            (self.placeholders, "rows left out: they lack IDs that Sift gives"),
            (self.refused, "files left out"),
        ] {
            if count > 0 {
                writeln!(out, "{count:>12} {what}")?;
            }
        }
        Ok(())
    }
}
