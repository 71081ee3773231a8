//! Something that changes, and those who wait for it. They are woken in the order in which they came, so that a simulated
//! world goes on the same way each time; tokio's own `watch` chooses that order at random.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::shared::lock;

/// What is told to all who listen.
#[derive(Default)]
pub(crate) struct News<T> {
    latest: Arc<Latest<T>>,
}

#[derive(Default)]
struct Latest<T> {
    /// How often it changed, and what it is now.
    told: Mutex<(u64, T)>,
    changed: Notify,
}

/// Somebody who listens.
pub(crate) struct Listener<T> {
    latest: Arc<Latest<T>>,
    /// How much of it was heard.
    heard: u64,
}

impl<T> News<T> {
    pub(crate) fn tell(&self, value: T) {
        {
            let mut told = lock(&self.latest.told);
            *told = (told.0 + 1, value);
        }
        self.latest.changed.notify_waiters();
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener<T> {
        Listener { latest: Arc::clone(&self.latest), heard: lock(&self.latest.told).0 }
    }
}

impl<T: Clone> Listener<T> {
    /// Whether there is news.
    pub(crate) fn has_changed(&self) -> bool {
        lock(&self.latest.told).0 != self.heard
    }

    /// The next news; none is missed, but of several only the latest is heard.
    pub(crate) async fn changed(&mut self) -> T {
        loop {
            let mut changed = std::pin::pin!(self.latest.changed.notified());
            changed.as_mut().enable();
            let (count, value) = {
                let told = lock(&self.latest.told);
                (told.0, told.1.clone())
            };
            if count != self.heard {
                self.heard = count;
                return value;
            }
            changed.await;
        }
    }
}

impl<T> Clone for Listener<T> {
    fn clone(&self) -> Self {
        Self { latest: Arc::clone(&self.latest), heard: self.heard }
    }
}

impl<T> std::fmt::Debug for Listener<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("heard", &self.heard).finish_non_exhaustive()
    }
}
