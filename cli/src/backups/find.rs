//! Which backup files there are below the paths that were given.

use super::error::{Failure, Result};
use super::{Outcome, complain_of, journal};
use siftstream::seams::filesystem::{File, FileKind, FileSystem, RealFileSystem};
use siftstream::spool::Area;
use siftstream::spool::journal::Index;
use siftstream::spool::pbfs::PbfsReader;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A backup file.
#[derive(Debug)]
pub(crate) struct Backup {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What its slot knows of it, if it is in one.
    place: Option<Place>,
}

/// A file's place in a slot.
#[derive(Debug)]
struct Place {
    number: u64,
    area: Area,
    index: Arc<Index>,
}

/// A backup file that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How many of its bytes count.
    pub(crate) bytes: u64,
    /// Its chunks.
    pub(crate) reader: PbfsReader<Box<dyn File>>,
}

impl Backup {
    /// Opens it. What the slot's writer has written elsewhere since is left out.
    pub(crate) fn open(&self) -> Result<Opened> {
        let failed = Failure::read(&self.path);
        let file = RealFileSystem.open_read(&self.path).map_err(&failed)?;
        let len = file.size().map_err(&failed)?;
        let entry = self.place.as_ref().and_then(|place| place.index.files.get(&place.number));
        let bytes = entry.and_then(|entry| entry.sealed).map_or(len, |sealed| sealed.min(len));
        Ok(Opened { bytes, reader: PbfsReader::between(file, 0, bytes) })
    }

    /// What became of its rows, as far as its slot knows.
    pub(crate) fn state(&self, bytes: u64) -> &'static str {
        let Some(Place { number, area, index }) = &self.place else { return "foreign" };
        if *area == Area::Pending {
            return "pending";
        }
        let Some(entry) = index.files.get(number) else { return "unconfirmed" };
        let confirmed = index.confirmed.get(&entry.epoch);
        let by_id = |ids| confirmed.is_some_and(|confirmed| confirmed.count_in(&ids) > 0);
        if index.wholly_confirmed(*number, bytes) {
            "confirmed"
        } else if !entry.confirmed.is_empty() || entry.runs.iter().any(|run| by_id(run.ids())) {
            "partly confirmed"
        } else {
            "unconfirmed"
        }
    }
}

/// The backup files that the paths name or hold: a file, a slot, a root with slots, or any directory, in which every
/// file below counts as a backup (as it does for Sift's own importer). What cannot be looked at is named on standard
/// error.
pub(crate) fn backups(paths: &[PathBuf]) -> Result<(Vec<Backup>, Outcome)> {
    let mut search = Search { found: Vec::new(), outcome: Outcome::Whole };
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
            Some(Place { number, area, index: Arc::new(journal::read(&slot.join("state/journal"))?) })
        }
        _ => None,
    };
    Ok(Backup { path, place })
}

struct Search {
    found: Vec<Backup>,
    outcome: Outcome,
}

impl Search {
    fn directory(&mut self, top: PathBuf) -> Result<()> {
        let mut open = vec![top.clone()];
        while let Some(dir) = open.pop() {
            if is_slot(&dir) {
                self.slot(&dir, &[(dir.join("pending"), Area::Pending), (dir.join("data"), Area::Data)])?;
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
    fn slot(&mut self, slot: &Path, rooms: &[(PathBuf, Area)]) -> Result<()> {
        let index = Arc::new(journal::read(&slot.join("state/journal"))?);
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
                let found = RealFileSystem.metadata(&path);
                let regular = found.is_ok_and(|found| found.kind == FileKind::Regular);
                match number_of(&path).filter(|_| regular) {
                    Some(number) => {
                        let place = Place { number, area: *area, index: Arc::clone(&index) };
                        files.insert(number, Backup { path, place: Some(place) });
                    }
                    None => complain_of(&path, &"left out: not a file of this slot"),
                }
            }
        }
        self.found.extend(files.into_values());
        Ok(())
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

/// The number in a name that the spool gives.
fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".pbfs")?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| ours)
}
