//! Sift's unary API: what has to be known, or made known, before rows can flow.
//!
//! [`SiftControl`] is the one handle. Every call is one of the `methods` and goes through
//! `call`, which adds the key, bounds the time, retries what is worth it and turns a gRPC status into an
//! [`Error`](crate::Error).

mod assets;
mod call;
mod client;
mod configs;
mod filter;
mod flows;
mod last_words;
mod line;
mod methods;
mod pages;
mod probe;
mod runs;
mod status;

pub use client::{ControlOptions, SiftControl};
pub use configs::Registered;
pub use filter::{equals, one_of};
pub(crate) use flows::flow_mismatch;
pub use probe::{Probe, ProbeAnswer};
pub use status::{RetryClass, classify, decode_status_details, to_error};
