//! When a checkpoint is due.

use super::{CheckpointTriggers, Current, Ingestion, MOST_CLOSING};
use crate::ledger::StreamNumber;
use crate::metrics::CheckpointCause;
use crate::stream::delivery::Requests;
use crate::tasks::carried::Carried;

impl Ingestion {
    /// Why the open stream should be half-closed now, if it should.
    pub(super) fn due_checkpoint(&self, requests: &Requests) -> Option<CheckpointCause> {
        let current = self.current.as_ref().filter(|current| current.suspects.is_none())?;
        let first_carried = self.shared.delivery.ledger(|ledger| ledger.first_carried(current.number))?;
        let closing = self.carried.closing().count();
        if closing >= MOST_CLOSING {
            return None;
        }
        let wanted_below = requests.checkpoint_below;
        // Rows that were dropped for lack of room never come.
        let taken = || self.shared.delivery.ledger(|ledger| ledger.dropped().reach_from(self.taken_below));
        let sent_below = self.outbox.front().map_or_else(taken, |segment| segment.ids().start);
        let going_away = self.connection.as_ref().is_some_and(|connection| !connection.is_usable());
        let is_asked_for = (requests.finishing && self.outbox.is_empty() && self.nothing_waits())
            || (first_carried < wanted_below && sent_below >= wanted_below)
            || (requests.checkpoint_now && closing == 0);
        if is_asked_for {
            Some(CheckpointCause::Request)
        } else if self.keeps_rows() && self.time_is_up(current) {
            Some(CheckpointCause::Timer)
        } else if (self.keeps_rows() && self.carries_enough(current))
            || self.window_fills(current.number)
            || !self.isolation.is_empty()
            || going_away
        {
            Some(CheckpointCause::Other)
        } else {
            None
        }
    }

    fn time_is_up(&self, current: &Current) -> bool {
        current.opened.elapsed() >= self.options.checkpoints.interval
    }

    /// Whether rows or bytes ask for a checkpoint.
    fn carries_enough(&self, current: &Current) -> bool {
        let CheckpointTriggers { rows, bytes, .. } = self.options.checkpoints;
        let carried = self.carried.get(current.number);
        let reached = |most: Option<u64>, has: fn(&Carried) -> u64| {
            most.is_some_and(|most| carried.is_some_and(|carried| has(carried) >= most))
        };
        reached(rows, Carried::rows) || reached(bytes, Carried::bytes)
    }

    /// Whether the window is half full and the stream carries enough of it for an early checkpoint to be worth it.
    pub(super) fn window_fills(&self, number: StreamNumber) -> bool {
        let Some(window) = self.window_bytes() else { return false };
        let share = window / (2 * MOST_CLOSING as u64);
        self.kept_bytes() >= window / 2
            && (self.carried.get(number).is_some_and(|carried| carried.allocated() >= share)
                || self.window_is_full())
    }
}
