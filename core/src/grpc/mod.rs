//! gRPC over HTTP/2, as its client: ingest streams, of which can be told what reached the socket and in which order
//! answers came, and unary calls.

mod code;
mod connection;
mod cork;
mod gzip;
mod observer;
mod request;
mod status;
mod stream;
mod unary;
mod verdict;

pub(crate) use code::Code;
pub(crate) use connection::{Connection, ConnectionSettings};
pub(crate) use gzip::Gzip;
pub(crate) use request::Caller;
pub(crate) use status::GrpcStatus;
pub(crate) use stream::IngestStream;
pub(crate) use unary::{time_limit, unary};
pub(crate) use verdict::{Failure, FailureKind, Verdict, await_verdict};
