//! The events and the logs of a stream, to functions of JavaScript.

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use serde_json::json;
use siftstream::{LogLevel, LogRecord, Logs, Result};

use crate::error::{invalid, thrown};
use crate::home::AnyStream;
use crate::json::{event_to_json, unix_millis};

/// How many events wait for JavaScript; more wait in the stream's own queue, which drops the oldest.
const WAITING: usize = 64;

/// A function that does not keep the process alive.
type Listener = ThreadsafeFunction<Option<String>, (), Option<String>, napi::Status, false, true, WAITING>;

/// Tells the end when the thread of the events ends.
struct Tell(Listener);

impl Tell {
    fn call(&self, event: Option<String>) {
        // Blocking here makes the stream's queue fill, not memory. When JavaScript is gone nobody wants to know.
        self.0.call(event, ThreadsafeFunctionCallMode::Blocking);
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        self.call(None);
    }
}

impl Tell {
    fn new(listener: &Function<'_, Option<String>, ()>) -> napi::Result<Self> {
        let builder = listener.build_threadsafe_function().weak::<true>().max_queue_size::<WAITING>();
        Ok(Self(builder.build()?))
    }
}

/// Calls `listener` with each event as JSON, and without one when there are no more.
pub(crate) fn listen(stream: &AnyStream, listener: &Function<'_, Option<String>, ()>) -> napi::Result<()> {
    let tell = Tell::new(listener)?;
    stream.events().on_event(move |event| tell.call(Some(event_to_json(&event).to_string()))).map_err(thrown)
}

/// Logs that call `listener` with each record as JSON.
pub(crate) fn logs(level: &str, listener: &Function<'_, Option<String>, ()>) -> napi::Result<Logs> {
    let tell = Tell::new(listener)?;
    let level = level_of(level).map_err(thrown)?;
    Logs::to_callback(level, move |record| tell.call(Some(record_to_json(&record)))).map_err(thrown)
}

fn record_to_json(record: &LogRecord) -> String {
    json!({
        "at": unix_millis(record.at),
        "level": record.level.name(),
        "target": record.target,
        "message": record.message,
    })
    .to_string()
}

fn level_of(name: &str) -> Result<LogLevel> {
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    let level = levels.into_iter().find(|level| level.name() == name);
    level.ok_or_else(|| {
        invalid(format!("there is no log level '{name}': use error, warn, info, debug or trace"))
    })
}
