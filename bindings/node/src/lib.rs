//! The native part of the Node package. It converts; what happens is decided in core.
//!
//! Rows cross as bytes in arrays that JavaScript owns and that are only read while a call lasts. Everything else is rare,
//! and crosses as JSON. Nothing here waits on the JavaScript thread: what waits is a promise ([`promise`]), what happens
//! is told by a callback that keeps no process alive ([`events`]). `node/src` gives all of it its public form.

#![allow(unsafe_code, reason = "Node-API is made of raw pointers, and the macros of napi write code for it")]
#![allow(missing_docs, reason = "the macros of napi write items without documents")]

mod batch;
mod columns;
mod error;
mod events;
mod home;
mod json;
mod new_row;
mod open;
mod promise;
mod row;
mod schema;
mod server;
mod signal;
mod stream;
mod waiting;
