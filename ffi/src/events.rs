//! The events of a stream: to poll, to wait for, or to be called with.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use siftstream_core::events::Events;
use siftstream_core::{Error, ErrorCode, Result};

use crate::boundary::{enter, null, output, value_or};
use crate::error::siftstream_error;
use crate::event::siftstream_event;
use crate::handle;
use crate::listener::{Callback, UserData};
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;

/// Is called with each event of a stream, on a thread of the library. The event is the library's: it is freed when the
/// call returns. The call must return: neither an exception nor longjmp may leave it.
pub type siftstream_event_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const siftstream_event)>;

/// Is called once, when `user_data` is not needed any more. Neither an exception nor longjmp may leave it.
pub type siftstream_free_callback = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// The queue of a stream, which can be waited for without keeping the stream.
fn queue(stream: *const siftstream_stream) -> Result<Arc<Events>> {
    let stream = handle::shared(stream)?;
    stream.check_process()?;
    Ok(Arc::clone(stream.events()))
}

/// Gives the oldest event that nobody has read in *out, or NULL if there is none now. The caller frees it; it may
/// outlive the stream. A stream keeps the newest 1,024 events.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread; each event goes to one reader. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_poll_event(
    stream: *const siftstream_stream,
    out: *mut *mut siftstream_event,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(out, "out")?;
        place.write(match queue(stream)?.poll() {
            Some(event) => siftstream_event::create(event)?,
            None => std::ptr::null_mut(),
        });
        Ok(())
    })
}

/// As siftstream_stream_poll_event, but waits for an event for at most `timeout_ms`. A stream that is freed meanwhile
/// ends the wait at once.
///
/// Errors: CLOSED if the stream was freed meanwhile and all its events were read, INVALID_ARGUMENT.
/// Thread-safety: any thread; each event goes to one reader. Blocking: up to `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_wait_event(
    stream: *const siftstream_stream,
    timeout_ms: u32,
    out: *mut *mut siftstream_event,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(out, "out")?;
        let events = queue(stream)?;
        place.write(match events.wait(Duration::from_millis(u64::from(timeout_ms))) {
            Some(event) => siftstream_event::create(event)?,
            None if events.is_over() => {
                return Err(Error::new(ErrorCode::Closed, "the stream was freed: there are no more events"));
            }
            None => std::ptr::null_mut(),
        });
        Ok(())
    })
}

/// How many events were dropped because nobody read them in time; 0 if `stream` is no living stream.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_events_dropped(stream: *const siftstream_stream) -> u64 {
    value_or(0, || Ok(queue(stream)?.dropped()))
}

/// Calls `callback` with each event from now on, and those that nobody has read yet, one at a time, on a thread that
/// belongs to the stream. `callback` may call every function of the library, also on its stream, and free it. Meanwhile
/// other events wait, and the oldest are dropped if it takes too long; nothing else waits for it.
///
/// siftstream_stream_free has `callback` called with the events that still wait, and returns when that is done, or after
/// a second, or at once if `callback` calls it. After that no call begins; one that runs then goes on.
///
/// `free_user_data`, which may be NULL, is called exactly once, when no call will come any more: on the thread of the
/// callback, or, if this function fails, before it returns.
///
/// Errors: INVALID_ARGUMENT, BUSY if the stream has a callback. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_on_event(
    stream: *const siftstream_stream,
    callback: siftstream_event_callback,
    user_data: *mut c_void,
    free_user_data: siftstream_free_callback,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let user_data = UserData::new(user_data, free_user_data);
        let function = callback.ok_or_else(|| null("callback"))?;
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        let listener = stream.take_listener()?;
        let callback = Callback::new(function, user_data, Arc::clone(&listener));
        let listening = stream.events().on_event(move |event| callback.call(event));
        if listening.is_err() {
            stream.forget_listener();
        }
        listening
    })
}
