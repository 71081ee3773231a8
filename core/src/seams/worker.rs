//! Work that may block on a disk: in small turns, so that whoever drives it decides how it rests. A thread of the
//! library does; a simulated network, where time does not pass by itself, drives the same work as a task.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};

/// What a worker wants after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is more to do.
    Again,
    /// Nothing to do for so long, unless it is woken.
    Rest(Duration),
    /// It is done.
    Over,
}

/// Work in turns.
pub(crate) trait Worker {
    /// Called once, on the thread that will drive it.
    fn begin(&mut self) {}

    /// Does what can be done now. May block on the disk, never on the network or on a caller.
    fn turn(&mut self) -> Turn;

    /// Blocks the calling thread until it is woken, for at most `timeout`; may return early for no reason.
    fn rest(&self, timeout: Duration);
}

/// Drives `worker` on the calling thread until it is over.
pub(crate) fn drive(worker: &mut impl Worker) {
    worker.begin();
    loop {
        match worker.turn() {
            Turn::Again => {}
            Turn::Rest(timeout) => worker.rest(timeout),
            Turn::Over => return,
        }
    }
}

/// Runs `work` on a thread of its own.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot start a thread: {error}")))
}
