//! The callback of a stream: called on a thread of the library, and never after the stream was freed.

use std::ffi::c_void;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use siftstream_core::events::Event;

use crate::event::siftstream_event;
use crate::handle;

/// What a callback gets beside the event.
pub(crate) struct UserData {
    pointer: *mut c_void,
    free: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: the caller hands the pointer over to be used on another thread; here it is only passed on.
unsafe impl Send for UserData {}

impl UserData {
    pub(crate) fn new(pointer: *mut c_void, free: Option<unsafe extern "C" fn(*mut c_void)>) -> Self {
        Self { pointer, free }
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the caller gave the function for this pointer, and it is called once: it goes with it.
            unsafe { free(self.pointer) }
        }
    }
}

/// What the freeing of a stream and the thread of its callback tell each other.
#[derive(Default)]
pub(crate) struct Listener {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<ThreadId>,
    is_closed: bool,
    is_over: bool,
}

impl Listener {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may begin, on this thread.
    fn begin(&self) -> bool {
        let mut state = self.state();
        state.thread = Some(thread::current().id());
        !state.is_closed
    }

    /// Waits until `deadline` for the last call to return, unless this is that call. No call begins after it.
    pub(crate) fn close(&self, deadline: Instant) {
        let mut state = self.state();
        while !state.is_over && state.thread != Some(thread::current().id()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            let waited = self.over.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_closed = true;
    }
}

/// Says when no call will come any more.
struct Over(Arc<Listener>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.over.notify_all();
    }
}

/// A function of the caller with its data, which go in this order: first the data, then the word that all is over.
pub(crate) struct Callback {
    function: unsafe extern "C" fn(*mut c_void, *const siftstream_event),
    user_data: UserData,
    over: Over,
}

impl Callback {
    pub(crate) fn new(
        function: unsafe extern "C" fn(*mut c_void, *const siftstream_event),
        user_data: UserData,
        listener: Arc<Listener>,
    ) -> Self {
        Self { function, user_data, over: Over(listener) }
    }

    /// Calls it with an event that lives as long as the call.
    pub(crate) fn call(&self, event: Event) {
        if !self.over.0.begin() {
            return;
        }
        if let Ok(event) = siftstream_event::create(event) {
            // SAFETY: the caller promised a function that can be called with this pointer on any thread, and returns.
            unsafe { (self.function)(self.user_data.pointer, event) }
            // It is freed already if the callback did what it should not.
            handle::destroy(event).ok();
        }
    }
}
