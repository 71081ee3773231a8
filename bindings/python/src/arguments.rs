//! What many calls take.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::error::wrong_value;

/// Longer waits than this are cut to it.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A time to wait: seconds, a `timedelta`, or `None` for as long as it takes.
pub(crate) fn timeout(given: Option<&Bound<'_, PyAny>>) -> PyResult<Duration> {
    let Some(given) = given else { return Ok(FOREVER) };
    let seconds = seconds(given)?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(duration.min(FOREVER)),
        Err(_) if seconds > 0.0 => Ok(FOREVER),
        Err(_) => {
            let message = format!("timeout {seconds} is no time to wait: give seconds from 0 on, or None");
            Err(wrong_value(given.py(), message))
        }
    }
}

/// Seconds, of a number or a `timedelta`.
pub(crate) fn seconds(given: &Bound<'_, PyAny>) -> PyResult<f64> {
    if is_number(given) {
        return given.extract();
    }
    given.call_method0("total_seconds").and_then(|seconds| seconds.extract()).map_err(|_| {
        let kind = kind(given);
        wrong_value(given.py(), format!("{kind} is no time: give seconds or a datetime.timedelta"))
    })
}

/// Whether it is an `int` or `float`, and no `bool`.
pub(crate) fn is_number(given: &Bound<'_, PyAny>) -> bool {
    (given.is_instance_of::<PyFloat>() || given.is_instance_of::<PyInt>())
        && !given.is_instance_of::<PyBool>()
}

/// The name of the type, for messages.
pub(crate) fn kind(given: &Bound<'_, PyAny>) -> String {
    given.get_type().fully_qualified_name().map_or_else(|_| "this".to_owned(), |name| name.to_string())
}
