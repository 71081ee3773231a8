//! Which backup files there are below the paths that were given.

use super::backup::{Backup, Place, Role, Slot};
use super::error::{Failure, Result};
use super::{Outcome, complain_of};
use siftstream::seams::filesystem::{FileKind, FileSystem, RealFileSystem};
use siftstream::spool::{Area, PROTOBUF_DIR};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the names of files end in which `send` remembers what it has sent.
pub(crate) const SENT_SUFFIX: &str = ".siftstream-sent";

/// The backup files that the paths name or hold: a file, a slot, a root with slots, or any directory, in which every
/// file below counts as a backup (as it does for Sift's own importer). What cannot be looked at is named on standard
/// error.
pub(crate) fn backups(paths: &[PathBuf]) -> Result<(Vec<Backup>, Outcome)> {
    search(paths, false)
}

/// The same, and behind the files of a slot what it has in quarantine.
pub(crate) fn backups_and_quarantine(paths: &[PathBuf]) -> Result<(Vec<Backup>, Outcome)> {
    search(paths, true)
}

fn search(paths: &[PathBuf], quarantine: bool) -> Result<(Vec<Backup>, Outcome)> {
    let mut search = Search { found: Vec::new(), outcome: Outcome::Whole, quarantine };
    for given in paths {
        // A link that was named is followed; links below are not.
        let path = match given.symlink_metadata() {
            Ok(found) if found.is_symlink() => given.canonicalize(),
            Ok(_) => Ok(given.clone()),
            Err(error) => Err(error),
        };
        let path = path.map_err(Failure::read(given))?;
        if path.is_dir() {
            search.directory(path)?;
        } else {
            search.found.push(single(path)?);
        }
    }
    Ok((search.found, search.outcome))
}

/// One backup file, with what its slot knows of it.
pub(crate) fn single(path: PathBuf) -> Result<Backup> {
    let place = match (path.parent().and_then(room), number_of(&path)) {
        (Some((slot, area)), Some(number)) => {
            Slot::look_at(&slot)?.map(|slot| Place { role: Role::Rows { number, area }, slot })
        }
        _ => None,
    };
    Ok(Backup::new(path, place))
}

struct Search {
    found: Vec<Backup>,
    outcome: Outcome,
    quarantine: bool,
}

impl Search {
    fn directory(&mut self, top: PathBuf) -> Result<()> {
        let mut open = vec![top.clone()];
        while let Some(dir) = open.pop() {
            if is_slot(&dir) {
                let rooms = [(dir.join("pending"), Area::Pending), (dir.join("data"), Area::Data)];
                if let Some(slot) = self.slot(&dir, &rooms)?
                    && self.quarantine
                {
                    self.quarantined(&slot, &dir.join("quarantine"));
                }
                continue;
            }
            if let Some((slot, area)) = room(&dir) {
                self.slot(&slot, &[(dir, area)])?;
                continue;
            }
            let names = match names_in(&dir) {
                Err(error) if dir == top => return Err(error),
                Err(error) => {
                    self.skip(&dir, &error);
                    continue;
                }
                Ok(names) => names,
            };
            let mut below = Vec::new();
            for path in names {
                match RealFileSystem.metadata(&path).map(|found| found.kind) {
                    Ok(FileKind::Directory) => below.push(path),
                    Ok(FileKind::Regular) if is_memory_of_send(&path) => {}
                    Ok(FileKind::Regular) => self.found.push(single(path)?),
                    Ok(FileKind::Other) => complain_of(&path, &"left out: neither a file nor a directory"),
                    Err(error) => self.skip(&path, &error),
                }
            }
            open.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// The files with our names in directories of a slot; what else is there is named and left alone, as the owner of
    /// the slot does. A file in `data` stands for the one of its number in `pending` that it was made from.
    fn slot(&mut self, slot: &Path, rooms: &[(PathBuf, Area)]) -> Result<Option<Arc<Slot>>> {
        if slot.parent().is_some_and(|parent| parent.ends_with(PROTOBUF_DIR)) {
            complain_of(slot, &"left out: its files hold protobuf messages, not rows of an ingestion config");
            return Ok(None);
        }
        let known = Slot::look_at(slot)?;
        let mut files = BTreeMap::new();
        for (dir, area) in rooms {
            let names = match names_in(dir) {
                Ok(names) => names,
                Err(error) => {
                    self.skip(dir, &error);
                    continue;
                }
            };
            for path in names {
                let regular = match RealFileSystem.metadata(&path) {
                    // The owner has removed it since.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    found => found.is_ok_and(|found| found.kind == FileKind::Regular),
                };
                match number_of(&path).filter(|_| regular) {
                    Some(number) => {
                        let role = Role::Rows { number, area: *area };
                        let place = known.clone().map(|slot| Place { role, slot });
                        files.insert(number, Backup::new(path, place));
                    }
                    None => complain_of(&path, &"left out: not a file of this slot"),
                }
            }
        }
        self.found.extend(files.into_values());
        Ok(known)
    }

    /// The damaged bytes that the owner of a slot has set aside.
    fn quarantined(&mut self, slot: &Arc<Slot>, dir: &Path) {
        let names = match names_in(dir) {
            Ok(names) => names,
            Err(error) => return self.skip(dir, &error),
        };
        let place = || Some(Place { role: Role::Quarantined, slot: Arc::clone(slot) });
        self.found.extend(names.into_iter().map(|path| Backup::new(path, place())));
    }

    fn skip(&mut self, path: &Path, error: &dyn std::fmt::Display) {
        complain_of(path, error);
        self.outcome = Outcome::Incomplete;
    }
}

fn names_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut names = RealFileSystem.read_dir(dir).map_err(Failure::read(dir))?;
    names.sort();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

fn is_slot(dir: &Path) -> bool {
    let kind = |name: &str| RealFileSystem.metadata(&dir.join(name)).map(|found| found.kind).ok();
    kind("state/key") == Some(FileKind::Regular) && kind("data") == Some(FileKind::Directory)
}

/// The slot that a directory of rows belongs to.
fn room(dir: &Path) -> Option<(PathBuf, Area)> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir }.canonicalize().ok()?;
    let area = [Area::Data, Area::Pending].into_iter().find(|area| dir.ends_with(area.dir()))?;
    let slot = dir.parent().filter(|slot| is_slot(slot))?;
    Some((slot.to_owned(), area))
}

/// The slot that a path leads into, if it does; the path must be whole.
pub(crate) fn slot_around(path: &Path) -> Option<PathBuf> {
    let (slot, _) = room(path).or_else(|| room(path.parent()?))?;
    Some(slot)
}

fn is_memory_of_send(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.ends_with(SENT_SUFFIX) || name.ends_with(&format!("{SENT_SUFFIX}.tmp")))
}

/// The number in a name that the spool gives.
fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".pbfs")?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| ours)
}
