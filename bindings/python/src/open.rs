//! From a schema and options to a running stream.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use siftstream::schema::{FlowConfig, MetadataValue};
use siftstream::{
    Credentials, Error, ErrorCode, IngestionConfigForm, RunSelector, SiftStreamBuilder, StreamConfigBuilder,
};

use crate::arguments::timeout;
use crate::error::{CoreResult, wrong_value};
use crate::schema;
use crate::stream::CoreStream;

/// What was chosen.
pub(crate) struct Choices {
    form: IngestionConfigForm,
    mode: String,
    uri: String,
    api_key: String,
    insecure: bool,
    stream_name: Option<String>,
    backups_dir: Option<String>,
    capacity: Option<u64>,
    replay_window: Option<u64>,
    checkpoint_interval: Option<Duration>,
    run: Option<RunSelector>,
    asset_metadata: Vec<MetadataValue>,
}

impl Choices {
    pub(crate) fn new(form: Option<IngestionConfigForm>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut choices = Self {
            form: form.unwrap_or_default(),
            mode: "live_only".to_owned(),
            uri: String::new(),
            api_key: String::new(),
            insecure: false,
            stream_name: None,
            backups_dir: None,
            capacity: None,
            replay_window: None,
            checkpoint_interval: None,
            run: None,
            asset_metadata: Vec::new(),
        };
        for (key, value) in options {
            choices.set(key.cast::<PyString>()?.to_str()?, &value)?;
        }
        Ok(choices)
    }

    fn set(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match key {
            "mode" => self.mode = value.extract()?,
            "uri" => self.uri = value.extract()?,
            "api_key" => self.api_key = value.extract()?,
            "insecure" => self.insecure = value.extract()?,
            "stream_name" => self.stream_name = Some(value.extract()?),
            "disk_backup_policy" => {
                self.backups_dir = Some(value.get_item("backups_dir")?.str()?.to_string());
            }
            "ingestion_data_channel_capacity" => self.capacity = Some(value.extract()?),
            "replay_window_bytes" => self.replay_window = Some(value.extract()?),
            "checkpoint_interval" => {
                self.checkpoint_interval = Some(timeout(Some(value))?);
            }
            "run" => self.run = Some(schema::run(value)?),
            "asset_metadata" => self.asset_metadata = schema::metadata(value)?,
            other => return Err(wrong_value(value.py(), format!("there is no key {other:?}"))),
        }
        Ok(())
    }

    /// Starts the stream; blocks for at most `timeout`.
    pub(crate) fn open(self, timeout: Duration) -> CoreResult<(CoreStream, Vec<FlowConfig>)> {
        let flows = self.form.flows.clone();
        let credentials = Credentials::Config { uri: self.uri, apikey: self.api_key };
        let shared: StreamConfigBuilder =
            SiftStreamBuilder::new(credentials).insecure(self.insecure).ingestion_config(self.form);
        let shared = shared.add_asset_metadata(self.asset_metadata);
        let shared = match self.run {
            Some(RunSelector::ById(id)) => shared.attach_run_id(&id),
            Some(RunSelector::ByForm(form)) => shared.attach_run(form),
            None => shared,
        };
        let name = self.stream_name.unwrap_or_else(|| "default".to_owned());
        let interval = self.checkpoint_interval.unwrap_or(Duration::from_secs(60));
        let capacity = self.capacity.unwrap_or(102_400);
        let stream = match self.mode.as_str() {
            "live_only" => shared
                .live_only()
                .replay_window_bytes(self.replay_window.unwrap_or(64 << 20))
                .stream_name(name)
                .checkpoint_interval(interval)
                .ingestion_data_channel_capacity(capacity)
                .build_any_blocking(timeout),
            "live_with_backups" => shared
                .live_with_backups()
                .stream_name(name)
                .checkpoint_interval(interval)
                .ingestion_data_channel_capacity(capacity)
                .backups_dir(self.backups_dir.unwrap_or_default())
                .build_any_blocking(timeout),
            "file_backup" => shared
                .file_backup()
                .stream_name(name)
                .backups_dir(self.backups_dir.unwrap_or_default())
                .build_any_blocking(timeout),
            other => Err(Error::new(ErrorCode::InvalidArgument, format!("there is no mode {other:?}"))),
        }?;
        Ok((stream, flows))
    }
}
