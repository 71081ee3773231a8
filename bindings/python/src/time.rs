//! Times of rows, as Python people have them.
//!
//! An `int` is nanoseconds since 1970, a `float` seconds; a `datetime` must know its zone; a numpy `datetime64` is UTC, as
//! numpy says.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt};
use siftstream::{Error, ErrorCode, Result, TimeValue};

use crate::arguments::kind;
use crate::error::{OrRaise, wrong_type, wrong_value};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The time that was given; none for `None`, which means now.
#[inline]
pub(crate) fn timestamp(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<TimeValue>> {
    match given {
        None => Ok(None),
        Some(given) if given.is_none() => Ok(None),
        Some(given) => time(given).map(Some),
    }
}

/// A time in any of its forms.
#[inline]
pub(crate) fn time(given: &Bound<'_, PyAny>) -> PyResult<TimeValue> {
    if given.is_exact_instance_of::<PyInt>() {
        return match given.extract::<i64>() {
            Ok(nanos) => Ok(TimeValue::from_timestamp_nanos(nanos)),
            Err(_) => {
                let message = format!("timestamp {given} is out of range: an int is nanoseconds since 1970");
                Err(wrong_value(given.py(), message))
            }
        };
    }
    if given.is_exact_instance_of::<PyFloat>() {
        return of_seconds(given.extract()?).or_raise(given.py());
    }
    other(given)
}

/// Seconds since 1970, rounded to nanoseconds.
pub(crate) fn of_seconds(seconds: f64) -> Result<TimeValue> {
    let whole = seconds.floor();
    if !(-1e12..1e12).contains(&whole) {
        let hint = "a float is seconds since 1970, an int nanoseconds";
        return Err(out_of_range(format_args!("{seconds}"), hint));
    }
    let nanos = ((seconds - whole) * 1e9).round();
    of_nanos(i128::from(whole as i64) * NANOS_PER_SECOND + i128::from(nanos as i64))
}

/// Nanoseconds since 1970.
fn of_nanos(nanos: i128) -> Result<TimeValue> {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND));
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND));
    match (seconds, rest) {
        (Ok(seconds), Ok(rest)) => TimeValue::try_from_timestamp(seconds, rest),
        _ => Err(out_of_range(format_args!("{nanos} ns"), "give one of the years 1 to 9999")),
    }
}

/// So many units since 1970.
pub(crate) fn of_datetime64(count: i64, unit: Unit) -> Result<TimeValue> {
    if count == i64::MIN {
        let message = "timestamp NaT is no time: leave the row out";
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    of_nanos(i128::from(count) * unit)
}

fn out_of_range(given: std::fmt::Arguments<'_>, hint: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("timestamp {given} is out of range: {hint}"))
}

#[cold]
fn other(given: &Bound<'_, PyAny>) -> PyResult<TimeValue> {
    let py = given.py();
    if given.is_instance_of::<PyBool>() {
        return Err(unknown(given));
    }
    if given.is_instance(datetime_type(py)?)? {
        return from_datetime(given);
    }
    if let Some(unit) = datetime64_unit(given)? {
        let Some(unit) = unit else { return calendar_datetime64(given) };
        let count: i64 = given.call_method1(intern!(py, "astype"), ("int64",))?.extract()?;
        return of_datetime64(count, unit).or_raise(py);
    }
    if let Ok(nanos) = given.call_method0(intern!(py, "__index__")) {
        return time(&nanos);
    }
    if given.hasattr(intern!(py, "__float__"))? && !given.is_instance_of::<pyo3::types::PyString>() {
        return of_seconds(given.extract()?).or_raise(py);
    }
    Err(unknown(given))
}

fn unknown(given: &Bound<'_, PyAny>) -> PyErr {
    let hint = "give a datetime with its zone, int nanoseconds, float seconds or a numpy.datetime64";
    wrong_type(given.py(), format!("a timestamp cannot be {}: {hint}", kind(given)))
}

fn datetime_type(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static DATETIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let datetime = DATETIME
        .get_or_try_init(py, || PyResult::Ok(py.import("datetime")?.getattr("datetime")?.unbind()))?;
    Ok(datetime.bind(py))
}

/// 1970 in UTC.
fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let epoch = EPOCH.get_or_try_init(py, || {
        let zone = py.import("datetime")?.getattr("timezone")?.getattr("utc")?;
        PyResult::Ok(datetime_type(py)?.call1((1970, 1, 1, 0, 0, 0, 0, zone))?.unbind())
    })?;
    Ok(epoch.bind(py))
}

fn from_datetime(given: &Bound<'_, PyAny>) -> PyResult<TimeValue> {
    let py = given.py();
    let offset = given.call_method0(intern!(py, "utcoffset")).map_err(|_| {
        // pandas' NaT is a datetime.
        wrong_value(py, format!("timestamp {given} is no time: leave the row out"))
    })?;
    if offset.is_none() {
        let message = format!(
            "datetime {given} has no time zone, so its moment is not known: give it one, as in \
             datetime.now(timezone.utc)"
        );
        return Err(wrong_value(py, message));
    }
    let since = given.sub(epoch(py)?)?;
    let part = |name| since.getattr(name).and_then(|part| part.extract::<i64>());
    let micros = i128::from(part("days")?) * 86_400_000_000
        + i128::from(part("seconds")?) * 1_000_000
        + i128::from(part("microseconds")?);
    // pandas has nanoseconds beside them.
    let nanos = match given.getattr_opt(intern!(py, "nanosecond"))? {
        Some(nanos) => nanos.extract::<i64>()?,
        None => 0,
    };
    of_nanos(micros * 1_000 + i128::from(nanos)).or_raise(py)
}

/// Nanoseconds of a unit of `datetime64`.
pub(crate) type Unit = i128;

/// Whether it is of numpy's type `datetime64`: then its unit, none for one of the calendar (months, years).
#[allow(clippy::option_option, reason = "no datetime64, one of the calendar, one of a length")]
pub(crate) fn datetime64_unit(given: &Bound<'_, PyAny>) -> PyResult<Option<Option<Unit>>> {
    let py = given.py();
    let Some(dtype) = given.getattr_opt(intern!(py, "dtype"))? else { return Ok(None) };
    let Some(kind) = dtype.getattr_opt(intern!(py, "kind"))? else { return Ok(None) };
    if !kind.eq("M").unwrap_or(false) {
        return Ok(None);
    }
    let (name, count): (String, i128) =
        py.import("numpy")?.call_method1("datetime_data", (dtype,))?.extract()?;
    Ok(Some(nanos_of(&name).map(|nanos| nanos * count)))
}

fn nanos_of(unit: &str) -> Option<Unit> {
    Some(match unit {
        "W" => 7 * 86_400 * NANOS_PER_SECOND,
        "D" => 86_400 * NANOS_PER_SECOND,
        "h" => 3_600 * NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "s" => NANOS_PER_SECOND,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// Months and years have no length; their first day has.
fn calendar_datetime64(given: &Bound<'_, PyAny>) -> PyResult<TimeValue> {
    time(&given.call_method1("astype", ("datetime64[s]",))?)
}
