//! The local Sift endpoint, for tests of those who use the package.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use siftstream_server::{
    Effect, FaultFlag, KeptRow, LocalServer as Server, State, UnaryEffect, UnaryFault, Value,
};

use crate::arguments::timeout;
use crate::error::wrong_value;
use crate::wait::STEP;

/// Flow, nanoseconds since 1970, values by channel, run.
type ReceivedRow = (String, i64, Py<PyDict>, String);

/// The server and the process that it lives in: its thread does not come along into a forked child.
struct Running {
    server: Server,
    process: u32,
}

/// Private: use `siftstream.testing.LocalServer`.
#[pyclass(frozen, subclass, module = "siftstream._siftstream", name = "LocalServerBase")]
pub(crate) struct LocalServer {
    running: Mutex<Option<Running>>,
}

impl LocalServer {
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `act` do something with the server, without the GIL.
    fn with<R: Send>(&self, py: Python<'_>, act: impl FnOnce(&Server) -> R + Send) -> PyResult<R> {
        let done = py.detach(|| {
            let running = self.running();
            let running = running.as_ref().filter(|running| running.process == std::process::id())?;
            Some(act(&running.server))
        });
        done.ok_or_else(|| wrong_value(py, "the local server is closed"))
    }

    fn state<R: Send>(&self, py: Python<'_>, ask: impl FnOnce(&State) -> R + Send) -> PyResult<R> {
        self.with(py, |server| ask(&server.state()))
    }
}

#[pymethods]
impl LocalServer {
    #[new]
    #[pyo3(signature = (*, host="127.0.0.1", port=0, api_key=None, keep_rows=true, count_only=false))]
    fn new(
        py: Python<'_>,
        host: &str,
        port: u16,
        api_key: Option<&str>,
        keep_rows: bool,
        count_only: bool,
    ) -> PyResult<Self> {
        let host = host.parse().map_err(|_| wrong_value(py, format!("{host:?} is no IP address")))?;
        let builder = Server::builder()
            .host(host)
            .port(port)
            .api_key(api_key)
            .keep_rows(keep_rows && !count_only)
            .count_only(count_only);
        let server = py.detach(|| builder.start()).map_err(PyOSError::new_err)?;
        Ok(Self { running: Mutex::new(Some(Running { server, process: std::process::id() })) })
    }

