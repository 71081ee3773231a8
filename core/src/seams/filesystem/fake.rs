//! A disk in memory that can fail, tear, lose what was not synced, and crash. For tests.

mod crash;
mod faults;

pub use faults::Fault;

use super::{File, FileKind, FileSystem, Lock, Metadata, ReadAt};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(u64),
    Dir,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl NameChange {
    fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Create(path, _) | Self::Remove(path) => vec![path],
            Self::Rename(from, to) => vec![from, to],
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Inode {
    data: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone, Default)]
struct State {
    inodes: HashMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    unsynced_names: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    dead: bool,
    write_errno: Option<i32>,
    sync_errno: Option<i32>,
    capacity: Option<u64>,
}

/// A file system in memory.
#[derive(Debug, Clone, Default)]
pub struct FakeFileSystem {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct FakeFile {
    fs: FakeFileSystem,
    inode: u64,
}

#[derive(Debug)]
struct FakeLock {
    fs: FakeFileSystem,
    path: PathBuf,
}

impl Lock for FakeLock {}

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.fs.state().locks.remove(&self.path);
    }
}

fn apply(data: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, bytes) => {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            if data.len() < start + bytes.len() {
                data.resize(start + bytes.len(), 0);
            }
            data[start..start + bytes.len()].copy_from_slice(bytes);
        }
        Change::SetLen(len) => data.resize(usize::try_from(*len).unwrap_or(usize::MAX), 0),
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, Node>, change: &NameChange) {
    match change {
        NameChange::Create(path, node) => {
            names.insert(path.clone(), *node);
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
        NameChange::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

fn not_found() -> io::Error {
    errno(libc::ENOENT)
}

impl Inode {
    fn change(&mut self, change: Change) {
        apply(&mut self.data, &change);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            apply(&mut self.durable, &change);
        }
    }
}

impl State {
    fn used(&self) -> u64 {
        let linked: BTreeSet<u64> = self.names.values().filter_map(Node::inode).collect();
        linked.iter().map(|inode| self.inodes[inode].data.len() as u64).sum()
    }

    fn parent_exists(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().ok_or_else(not_found)?;
        if parent.parent().is_none() || self.names.get(parent) == Some(&Node::Dir) {
            return Ok(());
        }
        Err(not_found())
    }

    fn rename_now(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.unsynced_names.push(change);
    }

    fn open(&mut self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Dir) => Err(errno(libc::EISDIR)),
            None => Err(not_found()),
        }
    }
}

impl Node {
    fn inode(&self) -> Option<u64> {
        match self {
            Self::File(inode) => Some(*inode),
            Self::Dir => None,
        }
    }
}

impl FakeFileSystem {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a directory with all that is in it, behind the library's back.
    pub fn remove_tree(&self, path: &Path) {
        let mut state = self.state();
        let doomed: Vec<_> = state.names.keys().filter(|name| name.starts_with(path)).cloned().collect();
        for name in doomed {
            state.rename_now(NameChange::Remove(name));
        }
    }

    /// Replaces the bytes of a file, synced, behind the library's back.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        if let Some(Node::File(inode)) = state.names.get(path).copied() {
            let content = Inode { data: bytes.to_vec(), durable: bytes.to_vec(), unsynced: Vec::new() };
            state.inodes.insert(inode, content);
        }
    }

    /// The bytes of a file.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.names.get(path)?.inode()?;
        Some(state.inodes[&inode].data.clone())
    }

    /// Every path there is.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    fn file(&self, inode: u64) -> Box<dyn File> {
        Box::new(FakeFile { fs: self.clone(), inode })
    }
}

impl ReadAt for FakeFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.fs.state();
        state.read()?;
        state.inodes[&self.inode].data.as_slice().read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.fs.state().inodes[&self.inode].data.len() as u64)
    }
}

