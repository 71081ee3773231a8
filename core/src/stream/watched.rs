//! State that threads and tasks wait for.

use std::time::Instant;

use crate::seams::sync::{Event, Listener as _, Mutex, MutexGuard, PoisonError};

/// State behind a lock, and a way to wait until it says what one waits for.
///
/// Nothing is ever sent: whoever is slow, or comes late, still sees the truth.
#[derive(Debug, Default)]
pub(crate) struct Watched<S> {
    state: Mutex<S>,
    changed: Event,
}

impl<S> Watched<S> {
    pub(crate) fn new(state: S) -> Self {
        Self { state: Mutex::new(state), changed: Event::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells all who wait.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify(usize::MAX);
        result
    }

    /// Blocks the calling thread until `done` says something; what it says at `deadline` otherwise.
    pub(crate) fn wait_until<T>(
        &self,
        deadline: Instant,
        mut done: impl FnMut(&mut S) -> Option<T>,
    ) -> Option<T> {
        loop {
            let listener = self.changed.listen();
            if let Some(result) = done(&mut self.lock()) {
                return Some(result);
            }
            if listener.wait_deadline(deadline).is_none() {
                return done(&mut self.lock());
            }
        }
    }

    /// The same wait as a task of a tokio runtime.
    pub(crate) async fn until<T>(
        &self,
        deadline: tokio::time::Instant,
        mut done: impl FnMut(&mut S) -> Option<T>,
    ) -> Option<T> {
        loop {
            let listener = self.changed.listen();
            if let Some(result) = done(&mut self.lock()) {
                return Some(result);
            }
            if tokio::time::timeout_at(deadline, listener).await.is_err() {
                return done(&mut self.lock());
            }
        }
    }
}
