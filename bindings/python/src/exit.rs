//! The end of the interpreter: rows of streams that nobody finished get to the disk, and threads of ours let go of it.
//!
//! A thread that runs Python code when the interpreter ends is ended by it in the middle of that code, which Rust does not
//! survive. So the end waits for those that do, and others do not begin.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use siftstream::Level;

use crate::live::Live;

/// How long the end of a program may be delayed.
const MOST: Duration = Duration::from_millis(800);

static OPEN: Mutex<Vec<Weak<Live>>> = Mutex::new(Vec::new());

/// Set when the interpreter is about to end; the other bits count threads of ours that run Python code.
const ENDING: usize = 1 << (usize::BITS - 1);

static SETTLING: AtomicUsize = AtomicUsize::new(0);

/// A thread of ours that runs Python code, until this is dropped.
pub(crate) struct Settling;

impl Settling {
    /// None if the interpreter is about to end.
    pub(crate) fn begin() -> Option<Self> {
        let counted = Self;
        (SETTLING.fetch_add(1, Ordering::AcqRel) & ENDING == 0).then_some(counted)
    }

    /// Forgets the threads of the process that this one was forked from.
    pub(crate) fn forget() {
        SETTLING.store(0, Ordering::Release);
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        SETTLING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Remembers a stream that was opened.
pub(crate) fn remember(live: Weak<Live>) {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|live| live.strong_count() > 0);
    open.push(live);
}

/// Writes what streams with a disk hold to it, all at once, and waits for it, but never long; and for threads of ours that
/// run Python code. Called by `atexit`.
#[pyfunction]
pub(crate) fn flush_all(py: Python<'_>) {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    let streams: Vec<_> = open.iter().filter_map(Weak::upgrade).map(|live| live.stream().clone()).collect();
    py.detach(|| {
        let deadline = Instant::now() + MOST;
        let flushes: Vec<_> = streams
            .into_iter()
            .filter(|stream| stream.check_process().is_ok())
            .filter_map(|stream| {
                let flush = move || {
                    // Without a disk there is nothing to do, and a disk that fails has said so.
                    stream.flush(Level::Written, MOST).ok();
                    // The end of the process ends it; to drop it here would only wait longer.
                    std::mem::forget(stream);
                };
                thread::Builder::new().name("siftstream-exit".to_owned()).spawn(flush).ok()
            })
            .collect();
        while flushes.iter().any(|flush| !flush.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        SETTLING.fetch_or(ENDING, Ordering::AcqRel);
        while SETTLING.load(Ordering::Acquire) != ENDING && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    });
}
