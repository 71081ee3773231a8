//! Which state holds at which row: marks wait here until the rows before them have come far enough.
//!
//! Marks that wait are bounded: when there are too many, neighbours are joined. The joined mark holds when the later of
//! the two does, so a state may then lag behind its rows a little, and is never ahead of them.

use std::collections::VecDeque;

use super::CheckpointState;
use super::mark::{MOST_BYTES, Mark};

/// How many marks wait at most.
const MOST_WAITING: usize = 1024;
/// How many bytes of states and metadata wait at most, unless a single mark has more.
const MOST_WAITING_BYTES: usize = 4 * MOST_BYTES;

#[derive(Debug)]
struct Waiting {
    /// Holds when all rows below this ID have come far enough.
    below: u64,
    number: u64,
    mark: Mark,
}

/// The marks of one level: those that hold, as a state, and those that wait.
#[derive(Debug)]
pub(super) struct Tracker {
    reached: CheckpointState,
    /// The number of the last mark that holds.
    number: u64,
    /// How many rows had been handed over when the stream began.
    rows_before: u64,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
}

impl Tracker {
    /// Goes on from `from`; states are stored as those of `stream`, numbered from `sequence`.
    pub(super) fn new(stream: String, sequence: u64, from: CheckpointState) -> Self {
        let rows_before = from.row_count;
        let reached = CheckpointState { stream, sequence, ..from };
        Self { reached, number: 0, rows_before, waiting: VecDeque::new(), waiting_bytes: 0 }
    }

    /// Takes in a mark made when the next row was to get the ID `below`.
    pub(super) fn push(&mut self, below: u64, number: u64, mark: Mark) {
        self.waiting_bytes += mark.bytes();
        match self.waiting.back_mut() {
            Some(last) if last.below == below => {
                last.mark.overlay(mark);
                last.number = number;
            }
            _ => self.waiting.push_back(Waiting { below, number, mark }),
        }
        while self.waiting.len() > 1
            && (self.waiting.len() > MOST_WAITING || self.waiting_bytes > MOST_WAITING_BYTES)
        {
            self.join_neighbours();
        }
    }

    fn join_neighbours(&mut self) {
        let mut joined = VecDeque::with_capacity(self.waiting.len().div_ceil(2));
        let mut waiting = self.waiting.drain(..);
        while let Some(mut first) = waiting.next() {
            if let Some(second) = waiting.next() {
                first.mark.overlay(second.mark);
                (first.below, first.number) = (second.below, second.number);
            }
            joined.push_back(first);
        }
        drop(waiting);
        self.waiting_bytes = joined.iter().map(|waiting| waiting.mark.bytes()).sum();
        self.waiting = joined;
    }

    /// All rows below `passed` have come far enough: whether that changes the state.
    pub(super) fn advance(&mut self, passed: u64, created_at: i64) -> bool {
        let mut changed = false;
        while let Some(next) = self.waiting.pop_front_if(|next| next.below <= passed) {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(next.mark.bytes());
            self.number = next.number;
            self.apply(next.below, next.mark);
            changed = true;
        }
        if changed {
            self.reached.sequence += 1;
            self.reached.created_at = created_at;
        }
        changed
    }

    fn apply(&mut self, below: u64, mark: Mark) {
        let state = &mut self.reached;
        state.row_count = self.rows_before + below;
        state.event_time_watermark = state.event_time_watermark.max(mark.event_time);
        state.offsets.extend(mark.offsets.into_iter().map(|(source, offset)| (source.to_string(), offset)));
        state.state.extend(mark.state.into_iter().map(|(name, blob)| (name.to_string(), blob.to_vec())));
        let metadata = mark.metadata.into_iter().map(|(key, value)| (key.to_string(), value.to_string()));
        state.metadata.extend(metadata);
    }

