//! How far calls with a timeout overran it.

use std::time::{Duration, Instant};

/// What a call may take beyond its timeout before its cell fails. The promise is 250 ms; a machine that is busy
/// with other things must not fail a test.
const GENEROUS: Duration = Duration::from_secs(5);

/// The calls of one cell.
#[derive(Debug, Default)]
pub struct Timing {
    worst: Duration,
    late: Vec<String>,
}

impl Timing {
    /// Makes a call that promises to return within `timeout`.
    pub fn call<R>(&mut self, what: &str, timeout: Duration, call: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let returned = call();
        let overrun = began.elapsed().saturating_sub(timeout);
        self.worst = self.worst.max(overrun);
        if overrun > GENEROUS {
            self.late.push(format!("{what} with {timeout:?} returned {overrun:?} late"));
        }
        returned
    }

    /// The worst overrun so far.
    pub fn worst(&self) -> Duration {
        self.worst
    }

    /// Calls that returned far too late.
    pub fn late(&self) -> &[String] {
        &self.late
    }
}
