//! A stream, as the classes `Stream` of the package stand on it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use siftstream::checkpoint::Mark;
use siftstream::{Error, ErrorCode, Level};

use crate::arguments::timeout;
use crate::error::{OrRaise, exception, wrong_value};
use crate::flow::BoundFlow;
use crate::live::{Live, Patience};
use crate::{columns, exit, open, schema, told, wait};

/// What sync and asyncio streams share. Private: use `siftstream.Stream` or `siftstream.aio.Stream`.
#[pyclass(frozen, subclass, module = "siftstream._siftstream")]
pub(crate) struct StreamBase {
    live: OnceLock<Arc<Live>>,
}

impl StreamBase {
    #[inline]
    fn live(&self, py: Python<'_>) -> PyResult<&Arc<Live>> {
        self.live.get().ok_or_else(|| {
            let message = "the stream is not open: use it in a with block, or open it first";
            exception(py, &Error::new(ErrorCode::Closed, message))
        })
    }
}

#[pymethods]
impl StreamBase {
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyAny>, _options: Option<&Bound<'_, PyAny>>) -> Self {
        Self { live: OnceLock::new() }
    }

    /// Starts the stream that the options describe.
    #[pyo3(signature = (config, options, timeout, event_loop=None))]
    fn _start(
        slf: Bound<'_, Self>,
        config: Option<&Bound<'_, PyAny>>,
        options: &Bound<'_, PyDict>,
        #[pyo3(from_py_with = timeout_argument)] timeout: Duration,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let form = config.map(schema::ingestion_config).transpose()?;
        let choices = open::Choices::new(form, options)?;
        let base = slf.unbind();
        wait::run(
            py,
            event_loop,
            move || choices.open(timeout),
            move |py, opened| {
                let live = Arc::new(Live::new(opened.or_raise(py)?));
                exit::remember(Arc::downgrade(&live));
                if base.get().live.set(live).is_err() {
                    return Err(wrong_value(py, "the stream is open already"));
                }
                Ok(py.None())
            },
        )
    }

    /// As `try_send`; tells whether the event loop should go on with something else now.
    fn _offer(
        &self,
        flow: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let live = self.live(flow.py())?;
        live.send_to(flow, values, timestamp, Patience::None)?;
        Ok(live.should_breathe())
    }

    /// The flow of this name, found once: for rows by place, and for sending many rows of it.
    fn flow(&self, name: &Bound<'_, PyAny>) -> PyResult<BoundFlow> {
        let live = self.live(name.py())?;
        Ok(BoundFlow { live: Arc::clone(live), path: live.path(name)? })
    }

    /// Send as many rows as there is room for; returns how many.
    #[pyo3(signature = (flow, timestamps, columns, wait, timeout, event_loop=None))]
    fn _send_columns(
        &self,
        flow: &Bound<'_, PyAny>,
        timestamps: &Bound<'_, PyAny>,
        columns: &Bound<'_, PyAny>,
        wait: bool,
        timeout: Option<&Bound<'_, PyAny>>,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = flow.py();
        let live = self.live(py)?;
        let path = live.path(flow)?;
        let patience = if wait { Patience::until(timeout)? } else { Patience::None };
        match event_loop {
            None => {
                let accepted = columns::send(live, &path, timestamps, columns, patience)?;
                Ok(accepted.into_pyobject(py)?.into_any().unbind())
            }
            Some(event_loop) => {
                columns::send_in_future(live, path, timestamps, columns, patience, event_loop)
            }
        }
    }

    #[pyo3(signature = (level, timeout, event_loop=None))]
    fn _flush(
        &self,
        py: Python<'_>,
        level: &str,
        #[pyo3(from_py_with = timeout_argument)] timeout: Duration,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let stream = self.live(py)?.stream().clone();
        let level = match level {
            "written" => Level::Written,
            "durable" => Level::Durable,
            "confirmed" => Level::Confirmed,
            other => {
                let message = format!("{other:?} is no level: flush to 'written', 'durable' or 'confirmed'");
                return Err(wrong_value(py, message));
            }
        };
        let flush = move || stream.flush(level, timeout);
        wait::run(py, event_loop, flush, |py, flushed| flushed.or_raise(py).map(|()| py.None()))
    }

    #[pyo3(signature = (timeout, event_loop=None))]
    fn _finish(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = timeout_argument)] timeout: Duration,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let stream = self.live(py)?.stream().clone();
        let finish = move || {
            let finished = stream.finish(timeout);
            stream.events().close();
            finished
        };
        wait::run(py, event_loop, finish, |py, finished| match finished {
            Ok(report) => told::report(py, &report),
            Err(failed) => Err(told::finish_error(py, &failed)),
        })
    }

    #[pyo3(signature = (run, timeout, event_loop=None))]
    fn _attach_run(
        &self,
        run: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = timeout_argument)] timeout: Duration,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = run.py();
        let stream = self.live(py)?.stream().clone();
        let selector = schema::run(run)?;
        let attach = move || stream.attach_run_blocking(selector, timeout);
        wait::run(py, event_loop, attach, |py, attached| attached.or_raise(py).map(|()| py.None()))
    }

    #[pyo3(signature = (flows, timeout, event_loop=None))]
    fn _add_flows(
        slf: Bound<'_, Self>,
        flows: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = timeout_argument)] timeout: Duration,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let live = Arc::clone(slf.get().live(py)?);
        let flows = schema::flows(flows)?;
        let (stream, added) = (live.stream().clone(), flows.clone());
        wait::run(
            py,
            event_loop,
            move || stream.add_new_flows_blocking(&added, timeout),
            move |py, result| {
                result.or_raise(py)?;
                live.learn(flows);
                Ok(py.None())
            },
        )
    }

    /// Keep flows for their first rows, with `auto_register_flows`: units, enums and bits are what a row does not tell.
    ///
    /// Sift hears of a flow when its first row is sent by name. Raises `NotConfigured` without `auto_register_flows`,
    /// `InvalidArgument`; flows before the one that is refused are kept then.
    #[pyo3(signature = (*flows))]
    fn stage_flows(&self, flows: &Bound<'_, PyTuple>) -> PyResult<()> {
        let live = self.live(flows.py())?;
        schema::flows(flows.as_any())?.into_iter().try_for_each(|flow| live.stage(flow)).or_raise(flows.py())
    }

    /// Rows sent from now on belong to no run.
    fn detach_run(&self, py: Python<'_>) -> PyResult<()> {
        let live = self.live(py)?;
        live.stream().check_process().or_raise(py)?;
        live.stream().detach_run();
        Ok(())
    }

    /// The ID of the run that rows are attached to, or `None`.
    #[getter]
    fn run_id(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.live(py)?.stream().run_id())
    }

    /// Ask Sift to confirm what was accepted so far, and wait for nothing; `watermarks` and an event tell when it did.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        self.live(py)?.stream().checkpoint().or_raise(py)
    }

    /// End the stream now: calls that wait raise `Cancelled` with the reason. What is on disk stays there.
    fn cancel(&self, py: Python<'_>, reason: &str) -> PyResult<()> {
        let live = self.live(py)?;
        live.stream().check_process().or_raise(py)?;
        py.detach(|| live.stream().cancel(reason));
        Ok(())
    }

    /// Replace the API key; requests that begin later carry the new one.
    fn set_api_key(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.live(py)?.stream().set_api_key(key).or_raise(py)
    }

    /// How far the rows have come: the number of rows, from the first one on, that are at each level or beyond.
    #[getter]
    fn watermarks(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stream = self.live(py)?.stream();
        stream.check_process().or_raise(py)?;
        told::watermarks(py, stream.watermarks())
    }

    /// The counters of this moment.
    #[getter]
    fn metrics(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stream = self.live(py)?.stream();
        stream.check_process().or_raise(py)?;
        told::metrics(py, &stream.get_metrics_snapshot())
    }

    #[pyo3(signature = (offsets, state, metadata, event_time))]
    fn _mark(
        &self,
        py: Python<'_>,
        offsets: HashMap<String, u64>,
        state: HashMap<String, Vec<u8>>,
        metadata: HashMap<String, String>,
        event_time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let stream = self.live(py)?.stream();
        let mark = offsets.iter().fold(Mark::new(), |mark, (source, offset)| mark.offset(source, *offset));
        let mark = state.iter().fold(mark, |mark, (name, bytes)| mark.state(name, bytes));
        let mut mark = metadata.iter().fold(mark, |mark, (key, value)| mark.metadata(key, value));
        if let Some(time) = crate::time::timestamp(event_time)? {
            mark = mark.event_time(time.timestamp_nanos());
        }
        py.detach(|| stream.mark(mark)).or_raise(py)
    }

    /// Where inputs resume: the newest stored checkpoints, before the first mark those of earlier streams of this name.
    fn recover(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stream = self.live(py)?.stream();
        let recovery = py.detach(|| stream.recover()).or_raise(py)?;
        told::recovery(py, &recovery)
    }

    /// The oldest event that was not read, or `None`. Never waits.
    fn poll_event(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let stream = self.live(py)?.stream();
        stream.check_process().or_raise(py)?;
        stream.events().poll().map(|event| told::event(py, &event)).transpose()
    }

    /// The next event; waits for one for at most `timeout` seconds, then returns `None`.
    #[pyo3(signature = (timeout=None))]
    fn wait_event(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        let stream = self.live(py)?.stream();
        stream.check_process().or_raise(py)?;
        let patience = Patience::until(timeout)?;
        while let Some(step) = patience.step() {
            if let Some(event) = py.detach(|| stream.events().wait(step)) {
                return told::event(py, &event).map(Some);
            }
            if stream.events().is_over() {
                return Ok(None);
            }
            py.check_signals()?;
        }
        self.poll_event(py)
    }

    /// Whether the stream is over and all its events were read.
    #[getter]
    fn _events_over(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.live(py)?.stream().events().is_over())
    }

    /// Whether it was opened.
    #[getter]
    fn _is_open(&self) -> bool {
        self.live.get().is_some()
    }
}

