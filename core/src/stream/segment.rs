//! Segments: about 16 KiB of whole, length-prefixed rows, shared by wire and disk without a copy.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Buf;

use super::memory::Memory;
use crate::error::Result;
use crate::flow::FlowRun;
use crate::spool::pending::RealIds;

/// The size at which a segment is handed on: HTTP/2's default frame size.
pub(crate) const SEGMENT_SIZE: usize = 16 * 1024;
/// Room for runs of flows in a segment; more than that is counted as memory.
pub(crate) const FLOW_RUNS: usize = 32;
/// The gRPC prefix of each row: a flag and a length of four bytes.
pub(crate) const PREFIX_LEN: usize = 5;

/// Encoded rows with consecutive message IDs. Never changes once it is shared.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    bytes: Memory,
    /// The flows of the rows, in their order.
    flows: Vec<FlowRun>,
    first_id: u64,
    rows: u32,
}

impl Segment {
    pub(crate) fn new(bytes: impl Into<Memory>, flows: Vec<FlowRun>, first_id: u64, rows: u32) -> Self {
        Self { bytes: bytes.into(), flows, first_id, rows }
    }

    /// Makes it a copy of `rows` rows, in the memory that it has. The list of their flows changes hands.
    pub(crate) fn fill(&mut self, bytes: &[u8], flows: &mut Vec<FlowRun>, first_id: u64, rows: u32) {
        self.bytes.clear();
        self.bytes.append(bytes);
        std::mem::swap(&mut self.flows, flows);
        self.first_id = first_id;
        self.rows = rows;
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

    /// The flows of the rows, in their order.
    pub(crate) fn flows(&self) -> &[FlowRun] {
        &self.flows
    }

    /// The same rows with real IDs in the place of placeholders.
    pub(crate) fn with_ids(&self, ids: &RealIds) -> Result<Self> {
        Ok(Self::new(ids.put_into(&self.bytes)?, self.flows.clone(), self.first_id, self.rows))
    }

    /// The first `rows` rows, which are fewer than all, and the others.
    pub(crate) fn split(&self, rows: u32) -> (Self, Self) {
        let mut at = 0;
        for _ in 0..rows {
            let len = self.bytes.get(at + 1..at + PREFIX_LEN).and_then(|len| len.try_into().ok());
            let len = u32::from_be_bytes(len.unwrap_or_default());
            at += PREFIX_LEN + usize::try_from(len).unwrap_or(usize::MAX);
        }
        let (head, tail) = self.bytes.split_at(at.min(self.bytes.len()));
        let second = self.first_id + u64::from(rows);
        let (first_flows, second_flows) = split_runs(&self.flows, rows);
        (
            Self::new(head.to_vec(), first_flows, self.first_id, rows),
            Self::new(tail.to_vec(), second_flows, second, self.rows.saturating_sub(rows)),
        )
    }

    /// What the segment costs in memory, which may be more than its bytes.
    pub(crate) fn allocated(&self) -> usize {
        allocated(&self.bytes, &self.flows)
    }
}

/// What a segment of these costs in memory.
pub(crate) fn allocated(bytes: &Memory, flows: &Vec<FlowRun>) -> usize {
    bytes.capacity() + flows.capacity().saturating_sub(FLOW_RUNS) * size_of::<FlowRun>()
}

/// The flows of the first `rows` rows, and those of the others.
fn split_runs(runs: &[FlowRun], rows: u32) -> (Vec<FlowRun>, Vec<FlowRun>) {
    let (mut first, mut second, mut left) = (Vec::new(), Vec::new(), rows);
    for run in runs {
        let here = run.rows.min(left);
        left -= here;
        let part = |rows: u32| (rows > 0).then_some(FlowRun { rows, ..*run });
        first.extend(part(here));
        second.extend(part(run.rows - here));
    }
    (first, second)
}

/// Rows as HTTP/2 consumes them.
#[derive(Debug)]
pub(crate) struct SegmentBuf {
    rows: Rows,
    position: usize,
}

#[derive(Debug)]
enum Rows {
    Shared(Arc<Segment>),
    Owned(Vec<u8>),
}

impl SegmentBuf {
    pub(crate) fn new(segment: Arc<Segment>) -> Self {
        Self { rows: Rows::Shared(segment), position: 0 }
    }

