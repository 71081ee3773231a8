//! A flow as Python rows reach it.
//!
//! The rows of a program have the same keys in the same order again and again, mostly the very same `str` objects. A
//! [`Scratch`] remembers them, so that a channel is found by comparing a pointer.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use siftstream::schema::FlowConfig;
use siftstream::{ChannelDataType, ChannelIndex, FlowBuilder, FlowDescriptor};

use crate::columns;
use crate::error::{OrRaise, wrong_type, wrong_value};
use crate::live::{Live, Patience};
use crate::time::timestamp;
use crate::value::{Misfit, Names, names_of, put, refuse};

/// How many rows wait to be filled again; one for each thread that sends at the same time.
const SPARE: usize = 8;

/// A flow of an open stream.
pub(crate) struct FlowPath {
    pub(crate) descriptor: FlowDescriptor,
    names: Vec<Option<Names>>,
    spare: Mutex<Vec<Scratch>>,
}

/// A row that is filled again and again, and the keys that it was filled by last.
pub(crate) struct Scratch {
    pub(crate) row: FlowBuilder,
    keys: Vec<Key>,
}

struct Key {
    name: Py<PyString>,
    index: ChannelIndex,
    data_type: ChannelDataType,
}

impl FlowPath {
    pub(crate) fn new(descriptor: FlowDescriptor, config: Option<&FlowConfig>) -> Self {
        Self { descriptor, names: config.map(names_of).unwrap_or_default(), spare: Mutex::default() }
    }

    /// The names of the values of an enum channel.
    pub(crate) fn names(&self, index: ChannelIndex) -> Option<&Names> {
        self.names.get(index.position())?.as_ref()
    }

    /// Fills a row and lets `then` send it. Filling may run any Python code, which may send to this flow too: so each
    /// call has a row of its own, and no lock is held.
    #[inline]
    pub(crate) fn with_row<R>(
        &self,
        fill: impl FnOnce(&mut Scratch) -> PyResult<()>,
        then: impl FnOnce(&FlowBuilder) -> R,
    ) -> PyResult<R> {
        let taken = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch =
            taken.unwrap_or_else(|| Scratch { row: FlowBuilder::new(&self.descriptor), keys: Vec::new() });
        scratch.row.clear();
        let result = fill(&mut scratch).map(|()| then(&scratch.row));
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(scratch);
        }
        result
    }

    /// Fills `scratch` from `{name: value}`.
    #[inline]
    pub(crate) fn fill_by_name(
        &self,
        scratch: &mut Scratch,
        values: &Bound<'_, PyAny>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if let Some(time) = timestamp(time)? {
            scratch.row.set_timestamp(time);
        }
        match values.cast::<PyDict>() {
            Ok(values) => self.fill_from_dict(scratch, values),
            Err(_) => self.fill_from_dict(scratch, &dict_of(values)?),
        }
    }

    #[allow(unsafe_code, reason = "the safe iterator panics if a value's conversion changes the dict")]
    fn fill_from_dict(&self, scratch: &mut Scratch, values: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = values.py();
        let expected = values.len();
        let (mut position, mut at) = (0, 0);
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the dict is alive, and the interpreter attached. What PyDict_Next lends is valid until other Python code
        // can run; before that it is owned.
        while unsafe { ffi::PyDict_Next(values.as_ptr(), &raw mut position, &raw mut key, &raw mut value) }
            != 0
        {
            // SAFETY: as above; PyDict_Next said that there is an item.
            let (key, value) =
                unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value)) };
            let (index, data_type) = self.channel(scratch, at, &key)?;
            put(&mut scratch.row, index, data_type, self.names(index), &value)
                .map_err(|misfit| refuse(misfit, &self.descriptor, index, &value, None))?;
            at += 1;
        }
        if at != expected || values.len() != expected {
            let flow = self.descriptor.name();
            return Err(wrong_value(py, format!("the values of flow '{flow}' changed while they were read")));
        }
        Ok(())
    }

    /// The channel of the key at place `at` of the values.
    #[inline]
    fn channel(
        &self,
        scratch: &mut Scratch,
        at: usize,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<(ChannelIndex, ChannelDataType)> {
        match scratch.keys.get(at) {
            Some(known) if known.name.as_ptr() == key.as_ptr() => Ok((known.index, known.data_type)),
            _ => self.look_up(scratch, at, key),
        }
    }

    fn look_up(
        &self,
        scratch: &mut Scratch,
        at: usize,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<(ChannelIndex, ChannelDataType)> {
        let name = key.cast::<PyString>().map_err(|_| {
            let message = format!("flow '{}': channels are named by str, not {key}", self.descriptor.name());
            wrong_type(key.py(), message)
        })?;
        let index = self.index(name)?;
        let data_type = self.descriptor.data_type(index).unwrap_or_default();
        let known = Key { name: name.clone().unbind(), index, data_type };
        if at < scratch.keys.len() {
            scratch.keys[at] = known;
        } else {
            scratch.keys.push(known);
        }
        Ok((index, data_type))
    }

    /// The channel of this name.
    pub(crate) fn index(&self, name: &Bound<'_, PyString>) -> PyResult<ChannelIndex> {
        self.descriptor.index(name.to_str()?).or_raise(name.py())
    }

    /// Fills `scratch` from one value a channel, in the order of the flow.
    fn fill_by_place(
        &self,
        scratch: &mut Scratch,
        values: &Bound<'_, PyTuple>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let channels = self.descriptor.channel_count();
        if values.len() != channels {
            let (flow, given) = (self.descriptor.name(), values.len());
            let message = format!(
                "flow '{flow}' has {channels} channels, not {given}: give one value for each, None for no news"
            );
            return Err(wrong_value(values.py(), message));
        }
        if let Some(time) = timestamp(time)? {
            scratch.row.set_timestamp(time);
        }
        for (at, value) in (0..).zip(values.iter_borrowed()) {
            let index = ChannelIndex::new(at);
            let data_type = self.descriptor.data_type(index).unwrap_or_default();
            put(&mut scratch.row, index, data_type, self.names(index), &value)
                .map_err(|misfit: Misfit| refuse(misfit, &self.descriptor, index, &value, None))?;
        }
        Ok(())
    }
}

/// A mapping of another kind as a dict.
pub(crate) fn dict_of<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = values.py();
    if values.hasattr("keys")? {
        return Ok(py.get_type::<PyDict>().call1((values,))?.cast_into::<PyDict>()?);
    }
    let kind = crate::arguments::kind(values);
    Err(wrong_type(py, format!("values are {kind}: give a dict from channel names to values")))
}

