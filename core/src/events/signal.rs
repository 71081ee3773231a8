//! A file descriptor that tells whether something waits, for loops that wait for several things with `poll`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, ErrorCode, Result};

/// An eventfd: readable while it is set.
#[derive(Debug)]
pub(super) struct Signal {
    fd: OwnedFd,
    is_set: AtomicBool,
}

impl Signal {
    pub(super) fn new() -> Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|why| {
            Error::new(ErrorCode::Io, format!("cannot make a file descriptor for events: {why}"))
        })?;
        Ok(Self { fd, is_set: AtomicBool::new(false) })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Called by one thread at a time. Never waits: the descriptor is non-blocking, and counts to one.
    pub(super) fn set(&self, set: bool) {
        if self.is_set.swap(set, Ordering::Relaxed) == set {
            return;
        }
        let mut count = 1_u64.to_ne_bytes();
        let done =
            if set { rustix::io::write(&self.fd, &count) } else { rustix::io::read(&self.fd, &mut count) };
        if let Err(why) = done {
            tracing::warn!(target: "siftstream::events", "cannot tell of events by a file descriptor: {why}");
        }
    }
}