    /// Bytes that are no segment's: compressed rows, a unary call's message.
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self { rows: Rows::Owned(bytes), position: 0 }
    }

    /// No bytes: carries an END_STREAM.
    pub(crate) fn empty() -> Self {
        Self::owned(Vec::new())
    }

    fn bytes(&self) -> &[u8] {
        match &self.rows {
            Rows::Shared(segment) => &segment.bytes,
            Rows::Owned(bytes) => bytes,
        }
    }
}

impl Buf for SegmentBuf {
    fn remaining(&self) -> usize {
        self.bytes().len() - self.position
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes()[self.position..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "cannot advance past the end of a segment");
        self.position += count;
    }
}

/// Hands out segment memory that all readers have let go of, so that a warm stream allocates nothing.
///
/// Segments are let go of in about the order they were lent, so the oldest one is free if any is. Beside those,
/// spares are kept ready by the consumer: how much is outstanding may still grow, but not on the caller's time. They are
/// used in the order they were made, in which they mostly lie in memory: what reads them gets ahead of itself in the
/// cache, at twice the speed.
#[derive(Debug)]
pub(crate) struct SegmentPool {
    lent: VecDeque<Arc<Segment>>,
    most: usize,
    spares: VecDeque<Arc<Segment>>,
    wanted_spares: usize,
}

/// An empty segment with room for `bytes` of rows, and for so many runs of flows.
pub(crate) fn empty_segment(bytes: usize, runs: usize) -> Arc<Segment> {
    Arc::new(Segment::new(Memory::with_room(bytes), Vec::with_capacity(runs), 0, 0))
}

/// An empty segment with the memory of a full one, and room for so many runs of flows.
pub(crate) fn new_spare(runs: usize) -> Arc<Segment> {
    empty_segment(SEGMENT_SIZE, runs)
}

/// The same with memory that was written to: its first use does not fault.
pub(crate) fn new_touched_spare(runs: usize) -> Arc<Segment> {
    let mut bytes = Memory::with_room(SEGMENT_SIZE);
    bytes.touch();
    Arc::new(Segment::new(bytes, Vec::with_capacity(runs), 0, 0))
}

impl SegmentPool {
    /// Uses the memory of at most `most` segments again and keeps `wanted_spares` ready.
    pub(crate) fn new(most: usize, wanted_spares: usize) -> Self {
        let spares = VecDeque::with_capacity(wanted_spares);
        Self { lent: VecDeque::with_capacity(most), most, spares, wanted_spares }
    }

    /// How many spares are missing.
    pub(crate) fn missing_spares(&self) -> usize {
        self.wanted_spares.saturating_sub(self.spares.len())
    }

    /// Adds spares, as far as they are missing.
    pub(crate) fn add_spares(&mut self, spares: impl IntoIterator<Item = Arc<Segment>>) {
        self.spares.extend(spares.into_iter().take(self.missing_spares()));
    }

    /// Adds spares, more than are kept ready if need be; they are used before those that are there.
    pub(crate) fn add_ready(&mut self, spares: Vec<Arc<Segment>>) {
        spares.into_iter().rev().for_each(|spare| self.spares.push_front(spare));
    }

    /// An empty segment shell, its empty, standard-sized buffer and its empty list of flows.
    pub(crate) fn take(&mut self) -> (Arc<Segment>, Memory, Vec<FlowRun>) {
        let oldest_is_free = self.lent.front_mut().is_some_and(|oldest| Arc::get_mut(oldest).is_some());
        let free = if oldest_is_free { self.lent.pop_front() } else { self.spares.pop_front() };
        let mut shell = free.unwrap_or_else(|| new_spare(FLOW_RUNS));
        let (mut bytes, mut flows) = Arc::get_mut(&mut shell)
            .map(|free| (std::mem::take(&mut free.bytes), std::mem::take(&mut free.flows)))
            .unwrap_or_default();
        bytes.clear();
        flows.clear();
        (shell, bytes, flows)
    }

    /// Remembers a segment that is being handed on, to use its memory again.
    pub(crate) fn lend(&mut self, segment: &Arc<Segment>) {
        if segment.bytes.capacity() == SEGMENT_SIZE && self.lent.len() < self.most {
            self.lent.push_back(Arc::clone(segment));
        }
    }
}