/// One flow of a stream, found once: rows by place, and without a look-up of the flow's name.
///
/// Made by `Stream.flow(name)`.
#[pyclass(frozen, module = "siftstream", name = "BoundFlow")]
pub(crate) struct BoundFlow {
    pub(crate) live: Arc<Live>,
    pub(crate) path: Arc<FlowPath>,
}

#[pymethods]
impl BoundFlow {
    /// The flow's name.
    #[getter]
    fn name(&self) -> &str {
        self.path.descriptor.name()
    }

    /// The names of the channels, in the order in which `row` takes their values.
    #[getter]
    fn channels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let descriptor = &self.path.descriptor;
        let indexes = (0..).map(ChannelIndex::new).take(descriptor.channel_count());
        let names: Vec<_> = indexes.filter_map(|index| descriptor.channel_name(index)).collect();
        PyTuple::new(py, names)
    }

    /// Send one value for each channel, in the order of the flow; waits for room. The fastest way for single rows.
    ///
    /// `None` is "no news" for that channel. Without a timestamp the row gets the time of the call.
    #[pyo3(signature = (*values, timestamp=None, timeout=None))]
    fn row(
        &self,
        values: &Bound<'_, PyTuple>,
        timestamp: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.send_by_place(values, timestamp, Patience::until(timeout)?)
    }

    /// The same without ever waiting: raises `Full` if there is no room.
    #[pyo3(signature = (*values, timestamp=None))]
    fn try_row(&self, values: &Bound<'_, PyTuple>, timestamp: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.send_by_place(values, timestamp, Patience::None)
    }

    /// Send `{channel: value}`; waits for room. Channels that are not named have no news.
    #[pyo3(signature = (values, timestamp=None, *, timeout=None))]
    fn send(
        &self,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.live.send(&self.path, values, timestamp, Patience::until(timeout)?)
    }

    /// The same without ever waiting: raises `Full` if there is no room.
    #[pyo3(signature = (values, timestamp=None))]
    fn try_send(&self, values: &Bound<'_, PyAny>, timestamp: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.live.send(&self.path, values, timestamp, Patience::None)
    }

    /// Send many rows: one array a channel. As `Stream.send_columns`.
    #[pyo3(signature = (timestamps, columns, *, timeout=None))]
    fn send_columns(
        &self,
        timestamps: &Bound<'_, PyAny>,
        columns: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        columns::send(&self.live, &self.path, timestamps, columns, Patience::until(timeout)?).map(drop)
    }

    fn __repr__(&self) -> String {
        format!(
            "<siftstream.BoundFlow '{}' with {} channels>",
            self.name(),
            self.path.descriptor.channel_count()
        )
    }
}

impl BoundFlow {
    fn send_by_place(
        &self,
        values: &Bound<'_, PyTuple>,
        timestamp: Option<&Bound<'_, PyAny>>,
        patience: Patience,
    ) -> PyResult<()> {
        let py = values.py();
        self.path.with_row(
            |scratch| self.path.fill_by_place(scratch, values, timestamp),
            |row| self.live.deliver(py, row, values.as_any(), patience),
        )?
    }
}
