//! As in the library.

#[path = "../../../core/src/flow/rows.rs"]
mod rows;

pub use rows::FlowRows;
