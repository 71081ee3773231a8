//! Which numbers of a flow's `seq` channel arrived, as ranges, so that gaps and repetitions can be told apart.

use std::collections::BTreeMap;

/// The values that a flow's `seq` channel has carried. Order does not matter: rows may be sent again later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// First value of each range → last value of it.
    ranges: BTreeMap<u64, u64>,
    duplicates: u64,
}

impl Sequence {
    /// Notes that `value` arrived.
    pub(crate) fn insert(&mut self, value: u64) {
        let before = self.ranges.range(..=value).next_back().map(|(&first, &last)| (first, last));
        if before.is_some_and(|(_, last)| value <= last) {
            self.duplicates += 1;
            return;
        }
        let end = value.checked_add(1).and_then(|next| self.ranges.remove(&next)).unwrap_or(value);
        match before {
            Some((first, last)) if last + 1 == value => self.ranges.insert(first, end),
            _ => self.ranges.insert(value, end),
        };
    }

    /// The smallest value that arrived.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first_key_value().map(|(&first, _)| first)
    }

    /// The largest value that arrived.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last_key_value().map(|(_, &last)| last)
    }

    /// How many values arrived more than once, each repetition counted.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How many values between the first and the last have not arrived.
    pub fn missing(&self) -> u64 {
        self.gaps().iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The values between the first and the last that have not arrived, as inclusive ranges.
    pub fn gaps(&self) -> Vec<(u64, u64)> {
        let ends = self.ranges.values();
        let starts = self.ranges.keys().skip(1);
        ends.zip(starts).map(|(last, first)| (last + 1, first - 1)).collect()
    }

    /// The values that arrived, as inclusive ranges.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        self.ranges.iter().map(|(&first, &last)| (first, last)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn gaps_and_repetitions_are_told_apart_whatever_the_order() {
        let mut sequence = Sequence::default();
        for value in [5, 6, 9, 7, 6, 12, 11, u64::MAX] {
            sequence.insert(value);
        }
        assert_eq!(sequence.ranges(), [(5, 7), (9, 9), (11, 12), (u64::MAX, u64::MAX)]);
        assert_eq!(sequence.duplicates(), 1);
        sequence.insert(8);
        assert_eq!(sequence.gaps(), [(10, 10), (13, u64::MAX - 1)]);
        assert_eq!(sequence.first(), Some(5));
    }
}
