//! A stream, as the classes `Stream` of the package stand on it.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use siftstream::checkpoint::Mark;
use siftstream::schema::FlowConfig;
use siftstream::{
    AnyTransport, Error, ErrorCode, FlowBuilder, IngestionConfigEncoder, Level, SendError, SiftStream,
    TimeValue, TrySendError,
};

use crate::arguments::timeout;
use crate::error::{OrRaise, exception, undelivered, wrong_value};
use crate::flow::{BoundFlow, FlowPath};
use crate::wait::{self, STEP};
use crate::{columns, exit, open, schema, told};

/// A stream of the mode that was chosen.
pub(crate) type CoreStream = SiftStream<IngestionConfigEncoder, AnyTransport>;

/// How many names of flows are found by their pointer.
const RECENT: usize = 16;
/// After how long without a pause a task that sends lets the others of its loop go on.
const BREATH: Duration = Duration::from_millis(4);

/// How long a send may wait for room.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// As long as it takes.
    Endless,
    /// For so long, until then.
    Until(Duration, Instant),
}

impl Patience {
    /// Until a timeout that was given.
    pub(crate) fn until(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = given else { return Ok(Self::Endless) };
        let time = timeout(Some(given))?;
        Ok(Self::Until(time, Instant::now() + time))
    }

    /// How long to wait before looking at signals again; none if it is over.
    pub(crate) fn step(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Endless => Some(STEP),
            Self::Until(_, end) => {
                let left = end.saturating_duration_since(Instant::now());
                (!left.is_zero()).then(|| left.min(STEP))
            }
        }
    }

    /// The error of waits that were cut into steps, with the time that they took together.
    pub(crate) fn told(self, error: &Error) -> Error {
        let Self::Until(time, _) = self else { return error.clone() };
        let cause = error.message().split_once("; the cause: ").map(|(_, cause)| cause);
        let cause = cause.map_or_else(String::new, |cause| format!("; the cause: {cause}"));
        let message = format!("no room within {time:?}: send again later, or wait longer{cause}");
        Error::new(ErrorCode::Timeout, message)
    }
}

/// An open stream.
pub(crate) struct Live {
    stream: ManuallyDrop<CoreStream>,
    schema: Mutex<HashMap<String, FlowConfig>>,
    paths: Mutex<HashMap<String, Arc<FlowPath>>>,
    recent: Mutex<Vec<(Py<PyString>, Arc<FlowPath>)>>,
    last_breath: Mutex<Instant>,
}

impl Live {
    fn new(stream: CoreStream, flows: Vec<FlowConfig>) -> Self {
        let schema = flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect();
        Self {
            stream: ManuallyDrop::new(stream),
            schema: Mutex::new(schema),
            paths: Mutex::default(),
            recent: Mutex::default(),
            last_breath: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn stream(&self) -> &CoreStream {
        &self.stream
    }

    /// The flow of this name. Programs name a flow by the same `str` each time, mostly.
    #[inline]
    pub(crate) fn path(&self, name: &Bound<'_, PyAny>) -> PyResult<Arc<FlowPath>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        match recent.iter().find(|(known, _)| known.as_ptr() == name.as_ptr()) {
            Some((_, path)) => Ok(Arc::clone(path)),
            None => {
                drop(recent);
                self.look_up(name)
            }
        }
    }

    fn look_up(&self, name: &Bound<'_, PyAny>) -> PyResult<Arc<FlowPath>> {
        let py = name.py();
        let name = name.cast::<PyString>().map_err(|_| {
            let kind = crate::arguments::kind(name);
            crate::error::wrong_type(py, format!("a flow cannot be {kind}: give its name"))
        })?;
        let text = name.to_str()?;
        let known = self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        let path = match known {
            Some(path) => path,
            None => {
                let descriptor = self.stream.get_flow_descriptor(text).or_raise(py)?;
                let schema = self.schema.lock().unwrap_or_else(PoisonError::into_inner);
                let path = Arc::new(FlowPath::new(descriptor, schema.get(text)));
                let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(paths.entry(text.to_owned()).or_insert(path))
            }
        };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.remove(0);
        }
        recent.push((name.clone().unbind(), Arc::clone(&path)));
        Ok(path)
    }

    /// Sends `{channel: value}`.
    #[inline]
    pub(crate) fn send(
        &self,
        path: &FlowPath,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
        patience: Patience,
    ) -> PyResult<()> {
        path.with_row(
            |scratch| path.fill_by_name(scratch, values, timestamp),
            |row| self.deliver(values.py(), row, values, patience),
        )?
    }

    /// Sends a row. The GIL is released only to wait; `data` goes into the exception.
    #[inline]
    pub(crate) fn deliver(
        &self,
        py: Python<'_>,
        row: &FlowBuilder,
        data: &Bound<'_, PyAny>,
        patience: Patience,
    ) -> PyResult<()> {
        match self.stream.try_send(row) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => self.wait_for_room(py, row, data, patience),
            Err(TrySendError::Refused(SendError { error, .. })) => Err(undelivered(py, &error, data)),
        }
    }

    #[cold]
    fn wait_for_room(
        &self,
        py: Python<'_>,
        row: &FlowBuilder,
        data: &Bound<'_, PyAny>,
        patience: Patience,
    ) -> PyResult<()> {
        let mut row = row.clone();
        if row.timestamp().is_none() {
            // The time of the call, not of the end of the wait.
            row.set_timestamp(TimeValue::now());
        }
        let mut error =
            Error::new(ErrorCode::Full, "the stream is full: send again later, or wait with send");
        while let Some(step) = patience.step() {
            match py.detach(|| self.stream.send_timeout(&row, step).map_err(|failed| failed.error)) {
                Ok(()) => return Ok(()),
                Err(late) if late.code() == ErrorCode::Timeout => {
                    error = patience.told(&late);
                    py.check_signals()?;
                }
                Err(refused) => return Err(undelivered(py, &refused, data)),
            }
        }
        Err(undelivered(py, &error, data))
    }

    /// Whether a task that sends without a pause should make one.
    fn should_breathe(&self) -> bool {
        let mut last = self.last_breath.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = now.duration_since(*last) >= BREATH;
        if due {
            *last = now;
        }
        due
    }
}

impl Drop for Live {
    /// Writes to the disk what is not there yet, for at most a second: without the GIL.
    #[allow(unsafe_code, reason = "the stream is taken out of a value that is being dropped")]
    fn drop(&mut self) {
        // SAFETY: nothing uses the stream after this.
        let stream = unsafe { ManuallyDrop::take(&mut self.stream) };
        let mut stream = Some(stream);
        let dropped = Python::try_attach(|py| {
            let stream = stream.take();
            py.detach(move || drop(stream));
        });
        if dropped.is_none() {
            // The interpreter ends: `flush_all` has done what could be done.
            std::mem::forget(stream);
        }
    }
}

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
                let (stream, flows) = opened.or_raise(py)?;
                let live = Arc::new(Live::new(stream, flows));
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
        live.send(&*live.path(flow)?, values, timestamp, Patience::None)?;
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
                let mut schema = live.schema.lock().unwrap_or_else(PoisonError::into_inner);
                schema.extend(flows.into_iter().map(|flow| (flow.name.clone(), flow)));
                Ok(py.None())
            },
        )
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
        live.send(&*live.path(flow)?, values, timestamp, Patience::until(timeout)?)
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
        live.send(&*live.path(flow)?, values, timestamp, Patience::None)
    }
}

fn timeout_argument(given: &Bound<'_, PyAny>) -> PyResult<Duration> {
    timeout(Some(given).filter(|given| !given.is_none()))
}
