//! The seams between the library and the world: disk, time, network and threads.
//!
//! Nothing else in the library touches them directly, so tests can replace a disk by one that fails, tears and
//! crashes, time by one that stands still, and the network by one that is simulated.

pub mod clock;
pub mod connector;
pub mod filesystem;
pub(crate) mod process;
pub(crate) mod runtime;
pub(crate) mod sync;
pub(crate) mod threads;
pub(crate) mod worker;
