//! Finding the rows that Sift rejects: what a rejected gRPC stream carried is sent again in halves, each on a stream of
//! its own, until a stream with a single row is rejected.
//!
//! ```text
//!   rejected stream ──▶ suspects ──▶ stream of its own ──▶ OK: confirmed
//!                          ▲                 │ rejected
//!                          └──── halves ◀────┤
//!                                            └─ one row: poison
//! ```
//!
//! Good rows may arrive more than once; no row is given up that was not rejected by itself.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::stream::segment::Segment;

/// Rows among which Sift rejects at least one.
pub(crate) type Suspects = Vec<Arc<Segment>>;

/// The batches that are still to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Isolation {
    waiting: VecDeque<Suspects>,
    allocated: u64,
}

impl Isolation {
    /// A stream that carried these rows was rejected.
    pub(crate) fn suspect(&mut self, rows: Suspects) {
        self.allocated += allocated(&rows);
        self.waiting.push_back(rows);
    }

    /// The next batch for a stream of its own.
    pub(crate) fn next(&mut self) -> Option<Suspects> {
        let rows = self.waiting.pop_front()?;
        self.allocated -= allocated(&rows);
        Some(rows)
    }

    /// The stream of a batch failed for another reason: the batch is the next one again.
    pub(crate) fn again(&mut self, rows: Suspects) {
        self.allocated += allocated(&rows);
        self.waiting.push_front(rows);
    }

    /// The stream of a batch was rejected. A batch of a single row is poison and comes back; others are halved.
    pub(crate) fn rejected(&mut self, rows: Suspects) -> Option<Arc<Segment>> {
        let count: u32 = rows.iter().map(|segment| segment.rows()).sum();
        if count <= 1 {
            return rows.into_iter().next();
        }
        let (first, second) = halves(rows, count / 2);
        self.suspect(first);
        self.suspect(second);
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Memory of the rows that wait.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }
}

fn allocated(rows: &[Arc<Segment>]) -> u64 {
    rows.iter().map(|segment| segment.allocated() as u64).sum()
}

/// The first `count` rows, and the others.
fn halves(rows: Suspects, count: u32) -> (Suspects, Suspects) {
    let (mut first, mut second, mut left) = (Vec::new(), Vec::new(), count);
    for segment in rows {
        if segment.rows() <= left {
            left -= segment.rows();
            first.push(segment);
        } else if left == 0 {
            second.push(segment);
        } else {
            let (head, tail) = segment.split(left);
            first.push(Arc::new(head));
            second.push(Arc::new(tail));
            left = 0;
        }
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(first_id: u64, rows: u32) -> Arc<Segment> {
        let mut bytes = Vec::new();
        for id in first_id..first_id + u64::from(rows) {
            let text = id.to_string();
            bytes.push(0);
            bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        Arc::new(Segment::new(bytes, Vec::new(), first_id, rows))
    }

    proptest! {
        /// Whatever rows are poison, exactly they are found, and every other row is in a batch that was taken.
        #[test]
        fn exactly_the_poison_rows_are_found(
            sizes in prop::collection::vec(1_u32..9, 1..8), poison in prop::collection::btree_set(0_u64..56, 0..6),
        ) {
            let mut first_id = 0;
            let rows: Suspects = sizes.iter().map(|rows| {
                let made = segment(first_id, *rows);
                first_id += u64::from(*rows);
                made
            }).collect();
            let (mut isolation, mut found, mut taken) = (Isolation::default(), Vec::new(), Vec::new());
            isolation.suspect(rows);
            while let Some(batch) = isolation.next() {
                let ids: Vec<_> = batch.iter().flat_map(|segment| segment.ids()).collect();
                if ids.iter().any(|id| poison.contains(id)) {
                    found.extend(isolation.rejected(batch).map(|row| row.ids().start));
                } else {
                    taken.extend(ids);
                }
            }
            let expected: Vec<_> = poison.into_iter().filter(|id| *id < first_id).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &expected);
            taken.extend(found);
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..first_id).collect::<Vec<_>>());
            prop_assert_eq!(isolation.allocated(), 0);
        }

        #[test]
        fn a_split_segment_keeps_its_rows_and_ids(rows in 2_u32..20, at in 1_u32..19) {
            let at = at.min(rows - 1);
            let whole = segment(7, rows);
            let (head, tail) = whole.split(at);
            prop_assert_eq!((head.ids().start, head.ids().end), (7, 7 + u64::from(at)));
            prop_assert_eq!(tail.ids().end, whole.ids().end);
            prop_assert_eq!([head.bytes(), tail.bytes()].concat(), whole.bytes());
        }
    }
}
