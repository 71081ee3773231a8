//! Streams telemetry to Sift and never loses a row.

pub mod connect;
pub mod control;
pub mod error;
#[doc(hidden)]
pub mod proto;
pub mod retry;
pub mod schema;
pub mod seams;

pub use error::{DataStatus, Error, ErrorCode, Result};
