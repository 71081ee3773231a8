//! What the disk can do: the bytes of a run, written again by nothing but `write` and `fdatasync`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much one call writes: as much as a chunk of ours, which is also what this kernel is fast at.
const CALL: usize = 64 << 10;

/// Writes a copy of each backup file below `from` to `to`; returns how long writing and syncing took.
pub(crate) fn rewrite(from: &Path, to: &Path) -> io::Result<Duration> {
    let mut spent = Duration::ZERO;
    for (number, path) in backup_files(from)?.into_iter().enumerate() {
        let bytes = fs::read(path)?;
        let began = Instant::now();
        let mut file = File::create_new(to.join(number.to_string()))?;
        bytes.chunks(CALL).try_for_each(|call| file.write_all(call))?;
        file.sync_data()?;
        spent += began.elapsed();
    }
    Ok(spent)
}

fn backup_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(backup_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "pbfs") {
            found.push(path);
        }
    }
    Ok(found)
}
