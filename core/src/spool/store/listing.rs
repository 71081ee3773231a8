//! Which files there are, told by their names alone.

use super::{Area, StoredFile};
use crate::error::{Error, Result};
use crate::seams::filesystem::{FileKind, SharedFileSystem, remove_if_there};
use crate::spool::slot::Slot;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Something in the spool's directories that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: StrangerKind,
}

/// Why something is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StrangerKind {
    /// A file with one of our names, without a byte in it, of which the journal does not know.
    Empty,
    /// A file that has not one of our names.
    Foreign,
    /// A link, a FIFO, a device or a directory.
    NotAFile,
}

/// Lists the files of one directory. A file of ours in `data/` outranks one of the same number in `pending/`, which
/// is then its source before patching. A file that was `created` by us and is empty had not got its first row when its
/// process died: it goes, with the room that was reserved for it.
pub(super) fn look_into(
    fs: &SharedFileSystem,
    slot: &Slot,
    area: Area,
    created: impl Fn(u64) -> bool,
    files: &mut BTreeMap<u64, StoredFile>,
    strangers: &mut Vec<Stranger>,
) -> Result<()> {
    let dir = slot.path().join(area.dir());
    let failed = |path: &Path, error| Error::io(format_args!("cannot look at {}", path.display()), &error);
    for name in fs.read_dir(&dir).map_err(|error| failed(&dir, error))? {
        let path = dir.join(&name);
        let found = fs.metadata(&path).map_err(|error| failed(&path, error))?;
        let number = name.to_str().and_then(number_of);
        let kind = match (found.kind, number) {
            (FileKind::Regular, Some(number)) if found.len > 0 => {
                files.insert(number, StoredFile { number, area, bytes: found.len });
                continue;
            }
            (FileKind::Regular, Some(number)) if created(number) && remove_if_there(&**fs, &path).is_ok() => {
                continue;
            }
            (FileKind::Regular, Some(_)) => StrangerKind::Empty,
            (FileKind::Regular, None) => StrangerKind::Foreign,
            _ => StrangerKind::NotAFile,
        };
        strangers.push(Stranger { path, kind });
    }
    Ok(())
}

/// The number in a name of ours.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".pbfs")?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| ours)
}
