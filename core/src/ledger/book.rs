//! The sets of message IDs, and how IDs move between them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::RangeSet;

/// Tells the gRPC streams of one ledger apart.
pub type StreamNumber = u64;

/// What one gRPC stream carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Carried {
    ids: RangeSet,
    half_closed: bool,
}

/// The state of every row of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    streams: BTreeMap<StreamNumber, Carried>,
    confirmed: RangeSet,
    owed: RangeSet,
    dropped: RangeSet,
    /// Those of the dropped rows that nobody wanted dropped.
    lost: RangeSet,
    rejected: RangeSet,
}

impl Ledger {
    /// A ledger of a stream that has accepted nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A gRPC stream was opened.
    pub fn open(&mut self, stream: StreamNumber) {
        self.streams.entry(stream).or_default();
    }

    /// Rows are about to be given to an open gRPC stream.
    pub fn carry(&mut self, stream: StreamNumber, ids: Range<u64>) {
        self.streams.entry(stream).or_default().ids.insert(ids);
    }

    /// A gRPC stream takes no more rows.
    pub fn half_close(&mut self, stream: StreamNumber) {
        if let Some(carried) = self.streams.get_mut(&stream) {
            carried.half_closed = true;
        }
    }

    /// The server said OK, in a way that [`is_confirmation`](super::is_confirmation) accepts. Returns what the stream
    /// carried, now confirmed; `None`, and nothing changes, if the stream is not there or was not half-closed.
    pub fn confirm(&mut self, stream: StreamNumber) -> Option<RangeSet> {
        if !self.streams.get(&stream)?.half_closed {
            return None;
        }
        let carried = self.streams.remove(&stream)?;
        carried.ids.iter().for_each(|ids| self.add_confirmed(ids));
        Some(carried.ids)
    }

    /// A row that was given up and arrived all the same is confirmed: each row counts at its furthest state.
    fn add_confirmed(&mut self, ids: Range<u64>) {
        self.dropped.remove(&ids);
        self.lost.remove(&ids);
        self.rejected.remove(&ids);
        self.confirmed.insert(ids);
    }

    /// The gRPC stream confirmed nothing. Returns what it carried: waiting again, unless the caller owes or drops it.
    pub fn fail(&mut self, stream: StreamNumber) -> RangeSet {
        self.streams.remove(&stream).map(|carried| carried.ids).unwrap_or_default()
    }

    /// Rows will not be sent by the live path: they are owed to whoever sends again. Rows that were given up are not.
    pub fn owe(&mut self, ids: impl IntoIterator<Item = Range<u64>>) {
        for open in ids.into_iter().flat_map(|range| self.dropped.gaps(range)) {
            self.owed.extend(self.rejected.gaps(open));
        }
    }

    /// Owed rows were confirmed on another way. Returns how many of them were owed.
    pub fn repay(&mut self, ids: Range<u64>) -> u64 {
        let owed = self.owed.overlap(&ids);
        let count = self.owed.remove(&ids);
        owed.into_iter().for_each(|ids| self.add_confirmed(ids));
        count
    }

    /// Rows were given up, by a choice of the user. Those that a gRPC stream carries, or that wait, may still arrive.
    pub fn give_up(&mut self, ids: impl IntoIterator<Item = Range<u64>>) {
        for range in ids {
            self.owed.remove(&range);
            for open in self.confirmed.gaps(range) {
                self.dropped.extend(self.rejected.gaps(open));
            }
        }
    }

    /// Rows are gone, and not because the user wanted to do without them. They count as given up.
    pub fn lose(&mut self, ids: impl IntoIterator<Item = Range<u64>>) {
        for range in ids {
            self.give_up([range.clone()]);
            self.lost.extend(self.dropped.overlap(&range));
        }
    }

    /// Sift refused a row by itself, and it was put aside. It is sent no more.
    pub fn reject(&mut self, id: u64) {
        let ids = id..id + 1;
        self.owed.remove(&ids);
        if !self.confirmed.contains(&ids) {
            self.dropped.remove(&ids);
            self.lost.remove(&ids);
            self.rejected.insert(ids);
        }
    }

    /// Whether a gRPC stream carries any row.
    #[must_use]
    pub fn carries_rows(&self, stream: StreamNumber) -> bool {
        self.streams.get(&stream).is_some_and(|carried| !carried.ids.is_empty())
    }

    /// The lowest ID that a gRPC stream carries.
    #[must_use]
    pub fn first_carried(&self, stream: StreamNumber) -> Option<u64> {
        self.streams.get(&stream)?.ids.iter().next().map(|ids| ids.start)
    }

    /// How many rows a gRPC stream carries.
    #[must_use]
    pub fn carried_rows(&self, stream: StreamNumber) -> u64 {
        self.streams.get(&stream).map_or(0, |carried| carried.ids.len())
    }

    /// Whether no gRPC stream carries any row.
    #[must_use]
    pub fn carries_nothing(&self) -> bool {
        self.streams.values().all(|carried| carried.ids.is_empty())
    }

