//! The C ABI of siftstream. It converts and checks; what happens is decided in core.
//!
//! Each export goes through [`boundary`], each handle through [`handle`]. One file an object.

#![allow(unsafe_code, reason = "a C ABI is made of raw pointers")]
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod boundary;
mod by_name;
mod checkpoint;
mod columns;
mod config;
mod error;
mod event;
mod events;
mod flow;
mod handle;
mod home;
mod level;
mod listener;
mod log;
mod messages;
mod metrics;
mod metrics_server;
mod realtime;
mod report;
mod row;
mod slots;
mod status;
mod stream;
mod values;
mod version;
mod view;
