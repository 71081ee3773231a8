//! The queue of events: bounded, oldest out first.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

use super::signal::Signal;
use super::{Event, EventKind};
use crate::error::Result;
use crate::seams::threads::Threads;
use crate::stream::watched::Watched;

/// How many events wait to be read.
const CAPACITY: usize = 1_024;
/// How long a thread that calls back waits at a time.
const LISTEN_STEP: Duration = Duration::from_secs(60);

/// Waits that are longer than the clock can tell are cut to this.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Event>,
    next_number: u64,
    dropped: u64,
    closed: bool,
}

/// The events of one stream. All calls may come from any thread.
#[derive(Debug, Default)]
pub struct Events {
    state: Watched<State>,
    /// Only if somebody asked for it. Changed under the lock of the state.
    signal: OnceLock<Signal>,
    threads: Threads,
    /// Where the thread logged that built the stream.
    logs: Dispatch,
}

impl Events {
    pub(crate) fn emit(&self, kind: EventKind) {
        self.log(&kind);
        self.state.change(|state| {
            if state.closed {
                return;
            }
            if state.waiting.len() == CAPACITY {
                state.waiting.pop_front();
                state.dropped += 1;
            }
            let number = state.next_number;
            state.next_number += 1;
            state.waiting.push_back(Event { number, at: SystemTime::now(), kind });
            self.show(state);
        });
    }

    /// An event can come on a thread of the caller, which logs elsewhere.
    fn log(&self, kind: &EventKind) {
        let log = || tracing::debug!(target: "siftstream::events", "{kind}");
        if self.logs.is::<NoSubscriber>() { log() } else { dispatcher::with_default(&self.logs, log) }
    }

    /// Nobody listens any more: no event comes after those that wait to be read. Calls that wait return, and the thread
    /// of a callback ends. A stream that is dropped does this by itself.
    pub fn close(&self) {
        self.state.change(|state| {
            state.closed = true;
            self.show(state);
        });
    }

    /// The oldest event that was not read, if there is one. Never waits.
    #[must_use]
    pub fn poll(&self) -> Option<Event> {
        self.next(&mut self.state.lock())
    }

    /// The oldest event that was not read; waits for one, at most `timeout` and no longer than the stream lives. Blocks
    /// the calling thread.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Event> {
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + FOREVER);
        self.state
            .wait_until(deadline, |state| match self.next(state) {
                Some(event) => Some(Some(event)),
                None => state.closed.then_some(None),
            })
            .flatten()
    }

    /// A file descriptor that can be read from (in the sense of `poll`) while events wait to be read, and once the stream
    /// is over. For loops that wait for several things; nothing is to be read from it or written to it but by this
    /// library. It belongs to the events, and is closed with them.
    pub fn readable_fd(&self) -> Result<BorrowedFd<'_>> {
        let state = self.state.lock();
        let signal = match self.signal.get() {
            Some(signal) => signal,
            None => self.signal.get_or_init({
                let made = Signal::new()?;
                || made
            }),
        };
        self.show(&state);
        drop(state);
        Ok(signal.fd())
    }

    fn next(&self, state: &mut State) -> Option<Event> {
        let next = state.waiting.pop_front();
        self.show(state);
        next
    }

    /// Lets the file descriptor tell what the state is.
    fn show(&self, state: &State) {
        if let Some(signal) = self.signal.get() {
            signal.set(!state.waiting.is_empty() || state.closed);
        }
    }

    /// How many events were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Whether the stream is over and all its events were read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.closed && state.waiting.is_empty()
    }

    /// Calls `callback` with each event, on a thread of its own, which ends when the stream is over and all its events
    /// were read. A callback that is slow makes events drop, nothing else wait.
    pub fn on_event(self: &Arc<Self>, callback: impl FnMut(Event) + Send + 'static) -> Result<()> {
        let events = Arc::clone(self);
        self.threads.spawn("siftstream-events", move || events.listen(callback)).map(drop)
    }

    fn listen(&self, mut callback: impl FnMut(Event)) {
        while !self.is_over() {
            if let Some(event) = self.wait(LISTEN_STEP) {
                callback(event);
            }
        }
    }
}
