//! What was confirmed of which file, on disk, so that another run need not send it again.
//!
//! Only what Sift has confirmed is written down, so losing the newest of it can only cause rows to be sent again. A
//! file counts as the one that was sent only if its last confirmed chunk still stands where it stood.

use super::super::error::{Failure, Result};
use super::super::find::{SENT_SUFFIX, slot_around};
use serde::{Deserialize, Serialize};
use siftstream::seams::filesystem::{ReadAt, RealFileSystem, read_small, write_atomic};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;
const MAX_MEMORY: u64 = 256 << 20;

/// How far one file is confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    /// All good rows below this offset are confirmed.
    pub(super) offset: u64,
    /// How many bytes below the offset were left out, because they are damaged or no rows that can be sent.
    pub(super) left_out: u64,
    /// Where the last good chunk below the offset stands.
    pub(super) chunk: u64,
    /// The checksum of that chunk.
    pub(super) checksum: u32,
}

impl Sent {
    /// Whether `file` is still the one that this was said of.
    pub(super) fn is_of(&self, file: &dyn ReadAt) -> io::Result<bool> {
        if self.offset == 0 {
            return Ok(true);
        }
        let mut checksum = [0; 4];
        let read = file.read_full_at(&mut checksum, self.chunk)?;
        Ok(read == checksum.len()
            && u32::from_le_bytes(checksum) == self.checksum
            && self.offset <= file.size()?)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Whose confirmations these are; unknown only where nothing will be sent.
    endpoint: Option<String>,
    /// By the whole path of each file.
    files: BTreeMap<PathBuf, Sent>,
}

/// What was confirmed of which file.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    stored: Stored,
    changed: bool,
}

impl Memory {
    /// Where it is kept if nobody says so: beside the first path that is sent, or if that is in a slot, beside the
    /// slot, in which only backups have a place.
    pub(super) fn default_path(sent: &Path) -> Result<PathBuf> {
        let path = sent.canonicalize().map_err(Failure::read(sent))?;
        let mut path = slot_around(&path).unwrap_or(path).into_os_string();
        path.push(SENT_SUFFIX);
        Ok(PathBuf::from(path))
    }

    /// Reads what earlier runs have left. Without `resume` they must have left nothing: to send rows a second time is
    /// something to decide, not to happen.
    pub(super) fn open(path: PathBuf, endpoint: Option<&str>, resume: bool) -> Result<Self> {
        let endpoint = endpoint.map(str::to_owned);
        let nothing = Stored { version: VERSION, endpoint: endpoint.clone(), files: BTreeMap::new() };
        let mut stored: Stored = match read_small(&RealFileSystem, &path, MAX_MEMORY) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Failure::Memory { path: path.clone(), why: error.to_string() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => nothing,
            Err(error) => return Err(Failure::read(&path)(error)),
        };
        if stored.files.is_empty() {
            stored.endpoint = endpoint;
        } else if !resume {
            return Err(Failure::SentBefore { path });
        } else if stored.version != VERSION {
            let why = format!("its version is {}, not {VERSION}", stored.version);
            return Err(Failure::Memory { path, why });
        } else if endpoint.is_some() && stored.endpoint != endpoint {
            let name = |place: &Option<String>| place.clone().unwrap_or_default();
            let why = format!("it is about {}, not {}", name(&stored.endpoint), name(&endpoint));
            return Err(Failure::Memory { path, why });
        }
        Ok(Self { path, stored, changed: true })
    }

    /// Where it is kept.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of a file.
    pub(super) fn of(&self, file: &Path) -> Option<&Sent> {
        self.stored.files.get(file)
    }

    /// Takes in that Sift has confirmed a file up to here.
    pub(super) fn confirm(&mut self, file: &Path, sent: Sent) {
        self.stored.files.insert(file.to_owned(), sent);
        self.changed = true;
    }

    /// Makes it survive the end of the process, and of the machine. The first call writes in any case, so that a place
    /// that cannot be written is known before anything is sent.
    pub(super) fn save(&mut self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let failed = Failure::write(&self.path);
        let bytes = serde_json::to_vec(&self.stored).map_err(|error| failed(error.into()))?;
        write_atomic(&RealFileSystem, &self.path, &bytes).map_err(&failed)?;
        self.changed = false;
        Ok(())
    }
}
