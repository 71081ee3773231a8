//! Finds what Sift would refuse, or misread, before anything is sent.

use std::collections::HashSet;
use std::fmt;

use super::{
    ChannelConfig, ChannelDataType, FlowConfig, IngestionConfigForm, MetadataValue, RunForm, RunSelector,
};
use crate::{Error, ErrorCode};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 1024;
/// The most channels in one flow.
pub const MAX_CHANNELS: usize = 10_000;
/// The most bits that the elements of a bit field can reach.
pub const MAX_BIT_FIELD_BITS: u64 = 65_536;

/// The kind of thing a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Named {
    /// An asset.
    Asset,
    /// The client key of an ingestion config.
    ClientKey,
    /// A flow.
    Flow,
    /// A channel.
    Channel,
    /// A value of an enum channel.
    EnumType,
    /// Bits of a bit field channel.
    BitFieldElement,
    /// A run.
    Run,
    /// The ID of a run.
    RunId,
    /// The client key of a run.
    RunClientKey,
    /// A tag.
    Tag,
    /// A key of metadata.
    MetadataKey,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asset => "asset name",
            Self::ClientKey => "client key",
            Self::Flow => "flow name",
            Self::Channel => "channel name",
            Self::EnumType => "enum type name",
            Self::BitFieldElement => "bit field element name",
            Self::Run => "run name",
            Self::RunId => "run ID",
            Self::RunClientKey => "client key of the run",
            Self::Tag => "tag",
            Self::MetadataKey => "metadata key",
        })
    }
}

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A name is empty.
    #[error("{within}the {what} is empty: give it a name")]
    EmptyName {
        /// The kind of name.
        what: Named,
        /// The thing around it, as a prefix of the message.
        within: String,
    },
    /// A name is longer than [`MAX_NAME_BYTES`].
    #[error("{within}the {what} that begins with {start:?} has {bytes} bytes: use at most {MAX_NAME_BYTES}")]
    NameTooLong {
        /// The kind of name.
        what: Named,
        /// The thing around it, as a prefix of the message.
        within: String,
        /// Its first characters.
        start: String,
        /// Its length.
        bytes: usize,
    },
    /// A name contains NUL or another control character.
    #[error("{within}the {what} {name:?} contains the control character {character:?}: remove it")]
    ControlCharacter {
        /// The kind of name.
        what: Named,
        /// The thing around it, as a prefix of the message.
        within: String,
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// Two flows have one name.
    #[error("the flow {flow:?} is given twice: flow names must differ within an ingestion config")]
    DuplicateFlow {
        /// The name.
        flow: String,
    },
    /// Two channels of a flow have one name.
    #[error("flow {flow:?}: the channel {channel:?} is given twice: channel names must differ within a flow")]
    DuplicateChannel {
        /// The flow.
        flow: String,
        /// The name.
        channel: String,
    },
    /// A flow has more than [`MAX_CHANNELS`].
    #[error("flow {flow:?} has {count} channels: split it into flows of at most {MAX_CHANNELS}")]
    TooManyChannels {
        /// The flow.
        flow: String,
        /// How many.
        count: usize,
    },
    /// A channel has no type.
    #[error("flow {flow:?}: the channel {channel:?} has no data type: choose one")]
    UnspecifiedType {
        /// The flow.
        flow: String,
        /// The channel.
        channel: String,
    },
    /// Two values of an enum channel have one number.
    #[error("flow {flow:?}: the enum channel {channel:?} names the key {key} twice: keep one of the names")]
    DuplicateEnumKey {
        /// The flow.
        flow: String,
        /// The channel.
        channel: String,
        /// The number.
        key: u32,
    },
    /// Bits that cannot exist.
    #[error(
        "flow {flow:?}: the element {element:?} of the bit field {channel:?} covers {bit_count} bits from bit \
         {index}: it must cover at least one bit, within bits 0 to {MAX_BIT_FIELD_BITS}"
    )]
    BitsOutOfRange {
        /// The flow.
        flow: String,
        /// The channel.
        channel: String,
        /// The element.
        element: String,
        /// Its first bit.
        index: i32,
        /// Its number of bits.
        bit_count: u32,
    },
    /// A number of metadata is not finite.
    #[error("the metadata {key:?} is not a finite number: give it a finite one")]
    MetadataNotFinite {
        /// The key.
        key: String,
    },
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Self {
        Self::new(ErrorCode::InvalidArgument, error.to_string())
    }
}

