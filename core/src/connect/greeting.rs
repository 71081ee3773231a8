//! How much a client may say in plaintext before it knows to whom it speaks.
//!
//! An HTTP/2 server says its SETTINGS as soon as it was greeted, so nothing is lost by waiting for them before the first
//! request: and a port that speaks TLS, or something else, never gets to see the API key.

/// The first words of an HTTP/2 client; its SETTINGS follow.
const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;
const LENGTH: std::ops::Range<usize> = PREFACE..PREFACE + 3;

/// The preface and the SETTINGS of a client, as they are written.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    passed: usize,
    length: [u8; 3],
}

impl Greeting {
    /// How many of the next bytes belong to the greeting.
    pub(super) fn allowed(&self, next: &[u8]) -> usize {
        // What tells the length goes first.
        let end = if self.passed < LENGTH.end { LENGTH.end } else { self.end() };
        next.len().min(end.saturating_sub(self.passed))
    }

    fn end(&self) -> usize {
        let [high, middle, low] = self.length.map(usize::from);
        PREFACE + FRAME_HEADER + (high << 16 | middle << 8 | low)
    }

    /// These bytes were written.
    pub(super) fn pass(&mut self, written: &[u8]) {
        for (at, byte) in (self.passed..).zip(written).filter(|(at, _)| LENGTH.contains(at)) {
            self.length[at - LENGTH.start] = *byte;
        }
        self.passed += written.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_and_the_settings_pass_in_pieces_of_any_size_and_nothing_behind_them() {
        let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        said.extend([0, 0, 12, 4, 0, 0, 0, 0, 0]);
        said.extend([0; 12]);
        let greeting_ends = said.len();
        said.extend(b"and the key");
        for piece in 1..=said.len() {
            let (mut greeting, mut at) = (Greeting::default(), 0);
            loop {
                let next = &said[at..said.len().min(at + piece)];
                let allowed = greeting.allowed(next);
                if allowed == 0 {
                    break;
                }
                greeting.pass(&next[..allowed]);
                at += allowed;
            }
            assert_eq!(at, greeting_ends, "in pieces of {piece}");
        }
    }
}
