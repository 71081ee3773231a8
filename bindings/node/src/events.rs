//! The events of a stream, to a function of JavaScript.

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::error::thrown;
use crate::home::AnyStream;
use crate::json::event_to_json;

/// How many events wait for JavaScript; more wait in the stream's own queue, which drops the oldest.
const WAITING: usize = 64;

/// A function that does not keep the process alive.
type Listener = ThreadsafeFunction<Option<String>, (), Option<String>, napi::Status, false, true, WAITING>;

/// Tells the end when the thread of the events ends.
struct Tell(Listener);

impl Tell {
    fn call(&self, event: Option<String>) {
        // Blocking here makes the stream's queue fill, not memory. When JavaScript is gone nobody wants to know.
        self.0.call(event, ThreadsafeFunctionCallMode::Blocking);
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        self.call(None);
    }
}

/// Calls `listener` with each event as JSON, and without one when there are no more.
pub(crate) fn listen(stream: &AnyStream, listener: &Function<'_, Option<String>, ()>) -> napi::Result<()> {
    let listener = listener.build_threadsafe_function().weak::<true>().max_queue_size::<WAITING>().build()?;
    let tell = Tell(listener);
    stream.events().on_event(move |event| tell.call(Some(event_to_json(&event).to_string()))).map_err(thrown)
}
