//! An open stream: how a row of Python's finds its flow, and how it waits.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyString;
use siftstream::schema::FlowConfig;
use siftstream::{
    AnyTransport, Error, ErrorCode, FlowBuilder, IngestionConfigEncoder, SendError, SiftStream, TimeValue,
    TrySendError,
};

use crate::arguments::{kind, timeout};
use crate::error::{CoreResult, OrRaise, undelivered, wrong_type};
use crate::flow::FlowPath;
use crate::new_flow;
use crate::open::Opened;
use crate::wait::STEP;

/// A stream of the mode that was chosen.
pub(crate) type CoreStream = SiftStream<IngestionConfigEncoder, AnyTransport>;

/// How many names of flows are found by their pointer.
const RECENT: usize = 16;
/// After how long without a pause a task that sends lets the others of its loop go on. A timer of asyncio needs three such
/// pauses until its task runs.
const BREATH: Duration = Duration::from_millis(1);

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
        let after = error.message().split_once(" within ").map(|(what, rest)| (what, rest.split_once(':')));
        let Some((what, Some((_, advice)))) = after else { return error.clone() };
        Error::new(ErrorCode::Timeout, format!("{what} within {time:?}:{advice}"))
    }
}

/// An open stream.
pub(crate) struct Live {
    stream: ManuallyDrop<CoreStream>,
    /// Whether a flow is registered when its first row is sent.
    registers_new: bool,
    schema: Mutex<HashMap<String, FlowConfig>>,
    paths: Mutex<HashMap<String, Arc<FlowPath>>>,
    recent: Mutex<Vec<(Py<PyString>, Arc<FlowPath>)>>,
    last_breath: Mutex<Instant>,
}

impl Live {
    pub(crate) fn new(opened: Opened) -> Self {
        let schema = opened.flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect();
        Self {
            stream: ManuallyDrop::new(opened.stream),
            registers_new: opened.registers_new,
            schema: Mutex::new(schema),
            paths: Mutex::default(),
            recent: Mutex::default(),
            last_breath: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn stream(&self) -> &CoreStream {
        &self.stream
    }

    /// Takes note of flows that are registered.
    pub(crate) fn learn(&self, flows: Vec<FlowConfig>) {
        lock(&self.schema).extend(flows.into_iter().map(|flow| (flow.name.clone(), flow)));
    }

    /// Keeps a flow for its first row. What is known already stays as it is.
    pub(crate) fn stage(&self, flow: FlowConfig) -> CoreResult<()> {
        self.stream.stage_flow(flow.clone())?;
        if !self.knows(&flow.name) {
            self.learn(vec![flow]);
        }
        Ok(())
    }

    /// The config that was staged or registered under this name.
    pub(crate) fn config_of(&self, name: &str) -> Option<FlowConfig> {
        lock(&self.schema).get(name).cloned()
    }

    /// Whether rows of the flow can be built.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.stream.get_flow_descriptor(name).is_ok()
    }

    /// The flow of this name.
    #[inline]
    pub(crate) fn path(&self, name: &Bound<'_, PyAny>) -> PyResult<Arc<FlowPath>> {
        match self.recent(name) {
            Some(path) => Ok(path),
            None => self.look_up(name),
        }
    }

    /// The same, if it was asked for by this very `str`, as programs mostly do.
    #[inline]
    fn recent(&self, name: &Bound<'_, PyAny>) -> Option<Arc<FlowPath>> {
        let recent = lock(&self.recent);
        recent.iter().find(|(known, _)| known.as_ptr() == name.as_ptr()).map(|(_, path)| Arc::clone(path))
    }

    fn look_up(&self, name: &Bound<'_, PyAny>) -> PyResult<Arc<FlowPath>> {
        let py = name.py();
        let name = name
            .cast::<PyString>()
            .map_err(|_| wrong_type(py, format!("a flow cannot be {}: give its name", kind(name))))?;
        let text = name.to_str()?;
        let known = lock(&self.paths).get(text).cloned();
        let path = match known {
            Some(path) => path,
            None => {
                let descriptor = self.stream.get_flow_descriptor(text).or_raise(py)?;
                let path = Arc::new(FlowPath::new(descriptor, lock(&self.schema).get(text)));
                Arc::clone(lock(&self.paths).entry(text.to_owned()).or_insert(path))
            }
        };
        let mut recent = lock(&self.recent);
        if recent.len() == RECENT {
            recent.remove(0);
        }
        recent.push((name.clone().unbind(), Arc::clone(&path)));
        Ok(path)
    }

    /// Sends `{channel: value}` to the flow of this name, which is registered first if that is wanted.
    #[inline]
    pub(crate) fn send_to(
        &self,
        flow: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
        patience: Patience,
    ) -> PyResult<()> {
        match self.recent(flow) {
            Some(path) => self.send(&path, values, timestamp, patience),
            None => self.send_to_other(flow, values, timestamp, patience),
        }
    }

    #[cold]
    fn send_to_other(
        &self,
        flow: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        timestamp: Option<&Bound<'_, PyAny>>,
        patience: Patience,
    ) -> PyResult<()> {
        if let (true, Ok(name)) = (self.registers_new, flow.cast::<PyString>())
            && !self.knows(name.to_str()?)
        {
            return new_flow::send(self, name.to_str()?, values, timestamp, patience);
        }
        self.send(&*self.look_up(flow)?, values, timestamp, patience)
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
    pub(crate) fn should_breathe(&self) -> bool {
        let mut last = lock(&self.last_breath);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
