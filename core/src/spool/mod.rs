//! The disk side: rows in PBFS files, a journal of what became of them, and recovery after any interruption.
//!
//! ```text
//!                append            flush              sync              Sift's OK
//!   rows ──▶ chunk in memory ──▶ written to file ──▶ durable ──▶ confirmed (journal) ──▶ file removed
//!                  ▲                   │  sync failed                       ▲
//!                  └───────────────────┘  (written again, to a new file)    │
//!                                                                           │
//!   at the next start:   file ──▶ scanned ──▶ unconfirmed rows sent again ──┘
//!                                    └──▶ damaged bytes copied to quarantine, a torn tail cut off
//!
//!   pending/ (placeholder IDs) ──▶ patched copy synced ──▶ renamed into data/ ──▶ pending file removed
//! ```
//!
//! Every arrow may be interrupted and taken again. The rule behind it: a row leaves the disk only when the journal
//! says that it was confirmed, and whatever the journal does not know counts as unconfirmed.

pub mod journal;
pub mod pbfs;
pub mod pending;
mod policy;
mod recover;
mod slot;
mod store;
mod unconfirmed;
mod view;
mod window;
mod writer;

/// The directory below a root with the slots of protobuf messages, which are no rows of an ingestion config.
pub const PROTOBUF_DIR: &str = "arbitrary-protobuf";

pub use policy::{DiskBackupPolicy, FsyncPolicy, RollingFilePolicy, WhenFull, WriterOptions};
pub use recover::{FileInventory, Scanner, Span};
pub use slot::{Slot, SlotInfo, SlotKey};
pub use store::{Area, Spool, StoredFile, Stranger, StrangerKind};
pub use unconfirmed::{UnconfirmedChunk, UnconfirmedRows};
pub use view::SlotView;
pub(crate) use writer::LOST;
pub use writer::{DroppedRows, SpoolWriter, Watermarks};
