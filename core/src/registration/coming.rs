//! A flow that is being registered, for those who wait with its rows.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener as _};

use crate::error::Result;

/// Tells what became of a registration, once and for all.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Coming {
    outcome: OnceLock<Result<()>>,
    told: Event,
    /// Somebody was told that it failed.
    is_known_to_fail: AtomicBool,
}

impl Coming {
    pub(crate) fn tell(&self, outcome: Result<()>) {
        self.outcome.get_or_init(|| outcome);
        self.told.notify(usize::MAX);
    }

    /// What became of it, if that is known.
    pub(crate) fn outcome(&self) -> Option<Result<()>> {
        let outcome = self.outcome.get().cloned();
        if matches!(outcome, Some(Err(_))) {
            self.is_known_to_fail.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Whether it failed and somebody was told so: those who come now can try again.
    pub(crate) fn is_known_to_fail(&self) -> bool {
        self.is_known_to_fail.load(Ordering::Relaxed)
    }

    /// Waits for it, whatever executor the caller uses.
    pub(crate) async fn until_told(&self) -> Result<()> {
        loop {
            let listener = self.told.listen();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            listener.await;
        }
    }

    /// Blocks the calling thread for it, for at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Result<()>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let listener = self.told.listen();
            if let Some(outcome) = self.outcome() {
                return Some(outcome);
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) if listener.wait_deadline(deadline).is_none() => return self.outcome(),
                Some(_) => {}
            }
        }
    }
}
