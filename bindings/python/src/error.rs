//! Errors of the core as exceptions of the package.
//!
//! Which class an error becomes is decided in `siftstream/_errors.py`, by its code.

use std::fmt::Display;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use siftstream::{DataStatus, Error, ErrorCode};

/// What calls with a core error return.
pub(crate) type CoreResult<T> = siftstream::Result<T>;

/// The exception for `error`.
#[cold]
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    made(py, error, None)
}

/// The exception for `error`, with what was not delivered.
#[cold]
pub(crate) fn undelivered(py: Python<'_>, error: &Error, data: &Bound<'_, PyAny>) -> PyErr {
    made(py, error, Some(("data", data)))
}

/// The exception for `error`, with one more attribute.
#[cold]
pub(crate) fn with_attribute(py: Python<'_>, error: &Error, name: &str, value: &Bound<'_, PyAny>) -> PyErr {
    made(py, error, Some((name, value)))
}

/// A wrong argument: an exception that is a `TypeError`.
#[cold]
pub(crate) fn wrong_type(py: Python<'_>, message: impl Display) -> PyErr {
    exception(py, &Error::new(ErrorCode::WrongType, message.to_string()))
}

/// A wrong argument: an exception that is a `ValueError`.
#[cold]
pub(crate) fn wrong_value(py: Python<'_>, message: impl Display) -> PyErr {
    exception(py, &Error::new(ErrorCode::InvalidArgument, message.to_string()))
}

/// Results of the core in calls from Python.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for CoreResult<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}

fn made(py: Python<'_>, error: &Error, attribute: Option<(&str, &Bound<'_, PyAny>)>) -> PyErr {
    make(py, error, attribute).map_or_else(|error| error, PyErr::from_value)
}

fn make<'py>(
    py: Python<'py>,
    error: &Error,
    attribute: Option<(&str, &Bound<'py, PyAny>)>,
) -> PyResult<Bound<'py, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = MAKE
        .get_or_try_init(py, || PyResult::Ok(py.import("siftstream._errors")?.getattr("_make")?.unbind()))?;
    let status = match error.data_status() {
        DataStatus::NotAccepted => "not_accepted",
        DataStatus::InMemory => "in_memory",
        DataStatus::OnDisk => "on_disk",
        DataStatus::Confirmed => "confirmed",
        _ => "unknown",
    };
    let arguments = (error.code() as i32, error.message(), error.is_retryable(), status);
    let made = make.bind(py).call1(arguments)?;
    if let Some((name, value)) = attribute {
        made.setattr(name, value)?;
    }
    Ok(made)
}
