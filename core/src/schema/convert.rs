//! Between our schema types and Sift's messages.

use super::{
    ChannelBitFieldElement, ChannelConfig, ChannelDataType, ChannelEnumType, FlowConfig, MetadataValue,
    Metadatum, RunForm,
};
use crate::proto::sift::{
    common::r#type::v1 as common, ingestion_configs::v2 as configs, metadata::v1 as metadata,
    runs::v2 as runs,
};

/// Sift names a channel type that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "channel {channel:?} has the data type {number}, which this version of siftstream does not know: update it"
)]
pub struct UnknownDataType {
    /// The channel.
    pub channel: String,
    /// The number that Sift sent.
    pub number: i32,
}

impl ChannelDataType {
    /// The type with this number on the wire; `None` for 0 and for numbers that do not exist.
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Double,
            2 => Self::String,
            3 => Self::Enum,
            4 => Self::BitField,
            5 => Self::Bool,
            6 => Self::Float,
            7 => Self::Int32,
            8 => Self::Uint32,
            9 => Self::Int64,
            10 => Self::Uint64,
            11 => Self::Bytes,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }
}

impl From<&FlowConfig> for configs::FlowConfig {
    fn from(flow: &FlowConfig) -> Self {
        Self { name: flow.name.clone(), channels: flow.channels.iter().map(Into::into).collect() }
    }
}

impl From<&ChannelConfig> for configs::ChannelConfig {
    fn from(channel: &ChannelConfig) -> Self {
        let enum_type = |entry: &ChannelEnumType| common::ChannelEnumType {
            name: entry.name.clone(),
            key: entry.key,
            is_signed: entry.is_signed,
        };
        let element = |element: &ChannelBitFieldElement| common::ChannelBitFieldElement {
            name: element.name.clone(),
            index: element.index,
            bit_count: element.bit_count,
        };
        Self {
            name: channel.name.clone(),
            unit: channel.unit.clone(),
            description: channel.description.clone(),
            data_type: channel.data_type.number(),
            enum_types: channel.enum_types.iter().map(enum_type).collect(),
            bit_field_elements: channel.bit_field_elements.iter().map(element).collect(),
        }
    }
}

impl TryFrom<configs::FlowConfig> for FlowConfig {
    type Error = UnknownDataType;

    fn try_from(flow: configs::FlowConfig) -> Result<Self, UnknownDataType> {
        let channels = flow.channels.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Ok(Self { name: flow.name, channels })
    }
}

impl TryFrom<configs::ChannelConfig> for ChannelConfig {
    type Error = UnknownDataType;

    fn try_from(channel: configs::ChannelConfig) -> Result<Self, UnknownDataType> {
        let Some(data_type) = ChannelDataType::from_number(channel.data_type) else {
            return Err(UnknownDataType { channel: channel.name, number: channel.data_type });
        };
        let enum_type = |entry: common::ChannelEnumType| ChannelEnumType {
            name: entry.name,
            key: entry.key,
            is_signed: entry.is_signed,
        };
        let element = |element: common::ChannelBitFieldElement| ChannelBitFieldElement {
            name: element.name,
            index: element.index,
            bit_count: element.bit_count,
        };
        Ok(Self {
            name: channel.name,
            unit: channel.unit,
            description: channel.description,
            data_type,
            enum_types: channel.enum_types.into_iter().map(enum_type).collect(),
            bit_field_elements: channel.bit_field_elements.into_iter().map(element).collect(),
        })
    }
}

impl From<&MetadataValue> for metadata::MetadataValue {
    fn from(pair: &MetadataValue) -> Self {
        use metadata::{MetadataKeyType, metadata_value::Value};
        let (r#type, value) = match &pair.value {
            Metadatum::String(text) => (MetadataKeyType::String, Value::StringValue(text.clone())),
            Metadatum::Number(number) => (MetadataKeyType::Number, Value::NumberValue(*number)),
            Metadatum::Boolean(boolean) => (MetadataKeyType::Boolean, Value::BooleanValue(*boolean)),
        };
        let key = metadata::MetadataKey { name: pair.key.clone(), r#type: r#type.into() };
        Self { key: Some(key), value: Some(value) }
    }
}

/// Without a value, as of a type from the future, there is nothing to convert.
fn metadata_from_wire(pair: metadata::MetadataValue) -> Option<MetadataValue> {
    use metadata::metadata_value::Value;
    let value = match pair.value? {
        Value::StringValue(text) => Metadatum::String(text),
        Value::NumberValue(number) => Metadatum::Number(number),
        Value::BooleanValue(boolean) => Metadatum::Boolean(boolean),
    };
    Some(MetadataValue { key: pair.key?.name, value })
}

impl From<&RunForm> for runs::CreateRunRequest {
    fn from(form: &RunForm) -> Self {
        Self {
            name: form.name.clone(),
            description: form.description.clone().unwrap_or_default(),
            tags: form.tags.clone(),
            start_time: None,
            stop_time: None,
            organization_id: String::new(),
            client_key: Some(form.client_key.clone()),
            metadata: form.metadata.iter().map(Into::into).collect(),
        }
    }
}

impl From<runs::CreateRunRequest> for RunForm {
    fn from(request: runs::CreateRunRequest) -> Self {
        Self {
            name: request.name,
            client_key: request.client_key.unwrap_or_default(),
            description: Some(request.description).filter(|text| !text.is_empty()),
            tags: request.tags,
            metadata: request.metadata.into_iter().filter_map(metadata_from_wire).collect(),
        }
    }
}
