//! The disk behind a trait.
//!
//! The calls are the few that the spool needs, each with one meaning on every implementation, so that the fake can
//! model exactly what a crash may leave behind. Everything that is created is private to the user: directories 0700,
//! files 0600, whatever the umask.

#[doc(hidden)]
pub mod fake;
mod real;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use real::RealFileSystem;

/// A file system as the library holds it.
pub type SharedFileSystem = Arc<dyn FileSystem>;

/// Something that can be read at any offset.
pub trait ReadAt {
    /// Reads up to `buf.len()` bytes at `offset`; 0 means the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The length now.
    fn size(&self) -> io::Result<u64>;

    /// Reads until `buf` is full or the end is reached; returns how much was read.
    fn read_full_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// An open file. What is written goes to its end.
pub trait File: ReadAt + fmt::Debug + Send + Sync {
    /// Appends some of `bytes`; returns how many, which may be fewer than asked for.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns once everything written so far survives a power failure.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Reserves room behind the end without changing the length.
    fn allocate(&mut self, offset: u64, len: u64) -> io::Result<()>;
    /// Lets the disk begin to write a stretch, without waiting for it. Only speed depends on it, so that a failure does
    /// not matter.
    fn start_writeback(&mut self, _offset: u64, _len: u64) {}
    /// The number that tells whether a path still leads to this file.
    fn inode(&self) -> io::Result<u64>;

    /// Appends all of `bytes`. After an error an unknown part of them is in the file.
    fn append_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.append(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Keeps a lock file locked until it is dropped.
pub trait Lock: fmt::Debug + Send + Sync {}

/// What stands at a path; links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// Anything else: a link, a FIFO, a device, a socket.
    Other,
}

/// What is known of a path; links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What stands there.
    pub kind: FileKind,
    /// Its length in bytes.
    pub len: u64,
    /// Its inode number.
    pub inode: u64,
}

/// The calls that the library makes to a disk.
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Creates a file (0600) that must not exist, open for writing and reading.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens a regular file for reading; refuses links, and never blocks on a FIFO.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing regular file to append to it.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Creates one directory (0700).
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<std::ffi::OsString>>;
    /// What stands at a path, links not followed.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Gives a file another name, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory survive a power failure.
    fn fsync_dir(&self, path: &Path) -> io::Result<()>;
    /// Bytes that an unprivileged user may still write.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
    /// Takes the lock of a file (created if missing); `WouldBlock` if another owner has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// Whether some process has the lock of a file, told without trying to take it. False where nobody can tell.
    fn is_locked(&self, _path: &Path) -> bool {
        false
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let n = buf.len().min(self.len() - start);
        buf[..n].copy_from_slice(&self[start..start + n]);
        Ok(n)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

/// Creates `path` and its missing parents; refuses what is not a directory in its place.
pub fn ensure_dir(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.metadata(path) {
        Ok(found) if found.kind == FileKind::Directory => return Ok(()),
        Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent
        && fs.metadata(parent).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    {
        ensure_dir(fs, parent)?;
    }
    match fs.create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if let Some(parent) = parent {
        fs.fsync_dir(parent)?;
    }
    Ok(())
}

/// Replaces a small file as a whole: after a crash it holds the old bytes or the new ones.
pub fn write_atomic(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    remove_if_there(fs, &temporary)?;
    let mut file = fs.create_new(&temporary)?;
    file.append_all(bytes)?;
    file.sync_data()?;
    fs.rename(&temporary, path)?;
    fs.fsync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Reads a file that must not be longer than `limit`.
pub fn read_small(fs: &dyn FileSystem, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = fs.open_read(path)?;
    let len = file.size()?;
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file.read_full_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Removes a file unless it is gone already.
pub fn remove_if_there(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.unlink(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where the next content of `path` is prepared.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}
