//! The disk of the machine.

use super::{File, FileKind, FileSystem, Lock, Metadata, ReadAt};
use rustix::fs::{self, AtFlags, CWD, FallocateFlags, FileType, FlockOperation, Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const PRIVATE_FILE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_DIR: Mode = Mode::from_raw_mode(0o700);

/// The file system of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFileSystem;

#[derive(Debug)]
struct RealFile {
    fd: OwnedFd,
}

#[derive(Debug)]
struct RealLock {
    fd: OwnedFd,
    owner: u32,
}

impl Lock for RealLock {}

impl Drop for RealLock {
    /// A child that was forked meanwhile has the lock, too, until it closes its copy; it must not keep what we give
    /// up, nor give up what we keep.
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            fs::flock(&self.fd, FlockOperation::Unlock).ok();
        }
    }
}

/// Opens without following a link, and refuses everything but a regular file.
fn open_regular(path: &Path, flags: OFlags) -> io::Result<RealFile> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = fs::open(path, flags, Mode::empty())?;
    let stat = fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(RealFile { fd })
}

fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::empty())?)
}

impl ReadAt for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.fd, buf, offset)?)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(u64::try_from(fs::fstat(&self.fd)?.st_size).unwrap_or(0))
    }
}

impl File for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.fd, bytes)?)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(fs::fdatasync(&self.fd)?)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        Ok(fs::ftruncate(&self.fd, len)?)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> io::Result<()> {
        Ok(fs::fallocate(&self.fd, FallocateFlags::KEEP_SIZE, offset, len)?)
    }

    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)] // No crate offers sync_file_range behind a safe function.
    fn start_writeback(&mut self, offset: u64, len: u64) {
        use std::os::fd::AsRawFd;
        let (Ok(offset), Ok(len)) = (libc::off64_t::try_from(offset), libc::off64_t::try_from(len)) else {
            return;
        };
        // SAFETY: the call takes no pointers, and the descriptor is open as long as `self` is borrowed. Errors of the
        // disk are not lost: without a wait the call does not take note of them, so the next sync still tells them.
        unsafe { libc::sync_file_range(self.fd.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    }

    fn inode(&self) -> io::Result<u64> {
        Ok(fs::fstat(&self.fd)?.st_ino)
    }
}

impl FileSystem for RealFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NOCTTY;
        let fd = fs::open(path, flags, PRIVATE_FILE)?;
        fs::fchmod(&fd, PRIVATE_FILE)?;
        Ok(Box::new(RealFile { fd }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(open_regular(path, OFlags::RDONLY)?))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(open_regular(path, OFlags::RDWR | OFlags::APPEND)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::mkdir(path, PRIVATE_DIR)?;
        Ok(fs::chmod(path, PRIVATE_DIR)?)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(open_dir(path)?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let stat = fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            _ => FileKind::Other,
        };
        Ok(Metadata { kind, len: u64::try_from(stat.st_size).unwrap_or(0), inode: stat.st_ino })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(fs::rename(from, to)?)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        Ok(fs::unlink(path)?)
    }

    fn fsync_dir(&self, path: &Path) -> io::Result<()> {
        Ok(fs::fsync(open_dir(path)?)?)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let stat = fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC
            | OFlags::NOCTTY;
        let fd = fs::open(path, flags, PRIVATE_FILE)?;
        fs::fchmod(&fd, PRIVATE_FILE)?;
        fs::flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock { fd, owner: std::process::id() }))
    }

    /// Asks the kernel's list of locks: taking the lock, be it for a moment, could turn an owner away that starts.
    fn is_locked(&self, path: &Path) -> bool {
        let Ok(stat) = fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else { return false };
        let (major, minor) = (fs::major(stat.st_dev), fs::minor(stat.st_dev));
        let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        locks.lines().any(|lock| {
            let mut fields = lock.split_ascii_whitespace();
            // A waiting process has an arrow in the place of the kind.
            fields.nth(1) == Some("FLOCK") && fields.any(|field| field == file)
        })
    }
}