impl File for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.fs.state();
        let fault = state.call()?;
        if let Some(number) = state.write_errno {
            return Err(errno(number));
        }
        let room = state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used()));
        let (taken, then) = match fault {
            Some(Fault::Errno(number)) => return Err(errno(number)),
            Some(Fault::Short(n)) => (n.max(1), None),
            Some(Fault::Torn(n)) => (n, Some(errno(libc::EIO))),
            _ => (bytes.len(), None),
        };
        let taken = taken.min(bytes.len()).min(usize::try_from(room).unwrap_or(usize::MAX));
        if taken == 0 && !bytes.is_empty() {
            return Err(then.unwrap_or_else(|| errno(libc::ENOSPC)));
        }
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            let end = inode.data.len() as u64;
            inode.change(Change::Write(end, bytes[..taken].to_vec()));
        }
        then.map_or(Ok(taken), Err)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.fs.state();
        let fault = state.call()?;
        let failure = match fault {
            Some(Fault::Errno(number)) => Some(number),
            _ => state.sync_errno,
        };
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(not_found()) };
        if let Some(number) = failure {
            inode.unsynced.clear();
            return Err(errno(number));
        }
        inode.sync();
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.fs.state();
        state.change()?;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.change(Change::SetLen(len));
        }
        Ok(())
    }

    fn allocate(&mut self, _offset: u64, _len: u64) -> io::Result<()> {
        self.fs.state().change()
    }

    fn inode(&self) -> io::Result<u64> {
        Ok(self.inode)
    }
}

impl FileSystem for FakeFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.change()?;
        state.parent_exists(path)?;
        if state.names.contains_key(path) {
            return Err(errno(libc::EEXIST));
        }
        state.next_inode += 1;
        let inode = state.next_inode;
        state.inodes.insert(inode, Inode::default());
        state.rename_now(NameChange::Create(path.to_owned(), Node::File(inode)));
        drop(state);
        Ok(self.file(inode))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.read()?;
        let inode = state.open(path)?;
        drop(state);
        Ok(self.file(inode))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.change()?;
        let inode = state.open(path)?;
        drop(state);
        Ok(self.file(inode))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.parent_exists(path)?;
        if state.names.contains_key(path) {
            return Err(errno(libc::EEXIST));
        }
        state.rename_now(NameChange::Create(path.to_owned(), Node::Dir));
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut state = self.state();
        state.read()?;
        if state.names.get(path) != Some(&Node::Dir) {
            return Err(not_found());
        }
        let children = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(children.filter_map(|name| name.file_name()).map(OsString::from).collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let mut state = self.state();
        state.read()?;
        match state.names.get(path) {
            None if path.parent().is_none() => Ok(Metadata { kind: FileKind::Directory, len: 0, inode: 0 }),
            None => Err(not_found()),
            Some(Node::Dir) => Ok(Metadata { kind: FileKind::Directory, len: 0, inode: 0 }),
            Some(Node::File(inode)) => {
                let len = state.inodes[inode].data.len() as u64;
                Ok(Metadata { kind: FileKind::Regular, len, inode: *inode })
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.parent_exists(to)?;
        if !state.names.contains_key(from) {
            return Err(not_found());
        }
        state.rename_now(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        match state.names.get(path) {
            Some(Node::File(_)) => state.rename_now(NameChange::Remove(path.to_owned())),
            Some(Node::Dir) => return Err(errno(libc::EISDIR)),
            None => return Err(not_found()),
        }
        Ok(())
    }

    fn fsync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let changes = std::mem::take(&mut state.unsynced_names);
        let mut synced: Vec<bool> = vec![false; changes.len()];
        let mut needed: HashSet<&PathBuf> = HashSet::new();
        for (index, change) in changes.iter().enumerate().rev() {
            let paths = change.paths();
            if paths.iter().any(|name| name.parent() == Some(path) || needed.contains(name)) {
                needed.extend(paths);
                synced[index] = true;
            }
        }
        for (change, synced) in changes.iter().zip(&synced) {
            if *synced {
                apply_name(&mut state.durable_names, change);
            }
        }
        let mut flags = synced.iter();
        state.unsynced_names = changes.clone();
        state.unsynced_names.retain(|_| !flags.next().copied().unwrap_or(false));
        Ok(())
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.read()?;
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut state = self.state();
        state.parent_exists(path)?;
        if !state.names.contains_key(path) {
            state.change()?;
            state.next_inode += 1;
            let inode = state.next_inode;
            state.inodes.insert(inode, Inode::default());
            state.rename_now(NameChange::Create(path.to_owned(), Node::File(inode)));
        }
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        drop(state);
        Ok(Box::new(FakeLock { fs: self.clone(), path: path.to_owned() }))
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.state().locks.contains(path)
    }
}
