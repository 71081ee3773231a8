//! Waiting: never with the GIL, so that other threads of the program go on; on the main thread Ctrl+C ends it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use siftstream::{Error, ErrorCode};

use crate::error::{OrRaise, exception};
use crate::exit;

/// How long a wait goes on before it looks whether a signal came.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// Runs `work` on a thread of its own, and makes an object of its result with `told`. Without an event loop, waits for
/// it; with one, returns a future of that loop at once. What was begun goes on when the waiting ends early.
pub(crate) fn run<R: Send + 'static>(
    py: Python<'_>,
    event_loop: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce() -> R + Send + 'static,
    told: impl FnOnce(Python<'_>, R) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    match event_loop {
        None => told(py, wait_for(py, work)?),
        Some(event_loop) => in_future(py, event_loop, work, told),
    }
}

/// Runs `work` on a thread of its own and waits for it.
pub(crate) fn wait_for<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> R + Send + 'static,
) -> PyResult<R> {
    let (done, mut waiting) = sync_channel(1);
    spawn(py, move || {
        // Nobody waits any more if Ctrl+C came.
        done.send(work()).ok();
    })?;
    loop {
        let (receiver, received) = py.detach(move || look(waiting));
        match received {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                let message = "a thread of siftstream died: report this as a defect";
                return Err(exception(py, &Error::new(ErrorCode::Internal, message)));
            }
        }
        waiting = receiver;
    }
}

fn look<R>(waiting: Receiver<R>) -> (Receiver<R>, Result<R, RecvTimeoutError>) {
    let received = waiting.recv_timeout(STEP);
    (waiting, received)
}

fn in_future<R: Send + 'static>(
    py: Python<'_>,
    event_loop: &Bound<'_, PyAny>,
    work: impl FnOnce() -> R + Send + 'static,
    told: impl FnOnce(Python<'_>, R) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let future = event_loop.call_method0("create_future")?.unbind();
    let (settled, event_loop) = (future.clone_ref(py), event_loop.clone().unbind());
    spawn(py, move || {
        let result = work();
        // Without an interpreter nobody waits for the future.
        if let Some(_settling) = exit::Settling::begin() {
            Python::try_attach(|py| settle(py, event_loop.bind(py), settled.bind(py), told(py, result)));
        }
    })?;
    Ok(future)
}

/// Gives the future its result, on its loop. A loop that is closed has nobody who waits.
fn settle(
    py: Python<'_>,
    event_loop: &Bound<'_, PyAny>,
    future: &Bound<'_, PyAny>,
    result: PyResult<Py<PyAny>>,
) {
    let (value, error) = match result {
        Ok(value) => (value, None),
        Err(error) => (py.None(), Some(error.into_value(py))),
    };
    let on_loop = py.import("siftstream._futures").and_then(|module| module.getattr("settle"));
    on_loop
        .and_then(|settle| event_loop.call_method1("call_soon_threadsafe", (settle, future, value, error)))
        .ok();
}

fn spawn(py: Python<'_>, work: impl FnOnce() + Send + 'static) -> PyResult<()> {
    let spawned = thread::Builder::new().name("siftstream-wait".to_owned()).spawn(work);
    spawned
        .map(drop)
        .map_err(|error| Error::new(ErrorCode::Unavailable, format!("cannot start a thread: {error}")))
        .or_raise(py)
}
