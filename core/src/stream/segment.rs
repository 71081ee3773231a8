//! Segments: about 16 KiB of whole, length-prefixed rows, shared by wire and disk without a copy.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Buf;

/// The size at which a segment is handed on: HTTP/2's default frame size.
pub(crate) const SEGMENT_SIZE: usize = 16 * 1024;
/// The gRPC prefix of each row: a flag and a length of four bytes.
pub(crate) const PREFIX_LEN: usize = 5;

/// Encoded rows with consecutive message IDs. Never changes once it is shared.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    bytes: Vec<u8>,
    first_id: u64,
    rows: u32,
}

impl Segment {
    pub(crate) fn new(bytes: Vec<u8>, first_id: u64, rows: u32) -> Self {
        Self { bytes, first_id, rows }
    }

    /// The rows, each with its gRPC prefix.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message IDs of the rows.
    pub(crate) fn ids(&self) -> std::ops::Range<u64> {
        self.first_id..self.first_id + u64::from(self.rows)
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// What the segment costs in memory, which may be more than its bytes.
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A shared segment as HTTP/2 consumes it.
#[derive(Debug)]
pub(crate) struct SegmentBuf {
    segment: Option<Arc<Segment>>,
    position: usize,
}

impl SegmentBuf {
    pub(crate) fn new(segment: Arc<Segment>) -> Self {
        Self { segment: Some(segment), position: 0 }
    }

    /// No bytes: carries an END_STREAM.
    pub(crate) fn empty() -> Self {
        Self { segment: None, position: 0 }
    }
}

impl Buf for SegmentBuf {
    fn remaining(&self) -> usize {
        self.segment.as_ref().map_or(0, |segment| segment.bytes.len() - self.position)
    }

    fn chunk(&self) -> &[u8] {
        self.segment.as_ref().map_or(&[], |segment| &segment.bytes[self.position..])
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "cannot advance past the end of a segment");
        self.position += count;
    }
}

/// Hands out segment memory that all readers have let go of, so that a warm stream allocates nothing.
///
/// Segments leave in the order they came, so looking at the oldest few finds a free one if there is any.
#[derive(Debug)]
pub(crate) struct SegmentPool {
    lent: VecDeque<Arc<Segment>>,
    most: usize,
}

/// How many of the oldest segments are looked at before memory is allocated.
const LOOK_AT: usize = 4;

impl SegmentPool {
    /// Keeps at most `most` segments; what exceeds it is freed by its last reader.
    pub(crate) fn new(most: usize) -> Self {
        Self { lent: VecDeque::with_capacity(most), most }
    }

    /// Allocates and touches `count` segments now, so that the first rows do not.
    pub(crate) fn prefault(&mut self, count: usize) {
        for _ in 0..count.min(self.most.saturating_sub(self.lent.len())) {
            let mut bytes = vec![1_u8; SEGMENT_SIZE];
            bytes.clear();
            self.lent.push_front(Arc::new(Segment::new(bytes, 0, 0)));
        }
    }

    /// An empty segment shell and its empty, standard-sized buffer.
    pub(crate) fn take(&mut self) -> (Arc<Segment>, Vec<u8>) {
        for _ in 0..LOOK_AT.min(self.lent.len()) {
            let Some(mut oldest) = self.lent.pop_front() else { break };
            if let Some(segment) = Arc::get_mut(&mut oldest) {
                let mut bytes = std::mem::take(&mut segment.bytes);
                bytes.clear();
                return (oldest, bytes);
            }
            self.lent.push_back(oldest);
        }
        (Arc::new(Segment::default()), Vec::with_capacity(SEGMENT_SIZE))
    }

    /// Remembers a segment that is being handed on, to use its memory again.
    pub(crate) fn lend(&mut self, segment: &Arc<Segment>) {
        if segment.bytes.capacity() == SEGMENT_SIZE && self.lent.len() < self.most {
            self.lent.push_back(Arc::clone(segment));
        }
    }
}
