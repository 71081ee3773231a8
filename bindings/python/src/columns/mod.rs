//! Many rows at once: arrays of numpy, of anything that speaks Arrow's C interface, or lists.
//!
//! What has the channel's type and lies in one piece is lent to the core as it is ([`held`] holds on to it); the core
//! encodes straight from there. Everything else is copied once, while it is checked. All rows are looked at before the
//! first is sent; only a table that arrives in batches is looked at batch by batch.

mod arrow;
mod buffer;
mod convert;
mod held;
mod list;
mod sending;
mod table;
mod times;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use siftstream::{Error, ErrorCode};

use crate::arguments::kind;
use crate::error::{OrRaise, exception, with_attribute, wrong_type};
use crate::flow::FlowPath;
use crate::live::{Live, Patience};
use crate::wait;
use held::{Column, Rows};
use sending::{Sending, Source};
use times::Times;

/// Sends the rows; waits for room as `patience` says. Returns how many were accepted, which are all of them if waiting
/// was allowed. The GIL is released while rows are encoded.
pub(crate) fn send(
    live: &Live,
    path: &Arc<FlowPath>,
    timestamps: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyAny>,
    patience: Patience,
) -> PyResult<usize> {
    let py = timestamps.py();
    let mut sending = Sending::new(live.stream().clone(), source(path, timestamps, columns)?);
    loop {
        let step = patience.step();
        match py.detach(|| sending.advance(step)) {
            Ok(true) => return Ok(sending.accepted()),
            Ok(false) if step.is_none() => return ended(py, &sending, patience),
            Ok(false) => py.check_signals()?,
            Err(error) => return Err(refused(py, &error, sending.accepted())),
        }
    }
}

/// The same on a thread of its own; returns a future of the loop.
pub(crate) fn send_in_future(
    live: &Arc<Live>,
    path: Arc<FlowPath>,
    timestamps: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyAny>,
    patience: Patience,
    event_loop: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let py = timestamps.py();
    let mut sending = Sending::new(live.stream().clone(), source(&path, timestamps, columns)?);
    let work = move || {
        let result = loop {
            let step = patience.step();
            match sending.advance(step) {
                Ok(false) if step.is_some() => {}
                result => break result,
            }
        };
        (sending, result)
    };
    wait::run(py, Some(event_loop), work, move |py, (sending, result)| {
        let accepted = match result {
            Ok(true) => sending.accepted(),
            Ok(false) => ended(py, &sending, patience)?,
            Err(error) => return Err(refused(py, &error, sending.accepted())),
        };
        Ok(accepted.into_pyobject(py)?.into_any().unbind())
    })
}

/// There was no room for all rows in time.
fn ended(py: Python<'_>, sending: &Sending, patience: Patience) -> PyResult<usize> {
    if let Patience::None = patience {
        return Ok(sending.accepted());
    }
    let late = sending.late().cloned();
    let late = late.unwrap_or_else(|| Error::new(ErrorCode::Timeout, "no room in time"));
    Err(refused(py, &patience.told(&late), sending.accepted()))
}

fn refused(py: Python<'_>, error: &Error, accepted: usize) -> PyErr {
    match accepted.into_pyobject(py) {
        Ok(accepted) => with_attribute(py, error, "accepted", accepted.as_any()),
        Err(error) => error.into(),
    }
}

/// The rows that were given, whatever they are made of.
fn source(
    path: &Arc<FlowPath>,
    timestamps: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyAny>,
) -> PyResult<Source> {
    let py = timestamps.py();
    if columns.hasattr("keys")? {
        let columns = py.get_type::<PyDict>().call1((columns,))?.cast_into::<PyDict>()?;
        return gather(path, timestamps, &columns).map(Source::Once);
    }
    match table::reader(columns)? {
        Some(reader) => table::source(path, timestamps, reader),
        None => {
            let kind = kind(columns);
            let hint = "a dict from channel names to arrays, or a table (pandas, polars, pyarrow, DuckDB)";
            Err(wrong_type(py, format!("columns are {kind}: give {hint}")))
        }
    }
}

