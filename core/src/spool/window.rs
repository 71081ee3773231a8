//! Chunks that are written but not yet synced, kept so that they can be written again.

use std::collections::VecDeque;
use std::ops::Range;

/// A finished chunk and its rows.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    pub bytes: Vec<u8>,
    pub first_id: u64,
    pub rows: u32,
}

impl Closed {
    pub fn ids(&self) -> Range<u64> {
        self.first_id..self.first_id + u64::from(self.rows)
    }
}

/// The unsynced chunks of the current file, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    chunks: VecDeque<Closed>,
    bytes: usize,
    /// The first ID of the oldest unsynced row.
    first_id: Option<u64>,
}

impl Window {
    pub fn is_empty(&self) -> bool {
        self.first_id.is_none()
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The ID of the oldest unsynced row, kept or not.
    pub fn first_id(&self) -> Option<u64> {
        self.first_id
    }

    /// The first ID of the oldest chunk that is kept.
    pub fn first_kept(&self) -> Option<u64> {
        self.chunks.front().map(|chunk| chunk.first_id)
    }

    pub fn push(&mut self, chunk: Closed) {
        self.first_id.get_or_insert(chunk.first_id);
        self.bytes += chunk.bytes.len();
        self.chunks.push_back(chunk);
    }

    /// Stops keeping the oldest chunks until at most `limit` bytes are kept; returns a buffer to use again.
    pub fn shrink(&mut self, limit: usize) -> Option<Vec<u8>> {
        let mut spare = None;
        while self.bytes > limit {
            let chunk = self.chunks.pop_front()?;
            self.bytes -= chunk.bytes.len();
            spare = Some(chunk.bytes);
        }
        spare
    }

    /// Everything was synced; returns the buffers to use again.
    pub fn clear(&mut self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.bytes = 0;
        self.first_id = None;
        self.chunks.drain(..).map(|chunk| chunk.bytes)
    }

    /// Takes the kept chunks out, to be written again.
    pub fn take(&mut self) -> VecDeque<Closed> {
        self.bytes = 0;
        self.first_id = None;
        std::mem::take(&mut self.chunks)
    }
}
