//! One cell of the matrix: how many rows, how fast, what goes wrong and when, and what must come of it.

use crate::bench::Bench;
use crate::mode::{Mode, Setup};
use siftstream::ErrorCode;
use siftstream_server::{Builder, ConnectionFault, Fault, Times, UnaryFault};
use std::fmt;
use std::time::Duration;

/// What must come of a cell. Whatever it is, the client must tell the truth about every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Every row is confirmed.
    Delivered,
    /// Every row is confirmed, or on disk for the next start.
    Kept,
    /// The stream ends with this error.
    Stops(ErrorCode),
    /// The stream cannot be built; this is why.
    NoStream(ErrorCode),
}

/// What ends the faults of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Healing {
    /// They are used up, or the client gets around them.
    ByItself,
    /// The server is healed when all rows were sent and a short flush was tried in vain.
    ByTheServer,
    /// Nothing.
    Never,
}

/// Something that happens when so many rows were accepted.
pub(crate) type Action = Box<dyn Fn(&Bench) + Send + Sync>;

/// A cell.
pub struct Cell {
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) padding: usize,
    pub(crate) lasting: Duration,
    pub(crate) faults: Vec<(Fault, Times)>,
    pub(crate) connection_faults: Vec<(ConnectionFault, Times)>,
    pub(crate) unary_faults: Vec<(UnaryFault, Times)>,
    pub(crate) actions: Vec<(u64, Action)>,
    pub(crate) server: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    pub(crate) setup: Box<dyn Fn(&mut Setup) + Send + Sync>,
    pub(crate) healing: Healing,
    pub(crate) patience: Duration,
    pub(crate) expect: Expect,
    pub(crate) least_failures: u64,
    pub(crate) least_failures_with_backups: Option<u64>,
    pub(crate) least_lasting: Duration,
    pub(crate) most_opened: Option<usize>,
    pub(crate) known_defect: Option<&'static str>,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Cell {
    /// A cell of `rows` rows and no fault.
    pub fn new(name: impl Into<String>, rows: u64) -> Self {
        Self {
            name: name.into(),
            rows,
            padding: 40,
            lasting: Duration::from_millis(20),
            faults: Vec::new(),
            connection_faults: Vec::new(),
            unary_faults: Vec::new(),
            actions: Vec::new(),
            server: Box::new(|server| server),
            setup: Box::new(|_| {}),
            healing: Healing::ByItself,
            patience: Duration::from_secs(15),
            expect: Expect::Delivered,
            least_failures: 0,
            least_failures_with_backups: None,
            least_lasting: Duration::ZERO,
            most_opened: None,
            known_defect: None,
        }
    }

    /// What it is called in the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows are sent over this time; 20 ms unless set, 0 for as fast as they are taken.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    /// Rows carry up to so many bytes more.
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// A fault of the next gRPC streams, after those that were given before.
    #[must_use]
    pub fn fault(mut self, fault: Fault, times: Times) -> Self {
        self.faults.push((fault, times));
        self
    }

    /// A fault of the next connections that the built stream opens.
    #[must_use]
    pub fn connection_fault(mut self, fault: ConnectionFault, times: Times) -> Self {
        self.connection_faults.push((fault, times));
        self
    }

    /// A fault of the next unary calls, those of building included.
    #[must_use]
    pub fn unary_fault(mut self, fault: UnaryFault, times: Times) -> Self {
        self.unary_faults.push((fault, times));
        self
    }

    /// Acts on the sending thread when `rows` rows were accepted.
    #[must_use]
    pub fn at(mut self, rows: u64, action: impl Fn(&Bench) + Send + Sync + 'static) -> Self {
        self.actions.push((rows, Box::new(action)));
        self
    }

    /// Acts after each further `step` rows, up to `rows`.
    #[must_use]
    pub fn at_each(
        mut self,
        step: u64,
        rows: u64,
        action: impl Fn(&Bench) + Send + Sync + Clone + 'static,
    ) -> Self {
        let moments = (1..).map(|turn| turn * step).take_while(|at| *at <= rows);
        self.actions.extend(moments.map(|at| (at, Box::new(action.clone()) as Action)));
        self
    }

    /// Adds to its name.
    #[must_use]
    pub fn named_also(mut self, more: &str) -> Self {
        self.name = format!("{}, {more}", self.name);
        self
    }

    /// Changes the server.
    #[must_use]
    pub fn server(mut self, change: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        self.server = Box::new(change);
        self
    }

    /// Changes the stream.
    #[must_use]
    pub fn setup(mut self, change: impl Fn(&mut Setup) + Send + Sync + 'static) -> Self {
        self.setup = Box::new(change);
        self
    }

    /// The faults last until the server is healed, after the last row.
    #[must_use]
    pub fn until_healed(mut self) -> Self {
        self.healing = Healing::ByTheServer;
        self
    }

    /// The server stays as it is; `finish` gets this long.
    #[must_use]
    pub fn never_heals(mut self, finish_timeout: Duration) -> Self {
        self.healing = Healing::Never;
        self.patience = finish_timeout;
        self
    }

    /// Waits no longer than this for anything; 15 s unless set.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// What must come of it; delivery unless set.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The cell is in vain unless at least so many gRPC streams fail.
    #[must_use]
    pub fn fails_streams(mut self, least: u64) -> Self {
        self.least_failures = least;
        self
    }

    /// With backups fewer failures are enough: what failed goes another way, so streams carry fewer rows.
    #[must_use]
    pub fn fails_with_backups(mut self, least: u64) -> Self {
        self.least_failures_with_backups = Some(least);
        self
    }

    pub(crate) fn least_failures_of(&self, mode: Mode) -> u64 {
        match self.least_failures_with_backups {
            Some(least) if mode.keeps_rows() => least,
            _ => self.least_failures,
        }
    }

    /// From the first row to the last confirmation at least this time must pass.
    #[must_use]
    pub fn takes_at_least(mut self, time: Duration) -> Self {
        self.least_lasting = time;
        self
    }

    /// The client may open no more gRPC streams than this.
    #[must_use]
    pub fn opens_at_most(mut self, streams: usize) -> Self {
        self.most_opened = Some(streams);
        self
    }

    /// The client is known to break this promise at times, and why. The table says so, and the run does not fail.
    #[must_use]
    pub fn known_defect(mut self, why: &'static str) -> Self {
        self.known_defect = Some(why);
        self
    }
}