/// Rows of `{channel: array}`; `timestamps` may be the name of one of the arrays.
fn gather(
    path: &Arc<FlowPath>,
    timestamps: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyDict>,
) -> PyResult<Rows> {
    let py = timestamps.py();
    let name = timestamps.cast::<PyString>().ok();
    let times = match name {
        Some(name) => match columns.get_item(name)? {
            Some(times) => times::gather(&times)?,
            None => return Err(exception(py, &no_times(path, &name.to_string_lossy()))),
        },
        None => times::gather(timestamps)?,
    };
    let mut rows = Rows::new(Arc::clone(path), times);
    for (channel, values) in columns {
        if let Some(name) = name
            && name.as_any().eq(&channel)?
        {
            continue;
        }
        let channel = channel.cast::<PyString>().map_err(|_| {
            let flow = path.descriptor.name();
            wrong_type(py, format!("flow '{flow}': channels are named by str, not {channel}"))
        })?;
        let index = path.index(channel)?;
        let place = Place { path, index };
        rows.add(index, column(&place, &values)?).or_raise(py)?;
    }
    Ok(rows)
}

fn no_times(path: &FlowPath, name: &str) -> Error {
    let flow = path.descriptor.name();
    let message = format!("the columns for flow '{flow}' have none named '{name}' with the timestamps");
    Error::new(ErrorCode::InvalidArgument, message)
}

/// The channel that values are for.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a FlowPath,
    index: siftstream::ChannelIndex,
}

impl Place<'_> {
    fn data_type(&self) -> siftstream::ChannelDataType {
        self.path.descriptor.data_type(self.index).unwrap_or_default()
    }

    fn names(&self) -> Option<&crate::value::Names> {
        self.path.names(self.index)
    }

    /// The error that arrays of this type are not for the channel.
    fn wrong(&self, given: impl std::fmt::Display, hint: &str) -> Error {
        let message = format!("{self} is of type {}, not {given}: {hint}", self.data_type());
        Error::new(ErrorCode::WrongType, message)
    }

    /// The error that one value is beyond the channel's type.
    fn beyond(&self, row: usize, value: impl std::fmt::Display) -> Error {
        let message =
            format!("{self}, row {row}, is of type {}, which cannot hold {value}", self.data_type());
        Error::new(ErrorCode::InvalidArgument, message)
    }

    /// The error that an enum has no value of this name.
    fn nameless(&self, row: usize, name: &str) -> Error {
        let message =
            format!("{self}, row {row}, has no value named {name:?}: use one of its names, or a number");
        Error::new(ErrorCode::InvalidArgument, message)
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let channel = self.path.descriptor.channel_name(self.index).unwrap_or_default();
        write!(f, "channel '{channel}' of flow '{}'", self.path.descriptor.name())
    }
}

/// The values of one channel.
fn column(place: &Place<'_>, given: &Bound<'_, PyAny>) -> PyResult<Column> {
    let py = given.py();
    if let Some(column) = buffer::column(place, given)? {
        return Ok(column);
    }
    if let Some(array) = numpy_beneath(given)?
        && let Some(column) = buffer::column(place, &array)?
    {
        return Ok(column);
    }
    if let Some(chunks) = table::arrays(given)? {
        return arrow::column(place, &chunks).or_raise(py);
    }
    list::column(place, given)
}

/// The numpy array that a pandas Series or Index stands on, if it stands on one.
fn numpy_beneath<'py>(given: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(dtype) = given.getattr_opt("dtype")? else { return Ok(None) };
    let is_numpy = dtype.get_type().fully_qualified_name()?.to_string_lossy().starts_with("numpy.");
    if !is_numpy || !given.hasattr("__array__")? {
        return Ok(None);
    }
    given.call_method0("__array__").map(Some)
}
