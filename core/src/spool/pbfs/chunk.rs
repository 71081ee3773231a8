//! Builds chunks out of rows that are already encoded.
//!
//! Rows arrive with the 5-byte prefix of gRPC and leave with the 4-byte size of PBFS: this copy is the only one that
//! the disk path makes.

use super::{CHUNK_HEADER, MAX_CHUNK};
use crate::error::{Error, ErrorCode, Result};

const GRPC_PREFIX: usize = 5;

/// The rows of a segment in gRPC framing: one flag byte, a big-endian length, the message.
#[derive(Debug, Clone)]
pub struct GrpcRows<'a> {
    rest: &'a [u8],
}

impl<'a> GrpcRows<'a> {
    /// The rows in `segment`.
    #[must_use]
    pub fn new(segment: &'a [u8]) -> Self {
        Self { rest: segment }
    }
}

impl<'a> Iterator for GrpcRows<'a> {
    type Item = Result<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((prefix, rest)) = self.rest.split_first_chunk::<GRPC_PREFIX>() else {
            self.rest = &[];
            return Some(Err(malformed("ends inside a row's prefix")));
        };
        let [flag, len @ ..] = *prefix;
        let len = u32::from_be_bytes(len) as usize;
        if flag != 0 || len > rest.len() {
            self.rest = &[];
            let what = if flag == 0 { "ends inside a row" } else { "holds a compressed row" };
            return Some(Err(malformed(what)));
        }
        let (message, rest) = rest.split_at(len);
        self.rest = rest;
        Some(Ok(message))
    }
}

fn malformed(what: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("a segment {what}; pass whole, uncompressed gRPC messages"),
    )
}

/// A chunk in the making.
#[derive(Debug, Default)]
pub struct ChunkBuilder {
    buf: Vec<u8>,
    rows: u32,
}

impl ChunkBuilder {
    /// An empty chunk that will reuse `buf`.
    #[must_use]
    pub fn with_buffer(mut buf: Vec<u8>) -> Self {
        buf.clear();
        Self { buf, rows: 0 }
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Its length in a file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len().max(CHUNK_HEADER)
    }

    /// Adds one message.
    pub fn push(&mut self, message: &[u8]) -> Result<()> {
        if self.buf.is_empty() {
            self.buf.resize(CHUNK_HEADER, 0);
        }
        let size = u32::try_from(message.len()).map_err(|_| too_large(message.len()))?;
        if (self.buf.len() + 4 + message.len() - CHUNK_HEADER) as u64 > MAX_CHUNK {
            return Err(too_large(message.len()));
        }
        self.buf.reserve(4 + message.len());
        self.buf.extend_from_slice(&size.to_le_bytes());
        self.buf.extend_from_slice(message);
        self.rows += 1;
        Ok(())
    }

    /// Adds the rows of a gRPC-framed segment, all or none; returns how many.
    pub fn push_grpc(&mut self, segment: &[u8]) -> Result<u32> {
        let (len, rows) = (self.buf.len(), self.rows);
        self.buf.reserve(CHUNK_HEADER + segment.len());
        for message in GrpcRows::new(segment) {
            if let Err(error) = message.and_then(|message| self.push(message)) {
                self.buf.truncate(len);
                self.rows = rows;
                return Err(error);
            }
        }
        Ok(self.rows - rows)
    }

    /// Adds the rows of a gRPC-framed segment, all or none; it must hold as many as announced. Reads each byte once, in
    /// order, for it may come from another processor's cache.
    pub(crate) fn push_rows(&mut self, segment: &[u8], announced: u32) -> Result<()> {
        let (len, before) = (self.buf.len(), self.rows);
        let rows = self.push_grpc(segment)?;
        if rows != announced {
            self.buf.truncate(len);
            self.rows = before;
            return Err(miscounted(rows, announced));
        }
        Ok(())
    }

    /// Writes the header; the result is the chunk as it stands in a file.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.buf.resize(self.len(), 0);
        let length = (self.buf.len() - CHUNK_HEADER) as u64;
        self.buf[4..CHUNK_HEADER].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&self.buf[4..]);
        self.buf[..4].copy_from_slice(&crc.to_le_bytes());
        self.buf
    }
}

/// Whether a segment holds as many rows as announced, each small enough for a chunk.
pub(crate) fn check_rows(segment: &[u8], announced: u32) -> Result<()> {
    let mut rows = 0;
    for row in GrpcRows::new(segment) {
        let len = row?.len();
        if (4 + len) as u64 > MAX_CHUNK {
            return Err(too_large(len));
        }
        rows += 1;
    }
    if rows == announced { Ok(()) } else { Err(miscounted(rows, announced)) }
}

fn miscounted(rows: u32, announced: u32) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("a segment of {rows} rows was announced as {announced} rows"),
    )
}

fn too_large(len: usize) -> Error {
    Error::new(
        ErrorCode::RowTooLarge,
        format!("a row of {len} bytes does not fit into a chunk of {MAX_CHUNK} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_segment_leaves_the_chunk_as_it_was() {
        let mut chunk = ChunkBuilder::default();
        chunk.push(b"good").unwrap();
        let before = chunk.buf.clone();
        for bad in [&b"\0\0\0\0\x01a\0\0\0\0\x09short"[..], b"\x01\0\0\0\0", b"\0\0"] {
            assert_eq!(chunk.push_grpc(bad).unwrap_err().code(), ErrorCode::InvalidArgument);
            assert_eq!((&chunk.buf, chunk.rows), (&before, 1));
        }
        let two = b"\0\0\0\0\x01a\0\0\0\0\0";
        assert_eq!(chunk.push_rows(two, 3).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!((&chunk.buf, chunk.rows), (&before, 1));
        chunk.push_rows(two, 2).unwrap();
        assert_eq!(chunk.rows, 3);
    }
}
