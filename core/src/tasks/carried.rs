//! What each open or closing gRPC stream carries, until its answer is judged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::ledger::RangeSet;
use crate::stream::segment::Segment;

/// What one gRPC stream carries.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) ids: RangeSet,
    /// Kept for sending again; empty when nothing is kept.
    segments: Vec<Arc<Segment>>,
    allocated: u64,
    /// When the stream was half-closed.
    pub(crate) ended_at: Option<Instant>,
}

/// All streams that may still be confirmed, by number.
#[derive(Debug, Default)]
pub(crate) struct CarriedStreams {
    streams: BTreeMap<u64, Carried>,
    allocated: u64,
}

impl CarriedStreams {
    pub(crate) fn open(&mut self, number: u64) {
        self.streams.insert(number, Carried::default());
    }

    /// A segment was given to the stream `number`; it is kept if `keep`.
    pub(crate) fn add(&mut self, number: u64, segment: &Arc<Segment>, keep: bool) {
        let carried = self.streams.entry(number).or_default();
        carried.ids.insert(segment.ids());
        if keep {
            let allocated = segment.allocated() as u64;
            carried.segments.push(Arc::clone(segment));
            carried.allocated += allocated;
            self.allocated += allocated;
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Carried> {
        self.streams.get(&number)
    }

    /// Whether the stream `number` carries any row.
    pub(crate) fn carries_rows(&self, number: u64) -> bool {
        self.streams.get(&number).is_some_and(|carried| !carried.ids.is_empty())
    }

    pub(crate) fn ended(&mut self, number: u64, at: Instant) {
        if let Some(carried) = self.streams.get_mut(&number) {
            carried.ended_at = Some(at);
        }
    }

    pub(crate) fn remove(&mut self, number: u64) -> Carried {
        let carried = self.streams.remove(&number).unwrap_or_default();
        self.allocated -= carried.allocated;
        carried
    }

    /// Half-closed streams whose answer is awaited.
    pub(crate) fn closing(&self) -> impl Iterator<Item = (u64, Instant)> + '_ {
        self.streams.iter().filter_map(|(&number, carried)| Some((number, carried.ended_at?)))
    }

    /// Memory of the rows that are kept.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.values().all(|carried| carried.ids.is_empty())
    }
}

impl Carried {
    /// Memory of the rows that are kept of this stream.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    /// Puts the kept segments back among those to send, in the order of their IDs.
    pub(crate) fn send_again(self, outbox: &mut VecDeque<Arc<Segment>>) {
        let mut merged: Vec<_> = self.segments.into_iter().chain(outbox.drain(..)).collect();
        merged.sort_by_key(|segment| segment.ids().start);
        outbox.extend(merged);
    }
}
