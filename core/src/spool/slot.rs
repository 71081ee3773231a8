//! Slots: the directory of one stream, found again by an equal key and by nothing else.
//!
//! The name of a slot starts with readable parts of the key, reduced to harmless characters, and ends in a SHA-256 of
//! the whole key; so no name escapes the root and no two keys meet. The key itself stands in `state/key` and is
//! compared before a slot is used. A lock on `state/lock` makes one process its owner; a second owner of an equal key
//! gets a sub-slot (`<slot>.1`, `<slot>.2`, …), and adopts those that nobody owns any more.

use crate::error::{Error, ErrorCode, Result};
use crate::schema::{FlowConfig, IngestionConfigForm};
use crate::seams::filesystem::{FileKind, Lock, SharedFileSystem, ensure_dir, read_small, write_atomic};
use ring::digest::{SHA256, digest};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const MAX_OWNERS: u32 = 1024;
const MAX_STATE_FILE: u64 = 1 << 20;
const READABLE: usize = 32;
const LOCK: &str = "state/lock";
const KEY: &str = "state/key";
const ROOMS: [&str; 4] = ["data", "pending", "quarantine", "state"];

/// What a slot belongs to. Only an equal key may use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SlotKey {
    /// Where the rows go.
    pub endpoint: String,
    /// The vehicle or rig.
    pub asset: String,
    /// The client key of the schema.
    pub client_key: String,
    /// The name of the stream.
    pub stream: String,
    /// The transport, such as `live_with_backups`.
    pub mode: String,
}

impl SlotKey {
    /// The schema that belongs to it, with `flows`.
    pub(crate) fn form(&self, flows: Vec<FlowConfig>) -> IngestionConfigForm {
        IngestionConfigForm { asset_name: self.asset.clone(), client_key: self.client_key.clone(), flows }
    }

    fn parts(&self) -> [&str; 5] {
        [&self.endpoint, &self.asset, &self.client_key, &self.stream, &self.mode]
    }

    /// Every part with its length before it, so that different keys never have equal bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in self.parts() {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut part = || {
            let (len, rest) = bytes.split_first_chunk::<8>()?;
            let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            bytes = rest;
            String::from_utf8(text.to_vec()).ok()
        };
        let (endpoint, asset, client_key, stream, mode) = (part()?, part()?, part()?, part()?, part()?);
        bytes.is_empty().then_some(Self { endpoint, asset, client_key, stream, mode })
    }

    /// The name of its directory: a safe file name of at most 200 bytes, different for every key.
    #[must_use]
    pub fn dir_name(&self) -> String {
        let mut name = String::new();
        for part in [&self.asset, &self.client_key, &self.stream] {
            let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
            name.extend(part.chars().take(READABLE).map(safe));
            name.push('.');
        }
        let name = name.trim_start_matches('.').to_owned();
        digest(&SHA256, &self.bytes()).as_ref().iter().fold(name, |mut name, byte| {
            write!(name, "{byte:02x}").ok();
            name
        })
    }
}

/// A slot that this process owns, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    fs: SharedFileSystem,
    path: PathBuf,
    key: SlotKey,
    lock: Mutex<Box<dyn Lock>>,
}

/// A slot as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its directory.
    pub path: PathBuf,
    /// What it belongs to.
    pub key: SlotKey,
}

impl Slot {
    /// Takes the first slot or sub-slot of `key` under `root` that nobody owns, creating what is missing.
    pub fn open(fs: SharedFileSystem, root: &Path, key: &SlotKey) -> Result<Self> {
        ensure_dir(&*fs, root).map_err(|error| failed(root, &error))?;
        let base = key.dir_name();
        for owner in 0..MAX_OWNERS {
            let name = if owner == 0 { base.clone() } else { format!("{base}.{owner}") };
            if let Some(slot) = Self::take(&fs, &root.join(name), key)? {
                return Ok(slot);
            }
        }
        Err(Error::new(
            ErrorCode::Busy,
            format!(
                "all {MAX_OWNERS} slots of this stream under {} are in use; close some streams",
                root.display()
            ),
        ))
    }

    /// The sub-slots of an equal key that nobody owns any more, each now owned by the caller.
    pub fn adopt_orphans(&self) -> Result<Vec<Self>> {
        self.adopt_orphans_that(|_| true)
    }

