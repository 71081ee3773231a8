//! Carries a cell out: a server, a stream, the rows, the healing, the end, the verdict.

use crate::cell::{Cell, Expect, Healing};
use crate::mode::{KEY, Mode, Setup, Subject};
use crate::oracle::{self, Account, Findings, Received};
use crate::rows::Shape;
use crate::timing::Timing;
use siftstream::{Error, FinishError, FlowBuilder, Report};
use siftstream_server::{LocalServer, State, StreamEnd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one send may wait for room.
const SEND_TIMEOUT: Duration = Duration::from_millis(200);
/// How long an action waits for the moment it needs.
const WAIT: Duration = Duration::from_secs(10);
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
            state
                .streams()
                .last()
                .is_some_and(|stream| stream.end == StreamEnd::Open && stream.rows_taken > 0)
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
    match timing.call("build", setup.build_timeout, || mode.open(&setup)) {
        Ok(subject) => {
            let bench = Bench { server, subject };
            Course { cell, setup: &setup, shape, timing: &mut timing, outcome: &mut outcome }
                .run(&bench, &received, mode);
        }
        Err(error) if cell.expect == Expect::NoStream(error.code()) => {}
        Err(error) => outcome.complaints.push(format!("no stream: {error}")),
    }
    outcome.overrun = timing.worst();
    outcome.complaints.extend_from_slice(timing.late());
    outcome
}

struct Course<'a> {
    cell: &'a Cell,
    setup: &'a Setup,
    shape: Shape,
    timing: &'a mut Timing,
    outcome: &'a mut Outcome,
}

impl Course<'_> {
    fn run(&mut self, bench: &Bench, received: &Received, mode: Mode) {
        let cell = self.cell;
        if let Expect::NoStream(code) = cell.expect {
            self.complain(format!("a stream was built in spite of {code:?}"));
        }
        for (fault, times) in &cell.faults {
            bench.server.inject(fault.clone(), *times);
        }
        for (fault, times) in &cell.connection_faults {
            bench.server.inject_connection(*fault, *times);
        }
        let began = Instant::now();
        let sent = self.send_all(bench, began);
        let ended = self.end(bench);
        let lasted = began.elapsed();
        if let Err(error) = sent
            && cell.expect == Expect::Delivered
        {
            self.complain(format!("a send failed: {error}"));
        }
        let report = match &ended {
            Ok(report) | Err(FinishError { report, .. }) => report.clone(),
        };
        self.compare_with_expected(&ended);
        let metrics = bench.subject.metrics();
        let state = bench.server.state();
        let account = Account {
            accepted: self.outcome.accepted,
            report: &report,
            metrics: &metrics,
            replayable: &mode.replayable(&self.setup.dir),
            all_must_arrive: cell.expect == Expect::Delivered,
        };
        let Findings { received, duplicates, complaints } = oracle::judge(received, &state, &account);
        self.outcome.received = received;
        self.outcome.duplicates = duplicates;
        self.outcome.complaints.extend(complaints);
        let failures = metrics.checkpoints_failed;
        if failures < cell.least_failures {
            self.complain(format!(
                "in vain: only {failures} gRPC streams failed, not {}",
                cell.least_failures
            ));
        }
        if lasted < cell.least_lasting {
            self.complain(format!("was over after {lasted:?}, before {:?}", cell.least_lasting));
        }
        let opened = state.streams_opened();
        if cell.most_opened.is_some_and(|most| opened > most) {
            self.complain(format!("{opened} gRPC streams were opened"));
        }
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
        loop {
            match self.timing.call("send", SEND_TIMEOUT, || bench.subject.send(row, SEND_TIMEOUT)) {
                Err(error)
                    if error.is_retryable()
                        && self.cell.healing != Healing::Never
                        && began.elapsed() < self.cell.patience =>
                {
                    self.look_at_memory(bench);
                }
                sent => return sent,
            }
        }
    }

    /// The rows that are neither confirmed nor given up stay within channel and window.
    fn look_at_memory(&mut self, bench: &Bench) {
        let metrics = bench.subject.metrics();
        let held_rows = metrics.rows_accepted.saturating_sub(metrics.rows_confirmed + metrics.rows_dropped);
        let row_bytes = metrics.bytes_accepted.checked_div(metrics.rows_accepted).unwrap_or_default();
        let bound = self.setup.channel_bytes + self.setup.replay_window_bytes + SLACK_BYTES;
        let held = held_rows * row_bytes;
        if self.setup.replay_window_bytes > 0 && held > bound {
            self.complain(format!("holds {held} bytes of rows, which is more than {bound}"));
        }
    }

    fn end(&mut self, bench: &Bench) -> Result<Report, FinishError> {
        let timeout = self.cell.patience;
        if self.cell.healing == Healing::ByTheServer {
            self.heal_after_a_flush_in_vain(bench);
        }
        if self.cell.healing != Healing::Never {
            let before = bench.subject.watermarks().confirmed;
            let flushed = self.timing.call("flush", timeout, || bench.subject.flush(timeout));
            if self.cell.expect == Expect::Delivered
                && let Err(error) = flushed
            {
                self.complain(format!("nothing was confirmed after healing: {error}"));
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
        match (self.cell.expect, ended) {
            (Expect::Delivered, Ok(_)) | (Expect::NoStream(_), _) => {}
            (Expect::Delivered, Err(failed)) => self.complain(format!("finish failed: {failed}")),
            (Expect::Stops(code), Err(failed)) if failed.error.code() == code => {}
            (Expect::Stops(code), Err(failed)) => {
                self.complain(format!("not {code:?} but {:?}: {failed}", failed.error.code()));
            }
            (Expect::Stops(code), Ok(report)) => self.complain(format!("not {code:?} but Ok: {report}")),
        }
    }
}
