//! What streams log, through a callback of the program.

use std::ffi::c_void;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use siftstream_core::{LogLevel, LogRecord, Logs, Result};

use crate::boundary::{enter, value_or};
use crate::config::choose;
use crate::error::siftstream_error;
use crate::events::siftstream_free_callback;
use crate::listener::UserData;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// How much a record of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_log_level {
    /// Data or a stream is lost, or a person is needed.
    SIFTSTREAM_LOG_ERROR = 1,
    /// Something is wrong and the library copes.
    SIFTSTREAM_LOG_WARN = 2,
    /// Rare news.
    SIFTSTREAM_LOG_INFO = 3,
    /// What happened, step by step.
    SIFTSTREAM_LOG_DEBUG = 4,
    /// Everything.
    SIFTSTREAM_LOG_TRACE = 5,
}

use siftstream_log_level as Number;

const LEVELS: [(Number, LogLevel); 5] = [
    (Number::SIFTSTREAM_LOG_ERROR, LogLevel::Error),
    (Number::SIFTSTREAM_LOG_WARN, LogLevel::Warn),
    (Number::SIFTSTREAM_LOG_INFO, LogLevel::Info),
    (Number::SIFTSTREAM_LOG_DEBUG, LogLevel::Debug),
    (Number::SIFTSTREAM_LOG_TRACE, LogLevel::Trace),
];

fn level_of(number: i32) -> Result<LogLevel> {
    choose(number, "siftstream_log_level", &LEVELS.map(|(known, level)| (known as i32, level)))
}

fn number_of(level: LogLevel) -> Number {
    let known = LEVELS.iter().find(|(_, of)| *of == level);
    known.map_or(Number::SIFTSTREAM_LOG_TRACE, |(number, _)| *number)
}

/// Is called with each record of the log, on a thread of the library: how much it matters, when it was logged in
/// nanoseconds since 1970, which part of the library says it, and what. The texts are lent for the call. The call must
/// return: neither an exception nor longjmp may leave it.
pub type siftstream_log_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        level: siftstream_log_level,
        time_ns: i64,
        target: siftstream_str,
        message: siftstream_str,
    ),
>;

type Function = unsafe extern "C" fn(*mut c_void, siftstream_log_level, i64, siftstream_str, siftstream_str);

/// A function of the program with its data.
struct Callback {
    function: Function,
    level: LogLevel,
    user_data: UserData,
}

// SAFETY: the program promised a function that can be called with its data on any thread; only the thread of the log
// calls it, and the data is freed once.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(&self, record: &LogRecord) {
        let since = record.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let (target, message) = (siftstream_str::of(record.target), siftstream_str::of(&record.message));
        // SAFETY: as above; the texts live until the call returns.
        unsafe {
            (self.function)(self.user_data.pointer(), number_of(record.level), time_ns, target, message);
        }
    }
}

/// Where the callback sits: it comes and goes, what streams log to stays.
#[derive(Default)]
struct Seat {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    callback: Option<Arc<Callback>>,
    calling: Option<ThreadId>,
}

impl Seat {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, record: &LogRecord) {
        let mut state = self.state();
        let callback = state.callback.clone();
        state.calling = Some(thread::current().id());
        drop(state);
        if let Some(callback) = callback {
            // Records that were meant for the one before may still wait.
            if record.level <= callback.level {
                callback.call(record);
            }
            // Its data may go with it, on this thread and before others are told that the call is over.
            drop(callback);
        }
        self.state().calling = None;
        self.returned.notify_all();
    }

    fn is_calling_here(&self) -> bool {
        self.state().calling == Some(thread::current().id())
    }

    /// Seats another callback, or none. The one before gets no call any more; waits until `deadline` for one that runs.
    fn replace(&self, callback: Option<Arc<Callback>>, deadline: Instant) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.callback, callback);
        while state.calling.is_some_and(|thread| thread != thread::current().id()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        // What is freed is the program's, which may call the library.
        drop(state);
        drop(before);
    }
}

