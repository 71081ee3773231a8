//! The choices of a stream and its schema, before it is created. One setter a key, and one for every key.

mod connection;
mod delivery;
mod disk;
mod failure;
mod keys;
mod labels;
mod reingestion;
mod schema;
mod threads;

use std::time::Duration;

use siftstream_core::{ConfigValue, Error, ErrorCode, Result, StreamConfig};

use crate::boundary::{enter, free, output};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;

pub(crate) use labels::run_form;
pub use schema::siftstream_channel_type;

/// The choices of a stream and its schema.
pub struct siftstream_config {
    _opaque: [u8; 0],
}

kind!(siftstream_config, StreamConfig, 0x51, "config");

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A limit; the largest number stands for the lack of one.
fn limit(number: u64) -> Option<u64> {
    (number != u64::MAX).then_some(number)
}

/// What a number of the enum `of` stands for.
pub(crate) fn choose<T: Copy>(number: i32, of: &str, choices: &[(i32, T)]) -> Result<T> {
    choices.iter().find(|(known, _)| *known == number).map(|(_, choice)| *choice).ok_or_else(|| {
        let message = format!("{number} is not in {of}: use one of its values");
        Error::new(ErrorCode::InvalidArgument, message)
    })
}

fn set(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    change: impl FnOnce(&mut StreamConfig) -> Result<()>,
) -> siftstream_status {
    enter(error, || change(&mut *handle::exclusive(config)?))
}

/// Chooses the value of one key.
fn put<V: Into<ConfigValue>>(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    key: &str,
    value: impl FnOnce() -> Result<V>,
) -> siftstream_status {
    set(config, error, |config| config.set(key, value()?))
}

/// Makes an empty config in *out. The caller frees it, before or after the streams that it created.
///
/// Errors: INVALID_ARGUMENT if `out` is NULL. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_create(
    out: *mut *mut siftstream_config,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let mut config = StreamConfig::default();
        config.set_language("c");
        output(out, "out")?.write(handle::create(config)?);
        Ok(())
    })
}

/// Frees a config. NULL is fine.
///
/// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_free(config: *mut siftstream_config) -> siftstream_status {
    free(config)
}
