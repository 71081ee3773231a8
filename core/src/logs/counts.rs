//! How many records went which way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::stream::watched::Watched;

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Given to the thread of the callback.
    pub(super) queued: AtomicU64,
    /// The callback was too slow for them.
    pub(super) dropped: AtomicU64,
    /// The callback has returned from them.
    seen: Watched<u64>,
}

impl Counts {
    pub(super) fn saw_one(&self) {
        self.seen.change(|seen| *seen += 1);
    }

    /// Waits until the callback has returned from all that was queued before. Whether it has.
    pub(super) fn all_seen(&self, deadline: Instant) -> bool {
        let queued = self.queued.load(Ordering::Acquire);
        self.seen.wait_until(deadline, |seen| (*seen >= queued).then_some(())).is_some()
    }
}
