//! Placeholder IDs, and putting the real ones in their place.
//!
//! Without a network the config ID and run IDs are not known, but their width is: rows are encoded with placeholders
//! of 36 bytes and spooled under `pending/`. When the IDs arrive each file is copied with the IDs replaced, chunk by
//! chunk and at the same places, to a temporary file in `state/`; the copy is synced, renamed into `data/` under the
//! same number, and the pending file removed. Interrupted anywhere, doing it again ends in the same state.

use super::pbfs::{Chunk, ChunkBuilder, Item, PbfsReader};
use super::store::{Area, Spool, StoredFile};
use crate::error::{Error, ErrorCode, Result};
use crate::seams::filesystem::remove_if_there;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// The width of a config or run ID.
pub const ID_LEN: usize = 36;

const PREFIX: &[u8; 19] = b"ffffffff-ffff-ffff-";
const CONFIG_FIELD: u64 = 1;
const RUN_FIELD: u64 = 5;

/// The placeholder with a number. No UUID that anybody generates looks like it: the version digit is out of range.
#[must_use]
pub fn placeholder(number: u64) -> [u8; ID_LEN] {
    let text = format!("ffffffff-ffff-ffff-{:04x}-{:012x}", number >> 48, number & 0xFFFF_FFFF_FFFF);
    let mut id = [b'f'; ID_LEN];
    id.copy_from_slice(text.as_bytes());
    id
}

/// Whether an ID is a placeholder.
#[must_use]
pub fn is_placeholder(id: &[u8]) -> bool {
    id.len() == ID_LEN && id.starts_with(PREFIX)
}

/// The real IDs of placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RealIds {
    /// What takes the place of each config ID, placeholder or not.
    config: Option<[u8; ID_LEN]>,
    ids: HashMap<[u8; ID_LEN], [u8; ID_LEN]>,
}

impl RealIds {
    /// No ID is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that rows belong to the ingestion config `id`, whichever they name.
    pub(crate) fn of_config(id: &str) -> Result<Self> {
        Ok(Self { config: Some(id_bytes(id)?), ids: HashMap::new() })
    }

    /// Says what a placeholder stands for; `real` must be 36 bytes long.
    pub fn insert(&mut self, placeholder: [u8; ID_LEN], real: &str) -> Result<()> {
        self.ids.insert(placeholder, id_bytes(real)?);
        Ok(())
    }

    /// A copy of gRPC-framed rows with the placeholders replaced; an error if one is not known.
    pub(crate) fn put_into(&self, segment: &[u8]) -> Result<Vec<u8>> {
        let mut copy = segment.to_vec();
        let mut left = copy.as_mut_slice();
        while let Some((prefix, rest)) = left.split_first_chunk_mut::<5>() {
            let [_, len @ ..] = *prefix;
            let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
            let Some((message, rest)) = rest.split_at_mut_checked(len) else { return Err(unknown()) };
            if !self.patch(message) {
                return Err(unknown());
            }
            left = rest;
        }
        Ok(copy)
    }

    /// The same for the rows of a chunk.
    pub(super) fn put_into_chunk(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        patch_chunk(&Chunk { offset: 0, bytes }, self)?.ok_or_else(unknown)
    }

    /// Replaces the placeholders in a message; false if one is not known yet.
    fn patch(&self, message: &mut [u8]) -> bool {
        let mut known = true;
        let mut at = 0;
        while let Some(field) = next_field(message, at) {
            if let (CONFIG_FIELD, Some(config)) = (field.number, &self.config)
                && let Some(id) = message.get_mut(field.value.clone())
                && id.len() == ID_LEN
            {
                id.copy_from_slice(config);
            } else if matches!(field.number, CONFIG_FIELD | RUN_FIELD)
                && let Some(id) = message.get_mut(field.value.clone())
                && is_placeholder(id)
            {
                match self.ids.get(&*id) {
                    Some(real) => id.copy_from_slice(real),
                    None => known = false,
                }
            }
            at = field.value.end;
        }
        known
    }
}

fn id_bytes(id: &str) -> Result<[u8; ID_LEN]> {
    id.as_bytes().try_into().map_err(|_| {
        let message = format!("the ID {id:?} is not a UUID of {ID_LEN} characters");
        Error::new(ErrorCode::InvalidArgument, message)
    })
}

struct Field {
    number: u64,
    value: std::ops::Range<usize>,
}