    /// What Sift has confirmed.
    #[must_use]
    pub fn confirmed(&self) -> &RangeSet {
        &self.confirmed
    }

    /// What must be sent again from the disk.
    #[must_use]
    pub fn owed(&self) -> &RangeSet {
        &self.owed
    }

    /// What was given up.
    #[must_use]
    pub fn dropped(&self) -> &RangeSet {
        &self.dropped
    }

    /// Those of them that nobody wanted to give up.
    #[must_use]
    pub fn lost(&self) -> &RangeSet {
        &self.lost
    }

    /// What Sift refused.
    #[must_use]
    pub fn rejected(&self) -> &RangeSet {
        &self.rejected
    }

    /// How many IDs from 0 on are dealt with without a gap: confirmed, rejected or given up.
    #[must_use]
    pub fn settled_point(&self) -> u64 {
        let mut at = 0;
        loop {
            let reached = self.rejected.reach_from(self.dropped.reach_from(self.confirmed.reach_from(at)));
            if reached == at {
                return at;
            }
            at = reached;
        }
    }

    /// How many IDs from 0 on nobody has to care for any more: dealt with, and none of them lost.
    #[must_use]
    pub fn passed_point(&self) -> u64 {
        let settled = self.settled_point();
        self.lost.first().map_or(settled, |first| settled.min(first))
    }

    /// The resume point: how many IDs from 0 on are confirmed without a gap.
    #[must_use]
    pub fn resume_point(&self) -> u64 {
        self.confirmed.contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u64 = 4;
    const STREAMS: u64 = 2;
    const DEPTH: usize = 6;

    /// Where one row is, in a model that keeps every row by itself.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    enum Place {
        Waiting,
        On(StreamNumber),
        Owed,
        Confirmed,
        /// Given up, and nobody sends it.
        Gone,
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Carry(StreamNumber, u64),
        HalfClose(StreamNumber),
        Ok(StreamNumber),
        FailOwing(StreamNumber),
        FailWaiting(StreamNumber),
        PassOver(u64),
        Repay(u64),
        GiveUp(u64),
        Reject(u64),
    }

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Model {
        rows: [Place; ROWS as usize],
        given_up: [bool; ROWS as usize],
        rejected: [bool; ROWS as usize],
        half_closed: [bool; STREAMS as usize],
    }

    fn at(id: u64) -> usize {
        usize::try_from(id).unwrap_or(usize::MAX)
    }

    impl Model {
        /// The steps that the tasks can take here; rows are only carried when they wait, by a stream that is open.
        fn steps(&self) -> Vec<Step> {
            let mut steps = Vec::new();
            for stream in 0..STREAMS {
                steps.extend([Step::HalfClose(stream), Step::Ok(stream)]);
                steps.extend([Step::FailOwing(stream), Step::FailWaiting(stream)]);
                let open = !self.half_closed[at(stream)];
                let waiting = (0..ROWS).filter(|id| self.rows[at(*id)] == Place::Waiting);
                steps.extend(waiting.filter(|_| open).map(|id| Step::Carry(stream, id)));
            }
            for id in 0..ROWS {
                match self.rows[at(id)] {
                    Place::Waiting => {
                        steps.extend([Step::PassOver(id), Step::GiveUp(id), Step::Reject(id)]);
                    }
                    _ => steps.extend([Step::Repay(id), Step::GiveUp(id), Step::Reject(id)]),
                }
            }
            steps
        }

        fn move_row(&mut self, id: u64, to: Place) {
            let is_out = self.given_up[at(id)] || self.rejected[at(id)];
            let to = if to == Place::Owed && is_out { Place::Gone } else { to };
            self.given_up[at(id)] &= to != Place::Confirmed;
            self.rejected[at(id)] &= to != Place::Confirmed;
            self.rows[at(id)] = to;
        }

        fn move_rows(&mut self, from: Place, to: Place) {
            for id in (0..ROWS).filter(|id| self.rows[at(*id)] == from).collect::<Vec<_>>() {
                self.move_row(id, to);
            }
        }

        fn take(&mut self, step: Step) {
            match step {
                Step::Carry(stream, id) => self.rows[at(id)] = Place::On(stream),
                Step::HalfClose(stream) => self.half_closed[at(stream)] = true,
                Step::Ok(stream) if self.half_closed[at(stream)] => {
                    self.move_rows(Place::On(stream), Place::Confirmed);
                    self.half_closed[at(stream)] = false;
                }
                Step::Ok(_) => {}
                Step::FailOwing(stream) | Step::FailWaiting(stream) => {
                    let to = if matches!(step, Step::FailOwing(_)) { Place::Owed } else { Place::Waiting };
                    self.move_rows(Place::On(stream), to);
                    self.half_closed[at(stream)] = false;
                }
                Step::PassOver(id) => self.move_row(id, Place::Owed),
                Step::Repay(id) if self.rows[at(id)] == Place::Owed => self.move_row(id, Place::Confirmed),
                Step::Repay(_) => {}
                Step::GiveUp(id) | Step::Reject(id) if self.rows[at(id)] == Place::Confirmed => {}
                Step::GiveUp(id) | Step::Reject(id) => {
                    let is_rejected = matches!(step, Step::Reject(_)) || self.rejected[at(id)];
                    (self.rejected[at(id)], self.given_up[at(id)]) = (is_rejected, !is_rejected);
                    if self.rows[at(id)] == Place::Owed {
                        self.move_row(id, Place::Gone);
                    }
                }
            }
        }