/// The log of a process. A forked child begins anew: nobody can tell whether a lock of its parent's is held for ever.
struct Desk {
    process: u32,
    logs: Logs,
    seat: Arc<Seat>,
}

/// Never freed, as any stream may log to it.
static DESK: AtomicPtr<Desk> = AtomicPtr::new(ptr::null_mut());

/// How long to wait for what waits for a callback that goes, and as long again for its last call.
const PATIENCE: Duration = Duration::from_millis(500);

impl Desk {
    /// That of this process, if it has one.
    fn here() -> Option<&'static Self> {
        // SAFETY: it is NULL or points to a desk that was leaked.
        let desk = unsafe { DESK.load(Ordering::Acquire).as_ref() };
        desk.filter(|desk| desk.process == process::id())
    }

    fn here_or_new(level: LogLevel) -> Result<&'static Self> {
        loop {
            let before = DESK.load(Ordering::Acquire);
            if let Some(desk) = Self::here() {
                return Ok(desk);
            }
            let seat = Arc::<Seat>::default();
            let called = Arc::clone(&seat);
            let logs = Logs::to_callback(level, move |record| called.call(&record))?;
            let made = Box::into_raw(Box::new(Self { process: process::id(), logs, seat }));
            let placed = DESK.compare_exchange(before, made, Ordering::AcqRel, Ordering::Acquire);
            if placed.is_err() {
                // SAFETY: it was made above, and nobody has seen it.
                drop(unsafe { Box::from_raw(made) });
            }
        }
    }

    fn seat(&self, callback: Option<Arc<Callback>>, level: Option<LogLevel>) {
        if !self.seat.is_calling_here() {
            self.logs.flush(PATIENCE);
        }
        self.logs.set_max_level(level);
        self.seat.replace(callback, Instant::now() + PATIENCE);
    }
}

/// Runs `work`; what it logs, and what the streams log that it creates, goes to the callback of this process.
pub(crate) fn within<R>(work: impl FnOnce() -> R) -> R {
    match Desk::here() {
        Some(desk) => desk.logs.within(work),
        None => work(),
    }
}

/// Has `callback` called with what streams log, from `level` (a siftstream_log_level) on and graver. There is one for the
/// process; without it nothing is logged. Streams that were created before the first call of this function log nothing:
/// call it first. A later call replaces the callback, and its level, for all; NULL for `callback` ends logging, and then
/// `level` is not looked at.
///
/// `callback` is called on one thread of the library, one record at a time, in order, under no lock; it may call every
/// function of the library. If it is slow, records are dropped and counted (siftstream_log_dropped) when 1,024 wait;
/// nothing else waits for it, no sender either. Of records from one place in the code at most 10 a second come, and the
/// next one tells how many did not. The API key is in none of them. The parts of the library that `target` names are
/// listed in docs/observability.md.
///
/// A callback that is replaced gets the records that wait, and is not called again after this function returned; it
/// waits for both for a second at most. A call that takes longer than that runs on. Called by the callback itself, it
/// does not wait: that call is the last one. A forked child logs nothing until it calls this function.
///
/// `free_user_data`, which may be NULL, is called exactly once, when no call will come any more: before this function
/// returns, if it fails or has nothing to call, or on either thread when the callback was replaced.
///
/// Errors: INVALID_ARGUMENT, IO if there can be no thread; then all is as it was. Thread-safety: any thread. Blocking: up
/// to a second, for the callback before.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_set_log_callback(
    callback: siftstream_log_callback,
    user_data: *mut c_void,
    free_user_data: siftstream_free_callback,
    level: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let user_data = UserData::new(user_data, free_user_data);
        match callback {
            Some(function) => {
                let level = level_of(level)?;
                let callback = Arc::new(Callback { function, level, user_data });
                Desk::here_or_new(level)?.seat(Some(callback), Some(level));
            }
            None => {
                if let Some(desk) = Desk::here() {
                    desk.seat(None, None);
                }
            }
        }
        Ok(())
    })
}

/// How many records the callback of this process was too slow for.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_log_dropped() -> u64 {
    value_or(0, || Ok(Desk::here().map_or(0, |desk| desk.logs.dropped())))
}
