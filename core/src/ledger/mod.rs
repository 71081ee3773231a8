//! Which rows have been confirmed: sets of message IDs, free of I/O.

mod range_set;

pub use range_set::RangeSet;
