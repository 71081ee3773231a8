//! Cuts a gRPC body into messages: one flag byte, a big-endian length, the message.

use bytes::{Buf, Bytes, BytesMut};
use flate2::read::GzDecoder;
use std::io::Read;
use tonic::Status;

/// Bytes before each message.
pub(crate) const PREFIX: usize = 5;

/// Messages larger than this are refused, before or after decompression.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Yields the messages of a body that arrives in arbitrary pieces. A message that lies within one piece is not copied.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    piece: Bytes,
    carry: BytesMut,
}

impl Frames {
    /// Adds the next piece of the body; the previous one must have been read to its end or handed back by `leftover`.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.piece = piece;
    }

    /// The unread part of the current piece, taken back by a reader that stops early.
    pub(crate) fn leftover(&mut self) -> Bytes {
        std::mem::take(&mut self.piece)
    }

    /// Whether the body so far ends inside a message.
    pub(crate) fn is_mid_message(&self) -> bool {
        !self.carry.is_empty()
    }

    /// The next whole message; `None` when more of the body is needed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if self.carry.is_empty() {
            let Some(total) = frame_length(&self.piece)?.filter(|&total| total <= self.piece.len()) else {
                self.carry.extend_from_slice(&self.piece);
                self.piece.clear();
                return Ok(None);
            };
            return open(self.piece.split_to(total)).map(Some);
        }
        self.fill_carry(PREFIX);
        let Some(total) = frame_length(&self.carry)? else { return Ok(None) };
        self.fill_carry(total);
        if self.carry.len() < total {
            return Ok(None);
        }
        open(self.carry.split().freeze()).map(Some)
    }

    fn fill_carry(&mut self, wanted: usize) {
        let missing = wanted.saturating_sub(self.carry.len()).min(self.piece.len());
        self.carry.extend_from_slice(&self.piece[..missing]);
        self.piece.advance(missing);
    }
}

/// The length of the frame that starts `bytes`, prefix included, if its prefix is there.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Status> {
    let Some(&[_, a, b, c, d]) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MAX_MESSAGE {
        return Err(Status::resource_exhausted(format!(
            "a message of {length} bytes is over the {MAX_MESSAGE} limit"
        )));
    }
    Ok(Some(PREFIX + length))
}

/// The message in a whole frame, decompressed if its flag says so.
fn open(mut frame: Bytes) -> Result<Bytes, Status> {
    let flag = frame[0];
    frame.advance(PREFIX);
    match flag {
        0 => Ok(frame),
        1 => {
            let mut plain = Vec::new();
            let mut decoder = GzDecoder::new(&frame[..]).take(MAX_MESSAGE as u64 + 1);
            decoder
                .read_to_end(&mut plain)
                .map_err(|error| Status::internal(format!("a compressed message is damaged: {error}")))?;
            if plain.len() > MAX_MESSAGE {
                return Err(Status::resource_exhausted("a message is too large after decompression"));
            }
            Ok(plain.into())
        }
        flag => Err(Status::internal(format!("message flag {flag} is neither 0 nor 1"))),
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;
    use bytes::Bytes;

    #[test]
    fn messages_survive_every_way_of_cutting_the_body() {
        let messages: [&[u8]; 4] = [b"", b"a", b"hello", b"the last one"];
        let body: Vec<u8> = messages
            .iter()
            .flat_map(|m| [&[0][..], &u32::try_from(m.len()).unwrap().to_be_bytes(), m].concat())
            .collect();
        for size in 1..=body.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in body.chunks(size) {
                frames.push(Bytes::copy_from_slice(piece));
                while let Some(message) = frames.next().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, messages, "pieces of {size}");
            assert!(!frames.is_mid_message());
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_taken() {
        let mut frames = Frames::default();
        frames.push(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]));
        assert!(frames.next().is_err());
    }
}
