//! The local Sift endpoint, for the tests of those who use the package.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use serde_json::{Value, json};
use siftstream::{Error, Result};
use siftstream_server::{
    Blackhole, Code, Effect, Fault, FaultStatus, FlowTally, GoAway, KeptRow, LocalServer, StreamReset, Times,
    When, format_value,
};

use crate::error::{Failure, invalid, thrown};
use crate::promise::promise_blocking;
use crate::schema::parse;

/// A Sift endpoint on this machine. It ends on a thread of its own when it is collected.
#[napi]
pub struct NativeServer {
    server: Option<Arc<LocalServer>>,
}

/// Starts a server; `options` is JSON.
#[napi(ts_return_type = "Promise<NativeServer>")]
pub fn start_server(env: &Env, options: String) -> napi::Result<Object<'_>> {
    promise_blocking(env, move || {
        let server = build(&parse(&options)?)?;
        Ok(NativeServer { server: Some(Arc::new(server)) })
    })
}

fn build(given: &Value) -> Result<LocalServer> {
    let mut builder = LocalServer::builder()
        .keep_rows(given["keepRows"] == true)
        .count_only(given["countOnly"] == true)
        .api_key(given["apiKey"].as_str());
    if let Some(host) = given["host"].as_str() {
        let host: IpAddr =
            host.parse().map_err(|_| invalid(format!("'{host}' is no IP address to listen at")))?;
        builder = builder.host(host);
    }
    if let Some(port) = given["port"].as_u64() {
        builder = builder.port(u16::try_from(port).map_err(|_| invalid(format!("{port} is no port")))?);
    }
    builder.start().map_err(|error| Error::io("cannot start the local server", &error))
}

impl Drop for NativeServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // Without a thread it ends here.
            std::thread::Builder::new().name("sift-server-end".to_owned()).spawn(move || drop(server)).ok();
        }
    }
}

impl NativeServer {
    fn server(&self) -> napi::Result<&Arc<LocalServer>> {
        self.server.as_ref().ok_or_else(|| thrown(invalid("the local server was closed: start another one")))
    }

    /// A promise for something that waits for the thread of the server.
    fn ask<'env>(
        &self,
        env: &'env Env,
        what: impl FnOnce(&LocalServer) -> std::io::Result<()> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let server = Arc::clone(self.server()?);
        promise_blocking(env, move || {
            what(&server).map_err(|error| Failure::from(Error::io("the local server failed", &error)))
        })
    }
}

#[napi]
impl NativeServer {
    #[napi]
    pub fn uri(&self) -> napi::Result<String> {
        Ok(self.server()?.uri())
    }

    #[napi]
    pub fn port(&self) -> napi::Result<u32> {
        Ok(u32::from(self.server()?.port()))
    }

    /// What it knows and received, as JSON.
    #[napi]
    pub fn state(&self) -> napi::Result<String> {
        let state = self.server()?.state();
        let errors: Vec<String> = state.schema_errors().iter().map(ToString::to_string).collect();
        Ok(json!({
            "rows": state.rows(),
            "bytes": state.bytes(),
            "connections": state.connections(),
            "streamsOpened": state.streams_opened(),
            "streamsConfirmed": state.streams_confirmed(),
            "schemaErrors": errors,
            "flows": state.flows().iter().map(flow_to_json).collect::<Value>(),
            "runs": state.runs().iter().map(|run| json!({"id": run.run_id, "name": run.name})).collect::<Value>(),
        })
        .to_string())
    }

    /// The number of rows alone.
    #[napi]
    pub fn rows(&self) -> napi::Result<f64> {
        Ok(self.server()?.state().rows() as f64)
    }

    /// The rows that were kept since the last call, as JSON.
    #[napi]
    pub fn take_kept_rows(&self) -> napi::Result<String> {
        let rows = self.server()?.state().take_kept_rows();
        Ok(rows.iter().map(kept_to_json).collect::<Value>().to_string())
    }

    /// Queues a fault, given as JSON.
    #[napi]
    pub fn inject(&self, fault: String) -> napi::Result<()> {
        let (fault, times) = parse(&fault).and_then(|given| read_fault(&given)).map_err(thrown)?;
        self.server()?.inject(fault, times);
        Ok(())
    }

    #[napi]
    pub fn heal(&self) -> napi::Result<()> {
        self.server()?.heal();
        Ok(())
    }

