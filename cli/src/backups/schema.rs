//! What channels are called: from a file. A slot remembers it too, and Sift knows it.

use super::error::{Failure, Result};
use serde::Deserialize;
use siftstream::schema::{ChannelBitFieldElement, ChannelEnumType};
use siftstream::{ChannelConfig, ChannelDataType, FlowConfig};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// The longest schema file that is read.
const MAX_SCHEMA: u64 = 256 << 20;

/// Flows by their names.
pub(crate) type Flows = HashMap<String, FlowConfig>;

/// A schema file: `flows` at the top of a TOML or JSON file, or a JSON list of flows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    flows: Vec<Flow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flow {
    name: String,
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: String,
    data_type: DataType,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    enum_types: Vec<EnumType>,
    #[serde(default)]
    bit_field_elements: Vec<BitFieldElement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnumType {
    name: String,
    key: u32,
    #[serde(default)]
    is_signed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BitFieldElement {
    name: String,
    index: i32,
    bit_count: u32,
}

/// The types by the names that the library gives them.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DataType {
    Double,
    String,
    Enum,
    BitField,
    Bool,
    Float,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Bytes,
}

impl From<DataType> for ChannelDataType {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Double => Self::Double,
            DataType::String => Self::String,
            DataType::Enum => Self::Enum,
            DataType::BitField => Self::BitField,
            DataType::Bool => Self::Bool,
            DataType::Float => Self::Float,
            DataType::Int32 => Self::Int32,
            DataType::Uint32 => Self::Uint32,
            DataType::Int64 => Self::Int64,
            DataType::Uint64 => Self::Uint64,
            DataType::Bytes => Self::Bytes,
        }
    }
}

impl From<Channel> for ChannelConfig {
    fn from(channel: Channel) -> Self {
        let enum_type = |entry: EnumType| ChannelEnumType {
            name: entry.name,
            key: entry.key,
            is_signed: entry.is_signed,
        };
        let element = |element: BitFieldElement| ChannelBitFieldElement {
            name: element.name,
            index: element.index,
            bit_count: element.bit_count,
        };
        Self {
            name: channel.name,
            unit: channel.unit,
            description: channel.description,
            data_type: channel.data_type.into(),
            enum_types: channel.enum_types.into_iter().map(enum_type).collect(),
            bit_field_elements: channel.bit_field_elements.into_iter().map(element).collect(),
        }
    }
}

/// Reads a schema file: JSON if its name ends in `.json`, else TOML.
pub(crate) fn read(path: &Path) -> Result<Flows> {
    let wrong = |why: String| Failure::Schema { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(Failure::read(path))?;
    let mut text = String::new();
    let read = file.take(MAX_SCHEMA + 1).read_to_string(&mut text).map_err(Failure::read(path))?;
    if read as u64 > MAX_SCHEMA {
        return Err(wrong(format!("it is longer than {MAX_SCHEMA} bytes")));
    }
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let flows = match json {
        true if text.trim_start().starts_with('[') => {
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
        }
        true => serde_json::from_str::<SchemaFile>(&text).map_err(|error| wrong(error.to_string()))?.flows,
        false => toml::from_str::<SchemaFile>(&text).map_err(|error| wrong(error.to_string()))?.flows,
    };
    let config = |flow: Flow| FlowConfig {
        name: flow.name,
        channels: flow.channels.into_iter().map(Into::into).collect(),
    };
    let flows: Vec<FlowConfig> = flows.into_iter().map(config).collect();
    FlowConfig::validate_all(&flows).map_err(|error| wrong(error.to_string()))?;
    Ok(by_name(flows))
}

/// Flows by their names.
pub(crate) fn by_name(flows: Vec<FlowConfig>) -> Flows {
    flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect()
}
