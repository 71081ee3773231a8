//! Streams telemetry to Sift and never loses a row.

pub mod checkpoint;
pub mod error;
#[doc(hidden)]
pub mod proto;
pub mod seams;
pub mod spool;

pub use error::{DataStatus, Error, ErrorCode, Result};
