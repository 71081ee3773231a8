//! After a stream with backups has ended: the server is healed, and a second stream on the same directory sends what
//! the first one left there.

use crate::bench::Outcome;
use crate::disk;
use crate::mode::{KEY, Mode, Setup, Subject};
use crate::oracle::{self, Received};
use crate::timing::Timing;
use siftstream::Report;
use siftstream_server::LocalServer;
use std::time::{Duration, Instant};

/// How long the second stream may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a stream with backups has left.
pub(crate) struct Left<'a> {
    pub(crate) mode: Mode,
    pub(crate) setup: &'a Setup,
    pub(crate) server: &'a LocalServer,
    pub(crate) received: &'a Received,
    pub(crate) report: &'a Report,
    /// How many of its gRPC streams were in vain.
    pub(crate) in_vain: u64,
}

impl Left<'_> {
    /// Sends it, and complains if anything is missing in the end.
    pub(crate) fn recover(&self, timing: &mut Timing, outcome: &mut Outcome) {
        let nothing_left = self.report.on_disk + self.report.in_memory + self.report.rejected == 0;
        if nothing_left {
            self.demand_no_file("everything was confirmed", outcome);
        }
        if self.setup.uri != self.server.uri() {
            return;
        }
        self.server.heal();
        self.server.set_api_key(Some(KEY));
        self.server.start_again().unwrap();
        let setup = Setup { key: KEY.to_owned(), connector: None, ..self.setup.clone() };
        let mut in_vain = self.in_vain;
        match timing.call("build", setup.build_timeout, || self.mode.open(&setup)) {
            Ok(subject) => {
                self.finish_second(&*subject, timing, outcome);
                in_vain += oracle::in_vain(&subject.metrics());
            }
            Err(error) => outcome.complaints.push(format!("no second stream: {error}")),
        }
        self.demand_no_file("the second stream has recovered everything", outcome);
        let state = self.server.state();
        let end = oracle::judge_end(self.received, &state, outcome.accepted, in_vain);
        outcome.received = end.received;
        outcome.duplicates = end.duplicates;
        outcome.complaints.extend(end.complaints);
    }

    fn finish_second(&self, subject: &dyn Subject, timing: &mut Timing, outcome: &mut Outcome) {
        let left = self.report.on_disk;
        let began = Instant::now();
        while subject.metrics().recovered_rows_confirmed < left && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        match timing.call("finish", PATIENCE, || subject.finish(PATIENCE)) {
            Ok(report) => {
                let Report { accepted, recovered, confirmed, on_disk, .. } = report;
                if (accepted, recovered, confirmed, on_disk) != (0, left, left, 0) {
                    outcome
                        .complaints
                        .push(format!("{left} rows were left, and the second report is {report}"));
                }
            }
            Err(failed) => outcome.complaints.push(format!("the second finish failed: {failed}")),
        }
    }

    fn demand_no_file(&self, after: &str, outcome: &mut Outcome) {
        let files = disk::files(&self.setup.dir);
        if !files.is_empty() {
            outcome.complaints.push(format!("{after}, and there are files: {files:?}"));
        }
    }
}
