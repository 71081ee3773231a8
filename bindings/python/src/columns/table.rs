//! Tables and columns of other libraries, through Arrow's C interface: pandas, polars, pyarrow, DuckDB and more.
//!
//! The interface lends memory; nothing is copied here. See <https://arrow.apache.org/docs/format/CDataInterface.html>.
#![allow(unsafe_code, reason = "the interface is made of pointers")]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader, StructArray, make_array, new_empty_array};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyString, PyTuple};
use siftstream::{ChannelIndex, Error, ErrorCode, Result};

use super::held::Rows;
use super::sending::Source;
use super::times::{self, Times};
use super::{Place, arrow};
use crate::error::{OrRaise, exception};
use crate::flow::FlowPath;

/// A table, batch by batch.
pub(super) struct Reader {
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
}

/// The table, if it is one.
pub(super) fn reader(given: &Bound<'_, PyAny>) -> PyResult<Option<Reader>> {
    if let Some(stream) = stream(given)? {
        let reader = RecordBatchStreamReader::try_new(stream).map_err(|error| unreadable(&error));
        let reader = reader.or_raise(given.py())?;
        return Ok(Some(Reader { schema: reader.schema(), batches: Box::new(reader) }));
    }
    let Some(array) = array(given)? else { return Ok(None) };
    let table = array.as_any().downcast_ref::<StructArray>().cloned();
    let table =
        table.ok_or_else(|| Error::new(ErrorCode::WrongType, "the columns are one array, not a table"));
    let batch = RecordBatch::from(table.or_raise(given.py())?);
    Ok(Some(Reader { schema: batch.schema(), batches: Box::new(std::iter::once(Ok(batch))) }))
}

/// The pieces of a column, if it is one.
pub(super) fn arrays(given: &Bound<'_, PyAny>) -> PyResult<Option<Vec<ArrayRef>>> {
    if let Some(array) = array(given)? {
        return Ok(Some(vec![array]));
    }
    let Some(stream) = stream(given)? else { return Ok(None) };
    let arrays = ArrayStreamReader::try_new(stream).and_then(Iterator::collect::<Result<_, _>>);
    arrays.map(Some).map_err(|error| unreadable(&error)).or_raise(given.py())
}

fn stream(given: &Bound<'_, PyAny>) -> PyResult<Option<FFI_ArrowArrayStream>> {
    let Some(export) = given.getattr_opt("__arrow_c_stream__")? else { return Ok(None) };
    let capsule = export.call0()?;
    let stream = pointer::<FFI_ArrowArrayStream>(&capsule, c"arrow_array_stream")?;
    // SAFETY: by its name the capsule holds a stream. It is moved out, and the capsule keeps one that is released.
    Ok(Some(unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) }))
}

fn array(given: &Bound<'_, PyAny>) -> PyResult<Option<ArrayRef>> {
    let Some(export) = given.getattr_opt("__arrow_c_array__")? else { return Ok(None) };
    let capsules = export.call0()?.cast_into::<PyTuple>()?;
    let (schema, array) = (capsules.get_item(0)?, capsules.get_item(1)?);
    let schema = pointer::<FFI_ArrowSchema>(&schema, c"arrow_schema")?;
    let array = pointer::<FFI_ArrowArray>(&array, c"arrow_array")?;
    // SAFETY: by their names the capsules hold an array, which is moved out, and its schema, which lives as long as its
    // capsule; the interface says that they belong together.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) };
    data.map(|data| Some(make_array(data))).map_err(|error| unreadable(&error)).or_raise(given.py())
}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<NonNull<T>> {
    Ok(capsule.cast::<PyCapsule>()?.pointer_checked(Some(name))?.cast())
}

fn unreadable(error: &ArrowError) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("the table cannot be read: {error}"))
}

/// A table whose batches are looked at when they come.
pub(super) struct Table {
    path: Arc<FlowPath>,
    time_column: usize,
    channels: Vec<(usize, ChannelIndex)>,
    reader: Reader,
}

impl Table {
    /// The rows of the next batch.
    pub(super) fn next(&mut self) -> Result<Option<Rows>> {
        let Some(batch) = self.reader.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|error| unreadable(&error))?;
        let times = times::of_chunks(std::slice::from_ref(batch.column(self.time_column)))?;
        rows(&self.path, times, &self.channels, &batch).map(Some)
    }
}

fn rows(
    path: &Arc<FlowPath>,
    times: Times,
    channels: &[(usize, ChannelIndex)],
    batch: &RecordBatch,
) -> Result<Rows> {
    let mut rows = Rows::new(Arc::clone(path), times);
    for (at, index) in channels {
        let place = Place { path, index: *index };
        rows.add(*index, arrow::column(&place, std::slice::from_ref(batch.column(*at)))?)?;
    }
    Ok(rows)
}

/// The rows of a table. `timestamps` names one of its columns, or has one time for each row.
pub(super) fn source(
    path: &Arc<FlowPath>,
    timestamps: &Bound<'_, PyAny>,
    reader: Reader,
) -> PyResult<Source> {
    let py = timestamps.py();
    let name = timestamps.cast::<PyString>().ok().map(|name| name.to_string());
    let (mut time_column, mut channels) = (None, Vec::new());
    for (at, field) in reader.schema.fields().iter().enumerate() {
        if Some(field.name()) == name.as_ref() {
            time_column = Some(at);
            continue;
        }
        let index = path.descriptor.index(field.name()).or_raise(py)?;
        // Types that do not fit are told before the first batch is asked for.
        let empty = new_empty_array(field.data_type());
        arrow::column(&Place { path, index }, &[empty]).or_raise(py)?;
        channels.push((at, index));
    }
    match (name, time_column) {
        (Some(_), Some(time_column)) => {
            Ok(Source::Table(Table { path: Arc::clone(path), time_column, channels, reader }))
        }
        (Some(name), None) => Err(exception(py, &super::no_times(path, &name))),
        (None, _) => {
            let times = times::gather(timestamps)?;
            beside(path, &times, &channels, reader).or_raise(py)
        }
    }
}

/// The rows of a table whose times stand beside it.
fn beside(
    path: &Arc<FlowPath>,
    times: &Times,
    channels: &[(usize, ChannelIndex)],
    reader: Reader,
) -> Result<Source> {
    let batches = reader.batches.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if count != times.len() {
        let (flow, times) = (path.descriptor.name(), times.len());
        let message =
            format!("the table for flow '{flow}' has {count} rows for {times} timestamps: give one for each");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    let mut first = 0;
    let parts = batches.iter().map(|batch| {
        let range = first..first + batch.num_rows();
        first = range.end;
        rows(path, times.part(range), channels, batch)
    });
    Ok(Source::Parts(parts.collect::<Result<_>>()?))
}
