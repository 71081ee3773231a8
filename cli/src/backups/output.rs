//! Where results go: lines on standard output, and new files that never replace others.

use super::error::{Failure, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::Serialize;
use siftstream::seams::filesystem::{File, FileSystem, RealFileSystem};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names come from files of others: what could steer the terminal is replaced.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Writes one value as a line of JSON.
pub(crate) fn json_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// A file in the making. It has its name only once it is complete and on disk; if it never gets there, it goes.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    file: Box<dyn File>,
    named: bool,
}

impl NewFile {
    /// Begins the file `path`, which must not exist.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::Exists { path });
        }
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = RealFileSystem.create_new(&partial).map_err(Failure::write(&partial))?;
        Ok(Self { path, partial, file, named: false })
    }

    /// The name it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the complete file its name.
    pub(crate) fn publish(mut self) -> Result<()> {
        self.place().map_err(Failure::write(&self.path))?;
        self.named = true;
        Ok(())
    }

    fn place(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        match renameat_with(CWD, &self.partial, CWD, &self.path, RenameFlags::NOREPLACE) {
            // This file system cannot rename without replacing; a second link cannot replace either.
            Err(Errno::INVAL) => {
                std::fs::hard_link(&self.partial, &self.path)?;
                RealFileSystem.unlink(&self.partial)?;
            }
            renamed => renamed?,
        }
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        RealFileSystem.fsync_dir(dir.unwrap_or(Path::new(".")))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.named {
            // A leftover is harmless: its name says that it is not complete.
            RealFileSystem.unlink(&self.partial).ok();
        }
    }
}
