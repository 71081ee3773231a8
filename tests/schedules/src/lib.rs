//! The library's own sources where its threads meet, built over locks and events whose every step a scheduler chooses.
//!
//! A thread that nobody wakes is found as a deadlock: nothing here ever times out.

#![allow(clippy::single_range_in_vec_init, reason = "sets of message IDs are made of ranges")]
#![allow(dead_code, unused_imports, reason = "of the sources only what the models use is called")]

#[path = "../../../core/src/error.rs"]
mod error;
#[path = "../../../core/src/events/mod.rs"]
mod events;
mod flow;
#[path = "../../../core/src/ledger/mod.rs"]
mod ledger;
mod models;
mod seams;
mod stream;

pub use models::{
    a_confirmation_is_counted_before_it_is_seen, a_flush_ends_when_its_rows_are_written_or_never_will_be,
    every_event_is_read_once_and_the_end_is_told, whoever_waits_learns_what_became_of_the_rows,
};
