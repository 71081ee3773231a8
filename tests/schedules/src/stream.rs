//! As in the library.

#[path = "../../../core/src/stream/delivery.rs"]
pub(crate) mod delivery;
#[path = "../../../core/src/stream/disk_progress.rs"]
pub(crate) mod disk_progress;
#[path = "../../../core/src/stream/level.rs"]
pub(crate) mod level;
#[path = "../../../core/src/stream/watched.rs"]
pub(crate) mod watched;
