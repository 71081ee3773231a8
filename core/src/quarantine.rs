//! Rows that Sift rejected, kept for people: a PBFS file with the row, and beside it a text that says why.

use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::error::{Error, Result};
use crate::seams::filesystem::{FileSystem, SharedFileSystem, ensure_dir, write_atomic};
use crate::spool::pbfs::ChunkBuilder;

/// A row that Sift rejected by itself.
#[derive(Debug, Clone)]
pub(crate) struct RejectedRow {
    /// Its message ID.
    pub(crate) id: u64,
    /// The encoded row, without its gRPC prefix.
    pub(crate) bytes: Vec<u8>,
    /// What Sift said.
    pub(crate) reason: Error,
}

/// As much of a row as names its flow.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "2")]
    flow: String,
}

impl RejectedRow {
    /// The flow it belongs to; empty if the row cannot be read.
    pub(crate) fn flow(&self) -> String {
        Named::decode(&*self.bytes).map(|named| named.flow).unwrap_or_default()
    }
}

/// A directory for rejected rows.
#[derive(Debug, Clone)]
pub(crate) struct Quarantine {
    fs: SharedFileSystem,
    dir: PathBuf,
}

impl Quarantine {
    pub(crate) fn new(fs: SharedFileSystem, dir: PathBuf) -> Self {
        Self { fs, dir }
    }

    /// Keeps a row of an epoch; when it returns, the row survives a power failure. Blocks on the disk. Keeping a row again
    /// changes nothing.
    pub(crate) fn keep(&self, epoch: u64, row: &RejectedRow) -> Result<PathBuf> {
        let name = format!("rejected-{epoch:010}-{:020}", row.id);
        let (file, text) = (self.dir.join(format!("{name}.pbfs")), self.dir.join(format!("{name}.txt")));
        let mut chunk = ChunkBuilder::default();
        chunk.push(&row.bytes)?;
        let why = format!("flow {:?}, message ID {}: {}\n", row.flow(), row.id, row.reason);
        let fs: &dyn FileSystem = &*self.fs;
        let written = ensure_dir(fs, &self.dir)
            .and_then(|()| write_atomic(fs, &text, why.as_bytes()))
            .and_then(|()| write_atomic(fs, &file, &chunk.finish()));
        written.map_err(|error| failed(&file, &error))?;
        Ok(file)
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot keep a rejected row in {}", path.display()), error)
}
