//! What the server took, row by row, and whether the client told the truth about it.

use crate::rows::Shape;
use siftstream::ledger::RangeSet;
use siftstream::{Report, SiftStreamMetricsSnapshot};
use siftstream_server::{State, StreamEnd};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Complaints that are kept; more of the same kind say nothing new.
const KEPT_COMPLAINTS: usize = 5;

/// How long the server may take to write down how a stream ended. Streams that a fault keeps open stay so.
const SETTLING: Duration = Duration::from_millis(100);

/// Every row that arrived, on which gRPC stream, across restarts of the server.
#[derive(Debug)]
pub struct Received {
    shape: Shape,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    rows: u64,
    /// Rows that came in order on one gRPC stream.
    runs: Vec<(u64, Range<u64>)>,
    /// The latest run of each gRPC stream.
    latest: HashMap<u64, usize>,
    altered: Vec<String>,
}

impl Received {
    /// Nothing yet, of rows that look like `shape`.
    pub fn new(shape: Shape) -> Self {
        Self { shape, log: Mutex::default() }
    }

    /// A row arrived.
    pub fn note(&self, grpc_stream: u64, raw: &[u8]) {
        let read = self.shape.read(raw);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(seq) => log.add(grpc_stream, seq),
            Err(altered) if log.altered.len() < KEPT_COMPLAINTS => log.altered.push(altered),
            Err(_) => {}
        }
    }

    /// How many rows arrived, repetitions included.
    pub fn rows(&self) -> u64 {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).rows
    }

    /// Whether all these rows arrived.
    pub fn has_all(&self, seqs: &RangeSet) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = RangeSet::new();
        all.extend(log.runs.iter().map(|(_, seqs)| seqs.clone()));
        seqs.iter().all(|seqs| all.contains(&seqs))
    }
}

impl Log {
    fn add(&mut self, grpc_stream: u64, seq: u64) {
        self.rows += 1;
        if let Some(&at) = self.latest.get(&grpc_stream)
            && self.runs[at].1.end == seq
        {
            self.runs[at].1.end += 1;
        } else {
            self.latest.insert(grpc_stream, self.runs.len());
            self.runs.push((grpc_stream, seq..seq + 1));
        }
    }
}

/// How many gRPC streams were in vain as the client saw it, those included that the server had confirmed; of new rows and
/// of rows that were sent again.
pub fn in_vain(metrics: &SiftStreamMetricsSnapshot) -> u64 {
    let live = metrics.streams_opened - metrics.checkpoints;
    live + metrics.reingestion_streams_opened - metrics.reingestion_checkpoints
}

/// What the client says, and what is on its disk.
#[derive(Debug)]
pub struct Account<'a> {
    /// Rows that were accepted: their numbers are those below.
    pub accepted: u64,
    /// What `finish` reported.
    pub report: &'a Report,
    /// The counters after that.
    pub metrics: &'a SiftStreamMetricsSnapshot,
    /// How many gRPC streams were in vain.
    pub in_vain: u64,
    /// Numbers that the next start will send.
    pub replayable: &'a RangeSet,
    /// Whether every row must have arrived.
    pub all_must_arrive: bool,
}

/// The verdict.
#[derive(Debug, Default)]
pub struct Findings {
    /// Different rows that arrived.
    pub received: u64,
    /// Rows that arrived again.
    pub duplicates: u64,
    /// Broken promises.
    pub complaints: Vec<String>,
}

impl Findings {
    pub(crate) fn demand(&mut self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            self.complaints.push(complaint());
        }
    }
}

/// What arrived, set against what the server knows of its gRPC streams.
struct Arrived {
    all: RangeSet,
    /// Rows on gRPC streams that the client may take as confirmed.
    confirmed: RangeSet,
    /// Of each gRPC stream: its rows, and whether it is confirmed.
    per_stream: HashMap<u64, (u64, bool)>,
    duplicates: u64,
    altered: Vec<String>,
}

impl Arrived {
    fn new(received: &Received, state: &State) -> Self {
        // The server may still write down what it has answered already.
        state.wait_for(SETTLING, |state| state.streams().iter().all(|stream| stream.end != StreamEnd::Open));
        let log = received.log.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = state.streams();
        let is_confirmed = |number: u64| {
            usize::try_from(number)
                .ok()
                .and_then(|at| streams.get(at))
                .is_some_and(|record| record.is_confirmed())
        };
        let (mut all, mut confirmed) = (RangeSet::new(), RangeSet::new());
        let mut per_stream: HashMap<u64, (u64, bool)> = HashMap::new();
        for (number, seqs) in &log.runs {
            all.insert(seqs.clone());
            let stream = per_stream.entry(*number).or_insert((0, is_confirmed(*number)));
            stream.0 += seqs.end - seqs.start;
            if stream.1 {
                confirmed.insert(seqs.clone());
            }
        }
        Self { duplicates: log.rows - all.len(), altered: log.altered.clone(), all, confirmed, per_stream }
    }

