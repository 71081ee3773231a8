//! What happened to a stream, for those who want to know: a bounded queue to poll, to wait for, or to be called from.
//!
//! Nothing depends on an event being read: when the queue is full the oldest one goes, and that is counted. What must
//! not be missed is state (watermarks, metrics, the report), which events only announce.

mod kind;
mod queue;
mod signal;

pub use kind::{Event, EventKind};
pub use queue::Events;
