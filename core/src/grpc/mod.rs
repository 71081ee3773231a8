//! gRPC client streams over HTTP/2 of our own, so that what reached the socket, and in which order answers came,
//! can be told.

mod connection;
mod cork;
mod gzip;
mod observer;
mod status;
mod stream;
mod verdict;

pub(crate) use connection::{Connection, ConnectionSettings};
pub(crate) use gzip::Gzip;
pub(crate) use stream::{IngestCall, IngestStream};
pub(crate) use verdict::{Failure, FailureKind, Verdict, await_verdict};
