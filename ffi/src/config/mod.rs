//! The choices of a stream and its schema, before it is created. One setter a key.

use std::time::Duration;

use siftstream_core::schema::{ChannelBitFieldElement, ChannelEnumType, MetadataValue};
use siftstream_core::{
    ChannelConfig, ChannelDataType, Error, ErrorCode, FlowConfig, Result, RunForm, RunSelector,
};

use crate::boundary::{enter, free, output};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// The choices of a stream and its schema.
pub struct siftstream_config {
    _opaque: [u8; 0],
}

kind!(siftstream_config, Config, b"ssconfig", "config");

/// The type of a channel; the numbers are Sift's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_channel_type {
    /// 64-bit floating point.
    SIFTSTREAM_DOUBLE = 1,
    /// UTF-8 text.
    SIFTSTREAM_STRING = 2,
    /// One of the entries that the channel names.
    SIFTSTREAM_ENUM = 3,
    /// Bytes whose bits the channel names.
    SIFTSTREAM_BIT_FIELD = 4,
    /// True or false.
    SIFTSTREAM_BOOL = 5,
    /// 32-bit floating point.
    SIFTSTREAM_FLOAT = 6,
    /// 32-bit signed integer.
    SIFTSTREAM_INT32 = 7,
    /// 32-bit unsigned integer.
    SIFTSTREAM_UINT32 = 8,
    /// 64-bit signed integer.
    SIFTSTREAM_INT64 = 9,
    /// 64-bit unsigned integer.
    SIFTSTREAM_UINT64 = 10,
    /// Bytes.
    SIFTSTREAM_BYTES = 11,
}

/// What the setters have set; `None` leaves core's default.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub(crate) uri: String,
    pub(crate) api_key: String,
    pub(crate) insecure: bool,
    pub(crate) asset_name: String,
    pub(crate) client_key: String,
    pub(crate) flows: Vec<FlowConfig>,
    pub(crate) run: Option<RunSelector>,
    pub(crate) asset_tags: Vec<String>,
    pub(crate) asset_metadata: Vec<MetadataValue>,
    pub(crate) end_stream_on_validation_error: Option<bool>,
    pub(crate) max_row_size: Option<usize>,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) linger: Option<Duration>,
    pub(crate) checkpoint_interval: Option<Duration>,
    pub(crate) replay_window_bytes: Option<u64>,
    pub(crate) ingestion_data_channel_capacity: Option<u64>,
    pub(crate) ingestion_data_channel_bytes: Option<u64>,
}

fn set(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    change: impl FnOnce(&mut Config) -> Result<()>,
) -> siftstream_status {
    enter(error, || change(handle::exclusive(config)?))
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
        output(out, "out")?.write(handle::create(Config::default()));
        Ok(())
    })
}

/// Frees a config. Nothing for NULL and for a config that was freed.
///
/// Thread-safety: no other thread may use it. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_free(config: *mut siftstream_config) {
    free(config);
}

/// Sets the address of Sift's gRPC endpoint, such as "https://grpc-api.siftstack.com". The text is copied.
///
/// Errors: INVALID_ARGUMENT. Whether the address makes sense is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_uri(
    config: *mut siftstream_config,
    uri: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.uri = uri.get("uri")?.to_owned();
        Ok(())
    })
}

/// Sets the API key. The text is copied; it never appears in an error or a log.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_api_key(
    config: *mut siftstream_config,
    api_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.api_key = api_key.get("api_key")?.to_owned();
        Ok(())
    })
}

/// Allows http:// addresses: the API key and all data then travel unencrypted. Off by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_insecure(
    config: *mut siftstream_config,
    insecure: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.insecure = insecure;
        Ok(())
    })
}

/// Sets the name of the vehicle or rig and the key under which its schema is registered. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_asset(
    config: *mut siftstream_config,
    asset_name: siftstream_str,
    client_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let (asset_name, client_key) = (asset_name.get("asset_name")?, client_key.get("client_key")?);
        config.asset_name = asset_name.to_owned();
        config.client_key = client_key.to_owned();
        Ok(())
    })
}

/// Adds a tag to the asset; those it has stay. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_tag(
    config: *mut siftstream_config,
    tag: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.asset_tags.push(tag.get("tag")?.to_owned());
        Ok(())
    })
}

/// Adds metadata to the asset; a key that it has gets the new value. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_metadata(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let metadata = MetadataValue::new(key.get("key")?, value.get("value")?);
        config.asset_metadata.push(metadata);
        Ok(())
    })
}

/// Attaches all rows to the run with this client key, which is created or updated. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_attach_run(
    config: *mut siftstream_config,
    name: siftstream_str,
    client_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.run = Some(run_form(name, client_key)?);
        Ok(())
    })
}

/// Attaches all rows to an existing run. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_attach_run_id(
    config: *mut siftstream_config,
    run_id: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.run = Some(RunSelector::ById(run_id.get("run_id")?.to_owned()));
        Ok(())
    })
}

/// Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside. Off by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_end_stream_on_validation_error(
    config: *mut siftstream_config,
    end: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.end_stream_on_validation_error = Some(end);
        Ok(())
    })
}

/// Sets the largest encoded row in bytes; 4 MiB by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_row_size(
    config: *mut siftstream_config,
    bytes: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.max_row_size = Some(bytes);
        Ok(())
    })
}

