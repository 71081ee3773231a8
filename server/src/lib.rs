//! A local Sift endpoint with scripted faults.
//!
//! [`LocalServer`] offers the gRPC services that a client of Sift needs, checks every row against the registered
//! schema and keeps a [`State`] that tests can question. It runs on a thread of its own, so it serves synchronous
//! tests, tests inside another runtime and, through the `siftstream serve` command, programs in any language.
//!
//! The way of a row: [`connection`] accepts HTTP/2 streams and hands the ingest calls, as raw DATA frames, to
//! [`ingest`], which cuts them into messages ([`frames`]), checks them ([`validate`]) and counts them ([`tally`]).
//! All other calls go to [`control`] through tonic. The ingest calls bypass tonic because [`faults`] need to do
//! what a well-behaved server never does.

mod connection;
mod control;
mod count_only;
mod date;
mod endpoint;
mod fault_flag;
mod faults;
mod filter;
mod frames;
mod gate;
mod id;
mod ingest;
mod local;
mod news;
mod paging;
#[doc(hidden)]
pub mod proto;
mod read_ahead;
mod registry;
mod response;
mod sequence;
mod shared;
mod state;
mod stream_record;
mod tally;
mod tls;
mod unary;
mod validate;
mod value;
mod wire;

pub use date::AnswerDate;
pub use endpoint::Endpoint;
pub use fault_flag::FaultFlag;
pub use faults::{
    ConnectionFault, Effect, Fault, FaultStatus, GoAway, StreamReset, Times, UnaryEffect, UnaryFault, When,
};
pub use gate::Blackhole;
pub use local::{Builder, LocalServer};
pub use registry::RegisteredConfig;
pub use sequence::Sequence;
pub use state::{KeptRow, SchemaError, State};
pub use stream_record::{IngestKind, StreamEnd, StreamRecord};
pub use tally::FlowTally;
pub use tonic::Code;
pub use value::{Value, format_value};