    /// The newest state that holds, and the number of the last mark in it.
    pub(super) fn reached(&self) -> (&CheckpointState, u64) {
        (&self.reached, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tracker() -> Tracker {
        Tracker::new("rig/durable".to_owned(), 0, CheckpointState::default())
    }

    fn offset_of(tracker: &Tracker, source: &str) -> Option<u64> {
        tracker.reached().0.offsets.get(source).copied()
    }

    #[test]
    fn a_mark_holds_when_all_rows_before_it_have_come_far_enough_and_not_before() {
        let mut tracker = tracker();
        tracker.push(10, 1, Mark::new().offset("serial", 100));
        tracker.push(20, 2, Mark::new().offset("serial", 200).state("filter", b"x"));
        assert!(!tracker.advance(9, 0));
        assert!(tracker.advance(19, 5));
        assert_eq!((offset_of(&tracker, "serial"), tracker.reached().1), (Some(100), 1));
        assert!(tracker.reached().0.state.is_empty());
        assert!(tracker.advance(20, 6));
        let (state, number) = tracker.reached();
        assert_eq!((state.sequence, state.created_at, state.row_count, number), (2, 6, 20, 2));
        assert_eq!(state.state["filter"], b"x");
    }

    #[test]
    fn what_was_known_of_other_sources_stays() {
        let from = CheckpointState {
            row_count: 1_000,
            offsets: [("udp".to_owned(), 7)].into(),
            event_time_watermark: Some(50),
            ..CheckpointState::default()
        };
        let mut tracker = Tracker::new("rig/durable".to_owned(), 41, from);
        tracker.push(3, 1, Mark::new().offset("serial", 9).event_time(40));
        assert!(tracker.advance(3, 0));
        let (state, _) = tracker.reached();
        assert_eq!((state.offsets["udp"], state.offsets["serial"]), (7, 9));
        assert_eq!((state.row_count, state.sequence, state.event_time_watermark), (1_003, 42, Some(50)));
    }

    #[test]
    fn a_million_marks_wait_in_bounded_memory_and_the_last_one_is_exact() {
        let mut tracker = tracker();
        for row in 1..=1_000_000_u64 {
            tracker.push(row, row, Mark::new().offset("serial", row));
            assert!(tracker.waiting.len() <= MOST_WAITING);
        }
        tracker.advance(1_000_000, 0);
        assert_eq!(offset_of(&tracker, "serial"), Some(1_000_000));
    }

    #[test]
    fn large_states_that_wait_are_bounded_too() {
        let mut tracker = tracker();
        let blob = vec![1; MOST_BYTES / 2];
        for row in 1..200 {
            tracker.push(row, row, Mark::new().state("filter", &blob));
            assert!(tracker.waiting_bytes <= MOST_WAITING_BYTES, "{}", tracker.waiting_bytes);
        }
    }

    proptest! {
        /// Whatever is marked and however the rows move, no state is ahead of its rows, and in the end none is missing.
        #[test]
        fn a_state_is_never_ahead_of_its_rows(
            steps in prop::collection::vec((0_u64..3, 0_usize..3, 0_u64..4), 1..4_000)
        ) {
            let sources = ["a", "b", "c"];
            let mut tracker = tracker();
            let (mut sent, mut passed, mut number) = (0, 0, 0);
            let mut marks: Vec<(u64, &str, u64)> = Vec::new();
            for (rows, source, moved) in steps {
                sent += rows;
                number += 1;
                marks.push((sent, sources[source], number));
                tracker.push(sent, number, Mark::new().offset(sources[source], number));
                passed = (passed + moved).min(sent);
                tracker.advance(passed, 0);
                for name in sources {
                    let newest = marks.iter().rev().find(|(below, of, _)| *below <= passed && *of == name);
                    prop_assert!(offset_of(&tracker, name) <= newest.map(|(_, _, offset)| *offset));
                }
            }
            tracker.advance(sent, 0);
            for name in sources {
                let newest = marks.iter().rev().find(|(_, of, _)| *of == name);
                prop_assert_eq!(offset_of(&tracker, name), newest.map(|(_, _, offset)| *offset));
            }
        }
    }
}
