//! Rows that are encoded already, such as those of backup files.

use super::{EncodeRow, Encodeable, Encoder, Sealed, wire};
use crate::error::Result;

/// Passes on rows that are encoded already, byte for byte; knows no schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RawEncoder;

/// An encoded `IngestWithConfigDataStreamRequest`. Its bytes are not looked at: Sift refuses what it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedRow<'m> {
    message: &'m [u8],
}

impl<'m> EncodedRow<'m> {
    /// A row from the bytes of its message.
    #[must_use]
    pub fn new(message: &'m [u8]) -> Self {
        Self { message }
    }
}

impl Sealed for RawEncoder {}

impl Encoder for RawEncoder {
    fn method(&self) -> &'static str {
        "/sift.ingest.v1.IngestService/IngestWithConfigDataStream"
    }

    /// A run that is attached takes the place of the one that a row names, because the last value of a field counts.
    fn suffix(&self, run_id: Option<&str>) -> Vec<u8> {
        let mut suffix = Vec::new();
        wire::put_string(&mut suffix, wire::FIELD_RUN_ID, run_id.unwrap_or_default());
        suffix
    }
}

impl EncodeRow for EncodedRow<'_> {
    fn max_len(&self) -> usize {
        self.message.len()
    }

    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        room[..self.message.len()].copy_from_slice(self.message);
        Ok(self.message.len())
    }
}

impl Encodeable<RawEncoder> for EncodedRow<'_> {
    type Row<'a>
        = EncodedRow<'a>
    where
        Self: 'a;

    fn prepare<'a>(&'a self, _: &RawEncoder) -> Result<EncodedRow<'a>> {
        Ok(*self)
    }
}
