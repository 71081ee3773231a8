//! Sets of message IDs, kept as ranges.
//!
//! Confirmations come in ranges with holes, and a hole must never be taken for confirmed; so nothing here ever joins
//! ranges that do not touch.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of message IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    ranges: BTreeMap<u64, u64>,
}

impl IdSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Its ranges, in order, none touching another.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(start, end)| *start..*end)
    }

    /// Adds a range.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        if let Some((&before, &before_end)) = self.ranges.range(..=start).next_back()
            && before_end >= start
        {
            start = before;
            end = end.max(before_end);
        }
        while let Some((&next, &next_end)) = self.ranges.range(start..=end).next() {
            end = end.max(next_end);
            self.ranges.remove(&next);
        }
        self.ranges.insert(start, end);
    }

    /// Whether it holds the whole of a range.
    #[must_use]
    pub fn covers(&self, range: &Range<u64>) -> bool {
        range.is_empty()
            || self.ranges.range(..=range.start).next_back().is_some_and(|(_, end)| *end >= range.end)
    }

    /// Whether it holds an ID.
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        self.covers(&(id..id.saturating_add(1)))
    }

    /// How many IDs of a range it holds.
    #[must_use]
    pub fn count_in(&self, range: &Range<u64>) -> u64 {
        let from = self.ranges.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        let overlap =
            |(start, end): (&u64, &u64)| (*end).min(range.end).saturating_sub((*start).max(range.start));
        if range.is_empty() { 0 } else { self.ranges.range(from..range.end).map(overlap).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_single_ids(
            inserts in prop::collection::vec((0_u64..60, 0_u64..9), 0..30), probe in 0_u64..60, len in 0_u64..12,
        ) {
            let (mut set, mut model) = (IdSet::new(), BTreeSet::new());
            for (start, len) in inserts {
                set.insert(start..start + len);
                model.extend(start..start + len);
            }
            let range = probe..probe + len;
            prop_assert_eq!(set.covers(&range), range.clone().all(|id| model.contains(&id)));
            prop_assert_eq!(set.count_in(&range), range.filter(|id| model.contains(id)).count() as u64);
            let ranges: Vec<_> = set.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(ranges.into_iter().flatten().collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }
    }
}
