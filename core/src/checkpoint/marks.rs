//! The marks of a running stream: made by callers, stored by the thread that keeps them, waited for by flush.

use std::time::Instant;

use super::mark::Mark;
use super::tracker::Tracker;
use super::{CheckpointState, Recovery};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::stream::Level;
use crate::stream::watched::Watched;

/// The levels at which states are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptLevels {
    pub(crate) durable: bool,
    pub(crate) confirmed: bool,
}

/// Where a stream's states are stored as: the name of the stream and the level.
pub(crate) fn stored_name(stream: &str, level: Level) -> String {
    format!("{stream}/{level}")
}

#[derive(Debug)]
struct Kept {
    level: Level,
    tracker: Tracker,
    /// How far the rows were at the last look.
    passed: u64,
    /// Rows of earlier epochs are not at this level yet, so nothing later is.
    held: bool,
    newest: Option<CheckpointState>,
    /// The number of the last mark in it.
    stored: u64,
    unstored: bool,
    trouble: Option<Error>,
}

#[derive(Debug)]
struct State {
    /// How many marks were made.
    made: u64,
    /// All marks as one, to bound them.
    all: Mark,
    kept: Vec<Kept>,
    /// Somebody waits for marks up to this number.
    waited_for: u64,
    /// Nobody stores any more.
    over: bool,
}

/// The marks of one stream.
#[derive(Debug)]
pub(crate) struct Marks {
    state: Watched<State>,
}

impl Marks {
    /// Goes on from what was stored before.
    pub(crate) fn new(stream: &str, levels: KeptLevels, before: Recovery) -> Self {
        let Recovery { durable, confirmed } = before;
        let before = Recovery {
            durable: durable.filter(|_| levels.durable),
            confirmed: confirmed.filter(|_| levels.confirmed),
        };
        let from = before.resume().cloned();
        let mut kept = Vec::new();
        for (level, newest, wanted) in [
            (Level::Durable, before.durable, levels.durable),
            (Level::Confirmed, before.confirmed, levels.confirmed),
        ] {
            if !wanted {
                continue;
            }
            let sequence = newest.as_ref().map_or(0, |state| state.sequence);
            let mut tracker =
                Tracker::new(stored_name(stream, level), sequence, from.clone().unwrap_or_default());
            // What was durable and not confirmed is confirmed as soon as the rows of earlier epochs are.
            let offsets = |state: &CheckpointState| state.offsets.clone();
            if from.as_ref().map(offsets) != newest.as_ref().map(offsets) {
                tracker.push(0, 0, Mark::new());
            }
            let held = level == Level::Confirmed && levels.durable;
            let (passed, stored, unstored, trouble) = (0, 0, false, None);
            kept.push(Kept { level, tracker, passed, held, newest, stored, unstored, trouble });
        }
        let state = State { made: 0, all: Mark::new(), kept, waited_for: 0, over: false };
        Self { state: Watched::new(state) }
    }

    /// Takes note of a mark. `sent` says which ID the next row gets, and the latest time of the rows so far. Returns
    /// whether the rows before the mark have come far enough already, so that nothing else makes it be looked at.
    pub(crate) fn make(&self, mark: Mark, sent: impl FnOnce() -> (u64, Option<i64>)) -> Result<bool> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if !mark.state.is_empty() || !mark.metadata.is_empty() || !state.all.knows_sources_of(&mark) {
            let mut all = state.all.clone();
            all.overlay(mark.clone());
            all.check()?;
            state.all = all;
        }
        // Asked for under the lock, so that marks stand in the order of their rows.
        let (below, latest) = sent();
        state.made += 1;
        let mark = Mark { event_time: mark.event_time.max(latest), ..mark };
        for kept in &mut state.kept {
            kept.tracker.push(below, state.made, mark.clone());
        }
        Ok(state.kept.iter().any(|kept| kept.passed >= below))
    }

    /// How many marks were made.
    pub(crate) fn made(&self) -> u64 {
        self.state.lock().made
    }

    /// Rows of earlier epochs are all confirmed.
    pub(crate) fn release_confirmed(&self) {
        let mut state = self.state.lock();
        if let Some(kept) = state.kept.iter_mut().find(|kept| kept.level == Level::Confirmed) {
            kept.held = false;
        }
    }

    /// Whether somebody waits for a state to be stored.
    pub(crate) fn is_waited_for(&self) -> bool {
        let state = self.state.lock();
        state.kept.iter().any(|kept| !kept.held && kept.stored < state.waited_for)
    }

    /// All rows below `passed` are at `level`: the state to store, if there is one that was not.
    pub(crate) fn advance(&self, level: Level, passed: u64, created_at: i64) -> Option<CheckpointState> {
        let mut state = self.state.lock();
        let kept = state.kept.iter_mut().find(|kept| kept.level == level)?;
        if kept.held {
            return None;
        }
        kept.passed = passed;
        kept.unstored |= kept.tracker.advance(passed, created_at);
        kept.unstored.then(|| kept.tracker.reached().0.clone())
    }

    /// The state of `level` that [`advance`](Self::advance) gave last is stored, or why not.
    pub(crate) fn stored(&self, level: Level, result: Result<()>) {
        self.state.change(|state| {
            let Some(kept) = state.kept.iter_mut().find(|kept| kept.level == level) else { return };
            kept.trouble = result.err();
            if kept.trouble.is_none() {
                let (reached, number) = kept.tracker.reached();
                kept.newest = Some(reached.clone());
                kept.stored = number;
                kept.unstored = false;
            }
        });
    }

    /// Nothing is stored any more.
    pub(crate) fn end(&self) {
        self.state.change(|state| state.over = true);
    }

    /// The newest states that are stored.
    pub(crate) fn recovery(&self) -> Recovery {
        let state = self.state.lock();
        let newest =
            |level| state.kept.iter().find(|kept| kept.level == level).and_then(|kept| kept.newest.clone());
        Recovery { durable: newest(Level::Durable), confirmed: newest(Level::Confirmed) }
    }

    /// Waits until the first `made` marks are stored for `level`; not for one that rows of earlier epochs hold up.
    pub(crate) fn wait_stored(
        &self,
        level: Level,
        made: u64,
        deadline: Instant,
        wake: impl FnOnce(),
    ) -> Result<()> {
        let is_done = |state: &State| {
            let kept = state.kept.iter().find(|kept| kept.level == level);
            kept.is_none_or(|kept| kept.held || kept.stored >= made)
        };
        {
            let mut state = self.state.lock();
            if is_done(&state) {
                return Ok(());
            }
            state.waited_for = state.waited_for.max(made);
        }
        wake();
        let done =
            self.state.wait_until(deadline, |state| (is_done(state) || state.over).then(|| is_done(state)));
        if done == Some(true) {
            return Ok(());
        }
        let state = self.state.lock();
        let trouble =
            state.kept.iter().find(|kept| kept.level == level).and_then(|kept| kept.trouble.clone());
        let what = format!("the rows are {level}, but their checkpoint is not stored");
        let error = match trouble {
            Some(why) => why.context(what),
            None => Error::new(ErrorCode::Timeout, format!("{what} in time: wait longer")),
        };
        let status = if level == Level::Confirmed { DataStatus::Confirmed } else { DataStatus::OnDisk };
        Err(error.with_data_status(status))
    }

    /// Waits until nothing is stored any more.
    pub(crate) fn wait_over(&self, deadline: Instant) {
        self.state.wait_until(deadline, |state| state.over.then_some(()));
    }
}
