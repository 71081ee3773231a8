//! From options to a running stream: each option is a key of core's configuration.

use std::time::Duration;

use serde_json::Value;
use siftstream::config::{ConfigType, ConfigValue, StreamConfig};
use siftstream::{FailurePolicy, Result};

use crate::error::invalid;
use crate::home::AnyStream;
use crate::schema::{flows, metadata, parse, run};

/// A stream that was opened, and what is to be known of its options.
pub(crate) struct Opened {
    pub(crate) stream: AnyStream,
    /// Whether a flow is registered when its first row is sent.
    pub(crate) registers_new: bool,
}

/// Starts the stream that `given` describes. Blocks the calling thread.
pub(crate) fn open(given: &str, timeout: Duration) -> Result<Opened> {
    let config = config(&parse(given)?)?;
    let registers_new = matches!(config.get("auto_register_flows")?, ConfigValue::Bool(true));
    Ok(Opened { stream: config.open_blocking(timeout)?, registers_new })
}

/// `{options: {key: value}, configFile, environment, flows, run, assetMetadata, flowFailurePolicies}`
fn config(given: &Value) -> Result<StreamConfig> {
    let mut config = StreamConfig::default();
    config.set_language("node");
    if let Some(path) = given["configFile"].as_str() {
        config.load_file(path)?;
    }
    if given["environment"] == true {
        config.apply_env()?;
    }
    for (key, value) in given["options"].as_object().into_iter().flatten() {
        config.set(key, value_of(key, value)?)?;
    }
    for flow in flows(&given["flows"])? {
        config.add_flow(flow)?;
    }
    for entry in metadata(&given["assetMetadata"]) {
        config.add_asset_metadata(entry);
    }
    if given["run"].is_object() {
        config.attach_run(run(&given["run"]))?;
    }
    for (flow, policy) in given["flowFailurePolicies"].as_object().into_iter().flatten() {
        config.set_flow_failure_policy(flow, failure_policy(policy)?);
    }
    Ok(config)
}

/// The names of all keys.
pub(crate) fn keys() -> Value {
    StreamConfig::keys().iter().map(|key| Value::from(key.name)).collect()
}

/// The value for a key. JavaScript counts time in milliseconds.
fn value_of(key: &str, given: &Value) -> Result<ConfigValue> {
    let is_time = StreamConfig::keys().iter().any(|known| {
        known.name == key && matches!(known.takes, ConfigType::Duration | ConfigType::DurationOr(_))
    });
    Ok(match given {
        Value::Null => ConfigValue::None,
        Value::Bool(value) => ConfigValue::Bool(*value),
        Value::Number(number) if is_time => {
            let millis = number.as_f64().unwrap_or(f64::NAN);
            let time = Duration::try_from_secs_f64(millis / 1_000.0);
            ConfigValue::Duration(
                time.map_err(|_| invalid(format!("{key} is {number} ms, which is no time")))?,
            )
        }
        Value::Number(number) => match number.as_u64() {
            Some(whole) => ConfigValue::Unsigned(whole),
            None => ConfigValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => ConfigValue::Text(text.clone()),
        Value::Array(texts) => {
            let text = |text: &Value| text.as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = texts.iter().map(text).collect();
            ConfigValue::List(texts.ok_or_else(|| invalid(format!("{key} must be an array of texts")))?)
        }
        Value::Object(_) => return Err(invalid(format!("{key} cannot be an object"))),
    })
}

fn failure_policy(given: &Value) -> Result<FailurePolicy> {
    match given.as_str() {
        Some("stop") => Ok(FailurePolicy::Stop),
        Some("skip") => Ok(FailurePolicy::Skip),
        _ => Err(invalid(format!("there is no failure policy {given}: use stop or skip"))),
    }
}
