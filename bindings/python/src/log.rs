//! What the library logs, for Python's `logging`.
//!
//! A handler of `logging` may do anything: wait, log again, send to a stream. So it never runs where something is logged:
//! records wait in a queue, bounded, from which `siftstream/_logs.py` takes them on a thread of its own. Only records of
//! siftstream itself are kept; those of the HTTP library might show the API key.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::exit;

/// How many records wait; the oldest go first.
const CAPACITY: usize = 4_096;
const TARGET: &str = "siftstream";

type Record = (u8, String, String);

#[derive(Default)]
struct Queue {
    records: Mutex<VecDeque<Record>>,
    arrived: Condvar,
}

/// A forked child gets another queue, as nobody can tell whether this one was locked; so it is never freed.
static QUEUE: AtomicPtr<Queue> = AtomicPtr::new(std::ptr::null_mut());
/// Records of a lower level, in the numbers of `logging`, are not kept.
static LEAST: AtomicU8 = AtomicU8::new(u8::MAX);

#[allow(unsafe_code, reason = "a static that is replaced after a fork")]
fn queue() -> &'static Queue {
    let current = QUEUE.load(Ordering::Acquire);
    if current.is_null() {
        return replace_queue();
    }
    // SAFETY: it points to a queue that was leaked.
    unsafe { &*current }
}

fn replace_queue() -> &'static Queue {
    let made: &'static mut Queue = Box::leak(Box::default());
    let pointer: *mut Queue = made;
    QUEUE.store(pointer, Ordering::Release);
    made
}

/// Keeps records from this level of `logging` on; from the first call on they are kept at all.
#[pyfunction]
pub(crate) fn set_log_level(level: u8) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    LEAST.store(level, Ordering::Relaxed);
    INSTALLED.get_or_init(|| {
        queue();
        // There is no other: this module has its own `tracing`.
        set_global_default(ToQueue).ok();
    });
}

/// The records that wait; waits for one for at most `timeout` seconds.
#[pyfunction]
pub(crate) fn next_logs(py: Python<'_>, timeout: f64) -> Vec<Record> {
    let timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
    py.detach(|| {
        let queue = queue();
        let records = queue.records.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = queue.arrived.wait_timeout_while(records, timeout, |records| records.is_empty());
        let (mut records, _) = waited.unwrap_or_else(PoisonError::into_inner);
        records.drain(..).collect()
    })
}

/// Begins anew, in a forked child, which has none of our threads.
#[pyfunction]
pub(crate) fn forget_logs() {
    replace_queue();
    exit::Settling::forget();
}

/// The level of `logging` that stands for it.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

struct ToQueue;

impl Subscriber for ToQueue {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with(TARGET) && metadata.is_event() {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(TARGET) && number(*metadata.level()) >= LEAST.load(Ordering::Relaxed)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let logger = metadata.target().replace("::", ".");
        let record = (number(*metadata.level()), logger, text.message + &text.fields);
        let queue = queue();
        let mut records = queue.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back(record);
        drop(records);
        queue.arrived.notify_one();
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A message and its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        if field.name() == "message" {
            write!(self.message, "{value:?}").ok();
        } else {
            write!(self.fields, " {}={value:?}", field.name()).ok();
        }
    }
}
