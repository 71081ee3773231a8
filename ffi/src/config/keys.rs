//! Keys by their names, as text, and many at once.

use super::{set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// Sets the key of this name; docs/configuration.md lists them. `value` is what would stand in an environment variable:
/// a number, a text such as "250ms" or "64MiB", "true", "none", a list separated by commas. The texts are copied.
///
/// Errors: INVALID_ARGUMENT; for an unknown key its message names the nearest known one.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| config.set(key.get("key")?, value.get("value")?))
}

/// Adds what a TOML file says: keys, flows with their channels, the run, metadata. What was set by a call or by the
/// environment stays, and so do flows of the same name. After an error nothing has changed.
///
/// Errors: INVALID_ARGUMENT with the line, NOT_FOUND, IO.
/// Thread-safety: one thread at a time. Blocking: while the file is read.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_load_file(
    config: *mut siftstream_config,
    path: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| config.load_file(path.get("path")?))
}

/// Adds what environment variables say: SIFTSTREAM_ and the name of a key in capitals, dots as underscores. They win
/// over a file; what was set by a call stays. After an error nothing has changed.
///
/// Errors: INVALID_ARGUMENT, also for a variable whose name is nearly that of a key.
/// Thread-safety: one thread at a time, and none may change the environment meanwhile. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_load_env(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| config.apply_env())
}
