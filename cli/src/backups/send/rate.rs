//! How fast rows may go.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// What was not used for so long is not made up for: a pause must not end in a burst.
const MOST_BEHIND: Duration = Duration::from_millis(200);

/// A limit: so many rows, or so many bytes of rows, in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    Rows(f64),
    Bytes(f64),
}

impl FromStr for Rate {
    type Err = String;

    /// `5000` and `5000rows` are rows, `2MB` and `512KiB` are bytes; each may end in `/s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no rate: give rows such as 5000, or bytes such as 2MB or 512KiB");
        let text = text.strip_suffix("/s").unwrap_or(text);
        let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit);
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        if !number.is_finite() || number <= 0.0 {
            return Err(wrong());
        }
        let factor = match unit {
            "" | "rows" => return Ok(Self::Rows(number)),
            "B" => 1.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(wrong()),
        };
        Ok(Self::Bytes(number * factor))
    }
}

/// Says when the next row may go.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// When a row may go.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Takes note of a row that went at `now`.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) {
        let seconds = match self.rate {
            Rate::Rows(rate) => 1.0 / rate,
            Rate::Bytes(rate) => bytes as f64 / rate,
        };
        let earliest = now.checked_sub(MOST_BEHIND).unwrap_or(now);
        // A rate so low that its wait is out of range means never.
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        self.next = self.next.max(earliest) + wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_with_its_unit_and_nonsense_is_refused() {
        let rate = |text: &str| text.parse::<Rate>().ok();
        assert_eq!(rate("5000"), Some(Rate::Rows(5000.0)));
        assert_eq!(rate("2.5rows/s"), Some(Rate::Rows(2.5)));
        assert_eq!(rate("2MB"), Some(Rate::Bytes(2e6)));
        assert_eq!(rate("512KiB/s"), Some(Rate::Bytes(524_288.0)));
        for text in ["", "0", "-1", "fast", "1parsec", "nan", "inf", "MB", "1e999"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for_by_a_burst() {
        let mut pace = Pace::new(Rate::Rows(1000.0));
        let later = pace.next() + Duration::from_secs(60);
        pace.spend(later, 1);
        assert!(pace.next() + MOST_BEHIND >= later);
        let mut bytes = Pace::new(Rate::Bytes(100.0));
        let now = bytes.next();
        bytes.spend(now, 250);
        assert_eq!(bytes.next() - now, Duration::from_millis(2500));
    }
}
