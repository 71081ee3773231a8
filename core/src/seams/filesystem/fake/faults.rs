//! What goes wrong, at which call.

use super::{FakeFileSystem, State, errno};
use std::io;

/// What goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with this error number and does nothing; a failed sync also drops what it should have written.
    Errno(i32),
    /// A write takes only this many bytes.
    Short(usize),
    /// A write takes only this many bytes, and fails.
    Torn(usize),
    /// The machine dies before the call: it and all later ones fail.
    Die,
}

impl State {
    /// Counts a call and tells what goes wrong with it.
    pub(super) fn call(&mut self) -> io::Result<Option<Fault>> {
        let number = self.calls;
        self.calls += 1;
        if self.dead {
            return Err(errno(libc::EIO));
        }
        match self.faults.remove(&number) {
            Some(Fault::Die) => {
                self.dead = true;
                Err(errno(libc::EIO))
            }
            fault => Ok(fault),
        }
    }

    /// A call that changes the disk; only an error can go wrong with it.
    pub(super) fn change(&mut self) -> io::Result<()> {
        if let Some(Fault::Errno(number)) = self.call()? {
            return Err(errno(number));
        }
        self.write_errno.map_or(Ok(()), |number| Err(errno(number)))
    }

    pub(super) fn read(&mut self) -> io::Result<()> {
        match self.call()? {
            Some(Fault::Errno(number)) => Err(errno(number)),
            _ => Ok(()),
        }
    }
}

impl FakeFileSystem {
    /// How many calls were made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Lets the call that is `ahead` calls away go wrong (0 is the next one).
    pub fn fail_in(&self, ahead: u64, fault: Fault) {
        let mut state = self.state();
        let number = state.calls + ahead;
        state.faults.insert(number, fault);
    }

    /// From now on everything that changes the disk fails with this error number.
    pub fn fail_changes(&self, number: Option<i32>) {
        self.state().write_errno = number;
    }

    /// From now on every sync of a file fails with this error number, and drops what it should have written.
    pub fn fail_syncs(&self, number: Option<i32>) {
        self.state().sync_errno = number;
    }

    /// How many bytes the disk holds at most.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }
}
