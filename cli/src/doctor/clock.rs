//! Compares this machine's clock with the endpoint's.
//!
//! An answer tells the second in which it was given, and it was given between the moments at which the request left and
//! the answer came. So the difference of the clocks is known to half a second and half of the round trip.

use super::finding::Finding;
use serde_json::json;
use siftstream::control::ProbeAnswer;
use std::time::SystemTime;

pub(super) const CLOCK: &str = "clock";

/// By how much the clocks may differ, in seconds.
const TOLERANCE: f64 = 1.0;

/// What an answer tells of the clocks.
pub(super) fn finding(answer: Option<&ProbeAnswer>) -> Finding {
    let dated = answer.and_then(|answer| Some((answer, answer.date?)));
    let Some((answer, date)) = dated else {
        let message =
            "cannot tell: the answer has no `date`; check that this machine's clock is synchronised";
        return Finding::warn(CLOCK, message);
    };
    let least = seconds(answer.received, date);
    let most = seconds(answer.sent, date) + 1.0;
    let (ahead, doubt) = ((least + most) / 2.0, (most - least) / 2.0);
    let values = json!({ "endpoint_ahead_s": round(ahead), "uncertainty_s": round(doubt) });
    let by = format!("{:.1} s ± {doubt:.1} s", ahead.abs());
    if ahead.abs() - doubt <= TOLERANCE {
        return Finding::ok(CLOCK, format!("agrees with the endpoint's (difference {by})")).with(values);
    }
    let direction = if ahead > 0.0 { "behind" } else { "ahead of" };
    let message = format!(
        "this machine's clock is {by} {direction} the endpoint's: rows get wrong times, and certificates may count as \
         expired; synchronise it (NTP)"
    );
    Finding::fail(CLOCK, message).with(values)
}

/// From `from` to `to`, negative if `to` is earlier.
fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(later) => later.as_secs_f64(),
        Err(earlier) => -earlier.duration().as_secs_f64(),
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
