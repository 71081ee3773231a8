//! Carries a cell out: a server, a stream, the rows, the healing, the end, the verdict.

use crate::cell::{Cell, Expect, Healing};
use crate::disk;
use crate::mode::{KEY, Mode, Setup, Subject};
use crate::oracle::{self, Account, Findings, Received};
use crate::restart::Left;
use crate::rows::Shape;
use crate::timing::Timing;
use siftstream::ledger::RangeSet;
use siftstream::{Error, FinishError, FlowBuilder, Report};
use siftstream_server::{LocalServer, State, StreamEnd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one send may wait for room.
const SEND_TIMEOUT: Duration = Duration::from_millis(200);
/// How long an action waits for the moment it needs.
const WAIT: Duration = Duration::from_secs(10);
/// How long a stream may take to end when nothing it still wants can happen.
const IN_VAIN: Duration = Duration::from_millis(400);
/// How many rows are sent between two looks at the clock and at memory.
const LOOK_EVERY: u64 = 16;
/// What the tasks may hold beyond channel and window: one round of segments on its way, and what is part-filled.
const SLACK_BYTES: u64 = 1024 * 1024 + 256 * 1024;

/// A cell in progress.
pub struct Bench {
    server: LocalServer,
    subject: Box<dyn Subject>,
}

/// What came of a cell.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that were accepted.
    pub accepted: u64,
    /// Different rows that arrived.
    pub received: u64,
    /// Rows that arrived again.
    pub duplicates: u64,
    /// By how much the worst call overran its timeout.
    pub overrun: Duration,
    /// Broken promises.
    pub complaints: Vec<String>,
}

impl Bench {
    /// Waits until `condition` holds for what the server knows; a cell in which it never does is a failed one.
    pub fn wait_for(&self, condition: impl Fn(&State) -> bool) {
        assert!(self.server.state().wait_for(WAIT, condition), "what a cell waits for did not happen");
    }

    /// Waits until rows arrive on a gRPC stream that is open.
    pub fn wait_until_rows_flow(&self) {
        self.wait_for(|state| {
            state.streams().iter().any(|stream| stream.end == StreamEnd::Open && stream.rows_taken > 0)
        });
    }

    /// Waits until the first gRPC stream has ended.
    pub fn wait_until_a_stream_ended(&self) {
        self.wait_for(|state| state.streams().first().is_some_and(|stream| stream.end != StreamEnd::Open));
    }

    /// The server, to be disturbed.
    pub fn server(&self) -> &LocalServer {
        &self.server
    }

    /// The stream.
    pub fn subject(&self) -> &dyn Subject {
        &*self.subject
    }
}

/// Runs `cell` over `mode`, with a server and a directory of its own.
pub fn run(cell: &Cell, mode: Mode, number: u32) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape { stream: number, padding: cell.padding };
    let received = Arc::new(Received::new(shape));
    let log = Arc::clone(&received);
    let server = LocalServer::builder()
        .api_key(Some(KEY))
        .on_row_of_stream(move |grpc_stream, raw| log.note(grpc_stream, raw));
    let server = (cell.server)(server).start().unwrap();
    let mut setup = Setup::new(server.uri(), dir.path().to_owned());
    (cell.setup)(&mut setup);
    for (fault, times) in &cell.unary_faults {
        server.inject_unary(fault.clone(), *times);
    }
    let mut timing = Timing::default();
    let mut outcome = Outcome::default();
    let expect = mode.expect(cell.expect);
    match timing.call("build", setup.build_timeout, || mode.open(&setup)) {
        Ok(subject) => {
            let bench = Bench { server, subject };
            Course { cell, mode, expect, setup: &setup, shape, timing: &mut timing, outcome: &mut outcome }
                .run(bench, &received);
        }
        Err(error) if expect == Expect::NoStream(error.code()) => {}
        Err(error) => outcome.complaints.push(format!("no stream: {error}")),
    }
    outcome.overrun = timing.worst();
    outcome.complaints.extend_from_slice(timing.late());
    outcome
}

struct Course<'a> {
    cell: &'a Cell,
    mode: Mode,
    expect: Expect,
    setup: &'a Setup,
    shape: Shape,
    timing: &'a mut Timing,
    outcome: &'a mut Outcome,
}

