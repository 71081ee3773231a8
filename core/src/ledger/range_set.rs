//! A set of message IDs, kept as disjoint ranges.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// A set of message IDs. IDs mostly come in order, so it mostly is one range.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// Start to end (exclusive): disjoint, never touching.
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

impl RangeSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds all IDs of `ids`; returns how many of them are new.
    pub fn insert(&mut self, ids: Range<u64>) -> u64 {
        if ids.is_empty() {
            return 0;
        }
        let before = self.len;
        let Range { mut start, mut end } = ids;
        if let Some((&left_start, &left_end)) = self.ranges.range(..=start).next_back()
            && left_end >= start
        {
            start = left_start;
            end = end.max(left_end);
            self.ranges.remove(&left_start);
            self.len -= left_end - left_start;
        }
        while let Some((&right_start, &right_end)) = self.ranges.range(start..=end).next() {
            end = end.max(right_end);
            self.ranges.remove(&right_start);
            self.len -= right_end - right_start;
        }
        self.ranges.insert(start, end);
        self.len += end - start;
        self.len - before
    }

    /// Takes all IDs of `ids` out; returns how many of them were in it.
    pub fn remove(&mut self, ids: &Range<u64>) -> u64 {
        let taken = self.overlap(ids);
        for found in &taken {
            let Some((&start, &end)) = self.ranges.range(..=found.start).next_back() else { continue };
            self.ranges.remove(&start);
            if start < found.start {
                self.ranges.insert(start, found.start);
            }
            if found.end < end {
                self.ranges.insert(found.end, end);
            }
        }
        let count = taken.iter().map(|found| found.end - found.start).sum();
        self.len -= count;
        count
    }

    /// How many IDs are in it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no ID is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lowest ID.
    pub fn first(&self) -> Option<u64> {
        self.ranges.keys().next().copied()
    }

    /// Whether all of `ids` are in it.
    pub fn contains(&self, ids: &Range<u64>) -> bool {
        ids.is_empty() || self.ranges.range(..=ids.start).next_back().is_some_and(|(_, &end)| end >= ids.end)
    }

    /// How many IDs of a range are in it.
    pub fn count_in(&self, ids: &Range<u64>) -> u64 {
        self.overlap(ids).iter().map(|found| found.end - found.start).sum()
    }

    /// How many IDs from 0 on are in it without a gap: the resume point.
    pub fn contiguous(&self) -> u64 {
        self.ranges.get(&0).copied().unwrap_or(0)
    }

    /// Where the IDs that are in it without a gap from `at` on end; `at` itself if that one is not in it.
    pub fn reach_from(&self, at: u64) -> u64 {
        self.ranges.range(..=at).next_back().map_or(at, |(_, &end)| end.max(at))
    }

    /// The IDs of `within` that are in it, in order.
    pub fn overlap(&self, within: &Range<u64>) -> Vec<Range<u64>> {
        if within.is_empty() {
            return Vec::new();
        }
        let first = self.ranges.range(..=within.start).next_back().map_or(within.start, |(&start, _)| start);
        let clipped = |(&start, &end): (&u64, &u64)| start.max(within.start)..end.min(within.end);
        self.ranges.range(first..within.end).map(clipped).filter(|range| !range.is_empty()).collect()
    }

    /// The ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(&start, &end)| start..end)
    }

    /// The IDs of `within` that are not in it, in order.
    pub fn gaps(&self, within: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut from = within.start;
        for range in self.iter() {
            if range.end <= from {
                continue;
            }
            if range.start >= within.end {
                break;
            }
            if range.start > from {
                gaps.push(from..range.start);
            }
            from = range.end;
        }
        if from < within.end {
            gaps.push(from..within.end);
        }
        gaps
    }
}

impl Extend<Range<u64>> for RangeSet {
    fn extend<T: IntoIterator<Item = Range<u64>>>(&mut self, ranges: T) {
        for ids in ranges {
            self.insert(ids);
        }
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<T: IntoIterator<Item = Range<u64>>>(ranges: T) -> Self {
        let mut set = Self::new();
        set.extend(ranges);
        set
    }
}

impl fmt::Debug for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
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
            let (mut set, mut model) = (RangeSet::new(), BTreeSet::new());
            for (start, len) in inserts {
                set.insert(start..start + len);
                model.extend(start..start + len);
            }
            let range = probe..probe + len;
            prop_assert_eq!(set.contains(&range), range.clone().all(|id| model.contains(&id)));
            prop_assert_eq!(set.count_in(&range), range.filter(|id| model.contains(id)).count() as u64);
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(ranges.into_iter().flatten().collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }
    }
}
