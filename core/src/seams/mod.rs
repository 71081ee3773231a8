//! The seams between the library and the world: disk and time.
//!
//! Nothing else in the library touches them directly, so tests can replace a disk by one that fails, tears and
//! crashes, and time by one that stands still.

pub mod clock;
pub mod filesystem;
