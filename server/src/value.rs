//! The typed values of a row and how they relate to channel types.

use crate::proto::sift::common::r#type::v1::ChannelDataType;

/// A channel's value as it stood in the received row.
pub use crate::proto::sift::ingest::v1::ingest_with_config_data_channel_value::Type as Value;

/// The channel type that `value` belongs to; `None` for `empty`, which fits every channel.
pub(crate) fn data_type(value: &Value) -> Option<ChannelDataType> {
    Some(match value {
        Value::String(_) => ChannelDataType::String,
        Value::Double(_) => ChannelDataType::Double,
        Value::Float(_) => ChannelDataType::Float,
        Value::Bool(_) => ChannelDataType::Bool,
        Value::Int32(_) => ChannelDataType::Int32,
        Value::Uint32(_) => ChannelDataType::Uint32,
        Value::Int64(_) => ChannelDataType::Int64,
        Value::Uint64(_) => ChannelDataType::Uint64,
        Value::BitField(_) => ChannelDataType::BitField,
        Value::Enum(_) => ChannelDataType::Enum,
        Value::Bytes(_) => ChannelDataType::Bytes,
        Value::Empty(()) => return None,
    })
}

/// A short readable form of `value`, for tables.
pub fn format_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Double(number) => format!("{number:.6}"),
        Value::Float(number) => format!("{number:.4}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Int32(number) => number.to_string(),
        Value::Uint32(number) => number.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::Uint64(number) => number.to_string(),
        Value::Enum(key) => format!("#{key}"),
        Value::BitField(bytes) | Value::Bytes(bytes) => {
            bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
        }
        Value::Empty(()) => "-".to_owned(),
    }
}
