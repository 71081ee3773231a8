//! The timestamps of many rows: each is one store of a fixed size, and those of one second share what that second takes.

use crate::encode::varint::{in_one_store, store};
use crate::encode::wire;
use crate::flow::TimeValue;

/// No store of a row's parts writes more bytes than this beyond what it stands for.
pub(crate) const SCRIBBLE: usize = STAMP - 2;
const STAMP: usize = wire::TIMESTAMP_STORE;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A row's timestamp, encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    bytes: [u8; STAMP],
    len: usize,
}

impl Stamp {
    pub(super) const NONE: Self = Self { bytes: [0; STAMP], len: 0 };

    #[inline(always)]
    pub(super) fn new(time: TimeValue) -> Self {
        let mut bytes = [0; STAMP];
        let len = wire::timestamp_into(&mut bytes, wire::FIELD_TIMESTAMP, time);
        Self { bytes, len }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Writes it at `at`.
    #[inline(always)]
    pub(super) fn put(&self, buf: &mut [u8], at: usize) {
        store(buf, at, self.bytes);
    }
}

/// Encodes one timestamp after another.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<Second>,
}

/// A second after 1970, as far as all its timestamps begin alike.
#[derive(Debug)]
struct Second {
    /// Nanoseconds since 1970.
    begins: i64,
    /// The bytes up to the nanoseconds within it, but for the length of all, from the lowest on.
    bytes: u128,
    len: usize,
}

impl Clock {
    /// The timestamp of so many nanoseconds since 1970.
    #[inline(always)]
    pub(super) fn stamp(&mut self, nanos: i64) -> Stamp {
        match self.second.as_ref().and_then(|second| second.stamp(nanos)) {
            Some(stamp) => stamp,
            None => self.turn_to(nanos),
        }
    }

    /// The timestamp, and from now on those of its second.
    fn turn_to(&mut self, nanos: i64) -> Stamp {
        let time = TimeValue::from_timestamp_nanos(nanos);
        self.second = Second::of(nanos, time);
        Stamp::new(time)
    }
}

impl Second {
    /// The second of `time`, if all its timestamps take at most 16 bytes.
    fn of(nanos: i64, time: TimeValue) -> Option<Self> {
        let seconds = u64::try_from(time.seconds()).ok().filter(|&seconds| seconds > 0)?;
        // What an `i64` of nanoseconds can be is a varint of five bytes.
        let (seconds, len) = in_one_store(seconds);
        let len = 3 + len;
        let (head, key) = (
            u128::from(wire::key(3, wire::WIRE_LEN)) | u128::from(wire::key(1, wire::WIRE_VARINT)) << 16,
            u128::from(wire::key(2, wire::WIRE_VARINT)),
        );
        let bytes = head | u128::from(seconds) << 24 | key << (8 * len);
        Some(Self { begins: nanos - i64::from(time.nanos()), bytes, len: len + 1 })
    }

    /// The timestamp of so many nanoseconds since 1970, if it is one within this second.
    #[inline(always)]
    fn stamp(&self, nanos: i64) -> Option<Stamp> {
        // Before this second the difference is negative, which becomes a large one.
        let after = nanos.wrapping_sub(self.begins).cast_unsigned();
        if after == 0 || after >= NANOS_PER_SECOND {
            return None;
        }
        let (varint, len) = in_one_store(after);
        let len = self.len + len;
        let all = self.bytes | u128::from(varint) << (8 * self.len) | ((len - 2) as u128) << 8;
        let mut bytes = [0; STAMP];
        bytes[..16].copy_from_slice(&all.to_le_bytes());
        Some(Stamp { bytes, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_one_second_are_the_same_as_one_by_one() {
        const SECOND: i64 = 1_000_000_000;
        let begins =
            [i64::MIN, -2 * SECOND, -1, 0, SECOND, 127 * SECOND, 128 * SECOND, 1_700_000_000 * SECOND];
        let edges =
            [-SECOND, -1, 0, 1, 127, 128, 16_384, 2_097_152, 268_435_456, SECOND - 1, SECOND, SECOND + 1];
        let mut clock = Clock::default();
        for begin in begins.into_iter().chain([i64::MAX - SECOND, i64::MAX - i64::MAX % SECOND]) {
            for nanos in edges.into_iter().map(|edge| begin.saturating_add(edge)) {
                let (same, alone) = (clock.stamp(nanos), Stamp::new(TimeValue::from_timestamp_nanos(nanos)));
                assert_eq!(same.bytes[..same.len], alone.bytes[..alone.len], "{nanos}");
            }
        }
    }
}