    #[napi]
    pub fn blackhole(&self) -> napi::Result<()> {
        self.server()?.blackhole(Blackhole::Both);
        Ok(())
    }

    #[napi]
    pub fn reset_connections(&self) -> napi::Result<()> {
        self.server()?.reset_connections();
        Ok(())
    }

    #[napi]
    pub fn end_streams(&self, status: String) -> napi::Result<()> {
        let code = code(&status).map_err(thrown)?;
        self.server()?.end_streams(FaultStatus::new(code));
        Ok(())
    }

    #[napi]
    pub fn set_api_key(&self, key: Option<String>) -> napi::Result<()> {
        self.server()?.set_api_key(key.as_deref());
        Ok(())
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        self.ask(env, |server| {
            server.stop();
            Ok(())
        })
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn start_again<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        self.ask(env, LocalServer::start_again)
    }

    /// Ends it for good.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&mut self, env: &'env Env) -> napi::Result<Object<'env>> {
        let server = self.server.take();
        promise_blocking(env, move || {
            drop(server);
            Ok(())
        })
    }
}

fn flow_to_json(flow: &FlowTally) -> Value {
    json!({
        "name": flow.name,
        "channels": flow.channels,
        "rows": flow.rows,
        "bytes": flow.bytes,
        "schemaErrors": flow.schema_errors,
        "lastValues": flow.last_values.iter().map(format_value).collect::<Vec<_>>(),
        "sequence": flow.sequence.as_ref().map(|seen| json!({
            "first": seen.first(),
            "last": seen.last(),
            "missing": seen.missing(),
            "duplicates": seen.duplicates(),
        })),
    })
}

fn kept_to_json(row: &KeptRow) -> Value {
    let nanos = row.timestamp.map(|at| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos));
    json!({
        "flow": row.flow,
        "time": nanos.map(|nanos| nanos.to_string()),
        "values": row.values.iter().map(format_value).collect::<Vec<_>>(),
        "runId": row.run_id,
    })
}

/// `{effect, status, afterRows, afterBytes, afterMs, atEnd, delayMs, bytesPerSecond, times}`
fn read_fault(given: &Value) -> Result<(Fault, Times)> {
    let time = |key: &str| given[key].as_u64().map(Duration::from_millis);
    let delay = time("delayMs").unwrap_or_default();
    let mut when = When::AtOnce;
    let effect = match given["effect"].as_str().unwrap_or_default() {
        "none" => Effect::Nothing,
        "status" => Effect::Status(FaultStatus {
            retry_after: time("retryAfterMs"),
            ..FaultStatus::new(code(given["status"].as_str().unwrap_or("UNAVAILABLE"))?)
        }),
        "early_ok" => Effect::Ok { delay, drain: false },
        "delay_ok" => {
            when = When::EndOfStream;
            Effect::Ok { delay, drain: false }
        }
        "no_response" => {
            when = When::EndOfStream;
            Effect::Silence
        }
        "silence" => Effect::Silence,
        "reset" => Effect::TcpReset,
        "reset_stream" => Effect::StreamReset(StreamReset::RefusedStream),
        "goaway" => Effect::GoAway(GoAway::Graceful),
        "freeze" => Effect::Freeze(time("delayMs")),
        "slow_reader" => Effect::SlowReader { bytes_per_s: given["bytesPerSecond"].as_u64().unwrap_or(0) },
        other => return Err(invalid(format!("there is no fault '{other}'"))),
    };
    let rows = given["afterRows"].as_u64().map(When::Rows);
    let bytes = given["afterBytes"].as_u64().map(When::Bytes);
    let end = (given["atEnd"] == true).then_some(When::EndOfStream);
    if let Some(chosen) = rows.or(bytes).or(time("afterMs").map(When::Elapsed)).or(end) {
        when = chosen;
    }
    let times = match &given["times"] {
        Value::String(text) if text == "always" => Times::Always,
        given => Times::N(given.as_u64().unwrap_or(1)),
    };
    Ok((Fault::new(when, effect), times))
}

fn code(name: &str) -> Result<Code> {
    Ok(match name {
        "CANCELLED" => Code::Cancelled,
        "UNKNOWN" => Code::Unknown,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        "UNAVAILABLE" => Code::Unavailable,
        "DATA_LOSS" => Code::DataLoss,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        other => return Err(invalid(format!("'{other}' is no gRPC error code, such as UNAVAILABLE"))),
    })
}
