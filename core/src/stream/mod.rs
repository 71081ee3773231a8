//! The stream as callers hold it, and the intake where their rows become segments.

pub(crate) mod consumer;
pub(crate) mod delivery;
pub(crate) mod disk_progress;
mod host;
pub(crate) mod intake;
pub(crate) mod lane;
mod level;
pub(crate) mod memory;
pub(crate) mod overflow;
pub(crate) mod report;
mod resume;
pub(crate) mod segment;
mod send_columns;
mod send_error;
mod send_values;
mod sift_stream;
pub(crate) mod watched;

pub use level::{Level, Watermarks};
pub use overflow::OverflowPolicy;
pub use report::{FinishError, Report};
pub use send_columns::SendColumnsError;
pub use send_error::{SendError, TrySendError};
pub use sift_stream::SiftStream;
pub(crate) use sift_stream::{Inner, Registration};
