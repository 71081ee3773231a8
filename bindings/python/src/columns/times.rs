//! The times of many rows.
//!
//! As for single rows: whole numbers are nanoseconds since 1970, floats seconds; `datetime64` and Arrow's timestamps have
//! their unit, and are UTC where they name no zone.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use pyo3::buffer::{ElementType, PyUntypedBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use siftstream::flow::Timestamps;
use siftstream::{Error, ErrorCode, Result, TimeValue};

use super::buffer::{element, elements, same};
use super::held::Values;
use super::table;
use crate::arguments::kind;
use crate::error::{OrRaise, wrong_type, wrong_value};
use crate::time::{self, datetime64_unit, of_seconds};

/// The times of rows.
pub(super) enum Times {
    /// Nanoseconds since 1970.
    Nanos(Values<i64>),
    /// Other times.
    Times(Vec<TimeValue>),
}

impl Times {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nanos(nanos) => nanos.as_slice().len(),
            Self::Times(times) => times.len(),
        }
    }

    pub(super) fn as_core(&self) -> Timestamps<'_> {
        match self {
            Self::Nanos(nanos) => Timestamps::Nanos(nanos.as_slice()),
            Self::Times(times) => Timestamps::Times(times),
        }
    }

    /// The times of some of the rows.
    pub(super) fn part(&self, rows: std::ops::Range<usize>) -> Self {
        match self {
            Self::Nanos(nanos) => Self::Nanos(Values::Owned(nanos.as_slice()[rows].to_vec())),
            Self::Times(times) => Self::Times(times[rows].to_vec()),
        }
    }
}

/// The times in an array, a column of a table, or a list.
pub(super) fn gather(given: &Bound<'_, PyAny>) -> PyResult<Times> {
    let py = given.py();
    if let Some(times) = of_datetime64(given)? {
        return Ok(times);
    }
    if let Some(times) = of_buffer(given)? {
        return Ok(times);
    }
    if let Some(array) = super::numpy_beneath(given)?
        && let Some(times) = of_buffer(&array)?
    {
        return Ok(times);
    }
    // pandas with a zone: the same times in UTC, without one.
    if given.hasattr("tz")? || given.hasattr("dt")? {
        let beneath = given.call_method1("to_numpy", ("datetime64[ns]",));
        if let Ok(Some(times)) = beneath.and_then(|array| of_datetime64(&array)) {
            return Ok(times);
        }
    }
    if let Some(chunks) = table::arrays(given)? {
        return of_chunks(&chunks).or_raise(py);
    }
    if given.is_instance_of::<PyString>() {
        return Err(wrong_value(
            py,
            format!("timestamps {given}: only columns that stand in a table have names"),
        ));
    }
    let Ok(list) = py.get_type::<PyList>().call1((given,)) else {
        let hint = "give an array or a list with one for each row";
        return Err(wrong_type(py, format!("timestamps cannot be {}: {hint}", kind(given))));
    };
    let times = list.try_iter()?.map(|value| time::time(&value?)).collect::<PyResult<_>>()?;
    Ok(Times::Times(times))
}

fn of_datetime64(given: &Bound<'_, PyAny>) -> PyResult<Option<Times>> {
    let py = given.py();
    if !given.get_type().fully_qualified_name()?.to_string_lossy().starts_with("numpy.") {
        let beneath = super::numpy_beneath(given)?;
        return beneath.map_or(Ok(None), |array| of_datetime64(&array));
    }
    let unit = match datetime64_unit(given)? {
        None => return Ok(None),
        Some(None) => return of_datetime64(&given.call_method1("astype", ("datetime64[s]",))?),
        Some(Some(unit)) => unit,
    };
    let counts = given.call_method1("view", ("int64",))?;
    let buffer = PyUntypedBuffer::get(&counts)?;
    one_dimension(py, &buffer)?;
    let counts: Values<i64> = same(buffer);
    if unit == 1 && !counts.as_slice().contains(&i64::MIN) {
        return Ok(Some(Times::Nanos(counts)));
    }
    let times = counts.as_slice().iter().map(|count| time::of_datetime64(*count, unit));
    Ok(Some(Times::Times(times.collect::<Result<_>>().or_raise(py)?)))
}

