//! The asset, and the flows and channels of its rows.

use siftstream_core::schema::{ChannelBitFieldElement, ChannelEnumType};
use siftstream_core::{ChannelConfig, ChannelDataType, Error, ErrorCode, FlowConfig};

use super::{put, set, siftstream_config};
use crate::boundary::output;
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

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
        config.set("asset_name", asset_name.get("asset_name")?)?;
        config.set("client_key", client_key.get("client_key")?)
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
        config.add_flow(FlowConfig { name: flow.get("flow")?.to_owned(), channels: Vec::new() })
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
        let index = config.add_channel(flow.get("flow")?, added)?;
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
        let entry = ChannelEnumType { name, key, is_signed: false };
        config.add_enum_type(flow.get("flow")?, channel.get("channel")?, entry)
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
        let element = ChannelBitFieldElement { name, index, bit_count };
        config.add_bit_field_element(flow.get("flow")?, channel.get("channel")?, element)
    })
}

/// Registers a flow that the config does not have when its first row is sent by name, with what
/// siftstream_stream_stage_flows kept for it, else with the names and types of that row. Off by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_auto_register_flows(
    config: *mut siftstream_config,
    auto_register: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "auto_register_flows", || Ok(auto_register))
}