/// The field that starts at `at`; `None` at the end or where the bytes are not a message.
fn next_field(message: &[u8], at: usize) -> Option<Field> {
    let (tag, start) = varint(message, at)?;
    let end = match tag & 7 {
        0 => varint(message, start)?.1,
        1 => start.checked_add(8)?,
        5 => start.checked_add(4)?,
        2 => {
            let (len, start) = varint(message, start)?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            return (end <= message.len()).then_some(Field { number: tag >> 3, value: start..end });
        }
        _ => return None,
    };
    (end <= message.len()).then_some(Field { number: tag >> 3, value: start..end })
}

/// A variable-length integer and the offset after it.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

impl Spool {
    /// Moves the finished files of `pending/` to `data/`, their placeholders replaced. A file with a placeholder that
    /// is not known yet stays. Returns the numbers of the files that moved.
    pub fn patch_pending(&self, ids: &RealIds) -> Result<Vec<u64>> {
        self.remove_patched()?;
        let pending = self.finished_files().into_iter().filter(|file| file.area == Area::Pending);
        let mut moved = Vec::new();
        for file in pending.collect::<Vec<_>>() {
            // Whoever removes files whose rows were confirmed meanwhile must not meet one that is between two places.
            self.set_active(file.number, true);
            let patched = self
                .scan(file)
                .and_then(|found| Ok(found.file.bytes > 0 && self.patch_file(found.file, ids)?));
            self.set_active(file.number, false);
            match patched {
                Ok(true) => moved.push(file.number),
                Ok(false) => {}
                Err(error) if error.code() == ErrorCode::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }

    /// Removes pending files whose patched copy is in `data/` already.
    fn remove_patched(&self) -> Result<()> {
        for file in self.files().iter().filter(|file| file.area == Area::Data) {
            let path = self.path_of(Area::Pending, file.number);
            remove_if_there(&**self.slot().fs(), &path).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    fn patch_file(&self, file: StoredFile, ids: &RealIds) -> Result<bool> {
        let fs = self.slot().fs();
        let (from, to) = (self.path_of(Area::Pending, file.number), self.path_of(Area::Data, file.number));
        let temporary = self.slot().path().join(format!("state/{:020}.patch", file.number));
        remove_if_there(&**fs, &temporary).map_err(|error| failed(&temporary, &error))?;
        let mut copy = fs.create_new(&temporary).map_err(|error| failed(&temporary, &error))?;
        let source = fs.open_read(&from).map_err(|error| failed(&from, &error))?;
        let end = self.entry(file.number).sealed.unwrap_or(file.bytes).min(file.bytes);
        let mut reader = PbfsReader::between(source, 0, end);
        let (mut bytes, mut damaged) = (0, false);
        while let Some(item) = reader.next_item()? {
            let Item::Chunk(chunk) = item else {
                damaged = true;
                continue;
            };
            let Some(patched) = patch_chunk(&chunk, ids)? else {
                return remove_if_there(&**fs, &temporary)
                    .map(|()| false)
                    .map_err(|error| failed(&temporary, &error));
            };
            copy.append_all(&patched).map_err(|error| failed(&temporary, &error))?;
            bytes += patched.len() as u64;
        }
        copy.sync_data().map_err(|error| failed(&temporary, &error))?;
        if damaged {
            self.forget_places(file.number)?;
        }
        let publish = || -> io::Result<()> {
            fs.rename(&temporary, &to)?;
            fs.fsync_dir(to.parent().unwrap_or(Path::new("/")))?;
            remove_if_there(&**fs, &from)?;
            fs.fsync_dir(from.parent().unwrap_or(Path::new("/")))
        };
        publish().map_err(|error| failed(&to, &error))?;
        self.set_size(StoredFile { area: Area::Data, bytes, ..file });
        Ok(true)
    }
}

/// A chunk with its placeholders replaced; `None` if one is not known yet.
fn patch_chunk(chunk: &Chunk<'_>, ids: &RealIds) -> Result<Option<Vec<u8>>> {
    let mut patched = ChunkBuilder::default();
    let mut row = Vec::new();
    for message in chunk.messages() {
        row.clear();
        row.extend_from_slice(message);
        if !ids.patch(&mut row) {
            return Ok(None);
        }
        patched.push(&row)?;
    }
    Ok(Some(patched.finish()))
}

fn unknown() -> Error {
    Error::new(ErrorCode::Internal, "a row has an ID that stands for nothing known")
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot put the real IDs into {}", path.display()), error)
}