    /// Where clients find it, such as `http://127.0.0.1:50051`.
    #[getter]
    fn uri(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, Server::uri)
    }

    /// The port it listens at; the same after a restart.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<u16> {
        self.with(py, Server::port)
    }

    /// How many valid rows have arrived, repeated ones included.
    #[getter]
    fn row_count(&self, py: Python<'_>) -> PyResult<u64> {
        self.state(py, State::rows)
    }

    /// How many rows were refused because they do not fit the schema.
    #[getter]
    fn schema_error_count(&self, py: Python<'_>) -> PyResult<u64> {
        self.state(py, State::schema_error_count)
    }

    /// How many ingest streams were opened.
    #[getter]
    fn streams_opened(&self, py: Python<'_>) -> PyResult<usize> {
        self.state(py, State::streams_opened)
    }

    /// How many ingest streams ended so that the client may take its rows for confirmed.
    #[getter]
    fn streams_confirmed(&self, py: Python<'_>) -> PyResult<usize> {
        self.state(py, State::streams_confirmed)
    }

    /// The names of the runs that clients made.
    #[getter]
    fn runs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.state(py, |state| state.runs().into_iter().map(|run| run.name).collect())
    }

    /// The names of the flows that are registered, with how many valid rows each has.
    #[getter]
    fn flows(&self, py: Python<'_>) -> PyResult<std::collections::BTreeMap<String, u64>> {
        self.state(py, |state| state.flows().into_iter().map(|flow| (flow.name, flow.rows)).collect())
    }

    #[pyo3(signature = (flow, *, take))]
    fn _rows(&self, py: Python<'_>, flow: Option<&str>, take: bool) -> PyResult<Vec<ReceivedRow>> {
        let (rows, flows) = self.state(py, |state| {
            let rows = if take { state.take_kept_rows() } else { state.kept_rows() };
            (rows, state.flows())
        })?;
        let wanted = rows.iter().filter(|row| flow.is_none_or(|flow| row.flow == flow));
        let told = |row: &KeptRow| {
            let tally = flows
                .iter()
                .find(|tally| tally.name == row.flow && tally.ingestion_config_id == row.ingestion_config_id);
            let names = tally.map(|tally| tally.channels.as_slice()).unwrap_or_default();
            let values = PyDict::new(py);
            for (name, value) in names.iter().zip(&row.values) {
                if let Some(value) = object(py, value)? {
                    values.set_item(name, value)?;
                }
            }
            let time = row.timestamp.map_or(0, |time| {
                time.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanos))
            });
            Ok((row.flow.clone(), time, values.unbind(), row.run_id.clone()))
        };
        wanted.map(told).collect()
    }

    /// What was wrong with the first rows that were refused.
    #[getter]
    fn schema_errors(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.state(py, |state| state.schema_errors().iter().map(ToString::to_string).collect())
    }

    /// Wait until so many valid rows have arrived; returns whether they have within `timeout` seconds.
    #[pyo3(signature = (count, timeout=None))]
    fn wait_for_rows(
        &self,
        py: Python<'_>,
        count: u64,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let now = Instant::now();
        let deadline = self::timeout(timeout)?;
        loop {
            let left = deadline.saturating_sub(now.elapsed()).min(STEP);
            if self.state(py, |state| state.wait_for(left, |state| state.rows() >= count))? {
                return Ok(true);
            }
            if now.elapsed() >= deadline {
                return Ok(false);
            }
            py.check_signals()?;
        }
    }

    /// Misbehave on ingest streams to come: `kind[,key=value…]`, such as `"status=UNAVAILABLE,after=1000,times=3"`.
    ///
    /// Kinds: none, status=CODE, early-ok, delay-ok, reset, reset-stream, goaway, silence, no-response, freeze,
    /// slow-reader, malformed-trailers, missing-trailers, huge-response, close-listener. Keys: after (rows), after-bytes,
    /// after-ms, at-end, times (a number or `always`), delay-ms, retry-after-ms, bytes-per-s, for-ms.
    fn inject(&self, py: Python<'_>, fault: &str) -> PyResult<()> {
        let flag: FaultFlag = fault.parse().map_err(|message: String| wrong_value(py, message))?;
        self.with(py, |server| server.inject(flag.fault, flag.times))
    }

    /// Let calls other than sending fail, such as `CreateIngestionConfig`; of any name, if none is given. The fault is
    /// `"status=CODE"`, `"delay-ok,delay-ms=…"` or `"silence"`, each with `times`.
    #[pyo3(signature = (fault, method=None))]
    fn inject_call(&self, py: Python<'_>, fault: &str, method: Option<String>) -> PyResult<()> {
        let flag: FaultFlag = fault.parse().map_err(|message: String| wrong_value(py, message))?;
        let effect = match flag.fault.effect {
            Effect::Status(status) => UnaryEffect::Status(status),
            Effect::Ok { delay, .. } if !delay.is_zero() => UnaryEffect::Delay(delay),
            Effect::Silence => UnaryEffect::Silence,
            _ => {
                let message =
                    format!("{fault:?} is no fault of calls: give status=CODE, delay-ok or silence");
                return Err(wrong_value(py, message));
            }
        };
        let fault = UnaryFault { method, effect };
        self.with(py, |server| server.inject_unary(fault, flag.times))
    }

    /// End all faults.
    fn heal(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Server::heal)?;
        self.with(py, Server::clear_faults)
    }

    /// From now on calls must bear this key; `None` admits everybody.
    #[pyo3(signature = (key))]
    fn set_api_key(&self, py: Python<'_>, key: Option<&str>) -> PyResult<()> {
        self.with(py, |server| server.set_api_key(key))
    }

    /// Close the listener and every connection, as when the machine goes down; what it knows is kept.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Server::stop)
    }

    /// Listen again at the same port.
    fn start_again(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Server::start_again)?.map_err(PyOSError::new_err)
    }

    /// Stop for good. Doing it twice is harmless.
    fn close(&self, py: Python<'_>) {
        py.detach(|| end(self.running().take()));
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let mut running = self.running().take();
        let ended = Python::try_attach(|py| {
            let running = running.take();
            py.detach(move || end(running));
        });
        if ended.is_none() {
            std::mem::forget(running);
        }
    }
}

/// Stops the server. A forked child has nothing to stop.
fn end(running: Option<Running>) {
    match running {
        Some(Running { server, process }) if process == std::process::id() => drop(server),
        elsewhere => std::mem::forget(elsewhere),
    }
}

/// A value as it arrived; none for "no news".
fn object(py: Python<'_>, value: &Value) -> PyResult<Option<Py<PyAny>>> {
    Ok(Some(match value {
        Value::Empty(()) => return Ok(None),
        Value::Double(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::Float(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any().unbind(),
        Value::Int32(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::Uint32(value) | Value::Enum(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::Int64(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::Uint64(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::String(value) => value.into_pyobject(py)?.into_any().unbind(),
        Value::BitField(value) | Value::Bytes(value) => PyBytes::new(py, value).into_any().unbind(),
    }))
}
