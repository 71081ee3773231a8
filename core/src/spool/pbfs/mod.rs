//! PBFS, the file format of backups: checksummed chunks of protobuf messages, back to back (see `docs/pbfs-format.md`).
//!
//! ```text
//! chunk   = crc32:u32 | length:u64 | message*      crc32 over length and messages, little-endian
//! message = size:u32  | bytes                      sum of (4 + size) = length
//! ```

mod chunk;
mod damage;
mod reader;

pub(crate) use chunk::check_rows;
pub use chunk::{ChunkBuilder, GrpcRows};
pub use damage::{Damage, DamageReason};
pub use reader::{Chunk, Item, Messages, PbfsReader};

/// Bytes before the first message of a chunk: the checksum and the length.
pub const CHUNK_HEADER: usize = 12;

/// The longest chunk that is believed, so that a damaged length cannot demand memory.
pub const MAX_CHUNK: u64 = 64 << 20;
