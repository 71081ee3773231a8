//! The choices of a stream and its schema, before it is created. One setter a key.

mod connection;
mod delivery;
mod disk;
mod labels;
mod reingestion;
mod schema;

use std::time::Duration;

use siftstream_core::connect::{ConnectionOptions, user_agent};
use siftstream_core::control::ControlOptions;
use siftstream_core::schema::MetadataValue;
use siftstream_core::{Error, ErrorCode, FlowConfig, Result, RetryPolicy, RunSelector};

use crate::boundary::{enter, free, output};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;

pub(crate) use disk::DiskPolicy;
pub(crate) use labels::run_form;
pub use schema::siftstream_channel_type;

/// The choices of a stream and its schema.
pub struct siftstream_config {
    _opaque: [u8; 0],
}

kind!(siftstream_config, Config, 0x51, "config");

/// Where rows go.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Mode {
    /// To Sift, from memory.
    #[default]
    LiveOnly,
    /// To Sift, and to files until it has confirmed them.
    LiveWithBackups,
    /// To files.
    FileBackup,
}

/// What the setters have set; `None` leaves core's default.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) uri: String,
    pub(crate) api_key: String,
    pub(crate) profile: Option<String>,
    pub(crate) connection: ConnectionOptions,
    pub(crate) control: ControlOptions,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) asset_name: String,
    pub(crate) client_key: String,
    pub(crate) flows: Vec<FlowConfig>,
    pub(crate) run: Option<RunSelector>,
    pub(crate) asset_tags: Vec<String>,
    pub(crate) asset_metadata: Vec<MetadataValue>,
    pub(crate) end_stream_on_validation_error: Option<bool>,
    pub(crate) auto_register_flows: Option<bool>,
    pub(crate) max_row_size: Option<usize>,
    pub(crate) linger: Option<Duration>,
    pub(crate) checkpoint_interval: Option<Duration>,
    pub(crate) checkpoint_rows: Option<u64>,
    pub(crate) checkpoint_bytes: Option<u64>,
    pub(crate) replay_window_bytes: Option<u64>,
    pub(crate) ingestion_data_channel_capacity: Option<u64>,
    pub(crate) ingestion_data_channel_bytes: Option<u64>,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) max_retry_after: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) response_timeout: Option<Duration>,
    pub(crate) disk: DiskPolicy,
    pub(crate) stream_name: Option<String>,
    pub(crate) ingestion_config_id: Option<String>,
    pub(crate) offline_after: Option<Duration>,
    pub(crate) backup_data_channel_capacity: Option<u64>,
    pub(crate) backup_data_channel_bytes: Option<u64>,
    pub(crate) batch_size: Option<u32>,
    pub(crate) flush_interval: Option<Duration>,
    pub(crate) recover_on_start: Option<bool>,
    pub(crate) reingestion_bytes_per_second: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        let mut connection = ConnectionOptions::new("");
        connection.user_agent = user_agent("c");
        Self {
            mode: Mode::default(),
            uri: String::new(),
            api_key: String::new(),
            profile: None,
            connection,
            control: ControlOptions::default(),
            worker_threads: None,
            asset_name: String::new(),
            client_key: String::new(),
            flows: Vec::new(),
            run: None,
            asset_tags: Vec::new(),
            asset_metadata: Vec::new(),
            end_stream_on_validation_error: None,
            auto_register_flows: None,
            max_row_size: None,
            linger: None,
            checkpoint_interval: None,
            checkpoint_rows: None,
            checkpoint_bytes: None,
            replay_window_bytes: None,
            ingestion_data_channel_capacity: None,
            ingestion_data_channel_bytes: None,
            retry_policy: Some(RetryPolicy::default()),
            max_retry_after: None,
            idle_timeout: None,
            response_timeout: None,
            disk: DiskPolicy::default(),
            stream_name: None,
            ingestion_config_id: None,
            offline_after: None,
            backup_data_channel_capacity: None,
            backup_data_channel_bytes: None,
            batch_size: None,
            flush_interval: None,
            recover_on_start: None,
            reingestion_bytes_per_second: None,
        }
    }
}

/// Longer times than this are cut to it: the clock must not overflow.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds).min(FOREVER)
}

/// A limit; the largest number stands for the lack of one.
fn limit(number: u64) -> Option<u64> {
    (number != u64::MAX).then_some(number)
}

/// What a number of the enum `of` stands for.
pub(crate) fn choose<T: Copy>(number: i32, of: &str, choices: &[(i32, T)]) -> Result<T> {
    choices.iter().find(|(known, _)| *known == number).map(|(_, choice)| *choice).ok_or_else(|| {
        let message = format!("{number} is not in {of}: use one of its values");
        Error::new(ErrorCode::InvalidArgument, message)
    })
}

fn set(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    change: impl FnOnce(&mut Config) -> Result<()>,
) -> siftstream_status {
    enter(error, || change(&mut *handle::exclusive(config)?))
}

/// Makes an empty config in *out. The caller frees it, before or after the streams that it created.
///
/// Errors: INVALID_ARGUMENT if `out` is NULL. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_create(
    out: *mut *mut siftstream_config,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        output(out, "out")?.write(handle::create(Config::default())?);
        Ok(())
    })
}

/// Frees a config. NULL is fine.
///
/// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_free(config: *mut siftstream_config) -> siftstream_status {
    free(config)
}
