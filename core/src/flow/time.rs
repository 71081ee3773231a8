//! The moment a row belongs to.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorCode, Result};

/// The first second that Sift's timestamps can hold: 0001-01-01T00:00:00Z.
const MIN_SECONDS: i64 = -62_135_596_800;
/// The last second that Sift's timestamps can hold: 9999-12-31T23:59:59Z.
const MAX_SECONDS: i64 = 253_402_300_799;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A UTC timestamp with nanosecond resolution, between the years 1 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeValue {
    seconds: i64,
    nanos: u32,
}

impl Default for TimeValue {
    fn default() -> Self {
        Self::now()
    }
}

impl TimeValue {
    /// The current time of the system clock.
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self { seconds: since.as_secs().cast_signed(), nanos: since.subsec_nanos() },
            Err(before) => Self::from_timestamp_nanos(
                i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
            ),
        }
    }

    /// `seconds` since 1970 (negative before it) and `nanos` (0 to 999,999,999) after that second.
    pub fn try_from_timestamp(seconds: i64, nanos: u32) -> Result<Self> {
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) || i64::from(nanos) >= NANOS_PER_SECOND {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "timestamp {seconds} s + {nanos} ns is outside the years 1 to 9999 or has 1,000,000,000 ns \
                     or more: give seconds and nanoseconds since 1970-01-01T00:00:00Z"
                ),
            ));
        }
        Ok(Self { seconds, nanos })
    }

    /// Milliseconds since 1970.
    pub fn try_from_timestamp_millis(millis: i64) -> Result<Self> {
        let nanos = u32::try_from(millis.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
        Self::try_from_timestamp(millis.div_euclid(1_000), nanos)
    }

    /// Microseconds since 1970.
    pub fn try_from_timestamp_micros(micros: i64) -> Result<Self> {
        let nanos = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0) * 1_000;
        Self::try_from_timestamp(micros.div_euclid(1_000_000), nanos)
    }

    /// Nanoseconds since 1970: each `i64` is a valid time.
    #[inline(always)]
    pub fn from_timestamp_nanos(nanos: i64) -> Self {
        Self {
            seconds: nanos.div_euclid(NANOS_PER_SECOND),
            nanos: u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or(0),
        }
    }

    /// Nanoseconds since 1970; the nearest that an `i64` can hold.
    pub fn timestamp_nanos(self) -> i64 {
        let nanos = i128::from(self.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whole seconds since 1970, negative before it.
    #[inline(always)]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`seconds`](Self::seconds).
    #[inline(always)]
    pub fn nanos(self) -> u32 {
        self.nanos
    }
}
