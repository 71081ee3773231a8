//! The stream as the TypeScript part sees it.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Array, Env, Function, Object, Unknown};
use napi_derive::napi;
use serde_json::Value;
use siftstream::checkpoint::Mark;
use siftstream::{Level, Result};

use crate::columns;
use crate::error::{Failure, codes, error_to_json, invalid, thrown};
use crate::events::{listen, logs};
use crate::home::{Held, Home, settle_at_exit as settle};
use crate::json::{metrics_to_json, recovery_to_json, report_to_json, watermarks_to_json};
use crate::new_row::NativeNewRow;
use crate::open;
use crate::promise::{promise, promise_blocking};
use crate::row::NativeRow;
use crate::schema::{flows, parse, run};
use crate::signal::{NativeSignal, Watch};
use crate::waiting::{Patience, Turn, nobody_waits};

/// A stream to Sift.
#[napi]
pub struct NativeStream {
    held: Arc<Held>,
}

/// Opens a stream; `options` is JSON. It logs to `listener`, if there is one.
#[napi(ts_return_type = "Promise<NativeStream>")]
pub fn open<'env>(
    env: &'env Env,
    options: String,
    timeout_ms: f64,
    log_level: Option<String>,
    listener: Option<Function<'_, Option<String>, ()>>,
) -> napi::Result<Object<'env>> {
    let home = Home::of(env)?;
    let logs = match (log_level, listener) {
        (Some(level), Some(listener)) => Some(logs(&level, &listener)?),
        _ => None,
    };
    promise_blocking(env, move || {
        let open = || open::open(&options, millis(timeout_ms));
        let opened = match logs {
            Some(logs) => logs.within(open)?,
            None => open()?,
        };
        Ok(NativeStream { held: Held::new(opened, home) })
    })
}

/// Brings to the disk what the streams of this thread hold in memory; blocks for about a second at most.
#[napi]
pub fn settle_at_exit(of_process: bool) {
    settle(of_process);
}

/// Name and number of each error code, as JSON.
#[napi]
pub fn error_codes() -> String {
    codes().to_string()
}

/// The names of all keys of the configuration, as JSON.
#[napi]
pub fn config_keys() -> String {
    open::keys().to_string()
}

#[napi]
impl NativeStream {
    #[napi]
    pub fn row(&self, flow: String) -> napi::Result<NativeRow> {
        NativeRow::new(Arc::clone(&self.held), &flow).map_err(thrown)
    }

    /// Whether a flow is registered when its first row is sent.
    #[napi]
    pub fn registers_new(&self) -> bool {
        self.held.registers_new
    }

    /// A row of a flow that the stream does not know yet; `channels` is JSON as that of `NativeRow.channels`.
    #[napi]
    pub fn new_row(&self, flow: String, channels: String) -> napi::Result<NativeNewRow> {
        NativeNewRow::new(Arc::clone(&self.held), flow, &channels).map_err(thrown)
    }

    /// Keeps flows for their first rows; `given` is JSON.
    #[napi]
    pub fn stage_flows(&self, given: String) -> napi::Result<()> {
        let flows = parse(&given).and_then(|given| flows(&given)).map_err(thrown)?;
        flows.into_iter().try_for_each(|flow| self.held.stage_flow(flow)).map_err(thrown)
    }

    /// Sends rows `from` to `to` as far as there is room; returns how many.
    #[napi]
    pub fn try_send_columns(
        &self,
        flow: String,
        times: Unknown<'_>,
        entries: Array<'_>,
        from: u32,
        to: u32,
    ) -> napi::Result<u32> {
        let batch = columns::batch(&flow, times, &entries, from as usize..to as usize)?;
        let accepted = columns::try_send(&self.held, &batch)?;
        Ok(u32::try_from(accepted).unwrap_or(u32::MAX))
    }

    /// The same for a send that could wait: it overtakes none that does.
    #[napi]
    pub fn send_columns_now(
        &self,
        flow: String,
        times: Unknown<'_>,
        entries: Array<'_>,
        from: u32,
        to: u32,
    ) -> napi::Result<u32> {
        if !nobody_waits(&self.held.queues_of(&flow)) {
            return Ok(0);
        }
        self.try_send_columns(flow, times, entries, from, to)
    }

