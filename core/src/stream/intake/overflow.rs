//! Dropping rows for lack of room, where the user chose that callers must not wait.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use super::{Intake, Refusal, State};
use crate::encode::EncodeRow;
use crate::flow::{FlowNames, FlowNumber};
use crate::stream::overflow::{OverflowPolicy, Overflowed};

impl Intake {
    /// Makes room if the policy says so and it can be made; false if there is none for new rows.
    #[cold]
    pub(super) fn makes_room(&self, state: &mut State) -> bool {
        if self.overflow != OverflowPolicy::DropOldest {
            return false;
        }
        let made = state.drop_oldest();
        self.has_dropped.store(true, Ordering::Release);
        made
    }

    /// There is no room for a row: gives it back, or drops it. A dropped row has an ID.
    #[cold]
    pub(super) fn refuse_or_drop(
        &self,
        state: MutexGuard<'_, State>,
        row: &mut impl EncodeRow,
    ) -> Result<(), Refusal> {
        if self.overflow == OverflowPolicy::Block {
            return Err(Refusal::Full);
        }
        // A row that can never be taken is an error all the same. Its true length is only known when it is encoded.
        if row.max_len() + state.suffix.len() > self.max_row_size {
            let encoded = row.encode(&mut vec![0; row.max_len()]).map_err(Refusal::Invalid)?;
            let len = encoded + state.suffix.len();
            if len > self.max_row_size {
                return Err(Refusal::Invalid(self.too_large(len)));
            }
        }
        self.drop_newest(state, row.flow(), 1);
        Ok(())
    }

    /// The same for rows of columns, which were measured: how many were dealt with.
    #[cold]
    pub(super) fn refuse_or_drop_rows(
        &self,
        state: MutexGuard<'_, State>,
        flow: FlowNumber,
        rows: usize,
    ) -> Result<usize, Refusal> {
        if self.overflow == OverflowPolicy::Block {
            return Err(Refusal::Full);
        }
        self.drop_newest(state, flow, rows as u64);
        Ok(rows)
    }

    /// Drops rows that were not encoded.
    fn drop_newest(&self, mut state: MutexGuard<'_, State>, flow: FlowNumber, rows: u64) {
        // A segment has consecutive IDs: those behind the gap need another one.
        if state.open.rows > 0 {
            state.close_open();
        }
        let id = state.next_id;
        state.next_id += rows;
        state.overflowed.ids.insert(id..id + rows);
        state.overflowed.flows.add(flow, rows);
        self.has_dropped.store(true, Ordering::Release);
        let asleep = std::mem::take(&mut state.sleeps);
        drop(state);
        if asleep != [false; 2] {
            self.wake_those(asleep);
        }
    }

    /// The rows that were dropped for lack of room since the last call. Who asks must see to it that all learn of them.
    pub(crate) fn take_overflowed(&self) -> Option<Overflowed> {
        if !self.has_dropped.load(Ordering::Acquire) {
            return None;
        }
        self.has_dropped.store(false, Ordering::Release);
        let overflowed = std::mem::take(&mut self.lock().overflowed);
        Some(overflowed).filter(|overflowed| !overflowed.ids.is_empty())
    }

    pub(crate) fn overflow_policy(&self) -> OverflowPolicy {
        self.overflow
    }

    /// The names of the flows of its rows.
    pub(crate) fn flow_names(&self) -> &FlowNames {
        &self.flow_names
    }
}

impl State {
    /// Drops the oldest rows that nobody has begun with until there is room; false if there is none without them.
    fn drop_oldest(&mut self) -> bool {
        loop {
            if self.has_room(u64::from(self.open.rows), self.open.allocated()) {
                return true;
            }
            let Some(lane) = self.lanes.iter_mut().flatten().find(|lane| lane.makes_callers_wait()) else {
                return true;
            };
            if lane.is_full_of_taken() {
                return false;
            }
            match lane.drop_waiting() {
                Some(segment) => {
                    self.overflowed.ids.insert(segment.ids());
                    self.overflowed.flows.add_all(segment.flows());
                }
                None if self.open.rows > 0 => self.close_open(),
                None => return false,
            }
        }
    }
}