    /// Nothing was altered, nothing came that was not sent, and nothing more often than failures explain.
    fn judge(&self, state: &State, accepted: u64, in_vain: u64) -> Findings {
        let mut findings = Findings {
            received: self.all.len(),
            duplicates: self.duplicates,
            complaints: self.altered.clone(),
        };
        let schema_errors = state.schema_errors();
        findings
            .demand(schema_errors.is_empty(), || format!("rows unfit for their schema: {schema_errors:?}"));
        let spurious: Vec<_> = self.all.iter().filter(|seqs| seqs.end > accepted).collect();
        findings.demand(spurious.is_empty(), || format!("rows that nobody sent: {spurious:?}"));
        judge_duplicates(&mut findings, &self.per_stream, in_vain);
        findings
    }
}

/// Compares the client's account with what arrived.
pub fn judge(received: &Received, state: &State, account: &Account<'_>) -> Findings {
    let arrived = Arrived::new(received, state);
    let mut findings = arrived.judge(state, account.accepted, account.in_vain);
    let mut safe = account.replayable.clone();
    safe.extend(arrived.confirmed.iter());
    judge_losses(&mut findings, &safe, account);
    judge_accounting(&mut findings, account);
    findings
}

/// After the last start: every row that was ever accepted is there.
pub fn judge_end(received: &Received, state: &State, accepted: u64, in_vain: u64) -> Findings {
    let arrived = Arrived::new(received, state);
    let mut findings = arrived.judge(state, accepted, in_vain);
    let missing = arrived.confirmed.gaps(0..accepted);
    findings.demand(missing.is_empty(), || format!("LOST: rows did not arrive after a restart: {missing:?}"));
    findings
}

/// After the last start of a stream that was killed: the rows that it had promised are there, and nothing was altered.
pub fn judge_promises(received: &Received, state: &State, promised: &RangeSet) -> Vec<String> {
    let arrived = Arrived::new(received, state);
    let mut findings = Findings { complaints: arrived.altered.clone(), ..Findings::default() };
    let missing: Vec<_> = promised.iter().flat_map(|seqs| arrived.confirmed.gaps(seqs)).collect();
    findings
        .demand(missing.is_empty(), || format!("LOST: rows that were on disk did not arrive: {missing:?}"));
    findings.complaints
}

/// No row is missing but those that the report owns up to.
fn judge_losses(findings: &mut Findings, safe: &RangeSet, account: &Account<'_>) {
    let report = account.report;
    let mut owned_up = RangeSet::new();
    for ids in &report.unconfirmed {
        owned_up.insert(ids.clone());
    }
    let missing = safe.gaps(0..account.accepted);
    let lost: Vec<_> = missing.iter().filter(|ids| !owned_up.contains(ids)).collect();
    findings.demand(lost.is_empty(), || format!("LOST: said to be delivered, but not taken: {lost:?}"));
    let missing_rows: u64 = missing.iter().map(|ids| ids.end - ids.start).sum();
    let allowed = report.in_memory + report.dropped + report.rejected;
    findings.demand(missing_rows <= allowed, || {
        format!("LOST: {missing_rows} rows are missing, {allowed} are owned up to")
    });
    findings.demand(!account.all_must_arrive || missing.is_empty(), || {
        format!("LOST: after healing, rows did not arrive: {missing:?}")
    });
}

/// Each accepted row is counted once.
fn judge_accounting(findings: &mut Findings, account: &Account<'_>) {
    let Report { accepted, recovered, confirmed, on_disk, in_memory, dropped, rejected, .. } =
        *account.report;
    findings.demand(accepted == account.accepted, || {
        format!("the report has {accepted} rows accepted, not {}", account.accepted)
    });
    findings.demand(accepted + recovered == confirmed + on_disk + in_memory + dropped + rejected, || {
        format!("the report does not add up: {}", account.report)
    });
    let unconfirmed: u64 = account.report.unconfirmed.iter().map(|ids| ids.end - ids.start).sum();
    findings.demand(unconfirmed == accepted - confirmed.min(accepted), || {
        format!("{unconfirmed} rows are named as unconfirmed: {}", account.report)
    });
    findings.demand(account.metrics.rows_accepted == accepted, || "the metrics count other rows".to_owned());
}

/// A row comes again if its gRPC stream was not confirmed, or if the client did not learn that it was; else once.
fn judge_duplicates(findings: &mut Findings, per_stream: &HashMap<u64, (u64, bool)>, in_vain: u64) {
    let rows_of = |wanted: bool| -> Vec<u64> {
        let streams = per_stream.values().filter(|(_, confirmed)| *confirmed == wanted);
        streams.map(|(rows, _)| *rows).collect()
    };
    let (failed, mut unheard) = (rows_of(false), rows_of(true));
    unheard.sort_unstable_by(|a, b| b.cmp(a));
    let most_unheard = in_vain.saturating_sub(u64::try_from(failed.len()).unwrap());
    let unheard = unheard.into_iter().take(usize::try_from(most_unheard).unwrap());
    let most: u64 = failed.into_iter().sum::<u64>() + unheard.sum::<u64>();
    let duplicates = findings.duplicates;
    findings.demand(duplicates <= most, || {
        format!("{duplicates} duplicates, but {in_vain} gRPC streams in vain explain only {most}")
    });
}