fn check_name(what: Named, name: &str, within: impl Fn() -> String) -> Result<(), SchemaError> {
    if name.is_empty() {
        return Err(SchemaError::EmptyName { what, within: within() });
    }
    if name.len() > MAX_NAME_BYTES {
        let start = name.chars().filter(|c| !c.is_control()).take(32).collect();
        return Err(SchemaError::NameTooLong { what, within: within(), start, bytes: name.len() });
    }
    if let Some(character) = name.chars().find(|c| c.is_control()) {
        return Err(SchemaError::ControlCharacter {
            what,
            within: within(),
            name: name.to_owned(),
            character,
        });
    }
    Ok(())
}

impl IngestionConfigForm {
    /// Checks names, types and sizes.
    pub fn validate(&self) -> Result<(), SchemaError> {
        check_name(Named::Asset, &self.asset_name, String::new)?;
        check_name(Named::ClientKey, &self.client_key, String::new)?;
        FlowConfig::validate_all(&self.flows)
    }
}

impl FlowConfig {
    /// Checks every flow, and that no two have one name.
    pub fn validate_all(flows: &[Self]) -> Result<(), SchemaError> {
        let mut names = HashSet::with_capacity(flows.len());
        for flow in flows {
            flow.validate()?;
            if !names.insert(flow.name.as_str()) {
                return Err(SchemaError::DuplicateFlow { flow: flow.name.clone() });
            }
        }
        Ok(())
    }

    /// Checks the name and every channel.
    pub fn validate(&self) -> Result<(), SchemaError> {
        check_name(Named::Flow, &self.name, String::new)?;
        if self.channels.len() > MAX_CHANNELS {
            return Err(SchemaError::TooManyChannels { flow: self.name.clone(), count: self.channels.len() });
        }
        let mut names = HashSet::with_capacity(self.channels.len());
        for channel in &self.channels {
            channel.validate_in(&self.name)?;
            if !names.insert(channel.name.as_str()) {
                return Err(SchemaError::DuplicateChannel {
                    flow: self.name.clone(),
                    channel: channel.name.clone(),
                });
            }
        }
        Ok(())
    }
}

impl ChannelConfig {
    fn validate_in(&self, flow: &str) -> Result<(), SchemaError> {
        check_name(Named::Channel, &self.name, || format!("flow {flow:?}: "))?;
        if self.data_type == ChannelDataType::Unspecified {
            return Err(SchemaError::UnspecifiedType { flow: flow.to_owned(), channel: self.name.clone() });
        }
        let within = || format!("flow {flow:?}, channel {:?}: ", self.name);
        let mut keys = HashSet::with_capacity(self.enum_types.len());
        for entry in &self.enum_types {
            check_name(Named::EnumType, &entry.name, within)?;
            if !keys.insert(entry.key) {
                return Err(SchemaError::DuplicateEnumKey {
                    flow: flow.to_owned(),
                    channel: self.name.clone(),
                    key: entry.key,
                });
            }
        }
        for element in &self.bit_field_elements {
            check_name(Named::BitFieldElement, &element.name, within)?;
            let end = u64::try_from(element.index).ok().map(|index| index + u64::from(element.bit_count));
            if element.bit_count == 0 || end.is_none_or(|end| end > MAX_BIT_FIELD_BITS) {
                return Err(SchemaError::BitsOutOfRange {
                    flow: flow.to_owned(),
                    channel: self.name.clone(),
                    element: element.name.clone(),
                    index: element.index,
                    bit_count: element.bit_count,
                });
            }
        }
        Ok(())
    }
}

impl RunForm {
    /// Checks names, tags and metadata.
    pub fn validate(&self) -> Result<(), SchemaError> {
        check_name(Named::Run, &self.name, String::new)?;
        check_name(Named::RunClientKey, &self.client_key, String::new)?;
        validate_tags(&self.tags)?;
        MetadataValue::validate_all(&self.metadata)
    }
}

impl RunSelector {
    /// Checks the ID or the form.
    pub fn validate(&self) -> Result<(), SchemaError> {
        match self {
            Self::ById(id) => check_name(Named::RunId, id, String::new),
            Self::ByForm(form) => form.validate(),
        }
    }
}

impl MetadataValue {
    /// Checks keys and numbers.
    pub fn validate_all(values: &[Self]) -> Result<(), SchemaError> {
        for MetadataValue { key, value } in values {
            check_name(Named::MetadataKey, key, String::new)?;
            if matches!(value, super::Metadatum::Number(number) if !number.is_finite()) {
                return Err(SchemaError::MetadataNotFinite { key: key.clone() });
            }
        }
        Ok(())
    }
}

/// Checks tags.
pub(crate) fn validate_tags(tags: &[String]) -> Result<(), SchemaError> {
    tags.iter().try_for_each(|tag| check_name(Named::Tag, tag, String::new))
}
