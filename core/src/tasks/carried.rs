//! The segments that open or closing gRPC streams carry, kept until their answers are judged, and when each was closed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::flow::FlowCounts;
use crate::ledger::StreamNumber;
use crate::stream::segment::Segment;

/// What is kept of one gRPC stream.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// For sending again; empty when nothing is kept in memory.
    segments: Vec<Arc<Segment>>,
    allocated: u64,
    /// Rows and bytes given to it.
    rows: u64,
    bytes: u64,
    flows: FlowCounts,
    /// When the stream was opened, and when it was half-closed.
    opened_at: Option<Instant>,
    /// How often the schema had been registered again by then.
    generation: u64,
    /// Its rows have it to themselves, because Sift rejects some of them.
    is_isolated: bool,
    ended_at: Option<Instant>,
}

/// All streams that may still be confirmed, by number.
#[derive(Debug, Default)]
pub(crate) struct CarriedStreams {
    streams: BTreeMap<StreamNumber, Carried>,
    allocated: u64,
}

impl CarriedStreams {
    pub(crate) fn open(&mut self, number: StreamNumber, at: Instant, generation: u64) {
        self.streams.insert(number, Carried { opened_at: Some(at), generation, ..Carried::default() });
    }

    /// A segment was given to the stream `number`; it is kept if `keep`.
    pub(crate) fn add(&mut self, number: StreamNumber, segment: &Arc<Segment>, keep: bool) {
        let carried = self.streams.entry(number).or_default();
        carried.rows += u64::from(segment.rows());
        carried.bytes += segment.bytes().len() as u64;
        carried.flows.add_all(segment.flows());
        if keep {
            let allocated = segment.allocated() as u64;
            carried.segments.push(Arc::clone(segment));
            carried.allocated += allocated;
            self.allocated += allocated;
        }
    }

    /// The stream `number` carries suspect rows.
    pub(crate) fn isolates(&mut self, number: StreamNumber) {
        self.streams.entry(number).or_default().is_isolated = true;
    }

    pub(crate) fn get(&self, number: StreamNumber) -> Option<&Carried> {
        self.streams.get(&number)
    }

    pub(crate) fn ended(&mut self, number: StreamNumber, at: Instant) {
        if let Some(carried) = self.streams.get_mut(&number) {
            carried.ended_at = Some(at);
        }
    }

    pub(crate) fn remove(&mut self, number: StreamNumber) -> Carried {
        let carried = self.streams.remove(&number).unwrap_or_default();
        self.allocated -= carried.allocated;
        carried
    }

    /// Half-closed streams whose answer is awaited.
    pub(crate) fn closing(&self) -> impl Iterator<Item = (StreamNumber, Instant)> + '_ {
        self.streams.iter().filter_map(|(&number, carried)| Some((number, carried.ended_at?)))
    }

    /// Memory of the rows that are kept.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }
}

impl Carried {
    /// Memory of the rows that are kept of this stream.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    /// How many rows the stream was given.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes the stream was given.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many rows of each flow the stream was given.
    pub(crate) fn flows(&self) -> &FlowCounts {
        &self.flows
    }

    /// How long ago the stream was opened.
    pub(crate) fn age(&self) -> Duration {
        self.opened_at.map(|at| at.elapsed()).unwrap_or_default()
    }

    /// The generation of the schema that the stream was opened in.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn is_isolated(&self) -> bool {
        self.is_isolated
    }

    /// The kept segments.
    pub(crate) fn into_segments(self) -> Vec<Arc<Segment>> {
        self.segments
    }

    /// Puts the kept segments back among those to send, in the order of their IDs.
    pub(crate) fn send_again(self, outbox: &mut VecDeque<Arc<Segment>>) {
        let mut merged: Vec<_> = self.segments.into_iter().chain(outbox.drain(..)).collect();
        merged.sort_unstable_by_key(|segment| segment.ids().start);
        outbox.extend(merged);
    }
}
