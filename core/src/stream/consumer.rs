//! How the consumer of an intake sleeps and is woken: as a task, or as a thread of its own.
//!
//! Who wakes it may be a real-time thread, which must not meet a lock that an ordinary thread holds. A thread is
//! unparked without one. A task is not: its runtime has queues with locks. So where the runtime is ours, the kernel
//! carries the word: the caller writes to a file descriptor, and the runtime finds it readable.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// So long after a row a consumer looks for others by itself, before it sleeps and callers have to wake it. To wake it costs
/// a caller more than all else, 7 to 20 µs where a CPU sleeps too: who sends a row each 4 ms, or more of them, never has to.
pub(crate) const AWAKE: Duration = Duration::from_millis(4);

/// Wakes one consumer. A wake-up that comes before the wait ends that wait at once.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    task: Notify,
    bell: OnceLock<AsyncFd<OwnedFd>>,
    thread: OnceLock<Thread>,
}

impl Consumer {
    /// From now on the consumer is the calling thread.
    pub(crate) fn is_this_thread(&self) {
        self.thread.get_or_init(thread::current);
    }

    /// From now on the consumer is a task of the runtime that the caller is in, and is woken through the kernel, if that
    /// has a descriptor left.
    pub(crate) fn is_woken_through_the_kernel(&self) {
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from);
        match made.and_then(watch) {
            // Whoever woke it before did so in the other way.
            Ok(bell) => drop(self.bell.set(bell).map(|()| self.wake())),
            Err(why) => {
                tracing::warn!(target: "siftstream::threads", "no descriptor to wake a task with: {why}")
            }
        }
    }

    /// Never waits.
    pub(crate) fn wake(&self) {
        match (self.thread.get(), self.bell.get()) {
            (Some(thread), _) => thread.unpark(),
            (None, Some(bell)) => {
                // It fails only if it was rung 2^64 times and nobody came: then it is readable all the same.
                rustix::io::write(bell.get_ref(), &1_u64.to_ne_bytes()).ok();
            }
            (None, None) => self.task.notify_one(),
        }
    }

    /// Waits as a task.
    pub(crate) async fn woken(&self) {
        let Some(bell) = self.bell.get() else {
            return self.task.notified().await;
        };
        loop {
            // It fails when the runtime ends, and this task with it.
            let Ok(mut ready) = bell.readable().await else {
                return std::future::pending().await;
            };
            let mut rings = [0; size_of::<u64>()];
            if ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut rings)?)).is_ok() {
                return;
            }
        }
    }

    /// Waits as a thread, for at most `timeout`.
    pub(crate) fn park(&self, timeout: Duration) {
        thread::park_timeout(timeout);
    }
}

/// Has the runtime that the caller is in watch `fd`.
#[allow(unsafe_code, reason = "tokio asks for a promise about descriptors")]
fn watch(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open, and the same, until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}