impl Course<'_> {
    fn run(&mut self, bench: Bench, received: &Received) {
        let cell = self.cell;
        if let Expect::NoStream(code) = self.expect {
            self.complain(format!("a stream was built in spite of {code:?}"));
        }
        for (fault, times) in &cell.faults {
            bench.server.inject(fault.clone(), *times);
        }
        for (fault, times) in &cell.connection_faults {
            bench.server.inject_connection(*fault, *times);
        }
        let began = Instant::now();
        let sent = self.send_all(&bench, began);
        let ended = self.end(&bench);
        let lasted = began.elapsed();
        if let Err(error) = sent
            && matches!(self.expect, Expect::Delivered | Expect::Kept)
        {
            self.complain(format!("a send failed: {error}"));
        }
        self.compare_with_expected(&ended);
        let metrics = bench.subject.metrics();
        let Bench { server, subject } = bench;
        drop(subject);
        let state = server.state();
        let opened = state.streams_opened();
        let failures = self.failures(&state, oracle::in_vain(&metrics));
        let report = match ended {
            Ok(report) => report,
            Err(FinishError { report, .. }) => *report,
        };
        let account = Account {
            accepted: self.outcome.accepted,
            report: &report,
            metrics: &metrics,
            in_vain: oracle::in_vain(&metrics),
            replayable: &self.replayable(),
            all_must_arrive: self.expect == Expect::Delivered,
        };
        let Findings { received: different, duplicates, complaints } =
            oracle::judge(received, &state, &account);
        self.outcome.received = different;
        self.outcome.duplicates = duplicates;
        self.outcome.complaints.extend(complaints);
        let least = cell.least_failures_of(self.mode);
        if failures < least {
            self.complain(format!("in vain: only {failures} gRPC streams failed, not {least}"));
        }
        if lasted < cell.least_lasting {
            self.complain(format!("was over after {lasted:?}, before {:?}", cell.least_lasting));
        }
        // What a stream carried in vain goes on another one, beside the new rows.
        let more = if self.mode.keeps_rows() { usize::try_from(failures).unwrap() } else { 0 };
        if cell.most_opened.is_some_and(|most| opened > most + more) {
            self.complain(format!("{opened} gRPC streams were opened"));
        }
        if self.mode.keeps_rows() {
            let in_vain = oracle::in_vain(&metrics);
            Left { mode: self.mode, setup: self.setup, server: &server, received, report: &report, in_vain }
                .recover(self.timing, self.outcome);
        }
    }

    /// How many gRPC streams failed, as far as the client learnt of it, or the server wrote it down.
    fn failures(&self, state: &State, counted: u64) -> u64 {
        if !self.mode.keeps_rows() {
            return counted;
        }
        let ended = state.streams().into_iter().filter(|stream| stream.end != StreamEnd::Open);
        counted.max(u64::try_from(ended.filter(|stream| !stream.is_confirmed()).count()).unwrap())
    }

    /// What the disk still has.
    fn replayable(&mut self) -> RangeSet {
        if !self.mode.keeps_rows() {
            return RangeSet::new();
        }
        disk::replayable(&self.setup.dir, self.shape).unwrap_or_else(|complaint| {
            self.complain(format!("on disk: {complaint}"));
            RangeSet::new()
        })
    }

    fn complain(&mut self, complaint: String) {
        self.outcome.complaints.push(complaint);
    }

    /// Sends the rows over the cell's time, and lets its actions happen.
    fn send_all(&mut self, bench: &Bench, began: Instant) -> Result<(), Error> {
        let cell = self.cell;
        let mut row = FlowBuilder::new(&bench.subject.descriptor());
        let mut actions = cell.actions.iter().peekable();
        for seq in 0..cell.rows {
            while let Some((_, action)) = actions.next_if(|(at, _)| *at <= seq) {
                action(bench);
            }
            if seq % LOOK_EVERY == 0 {
                let due = cell.lasting.mul_f64(seq as f64 / cell.rows as f64);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
                self.look_at_memory(bench);
            }
            self.shape.fill(&mut row, seq);
            self.send(bench, &row)?;
            self.outcome.accepted += 1;
        }
        actions.for_each(|(_, action)| action(bench));
        Ok(())
    }

    fn send(&mut self, bench: &Bench, row: &FlowBuilder) -> Result<(), Error> {
        if self.outcome.accepted.is_multiple_of(2)
            && self.timing.call("try_send", Duration::ZERO, || bench.subject.try_send(row))?
        {
            return Ok(());
        }
        let began = Instant::now();
        // With backups a sender waits for the disk alone, and that is well.
        let patience = match self.cell.healing {
            _ if self.mode.keeps_rows() => WAIT,
            Healing::Never => Duration::ZERO,
            Healing::ByItself | Healing::ByTheServer => self.cell.patience,
        };
        loop {
            match self.timing.call("send", SEND_TIMEOUT, || bench.subject.send(row, SEND_TIMEOUT)) {
                Err(error) if error.is_retryable() && began.elapsed() < patience => {
                    self.look_at_memory(bench);
                }
                sent => return sent,
            }
        }
    }

    /// Rows in memory stay within channel and window; with backups, within the channels.
    fn look_at_memory(&mut self, bench: &Bench) {
        let metrics = bench.subject.metrics();
        let Setup { channel_bytes, replay_window_bytes, .. } = *self.setup;
        let (held, bound) = if self.mode.keeps_rows() {
            (metrics.backup_channel_bytes.max(metrics.ingestion_channel_bytes), channel_bytes)
        } else {
            let held = metrics.rows_accepted.saturating_sub(metrics.rows_confirmed + metrics.rows_dropped);
            let row_bytes = metrics.bytes_accepted.checked_div(metrics.rows_accepted).unwrap_or_default();
            (held * row_bytes, channel_bytes + replay_window_bytes)
        };
        let is_bounded = self.mode.keeps_rows() || replay_window_bytes > 0;
        if is_bounded && held > bound + SLACK_BYTES {
            self.complain(format!("holds {held} bytes of rows, which is more than {bound}"));
        }
    }

    fn end(&mut self, bench: &Bench) -> Result<Report, FinishError> {
        let is_kept = self.expect == Expect::Kept;
        let timeout = if is_kept { self.cell.patience.min(IN_VAIN) } else { self.cell.patience };
        if self.cell.healing == Healing::ByTheServer {
            self.heal_after_a_flush_in_vain(bench);
        }
        if self.cell.healing != Healing::Never && !is_kept {
            let before = bench.subject.watermarks().confirmed;
            let flushed = self.timing.call("flush", timeout, || bench.subject.flush(timeout));
            if self.expect == Expect::Delivered
                && let Err(error) = flushed
            {
                let now = bench.subject.metrics();
                self.complain(format!("nothing was confirmed after healing: {error}; {now:?}"));
            }
            if bench.subject.watermarks().confirmed < before {
                self.complain("the watermark went back".to_owned());
            }
        }
        let ended = self.timing.call("finish", timeout, || bench.subject.finish(timeout));
        let again = self.timing.call("finish", Duration::ZERO, || bench.subject.finish(Duration::ZERO));
        if again.is_ok() != ended.is_ok() {
            self.complain("a second finish says something else".to_owned());
        }
        ended
    }

    /// Asks for a confirmation while the fault still acts, then ends the fault.
    fn heal_after_a_flush_in_vain(&mut self, bench: &Bench) {
        const SHORT: Duration = Duration::from_millis(50);
        // It may succeed, and it may not.
        self.timing.call("flush", SHORT, || bench.subject.flush(SHORT)).ok();
        bench.server.heal();
        bench.server.start_again().unwrap();
    }

    fn compare_with_expected(&mut self, ended: &Result<Report, FinishError>) {
        match (self.expect, ended) {
            (Expect::Delivered, Ok(report)) if report.confirmed < report.accepted => {
                self.complain(format!("not everything is confirmed: {report}"));
            }
            (Expect::Delivered | Expect::Kept, Ok(_)) | (Expect::NoStream(_), _) => {}
            (Expect::Delivered | Expect::Kept, Err(failed)) => {
                self.complain(format!("finish failed: {failed}"));
            }
            (Expect::Stops(code), Err(failed)) if failed.error.code() == code => {}
            (Expect::Stops(code), Err(failed)) => {
                self.complain(format!("not {code:?} but {:?}: {failed}", failed.error.code()));
            }
            (Expect::Stops(code), Ok(report)) => self.complain(format!("not {code:?} but Ok: {report}")),
        }
    }
}