/// A stream whose calls wait. Private: use `siftstream.Stream`.
#[pyclass(frozen, subclass, extends = StreamBase, module = "siftstream._siftstream")]
pub(crate) struct SyncStreamBase;

#[pymethods]
impl SyncStreamBase {
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyAny>, _options: Option<&Bound<'_, PyAny>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(StreamBase { live: OnceLock::new() }).add_subclass(Self)
    }

    /// Send one row, `{channel: value}`; waits for room as long as it takes, or for `timeout` seconds.
    ///
    /// Channels that are not named, or are `None`, have no news. Without a timestamp the row gets the time of the call.
    /// When this returns the row is the stream's: it is delivered, or told of by `finish`.
    ///
    /// Raises `UnknownFlow` and `UnknownChannel` (both `KeyError`), `WrongType` (a `TypeError`), `InvalidArgument` (a
    /// `ValueError`), `Timeout` (a `TimeoutError`), `Closed`. Then nothing was accepted; `error.data` is `values`.
    #[pyo3(signature = (flow, values, timestamp=None, *, timeout=None))]
    fn send(
        slf: &Bound<'_, Self>,
        flow: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let live = slf.as_super().get().live(flow.py())?;
        live.send_to(flow, values, timestamp, Patience::until(timeout)?)
    }

    /// Send one row, `{channel: value}`, without ever waiting: raises `Full` if there is no room. Otherwise as `send`.
    #[pyo3(signature = (flow, values, timestamp=None))]
    fn try_send(
        slf: &Bound<'_, Self>,
        flow: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let live = slf.as_super().get().live(flow.py())?;
        live.send_to(flow, values, timestamp, Patience::None)
    }
}

fn timeout_argument(given: &Bound<'_, PyAny>) -> PyResult<Duration> {
    timeout(Some(given).filter(|given| !given.is_none()))
}