    /// Sends a copy of rows `from` to `to`, waiting for room.
    #[napi(ts_return_type = "Promise<number>")]
    #[allow(clippy::too_many_arguments, reason = "an object for them would cost more than it says")]
    pub fn send_columns<'env>(
        &self,
        env: &'env Env,
        flow: String,
        times: Unknown<'_>,
        entries: Array<'_>,
        from: u32,
        to: u32,
        timeout_ms: Option<f64>,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        let batch = columns::batch(&flow, times, &entries, from as usize..to as usize)?.into_owned();
        let (turn, patience) = (Turn::queue(&self.held.queues_of(&flow)), Patience::new(signal, timeout_ms));
        promise(env, columns::send(Arc::clone(&self.held), batch, turn, patience))
    }

    /// Brings everything accepted so far to a level.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn flush<'env>(
        &self,
        env: &'env Env,
        level: String,
        timeout_ms: f64,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        let level = level_of(&level).map_err(thrown)?;
        let (held, mut signal) = (Arc::clone(&self.held), Watch::new(signal));
        promise(env, async move {
            tokio::select! {
                biased;
                outcome = held.flush_async(level, millis(timeout_ms)) => outcome.map_err(Failure::from),
                why = signal.fired() => Err(Failure::from(why)),
            }
        })
    }

    /// Ends the stream; the report as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn finish<'env>(&self, env: &'env Env, timeout_ms: f64) -> napi::Result<Object<'env>> {
        let held = Arc::clone(&self.held);
        promise(env, async move {
            let finished = held.finish_async(millis(timeout_ms)).await;
            held.events().close();
            Ok(report_to_json(&finished?).to_string())
        })
    }

    #[napi]
    pub fn cancel(&self, reason: String) {
        self.held.cancel(&reason);
    }

    #[napi]
    pub fn checkpoint(&self) -> napi::Result<()> {
        self.held.checkpoint().map_err(thrown)
    }

    /// How far the rows have come, as JSON.
    #[napi]
    pub fn watermarks(&self) -> String {
        watermarks_to_json(self.held.watermarks()).to_string()
    }

    /// The counters of this moment, as JSON.
    #[napi]
    pub fn metrics(&self) -> String {
        metrics_to_json(&self.held.get_metrics_snapshot()).to_string()
    }

    /// What keeps rows from being delivered at this moment, as JSON.
    #[napi]
    pub fn trouble(&self) -> Option<String> {
        self.held.trouble().map(|error| error_to_json(&error).to_string())
    }

    /// Calls `listener` with each event as JSON, and with nothing after the last one.
    #[napi]
    pub fn listen(&self, listener: Function<'_, Option<String>, ()>) -> napi::Result<()> {
        listen(&self.held, &listener)
    }

    #[napi]
    pub fn events_dropped(&self) -> f64 {
        self.held.events().dropped() as f64
    }

    #[napi]
    pub fn run_id(&self) -> Option<String> {
        self.held.run_id()
    }

    /// Attaches rows sent from now on to a run; `selector` is JSON.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn attach_run<'env>(
        &self,
        env: &'env Env,
        selector: String,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        let selector = run(&parse(&selector).map_err(thrown)?);
        let (held, mut signal) = (Arc::clone(&self.held), Watch::new(signal));
        promise(env, async move {
            tokio::select! {
                biased;
                outcome = held.attach_run(selector) => outcome.map_err(Failure::from),
                why = signal.fired() => Err(Failure::from(why)),
            }
        })
    }

    #[napi]
    pub fn detach_run(&self) {
        self.held.detach_run();
    }

    /// Registers flows with Sift; `given` is JSON.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn add_flows<'env>(
        &self,
        env: &'env Env,
        given: String,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        let flows = parse(&given).and_then(|given| flows(&given)).map_err(thrown)?;
        let (held, mut signal) = (Arc::clone(&self.held), Watch::new(signal));
        promise(env, async move {
            tokio::select! {
                biased;
                outcome = held.add_new_flows(&flows) => outcome.map_err(Failure::from),
                why = signal.fired() => Err(Failure::from(why)),
            }
        })
    }

    #[napi]
    pub fn set_api_key(&self, key: String) -> napi::Result<()> {
        self.held.set_api_key(&key).map_err(thrown)
    }

    /// Notes something about the rows sent so far; `given` is JSON.
    #[napi]
    pub fn mark(&self, given: String) -> napi::Result<()> {
        mark(&given).and_then(|mark| self.held.mark(mark)).map_err(thrown)
    }

    /// The newest stored checkpoints, as JSON.
    #[napi]
    pub fn recover(&self) -> napi::Result<String> {
        Ok(recovery_to_json(&self.held.recover().map_err(thrown)?).to_string())
    }
}

/// `{offsets: {source: "number"}, state: {name: [byte]}, metadata: {key: text}, eventTime: "nanos"}`
fn mark(given: &str) -> Result<Mark> {
    let given = parse(given)?;
    let entries = |key: &str| given[key].as_object().cloned().unwrap_or_default();
    let mut mark = Mark::new();
    for (source, offset) in entries("offsets") {
        let number = offset.as_str().and_then(|text| text.parse().ok());
        let wrong = || invalid(format!("the offset of '{source}' is {offset}: use a whole number from 0 on"));
        mark = mark.offset(&source, number.ok_or_else(wrong)?);
    }
    for (name, bytes) in entries("state") {
        let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
        let bytes: Vec<u8> = bytes.as_array().into_iter().flatten().filter_map(byte).collect();
        mark = mark.state(&name, &bytes);
    }
    for (key, value) in entries("metadata") {
        mark = mark.metadata(&key, value.as_str().unwrap_or_default());
    }
    Ok(match given["eventTime"].as_str().and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => mark.event_time(nanos),
        None => mark,
    })
}

fn level_of(name: &str) -> Result<Level> {
    let levels = [Level::Written, Level::Durable, Level::Confirmed];
    let level = levels.into_iter().find(|level| level.as_str() == name);
    level.ok_or_else(|| invalid(format!("there is no level '{name}': use written, durable or confirmed")))
}

/// A time in milliseconds; what is no time is none at all.
pub(crate) fn millis(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or(if millis > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}
