//! Streams telemetry to Sift and never loses a row.

pub mod error;
#[doc(hidden)]
pub mod proto;

pub use error::{DataStatus, Error, ErrorCode, Result};