fn one_dimension(py: Python<'_>, buffer: &PyUntypedBuffer) -> PyResult<()> {
    if buffer.dimensions() == 1 && buffer.suboffsets().is_none() {
        return Ok(());
    }
    Err(wrong_value(py, format!("timestamps have {} dimensions: give one with 1", buffer.dimensions())))
}

fn of_buffer(given: &Bound<'_, PyAny>) -> PyResult<Option<Times>> {
    let py = given.py();
    let Ok(buffer) = PyUntypedBuffer::get(given) else { return Ok(None) };
    match element(buffer.format()) {
        ElementType::SignedInteger { bytes: 8 } => {
            one_dimension(py, &buffer)?;
            Ok(Some(Times::Nanos(same(buffer))))
        }
        ElementType::Float { bytes: 8 } => {
            one_dimension(py, &buffer)?;
            let times = elements(buffer).map(of_seconds).collect::<Result<_>>().or_raise(py)?;
            Ok(Some(Times::Times(times)))
        }
        ElementType::Unknown => Ok(None),
        _ => {
            let hint = "give int64 nanoseconds, float64 seconds or datetime64";
            Err(wrong_type(py, format!("timestamps cannot be an array of {:?}: {hint}", buffer.format())))
        }
    }
}

/// The times in the pieces of an Arrow column.
pub(super) fn of_chunks(chunks: &[ArrayRef]) -> Result<Times> {
    if let [array] = chunks
        && array.null_count() == 0
        && matches!(array.data_type(), DataType::Int64 | DataType::Timestamp(TimeUnit::Nanosecond, _))
    {
        return Ok(Times::Nanos(Values::Arrow(match array.data_type() {
            DataType::Int64 => array.as_primitive::<Int64Type>().values().clone(),
            _ => array.as_primitive::<TimestampNanosecondType>().values().clone(),
        })));
    }
    let mut times = Vec::with_capacity(chunks.iter().map(|chunk| chunk.len()).sum());
    for chunk in chunks {
        append(&mut times, chunk)?;
    }
    Ok(Times::Times(times))
}

fn append(times: &mut Vec<TimeValue>, chunk: &ArrayRef) -> Result<()> {
    if let Some(row) = chunk.nulls().and_then(|nulls| (0..nulls.len()).find(|row| nulls.is_null(*row))) {
        let row = times.len() + row;
        return Err(invalid(format!("timestamps, row {row}: there is none: leave the row out")));
    }
    match chunk.data_type() {
        DataType::Int64 => counts::<Int64Type>(times, chunk, TimeValue::from_timestamp_nanos),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            counts::<TimestampNanosecondType>(times, chunk, TimeValue::from_timestamp_nanos);
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            return tried::<TimestampMicrosecondType>(times, chunk, TimeValue::try_from_timestamp_micros);
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            return tried::<TimestampMillisecondType>(times, chunk, TimeValue::try_from_timestamp_millis);
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            return tried::<TimestampSecondType>(times, chunk, |seconds| {
                TimeValue::try_from_timestamp(seconds, 0)
            });
        }
        DataType::Float64 => {
            return tried::<Float64Type>(times, chunk, of_seconds);
        }
        other => {
            let hint = "give timestamps, int64 nanoseconds or float64 seconds";
            return Err(Error::new(
                ErrorCode::WrongType,
                format!("timestamps cannot be of type {other}: {hint}"),
            ));
        }
    }
    Ok(())
}

fn counts<T: ArrowPrimitiveType>(
    times: &mut Vec<TimeValue>,
    chunk: &ArrayRef,
    time: impl Fn(T::Native) -> TimeValue,
) {
    times.extend(chunk.as_primitive::<T>().values().iter().map(|count| time(*count)));
}

fn tried<T: ArrowPrimitiveType>(
    times: &mut Vec<TimeValue>,
    chunk: &ArrayRef,
    time: impl Fn(T::Native) -> Result<TimeValue>,
) -> Result<()> {
    for count in chunk.as_primitive::<T>().values() {
        times.push(time(*count)?);
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}