        fn agrees_with(&self, ledger: &Ledger) -> bool {
            let all_in = |set: &RangeSet, place: Place| {
                (0..ROWS).all(|id| set.contains(&(id..id + 1)) == (self.rows[at(id)] == place))
            };
            let streams = (0..STREAMS).all(|stream| {
                let carried = ledger.streams.get(&stream).map(|carried| carried.ids.clone());
                all_in(&carried.unwrap_or_default(), Place::On(stream))
            });
            let is_settled =
                |id: &usize| self.rows[*id] == Place::Confirmed || self.given_up[*id] || self.rejected[*id];
            let settled = (0..ROWS as usize).take_while(is_settled).count();
            let gapless = self.rows.iter().take_while(|place| **place == Place::Confirmed).count();
            streams
                && all_in(&ledger.confirmed, Place::Confirmed)
                && all_in(&ledger.owed, Place::Owed)
                && (0..ROWS).all(|id| ledger.dropped.contains(&(id..id + 1)) == self.given_up[at(id)])
                && (0..ROWS).all(|id| ledger.rejected.contains(&(id..id + 1)) == self.rejected[at(id)])
                && ledger.settled_point() == settled as u64
                && ledger.resume_point() == gapless as u64
        }
    }

    fn apply(ledger: &mut Ledger, model: &Model, step: Step) {
        match step {
            Step::Carry(stream, id) => {
                ledger.open(stream);
                ledger.carry(stream, id..id + 1);
            }
            Step::HalfClose(stream) => {
                ledger.open(stream);
                ledger.half_close(stream);
            }
            Step::Ok(stream) => {
                let confirmed = ledger.confirm(stream).is_some();
                assert_eq!(
                    confirmed,
                    model.half_closed[at(stream)],
                    "only a half-closed stream is confirmed"
                );
            }
            Step::FailOwing(stream) => {
                let ids = ledger.fail(stream);
                ledger.owe(ids.iter());
            }
            Step::FailWaiting(stream) => drop(ledger.fail(stream)),
            Step::PassOver(id) => ledger.owe(std::iter::once(id..id + 1)),
            Step::Repay(id) => {
                ledger.repay(id..id + 1);
            }
            Step::GiveUp(id) => ledger.give_up(std::iter::once(id..id + 1)),
            Step::Reject(id) => ledger.reject(id),
        }
    }

    #[test]
    fn what_was_given_up_or_rejected_is_passed_over_and_what_was_lost_is_not() {
        let mut ledger = Ledger::new();
        ledger.give_up(std::iter::once(0..2));
        ledger.reject(2);
        ledger.lose(std::iter::once(4..6));
        assert_eq!((ledger.passed_point(), ledger.settled_point(), ledger.resume_point()), (3, 3, 0));
        for (stream, ids) in [(0, 3..4), (1, 4..5)] {
            ledger.open(stream);
            ledger.carry(stream, ids);
            ledger.half_close(stream);
        }
        ledger.confirm(0);
        assert_eq!((ledger.passed_point(), ledger.settled_point()), (4, 6));
        ledger.confirm(1);
        assert_eq!((ledger.passed_point(), ledger.lost().len()), (5, 1), "it arrived all the same");
        ledger.reject(5);
        assert_eq!((ledger.passed_point(), ledger.lost().len(), ledger.dropped().len()), (6, 0, 2));
    }

    /// Every state that 4 rows and 2 gRPC streams can reach in 7 steps, by every step that can be taken in it.
    #[test]
    fn every_reachable_state_agrees_with_a_row_by_row_model() {
        let start = Model {
            rows: [Place::Waiting; ROWS as usize],
            given_up: [false; ROWS as usize],
            rejected: [false; ROWS as usize],
            half_closed: [false; STREAMS as usize],
        };
        let mut seen = std::collections::HashSet::from([start.clone()]);
        let mut frontier = vec![(start, Ledger::new())];
        let mut taken = 0_u64;
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for (model, ledger) in &frontier {
                for step in model.steps() {
                    let (mut after, mut book) = (model.clone(), ledger.clone());
                    apply(&mut book, model, step);
                    after.take(step);
                    taken += 1;
                    assert!(after.agrees_with(&book), "{model:?} then {step:?}: {book:?}");
                    if seen.insert(after.clone()) {
                        next.push((after, book));
                    }
                }
            }
            frontier = next;
        }
        assert!(taken > 10_000, "only {taken} steps were looked at");
    }
}
