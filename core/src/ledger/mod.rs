//! What became of each row: pure bookkeeping over message IDs, free of I/O, clocks and threads.
//!
//! ```text
//!              carry               half_close                OK by the rule
//!  waiting ───────────▶ on an open ──────────▶ on a closing ────────────────▶ confirmed
//!     │                 gRPC stream            gRPC stream                        ▲
//!     │ pass_over            │ failed               │ failed                      │ repay
//!     ▼                      ▼                      ▼                             │
//!   owed ◀────────────── given back: the caller sends it again (waiting), owes it to the disk (owed),
//!     │                  or gives it up (dropped)                                 │
//!     └───────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A row is in one of these states at a time. `waiting` is not written down: it is what no set holds. What a stream
//! carried is a *set*, not a span: rows that left the queue unsent leave holes, and a hole is never confirmed.
//! Answers may come in any order; the resume point is the end of the IDs confirmed without a gap from 0 on.

mod book;
mod range_set;
mod rule;

pub use book::{Ledger, StreamNumber};
pub use range_set::RangeSet;
pub use rule::{Evidence, is_confirmation};
