//! Counts messages by walking their length prefixes, without looking at what they carry.

use crate::frames::PREFIX;

/// Where the walk stands between two pieces of a body.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    prefix: [u8; PREFIX],
    prefix_len: usize,
    /// Bytes of the current message that have not arrived.
    body_left: usize,
}

/// What a call to [`FrameCounter::walk`] got through.
#[derive(Debug, PartialEq)]
pub(crate) struct Walked {
    /// Messages that became whole.
    pub(crate) rows: u64,
    /// Bytes of the piece that were used.
    pub(crate) used: usize,
}

impl FrameCounter {
    /// Whether the body so far ends inside a message.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.prefix_len > 0
    }

    /// Walks `piece` to its end, or until `max_rows` messages became whole.
    pub(crate) fn walk(&mut self, piece: &[u8], max_rows: u64) -> Walked {
        let mut rows = 0;
        let mut at = 0;
        while rows < max_rows {
            if self.prefix_len == 0
                && let Some(end) = end_of_whole(piece, at)
            {
                at = end;
                rows += 1;
                continue;
            }
            if self.prefix_len < PREFIX {
                let missing = (PREFIX - self.prefix_len).min(piece.len() - at);
                self.prefix[self.prefix_len..self.prefix_len + missing]
                    .copy_from_slice(&piece[at..at + missing]);
                self.prefix_len += missing;
                at += missing;
                if self.prefix_len < PREFIX {
                    break;
                }
                let [_, length @ ..] = self.prefix;
                self.body_left = u32::from_be_bytes(length) as usize;
            }
            let here = self.body_left.min(piece.len() - at);
            self.body_left -= here;
            at += here;
            if self.body_left > 0 {
                break;
            }
            self.prefix_len = 0;
            rows += 1;
        }
        Walked { rows, used: at }
    }
}

/// Where the message ends that begins at `at`, if all of it is there: nearly all are.
fn end_of_whole(piece: &[u8], at: usize) -> Option<usize> {
    let [_, length @ ..] = *piece[at..].first_chunk::<PREFIX>()?;
    let end = at + PREFIX + u32::from_be_bytes(length) as usize;
    (end <= piece.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::{FrameCounter, Walked};

    #[test]
    fn the_count_does_not_depend_on_how_the_body_is_cut() {
        let body: Vec<u8> =
            (0..20u8).flat_map(|len| [vec![0, 0, 0, 0, len], vec![7; usize::from(len)]].concat()).collect();
        for size in 1..=body.len() {
            let mut counter = FrameCounter::default();
            let rows: u64 = body.chunks(size).map(|piece| counter.walk(piece, u64::MAX).rows).sum();
            assert_eq!(rows, 20, "pieces of {size}");
        }
        let mut counter = FrameCounter::default();
        assert_eq!(counter.walk(&body, 2), Walked { rows: 2, used: 11 });
        assert_eq!(counter.walk(&body[11..], u64::MAX), Walked { rows: 18, used: body.len() - 11 });
    }
}
