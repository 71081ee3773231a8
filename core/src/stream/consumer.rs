//! How the consumer of an intake sleeps and is woken: as a task, or as a thread of its own.

use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::Notify;

/// Wakes one consumer. A wake-up that comes before the wait ends that wait at once.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    task: Notify,
    thread: OnceLock<Thread>,
}

impl Consumer {
    /// From now on the consumer is the calling thread.
    pub(crate) fn is_this_thread(&self) {
        self.thread.get_or_init(thread::current);
    }

    pub(crate) fn wake(&self) {
        match self.thread.get() {
            Some(thread) => thread.unpark(),
            None => self.task.notify_one(),
        }
    }

    /// Waits as a task.
    pub(crate) async fn woken(&self) {
        self.task.notified().await;
    }

    /// Waits as a thread, for at most `timeout`.
    pub(crate) fn park(&self, timeout: Duration) {
        thread::park_timeout(timeout);
    }
}
