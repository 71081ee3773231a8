//! Who else on this machine can read rows, change them, or read the key.

use super::disk::Place;
use super::finding::{Finding, count};
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::Slot;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const MODES: &str = "disk-modes";

const ANYBODY_ELSE: u32 = 0o077;
const WRITE_BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Whether the directory, and the slots in it, belong to their user alone.
pub(super) fn finding(place: &Place) -> Finding {
    if !place.exists() {
        return Finding::ok(MODES, "what a stream creates is private to its user (0700, 0600)");
    }
    let dir = &place.dir;
    let open = match open_to_others(dir) {
        Ok(open) => open,
        Err(error) => {
            return Finding::warn(MODES, format!("{} cannot be looked through ({error})", dir.display()));
        }
    };
    let mode = mode_of(dir).unwrap_or(0);
    let shown = dir.display();
    if mode & WRITE_BY_ALL != 0 && mode & STICKY == 0 {
        let message = format!(
            "everybody can rename and remove what is in {shown} (mode {mode:04o}), rows included: chmod 700 {shown}"
        );
        return Finding::fail(MODES, message);
    }
    if let Some(first) = open.first() {
        let message = format!(
            "others can get at {} in slots, such as {}: chmod -R go= {shown}",
            count(open.len(), "file or directory").replace("directorys", "directories"),
            first.display(),
        );
        return Finding::warn(MODES, message);
    }
    if mode & ANYBODY_ELSE != 0 {
        let message = format!(
            "others can look into {shown} (mode {mode:04o}) and see the names of assets, though no rows: chmod 700 {shown}"
        );
        return Finding::warn(MODES, message);
    }
    Finding::ok(MODES, format!("{shown} is private to its user ({mode:04o})"))
}

/// Whether others can read a file that holds a key.
pub(super) fn is_open(path: &Path) -> bool {
    mode_of(path).is_ok_and(|mode| mode & ANYBODY_ELSE != 0)
}

/// What in the slots below `root` is not private.
fn open_to_others(root: &Path) -> io::Result<Vec<PathBuf>> {
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    let slots = Slot::list(&fs, root).map_err(|error| io::Error::other(error.message().to_owned()))?;
    let mut open = Vec::new();
    for slot in slots {
        collect(&slot.path, &mut open)?;
    }
    Ok(open)
}

fn collect(path: &Path, open: &mut Vec<PathBuf>) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok(());
    }
    if metadata.permissions().mode() & ANYBODY_ELSE != 0 {
        open.push(path.to_owned());
    }
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            match collect(&entry?.path(), open) {
                // The owner of a slot removes files while others look.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
    }
    Ok(())
}

fn mode_of(path: &Path) -> io::Result<u32> {
    Ok(path.metadata()?.permissions().mode() & 0o7777)
}
