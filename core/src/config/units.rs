//! Durations and sizes as people write them.

use std::time::Duration;

/// Longer times than this are cut to it: the clock must not overflow.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Nanoseconds of each unit, the largest first; the first name of a unit is the one that is written.
const TIMES: [(&str, u64); 7] = [
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

const SIZES: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Splits `250ms` into 250 and what the unit stands for.
fn split(text: &str, units: &[(&str, u64)], without: u64) -> Option<(f64, u64)> {
    let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..end].trim_end(), &text[end..]);
    let unit = match unit {
        "" => without,
        unit => units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    Some((number.parse().ok()?, unit))
}

/// A time; a bare number is one of seconds.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text, &TIMES, 1_000_000_000)?;
    if number.fract() == 0.0 && (0.0..9e15).contains(&number) {
        // Whole numbers stay exact.
        let nanos = (number as u128).checked_mul(u128::from(unit))?;
        let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
        let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
        return Some(Duration::new(seconds, rest).min(FOREVER));
    }
    duration_of_seconds(number * (unit as f64 / 1e9))
}

/// A time of so many seconds.
pub(super) fn duration_of_seconds(seconds: f64) -> Option<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Some(duration.min(FOREVER)),
        Err(_) if seconds > 1.0 => Some(FOREVER),
        Err(_) => None,
    }
}

/// The time, cut to what the clock can take.
pub(super) fn bounded(duration: Duration) -> Duration {
    duration.min(FOREVER)
}

/// The time in the largest unit that has no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    // People do not count seconds in hours or minutes until there are many.
    let (name, unit) =
        TIMES[2..].iter().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit))).unwrap_or(&TIMES[6]);
    format!("{}{name}", nanos / u128::from(*unit))
}

/// A number of bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    if let Ok(bytes) = text.parse() {
        return Some(bytes);
    }
    let (number, unit) = split(text, &SIZES, 1)?;
    let bytes = number * unit as f64;
    (bytes.fract() == 0.0 && (0.0..9e15).contains(&bytes)).then_some(bytes as u64)
}

/// The number of bytes in the largest binary unit that has no fraction, if there is one.
pub(super) fn show_size(bytes: u64) -> Option<String> {
    let (name, unit) = SIZES[..4].iter().find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit))?;
    Some(format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5 s", 1_500_000_000),
            ("2", 2_000_000_000),
            ("0.25", 250_000_000),
            ("90us", 90_000),
            ("2min", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("7ns", 7),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse_duration("1000000h"), Some(FOREVER));
        for text in ["", "s", "-1s", "5 parsecs", "nan", "1e"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back_as_it_was() {
        for nanos in [0, 1, 999, 1_500, 1_000_000, 60_000_000_000, 86_400_000_000_000, 1_234_567_891] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        for bytes in [1024, 64 << 20, 500 << 20, 3 << 40] {
            assert_eq!(show_size(bytes).and_then(|text| parse_size(&text)), Some(bytes));
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("64MiB", 64 << 20),
            ("1.5 KiB", 1536),
            ("2MB", 2_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5", "3 furlongs"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
