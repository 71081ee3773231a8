//! The compact form of a checkpoint.
//!
//! ```text
//! checkpoint = stream:str sequence:u64 created_at:i64 has_watermark:u8 watermark:i64 row_count:u64
//!              states:u32 (name:str blob:bytes)*  metadata:u32 (key:str value:str)*  [offsets:u32 (source:str offset:u64)*]
//! str, bytes = len:u32 byte*                       little-endian
//! ```
//! The offsets stand last, and may be missing altogether: then there are none.

use super::CheckpointState;
use crate::error::{Error, ErrorCode, Result};
use std::collections::BTreeMap;

impl CheckpointState {
    /// The compact form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        put_bytes(&mut out, self.stream.as_bytes());
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.created_at.to_le_bytes());
        out.push(u8::from(self.event_time_watermark.is_some()));
        out.extend(self.event_time_watermark.unwrap_or(0).to_le_bytes());
        out.extend(self.row_count.to_le_bytes());
        put_count(&mut out, self.state.len());
        for (name, blob) in &self.state {
            put_bytes(&mut out, name.as_bytes());
            put_bytes(&mut out, blob);
        }
        put_count(&mut out, self.metadata.len());
        for (key, value) in &self.metadata {
            put_bytes(&mut out, key.as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
        put_count(&mut out, self.offsets.len());
        for (source, offset) in &self.offsets {
            put_bytes(&mut out, source.as_bytes());
            out.extend(offset.to_le_bytes());
        }
        out
    }

    /// Reads the compact form; [`ErrorCode::Corrupt`] if it is cut short or malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Input { rest: bytes };
        let stream = input.text()?;
        let sequence = input.u64()?;
        let created_at = input.i64()?;
        let has_watermark = input.take(1)?[0];
        if has_watermark > 1 {
            return Err(corrupt("holds a flag that is neither 0 nor 1"));
        }
        let watermark = input.i64()?;
        let row_count = input.u64()?;
        let state = input.map(|input| input.bytes().map(<[u8]>::to_vec))?;
        let metadata = input.map(Input::text)?;
        let offsets = if input.rest.is_empty() { BTreeMap::new() } else { input.map(Input::u64)? };
        if !input.rest.is_empty() {
            return Err(corrupt("is followed by bytes that do not belong to it"));
        }
        let event_time_watermark = (has_watermark == 1).then_some(watermark);
        Ok(Self { stream, sequence, created_at, event_time_watermark, row_count, offsets, state, metadata })
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend(bytes);
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorCode::Corrupt, format!("a stored checkpoint {what}"))
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| corrupt("is cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| corrupt("is cut short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = u32::from_le_bytes(self.array()?);
        self.take(len as usize)
    }

    fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| corrupt("holds a name that is not UTF-8"))
    }

    fn map<V>(&mut self, value: impl Fn(&mut Self) -> Result<V>) -> Result<BTreeMap<String, V>> {
        let count = u32::from_le_bytes(self.array()?);
        let mut map = BTreeMap::new();
        for _ in 0..count {
            map.insert(self.text()?, value(self)?);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CheckpointState {
        CheckpointState {
            stream: "default".into(),
            sequence: 7,
            created_at: -5,
            event_time_watermark: Some(i64::MIN),
            row_count: u64::MAX,
            offsets: [("serial".to_owned(), 9), ("udp".to_owned(), 1 << 40)].into(),
            state: [("filter".to_owned(), vec![0, 255])].into(),
            metadata: [("rig".to_owned(), "ä".to_owned())].into(),
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for state in [sample(), CheckpointState::default()] {
            assert_eq!(CheckpointState::decode(&state.encode()).unwrap(), state);
        }
    }

    #[test]
    fn missing_offsets_are_none_and_every_other_truncation_is_an_error() {
        let bytes = sample().encode();
        let offsets = 4 + (4 + 6 + 8) + (4 + 3 + 8);
        for cut in 0..bytes.len() {
            match CheckpointState::decode(&bytes[..cut]) {
                Ok(state) => {
                    assert_eq!(cut, bytes.len() - offsets);
                    assert_eq!(state, CheckpointState { offsets: BTreeMap::new(), ..sample() });
                }
                Err(error) => assert_eq!(error.code(), ErrorCode::Corrupt),
            }
        }
    }
}