    /// Those of them whose directory is `wanted`; the others are not even locked.
    pub fn adopt_orphans_that(&self, wanted: impl Fn(&Path) -> bool) -> Result<Vec<Self>> {
        let root = self.path.parent().unwrap_or(Path::new("/"));
        let base = self.key.dir_name();
        let names = self.fs.read_dir(root).map_err(|error| failed(root, &error))?;
        let mut orphans = Vec::new();
        for name in names.iter().filter_map(|name| name.to_str()) {
            let path = root.join(name);
            let kin = name == base || name.strip_prefix(&base).is_some_and(|rest| rest.starts_with('.'));
            if kin
                && path != self.path
                && wanted(&path)
                && stored_key(&self.fs, &path).as_ref() == Some(&self.key)
            {
                orphans.extend(Self::take(&self.fs, &path, &self.key)?);
            }
        }
        Ok(orphans)
    }

    /// All slots under `root`, owned or not.
    pub fn list(fs: &SharedFileSystem, root: &Path) -> Result<Vec<SlotInfo>> {
        let names = fs.read_dir(root).map_err(|error| failed(root, &error))?;
        let mut slots: Vec<_> = names
            .iter()
            .map(|name| root.join(name))
            .filter_map(|path| Some(SlotInfo { key: stored_key(fs, &path)?, path }))
            .collect();
        slots.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(slots)
    }

    /// The slot at `path` if it is free and of an equal key.
    fn take(fs: &SharedFileSystem, path: &Path, key: &SlotKey) -> Result<Option<Self>> {
        for dir in std::iter::once(path.to_owned()).chain(ROOMS.map(|room| path.join(room))) {
            ensure_dir(&**fs, &dir).map_err(|error| failed(&dir, &error))?;
        }
        let lock = match fs.lock(&path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(failed(path, &error)),
        };
        let key_path = path.join(KEY);
        match read_small(&**fs, &key_path, MAX_STATE_FILE) {
            Ok(bytes) if SlotKey::from_bytes(&bytes).as_ref() == Some(key) => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_atomic(&**fs, &key_path, &key.bytes()).map_err(|error| failed(&key_path, &error))?;
            }
            Err(error) => return Err(failed(&key_path, &error)),
        }
        Ok(Some(Self { fs: fs.clone(), path: path.to_owned(), key: key.clone(), lock: Mutex::new(lock) }))
    }

    /// The disk it is on.
    #[must_use]
    pub fn fs(&self) -> &SharedFileSystem {
        &self.fs
    }

    /// What it belongs to.
    #[must_use]
    pub fn key(&self) -> &SlotKey {
        &self.key
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates again what somebody removed of the slot, but for its files.
    pub fn restore(&self) -> io::Result<()> {
        std::iter::once(self.path.clone())
            .chain(ROOMS.map(|room| self.path.join(room)))
            .try_for_each(|dir| ensure_dir(&*self.fs, &dir))?;
        if self.is_gone(LOCK) {
            let lock = self.fs.lock(&self.path.join(LOCK))?;
            *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock;
        }
        if self.is_gone(KEY) {
            write_atomic(&*self.fs, &self.path.join(KEY), &self.key.bytes())?;
        }
        Ok(())
    }

    fn is_gone(&self, name: &str) -> bool {
        let found = self.fs.metadata(&self.path.join(name));
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// The options stored with the slot, if any.
    pub fn load_options(&self) -> Result<Option<toml::Table>> {
        let path = self.path.join("state/options.toml");
        let bytes = match read_small(&*self.fs, &path, MAX_STATE_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        text.parse().map(Some).map_err(|error| {
            Error::new(
                ErrorCode::Corrupt,
                format!("{} is not valid TOML, remove it: {error}", path.display()),
            )
        })
    }

    /// Stores options with the slot. The API key must not be among them.
    pub fn store_options(&self, options: &toml::Table) -> Result<()> {
        let path = self.path.join("state/options.toml");
        if let Some(name) = options.keys().find(|name| is_secret(name)) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the option {name} is a secret and is never stored; leave it out"),
            ));
        }
        write_atomic(&*self.fs, &path, options.to_string().as_bytes()).map_err(|error| failed(&path, &error))
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ["apikey", "token", "password", "secret"].iter().any(|word| plain.to_ascii_lowercase().contains(word))
}

pub(super) fn stored_key(fs: &SharedFileSystem, path: &Path) -> Option<SlotKey> {
    let is_dir = |path: &Path| fs.metadata(path).is_ok_and(|found| found.kind == FileKind::Directory);
    if !is_dir(path) || !is_dir(&path.join("state")) {
        return None;
    }
    SlotKey::from_bytes(&read_small(&**fs, &path.join(KEY), MAX_STATE_FILE).ok()?)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot use the backup directory {}", path.display()), error)
}
