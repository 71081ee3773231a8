//! The threads of a stream: their names, their CPUs, and how urgent they are.

use super::{put, set, siftstream_config};
use crate::columns::array;
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// Sets what the names of the stream's threads begin with, instead of `siftstream`: 1 to 8 visible ASCII characters. The
/// text is copied.
///
/// Errors: INVALID_ARGUMENT. Whether the name can be used is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_thread_name(
    config: *mut siftstream_config,
    name: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "thread_name", || name.get("name"))
}

/// Sets the CPUs that the stream's threads run on: `count` numbers from 0 to 1,023, which are copied. By default, and
/// with a `count` of 0, they run on those of the thread that creates the stream.
///
/// Errors: INVALID_ARGUMENT. Whether the machine has the CPUs is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_thread_cpus(
    config: *mut siftstream_config,
    cpus: *const u32,
    count: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "thread_cpus", || {
        Ok(array(cpus, count, "cpus")?.iter().map(u32::to_string).collect::<Vec<_>>())
    })
}

/// Sets the nice value of the stream's threads, -20 (urgent) to 19; by default that of the thread that creates the
/// stream. Forgets a priority that was set.
///
/// Errors: INVALID_ARGUMENT. Whether the system allows it is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_thread_nice(
    config: *mut siftstream_config,
    nice: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.set("thread_nice", nice.to_string())?;
        config.unset("thread_fifo_priority")
    })
}

/// Makes the stream's threads real-time threads (SCHED_FIFO) of a priority from 1 to 99. By default they are ordinary
/// threads, also if a real-time thread creates the stream. Forgets a nice value that was set.
///
/// Errors: INVALID_ARGUMENT. Whether the system allows it is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_thread_fifo_priority(
    config: *mut siftstream_config,
    priority: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.set("thread_fifo_priority", priority)?;
        config.unset("thread_nice")
    })
}
