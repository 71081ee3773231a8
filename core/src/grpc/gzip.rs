//! Compression of rows on their way to the socket. gRPC compresses each message by itself, or not, as its flag says.

use std::fmt;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::stream::segment::PREFIX_LEN;

/// A gzip header (RFC 1952) without a name, a time or a system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The checksum and the length behind the compressed bytes.
const TRAILER_LEN: usize = 8;
const COMPRESSED: u8 = 1;

/// Compresses the messages of one stream, one after the other.
pub(crate) struct Gzip {
    deflate: Compress,
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gzip")
    }
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false) }
    }

    /// The same messages, each compressed if that makes it shorter.
    pub(crate) fn compress(&mut self, messages: &[u8]) -> Vec<u8> {
        let mut compressed = Vec::with_capacity(messages.len());
        let mut rest = messages;
        while let Some((message, behind)) = split_message(rest) {
            if !self.append(&message[PREFIX_LEN..], &mut compressed) {
                compressed.extend_from_slice(message);
            }
            rest = behind;
        }
        compressed.extend_from_slice(rest);
        compressed
    }

    /// Appends the message with its prefix, unless it gets no shorter.
    fn append(&mut self, message: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        out.reserve(PREFIX_LEN + message.len());
        out.extend_from_slice(&[0; PREFIX_LEN]);
        out.extend_from_slice(&HEADER);
        self.deflate.reset();
        let is_whole =
            matches!(self.deflate.compress_vec(message, out, FlushCompress::Finish), Ok(Status::StreamEnd));
        let len = out.len() + TRAILER_LEN - start - PREFIX_LEN;
        let Some(len) = u32::try_from(len).ok().filter(|_| is_whole && len < message.len()) else {
            out.truncate(start);
            return false;
        };
        let mut checksum = Crc::new();
        checksum.update(message);
        out.extend_from_slice(&checksum.sum().to_le_bytes());
        out.extend_from_slice(&checksum.amount().to_le_bytes());
        out[start] = COMPRESSED;
        out[start + 1..start + PREFIX_LEN].copy_from_slice(&len.to_be_bytes());
        true
    }
}

/// The first message with its prefix, and what lies behind it.
fn split_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = bytes.get(1..PREFIX_LEN)?.try_into().ok().map(u32::from_be_bytes)?;
    bytes.split_at_checked(PREFIX_LEN + usize::try_from(len).ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        messages
            .iter()
            .flat_map(|message| {
                let len = u32::try_from(message.len()).unwrap().to_be_bytes();
                [&[0][..], &len, message].concat()
            })
            .collect()
    }

    fn unpacked(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let Some((message, behind)) = split_message(bytes) {
            let mut plain = Vec::new();
            match message[0] {
                0 => plain.extend_from_slice(&message[PREFIX_LEN..]),
                _ => drop(GzDecoder::new(&message[PREFIX_LEN..]).read_to_end(&mut plain).unwrap()),
            }
            messages.push(plain);
            bytes = behind;
        }
        assert!(bytes.is_empty());
        messages
    }

    proptest! {
        #[test]
        fn a_reader_of_gzip_finds_every_message_and_none_got_longer(
            messages in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..400),
                    (any::<u8>(), 0_usize..20_000).prop_map(|(byte, len)| vec![byte; len]),
                ],
                0..20,
            ),
        ) {
            let plain = framed(&messages);
            let compressed = Gzip::new().compress(&plain);
            prop_assert!(compressed.len() <= plain.len());
            prop_assert_eq!(unpacked(&compressed), messages);
        }
    }
}
