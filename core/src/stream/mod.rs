//! The stream as callers hold it, and the intake where their rows become segments.

pub(crate) mod delivery;
pub(crate) mod intake;
pub(crate) mod lane;
pub(crate) mod report;
pub(crate) mod segment;
mod send_error;
mod sift_stream;

pub use report::{FinishError, Report};
pub use send_error::{SendError, TrySendError};
pub use sift_stream::SiftStream;
pub(crate) use sift_stream::{Inner, Registration};