/// Sets the number of threads that a stream runs on; 1 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_worker_threads(
    config: *mut siftstream_config,
    threads: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.worker_threads = Some(threads);
        Ok(())
    })
}

/// Sets how long rows may wait for more rows before they are sent, in microseconds; 1,000 by default, 0 sends at once.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_linger_us(
    config: *mut siftstream_config,
    microseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.linger = Some(Duration::from_micros(microseconds));
        Ok(())
    })
}

/// Sets how often what was sent is confirmed, in milliseconds; 60,000 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_checkpoint_interval_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.checkpoint_interval = Some(Duration::from_millis(milliseconds));
        Ok(())
    })
}

/// Sets how much memory unconfirmed rows may take; 64 MiB by default, 0 keeps none.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_replay_window_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.replay_window_bytes = Some(bytes);
        Ok(())
    })
}

/// Sets how many rows may wait to be sent; 102,400 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_ingestion_data_channel_capacity(
    config: *mut siftstream_config,
    rows: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.ingestion_data_channel_capacity = Some(rows);
        Ok(())
    })
}

/// Sets how much memory rows that wait to be sent may take; 64 MiB by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_ingestion_data_channel_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.ingestion_data_channel_bytes = Some(bytes);
        Ok(())
    })
}

/// Adds a flow: a named group of channels that share one timestamp. The text is copied.
///
/// Errors: INVALID_ARGUMENT, also if the config has the flow. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_flow(
    config: *mut siftstream_config,
    flow: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let name = flow.get("flow")?;
        if config.flows.iter().any(|known| known.name == name) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the config has a flow '{name}' already"),
            ));
        }
        config.flows.push(FlowConfig { name: name.to_owned(), channels: Vec::new() });
        Ok(())
    })
}

/// Adds a channel at the end of a flow. `channel_type` is a siftstream_channel_type; `unit` and `description` may be
/// empty. The texts are copied. Where `index_out` is given, it receives the channel's index in its flow.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_channel(
    config: *mut siftstream_config,
    flow: siftstream_str,
    channel: siftstream_str,
    channel_type: i32,
    unit: siftstream_str,
    description: siftstream_str,
    index_out: *mut u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let data_type = ChannelDataType::from_number(channel_type)
            .filter(|data_type| *data_type != ChannelDataType::Unspecified)
            .ok_or_else(|| {
                let message =
                    format!("{channel_type} is no channel type: use one of siftstream_channel_type");
                Error::new(ErrorCode::InvalidArgument, message)
            })?;
        let mut added = ChannelConfig::new(channel.get("channel")?, data_type);
        added.unit = unit.get("unit")?.to_owned();
        added.description = description.get("description")?.to_owned();
        let flow = find_flow(config, flow)?;
        let index = u32::try_from(flow.channels.len())
            .map_err(|_| Error::new(ErrorCode::InvalidArgument, "the flow has too many channels"))?;
        flow.channels.push(added);
        if let Ok(place) = output(index_out, "index_out") {
            place.write(index);
        }
        Ok(())
    })
}

/// Names an entry of an enum channel. The texts are copied.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_enum_type(
    config: *mut siftstream_config,
    flow: siftstream_str,
    channel: siftstream_str,
    name: siftstream_str,
    key: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let name = name.get("name")?.to_owned();
        let channel = find_channel(config, flow, channel)?;
        channel.enum_types.push(ChannelEnumType { name, key, is_signed: false });
        Ok(())
    })
}

/// Names bits of a bit-field channel: `bit_count` of them from bit `index` on. The texts are copied.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_bit_field_element(
    config: *mut siftstream_config,
    flow: siftstream_str,
    channel: siftstream_str,
    name: siftstream_str,
    index: i32,
    bit_count: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let name = name.get("name")?.to_owned();
        let channel = find_channel(config, flow, channel)?;
        channel.bit_field_elements.push(ChannelBitFieldElement { name, index, bit_count });
        Ok(())
    })
}

/// A run by its client key.
pub(crate) fn run_form(name: siftstream_str, client_key: siftstream_str) -> Result<RunSelector> {
    Ok(RunSelector::ByForm(RunForm {
        name: name.get("name")?.to_owned(),
        client_key: client_key.get("client_key")?.to_owned(),
        description: None,
        tags: Vec::new(),
        metadata: Vec::new(),
    }))
}

fn find_flow(config: &mut Config, flow: siftstream_str) -> Result<&mut FlowConfig> {
    let name = flow.get("flow")?;
    config.flows.iter_mut().find(|flow| flow.name == name).ok_or_else(|| {
        Error::new(ErrorCode::UnknownFlow, format!("the config has no flow '{name}': add it first"))
    })
}

fn find_channel(
    config: &mut Config,
    flow: siftstream_str,
    channel: siftstream_str,
) -> Result<&mut ChannelConfig> {
    let name = channel.get("channel")?;
    let flow = find_flow(config, flow)?;
    let of_flow = flow.name.clone();
    flow.channels.iter_mut().find(|channel| channel.name == name).ok_or_else(|| {
        let message = format!("the flow '{of_flow}' of the config has no channel '{name}': add it first");
        Error::new(ErrorCode::UnknownChannel, message)
    })
}
