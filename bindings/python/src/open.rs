//! From a schema and options to a running stream. The core knows the keys; each option becomes one.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};
use siftstream::config::{ConfigValue, StreamConfig};
use siftstream::schema::FlowConfig;
use siftstream::{FailurePolicy, IngestionConfigForm};

use crate::arguments::{kind, timeout};
use crate::error::{CoreResult, OrRaise, wrong_type, wrong_value};
use crate::live::CoreStream;
use crate::schema;

/// What was chosen.
pub(crate) struct Choices(StreamConfig);

impl Choices {
    /// The options, over those of a file and of the environment if these are to be looked at.
    pub(crate) fn new(form: Option<IngestionConfigForm>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = options.py();
        let mut config = StreamConfig::default();
        config.set_language("python");
        if let Some(file) = options.get_item("config_file")? {
            let file: PathBuf = file.extract()?;
            py.detach(|| config.load_file(file)).or_raise(py)?;
        }
        if let Some(true) = options.get_item("environment")?.map(|wanted| wanted.is_truthy()).transpose()? {
            config.apply_env().or_raise(py)?;
        }
        let mut choices = Self(config);
        if let Some(form) = form {
            choices.schema(form).or_raise(py)?;
        }
        for (key, value) in options {
            choices.set(key.cast::<PyString>()?.to_str()?, &value)?;
        }
        Ok(choices)
    }

    fn schema(&mut self, form: IngestionConfigForm) -> CoreResult<()> {
        self.0.set("asset_name", form.asset_name)?;
        self.0.set("client_key", form.client_key)?;
        form.flows.into_iter().try_for_each(|flow| self.0.add_flow(flow))
    }

    fn set(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        match key {
            "config_file" | "environment" => Ok(()),
            "run" => self.0.attach_run(schema::run(value)?).or_raise(py),
            "asset_metadata" => {
                schema::metadata(value)?.into_iter().for_each(|pair| self.0.add_asset_metadata(pair));
                Ok(())
            }
            "flow_failure_policies" => self.failure_policies(value),
            _ => match value.cast::<PyMapping>() {
                Ok(group) => self.group(key, group),
                Err(_) => self.0.set(key, config_value(key, value)?).or_raise(py),
            },
        }
    }

    /// Keys that belong together stand in a dict.
    fn group(&mut self, name: &str, group: &Bound<'_, PyMapping>) -> PyResult<()> {
        for pair in group.items()?.try_iter()? {
            let (key, value): (String, Bound<'_, PyAny>) = pair?.extract()?;
            let key = format!("{name}.{key}");
            self.0.set(&key, config_value(&key, &value)?).or_raise(group.py())?;
        }
        Ok(())
    }

    fn failure_policies(&mut self, policies: &Bound<'_, PyAny>) -> PyResult<()> {
        for pair in policies.cast::<PyMapping>()?.items()?.try_iter()? {
            let (flow, policy): (String, String) = pair?.extract()?;
            let policy = match policy.as_str() {
                "stop" => FailurePolicy::Stop,
                "skip" => FailurePolicy::Skip,
                other => {
                    let message = format!("{other:?} is no failure policy: use 'stop' or 'skip'");
                    return Err(wrong_value(policies.py(), message));
                }
            };
            self.0.set_flow_failure_policy(&flow, policy);
        }
        Ok(())
    }

    /// Starts the stream; blocks for at most `timeout`.
    pub(crate) fn open(self, timeout: Duration) -> CoreResult<Opened> {
        Ok(Opened {
            stream: self.0.open_blocking(timeout)?,
            flows: self.0.flows().to_vec(),
            registers_new: matches!(self.0.get("auto_register_flows")?, ConfigValue::Bool(true)),
        })
    }
}

/// A stream that was opened, and what is to be known of its options.
pub(crate) struct Opened {
    pub(crate) stream: CoreStream,
    pub(crate) flows: Vec<FlowConfig>,
    /// Whether a flow is registered when its first row is sent.
    pub(crate) registers_new: bool,
}

fn config_value(key: &str, value: &Bound<'_, PyAny>) -> PyResult<ConfigValue> {
    let py = value.py();
    if value.is_none() {
        return Ok(ConfigValue::None);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(truth.is_true().into());
    }
    if value.is_instance_of::<PyInt>() {
        if let Ok(number) = value.extract::<i64>() {
            return Ok(number.into());
        }
        return value
            .extract::<u64>()
            .map(ConfigValue::from)
            .map_err(|_| wrong_value(py, format!("{key} cannot be {value}: the number is too large")));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(value.extract::<f64>()?.into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if value.hasattr("total_seconds")? {
        return Ok(timeout(Some(value))?.into());
    }
    if let Ok(path) = value.extract::<PathBuf>() {
        return Ok(path.into());
    }
    value.extract::<Vec<String>>().map(ConfigValue::from).map_err(|_| {
        let message = format!(
            "{key} cannot be {}: give a number, a text, a time, a path or a list of texts",
            kind(value)
        );
        wrong_type(py, message)
    })
}

/// The names of all options, and what they mean; those that belong together share what stands before the dot.
#[pyfunction]
pub(crate) fn option_names() -> Vec<(&'static str, &'static str)> {
    StreamConfig::keys().iter().map(|key| (key.name, key.meaning)).collect()
}
