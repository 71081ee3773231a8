//! What streams tell, as objects of `siftstream/_types.py`.

use std::ops::Range;
use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use siftstream::checkpoint::{CheckpointState, Recovery};
use siftstream::metrics::{METRICS, MetricValue};
use siftstream::{Event, FinishError, Report, SiftStreamMetricsSnapshot, Watermarks};

use crate::error::{exception, with_attribute};

/// An object of the class `name` with these fields.
fn object(py: Python<'_>, name: &str, fields: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
    let class = py.import("siftstream._types")?.getattr(name)?;
    Ok(class.call((), Some(fields))?.unbind())
}

/// A dict of a struct's fields, under the same names.
macro_rules! fields {
    ($py:ident, $from:ident: $($name:ident),* $(,)?) => {{
        let fields = PyDict::new($py);
        $(fields.set_item(stringify!($name), &$from.$name)?;)*
        fields
    }};
}

fn ranges<'py>(py: Python<'py>, ranges: &[Range<u64>]) -> PyResult<Bound<'py, PyTuple>> {
    let range = py.import("builtins")?.getattr("range")?;
    let made: Vec<_> = ranges.iter().map(|ids| range.call1((ids.start, ids.end))).collect::<PyResult<_>>()?;
    PyTuple::new(py, made)
}

/// What became of each row.
pub(crate) fn report(py: Python<'_>, report: &Report) -> PyResult<Py<PyAny>> {
    let fields = fields!(py, report: accepted, recovered, confirmed, on_disk, in_memory, dropped, rejected);
    fields.set_item("unconfirmed", ranges(py, &report.unconfirmed)?)?;
    object(py, "Report", &fields)
}

/// The same, as the exception of a finish that did not deliver all.
pub(crate) fn finish_error(py: Python<'_>, failed: &FinishError) -> PyErr {
    match report(py, &failed.report) {
        Ok(report) => with_attribute(py, &failed.error, "report", report.bind(py)),
        Err(error) => error,
    }
}

/// How far rows have come.
pub(crate) fn watermarks(py: Python<'_>, marks: Watermarks) -> PyResult<Py<PyAny>> {
    object(py, "Watermarks", &fields!(py, marks: accepted, written, durable, confirmed))
}

/// The counters.
pub(crate) fn metrics(py: Python<'_>, snapshot: &SiftStreamMetricsSnapshot) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    for metric in METRICS {
        match metric.read(snapshot) {
            MetricValue::Count(count) => fields.set_item(metric.name, count)?,
            MetricValue::Seconds(seconds) => fields.set_item(metric.name, seconds)?,
            MetricValue::Flag(flag) => fields.set_item(metric.name, flag)?,
            _ => {}
        }
    }
    fields.set_item("statuses", PyTuple::new(py, snapshot.statuses)?)?;
    object(py, "Metrics", &fields)
}

/// Something that happened.
pub(crate) fn event(py: Python<'_>, event: &Event) -> PyResult<Py<PyAny>> {
    let kind = &event.kind;
    let fields = PyDict::new(py);
    let since = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    fields.set_item("number", event.number)?;
    fields.set_item("at", since.as_secs_f64())?;
    fields.set_item("kind", kind.name())?;
    fields.set_item("text", kind.to_string())?;
    fields.set_item("rows", kind.rows())?;
    fields.set_item("ranges", ranges(py, kind.ranges())?)?;
    fields.set_item("file", kind.file())?;
    let error = kind.error().map(|error| exception(py, error).into_value(py));
    fields.set_item("error", error)?;
    object(py, "Event", &fields)
}

/// Where inputs resume.
pub(crate) fn recovery(py: Python<'_>, recovery: &Recovery) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("durable", recovery.durable.as_ref().map(|state| checkpoint(py, state)).transpose()?)?;
    fields
        .set_item("confirmed", recovery.confirmed.as_ref().map(|state| checkpoint(py, state)).transpose()?)?;
    object(py, "Recovery", &fields)
}

fn checkpoint(py: Python<'_>, state: &CheckpointState) -> PyResult<Py<PyAny>> {
    let fields = fields!(py, state: stream, sequence, event_time_watermark, row_count, offsets, metadata);
    let blobs = PyDict::new(py);
    for (name, blob) in &state.state {
        blobs.set_item(name, PyBytes::new(py, blob))?;
    }
    fields.set_item("state", blobs)?;
    fields.set_item("created_at", state.created_at as f64 / 1e6)?;
    object(py, "Checkpoint", &fields)
}
