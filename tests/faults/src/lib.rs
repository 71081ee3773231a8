//! The fault matrix: cells that each stream rows through one misbehaviour of network or server, and an oracle that
//! compares what the client says with what the server took.
//!
//! [`cell`] describes a cell, [`bench`] carries it out over a stream of some [`mode`], [`restart`] lets a second stream
//! send what the first one left on [`disk`], [`oracle`] judges, [`matrix`] runs many cells at once and prints the table.
//! [`rows`] says what every row must look like.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a helper that fails fails its test")]

pub mod bench;
pub mod cell;
pub mod disk;
pub mod matrix;
pub mod mode;
pub mod oracle;
pub mod restart;
pub mod rows;
pub mod timing;
