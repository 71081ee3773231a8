//! The journal: what the bytes in the files do not say about themselves.
//!
//! Which message IDs a file holds, what was confirmed, dropped or quarantined, checkpoints and the schema. It is
//! append-only and checksummed; a tail that is lost can only cause rows to be sent again, because rows that no record
//! mentions count as unconfirmed.
//!
//! ```text
//! journal = "SIFTJNL1" record*
//! record  = len:u32 | crc32:u32 | kind:u8 field*     len counts kind and fields; crc32 covers len, kind and fields
//! ```
//! Integers are little-endian; the fields of each kind are listed in `record.rs` and in `docs/spool.md`. Replay stops
//! at the first record that does not verify. When the journal has grown to several times what it says, it is written
//! anew beside the old one and renamed over it.

mod index;
mod log;
mod record;

pub use index::{FileEntry, Index};
pub use log::Journal;
pub(super) use log::peek;
pub use record::{Record, Run};
