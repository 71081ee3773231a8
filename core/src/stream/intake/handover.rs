//! What the consumers do: take segments and let go of them, sleep and be woken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Intake, Outlet, State};
use crate::ledger::RangeSet;
use crate::stream::lane::Lane;
use crate::stream::segment::{SEGMENT_SIZE, Segment, empty_segment, new_spare};

/// An open segment with fewer bytes is copied out, so that its buffer stays where the caller's cache has it.
const COPY_OUT_BELOW: usize = SEGMENT_SIZE / 4;
/// How many spares a consumer adds at a time.
const SPARES_AT_ONCE: usize = 128;

impl Intake {
    /// Moves up to `most_bytes` of what waits for `outlet`, and then what is in the open segment, to its consumer.
    pub(crate) fn take(&self, outlet: Outlet, into: &mut VecDeque<Arc<Segment>>, most_bytes: usize) {
        let mut taken = 0;
        let (missing, may_copy, runs) = {
            let state = self.lock();
            let may_copy = state.open.rows > 0 && state.open.bytes.len() < COPY_OUT_BELOW;
            (state.pool.missing_spares(), may_copy, state.open.flows.capacity())
        };
        let spares: Vec<_> =
            std::iter::repeat_with(|| new_spare(runs)).take(missing.min(SPARES_AT_ONCE)).collect();
        // Memory is got before the lock is taken: a caller that only tries the lock must not meet an allocation there.
        let mut small = may_copy.then(|| empty_segment(COPY_OUT_BELOW, runs));
        let mut state = self.lock();
        state.pool.add_spares(spares);
        while taken < most_bytes {
            if state.lane(outlet).is_none_or(Lane::is_empty) && state.open.rows > 0 {
                state.hand_over_open(&mut small);
            }
            let Some(segment) = state.lane_mut(outlet).and_then(Lane::take) else { break };
            taken += segment.allocated();
            into.push_back(segment);
        }
        drop(state);
        if taken > 0 {
            self.room.notify(usize::MAX);
        }
    }

    /// Lets go of the rows at the front of the disk's lane that `done` says are safe elsewhere.
    pub(crate) fn release(&self, done: impl Fn(&Segment) -> bool) {
        let mut state = self.lock();
        if let Some(lane) = state.lane_mut(Outlet::Disk) {
            lane.release(done);
        }
        drop(state);
        self.room.notify(usize::MAX);
    }

    /// The segments with an ID in `ids` that the disk's lane still keeps.
    pub(crate) fn kept(&self, ids: &RangeSet) -> Vec<Arc<Segment>> {
        let wanted = |segment: &Segment| !ids.overlap(&segment.ids()).is_empty();
        self.lock().lane(Outlet::Disk).map(|lane| lane.find(wanted)).unwrap_or_default()
    }

    /// Whether nothing waits for `outlet`; if so, the next row wakes its consumer.
    pub(crate) fn sleep_if_empty(&self, outlet: Outlet) -> bool {
        let mut state = self.lock();
        let empty = state.lane(outlet).is_none_or(Lane::is_empty) && state.open.rows == 0;
        state.sleeps[outlet as usize] = empty;
        empty
    }

    /// Waits until a row came after [`sleep_if_empty`](Self::sleep_if_empty), or somebody woke the consumers.
    pub(crate) async fn woken(&self, outlet: Outlet) {
        self.consumers[outlet as usize].woken().await;
    }

    /// From now on the consumer of `outlet` is a task of the runtime that the caller is in, and callers wake it without
    /// the locks of that runtime.
    pub(crate) fn wake_through_the_kernel(&self, outlet: Outlet) {
        self.consumers[outlet as usize].is_woken_through_the_kernel();
    }

    /// From now on the consumer of `outlet` is the calling thread, which waits with [`park`](Self::park).
    pub(crate) fn consume_on_this_thread(&self, outlet: Outlet) {
        self.consumers[outlet as usize].is_this_thread();
    }

    /// The same wait for a consumer that is a thread, for at most `timeout`. May end early for no reason.
    pub(crate) fn park(&self, outlet: Outlet, timeout: Duration) {
        self.consumers[outlet as usize].park(timeout);
    }

    pub(crate) fn wake_consumers(&self) {
        self.wake_those([true; 2]);
    }

    #[cold]
    pub(super) fn wake_those(&self, which: [bool; 2]) {
        self.consumers.iter().zip(which).filter(|(_, wake)| *wake).for_each(|(consumer, _)| consumer.wake());
    }
}

impl State {
    /// Moves what is in the open segment into the lanes; a small part is copied into `small`, and the buffer stays open.
    fn hand_over_open(&mut self, small: &mut Option<Arc<Segment>>) {
        let copied = self.open.bytes.len() < COPY_OUT_BELOW;
        let first_id = self.open_first_id();
        let Some(mut segment) = small.take().filter(|_| copied) else {
            self.close_open();
            return;
        };
        if let Some(copy) = Arc::get_mut(&mut segment) {
            copy.fill(&self.open.bytes, &mut self.open.flows, first_id, self.open.rows);
        }
        self.push_to_lanes(segment);
        self.open.bytes.clear();
        self.open.flows.clear();
        self.open.rows = 0;
    }
}
