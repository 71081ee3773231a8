//! The confirmation rule: whether an OK confirms what its stream carried.

use std::time::Duration;

/// What was seen on the wire of a stream that was answered with OK.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Our END_STREAM was flushed to the socket. That the body had ended, or that HTTP/2 had taken it, says nothing.
    pub end_written: bool,
    /// A byte of the answer had arrived before the write that completed our END_STREAM.
    pub answered_before_end: bool,
    /// From the beginning of that write to the answer; none if no answer was seen.
    pub end_to_answer: Option<Duration>,
    /// The shortest round trip that the kernel has seen on the connection, if it tells.
    pub shortest_round_trip: Option<Duration>,
    /// The server reset the stream behind its answer: it had not taken our END_STREAM (RFC 9113, 8.1).
    pub reset_behind: bool,
}

/// Whether a server that answered OK must have received our END_STREAM.
///
/// An answer that was on its way while we half-closed looks right in its order; but it comes sooner after our write
/// than any answer to that write could.
#[must_use]
pub fn is_confirmation(seen: &Evidence) -> bool {
    let Some(elapsed) = seen.end_to_answer else { return false };
    let too_soon = seen.shortest_round_trip.is_some_and(|shortest| elapsed < shortest);
    seen.end_written && !seen.answered_before_end && !too_soon && !seen.reset_behind
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination of what can be seen: only one of them confirms.
    #[test]
    fn only_an_answer_to_a_written_end_confirms() {
        let round_trip = Duration::from_micros(300);
        let answers =
            [None, Some(Duration::ZERO), Some(round_trip - Duration::from_nanos(1)), Some(round_trip)];
        let mut confirmed = Vec::new();
        for bits in 0..16_u32 {
            for end_to_answer in answers {
                let bit = |at: u32| bits >> at & 1 == 1;
                let seen = Evidence {
                    end_written: bit(0),
                    answered_before_end: bit(1),
                    reset_behind: bit(2),
                    shortest_round_trip: bit(3).then_some(round_trip),
                    end_to_answer,
                };
                if is_confirmation(&seen) {
                    confirmed.push(seen);
                }
            }
        }
        assert!(
            confirmed.iter().all(|seen| seen.end_written && !seen.answered_before_end && !seen.reset_behind)
        );
        let unknown: Vec<_> = confirmed.iter().filter(|seen| seen.shortest_round_trip.is_none()).collect();
        let known: Vec<_> = confirmed.iter().filter(|seen| seen.shortest_round_trip.is_some()).collect();
        assert_eq!(unknown.len(), 3, "without a round trip, any answer behind the end");
        assert_eq!(known.len(), 1, "with one, only an answer that is not sooner: {known:?}");
        assert_eq!(known[0].end_to_answer, Some(round_trip));
    }
}
