//! A channel: a named, typed series.

use std::fmt;

/// The type of every value of a channel. The numbers are Sift's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(i32)]
pub enum ChannelDataType {
    /// Not chosen yet; refused by `validate`. It exists so that a [`ChannelConfig`] has a default.
    #[default]
    Unspecified = 0,
    /// A 64-bit float.
    Double = 1,
    /// UTF-8 text.
    String = 2,
    /// A number with a name per value, see [`ChannelEnumType`].
    Enum = 3,
    /// Bytes whose bits have names, see [`ChannelBitFieldElement`].
    BitField = 4,
    /// True or false.
    Bool = 5,
    /// A 32-bit float.
    Float = 6,
    /// A signed 32-bit integer.
    Int32 = 7,
    /// An unsigned 32-bit integer.
    Uint32 = 8,
    /// A signed 64-bit integer.
    Int64 = 9,
    /// An unsigned 64-bit integer.
    Uint64 = 10,
    /// Bytes without a meaning to Sift.
    Bytes = 11,
}

impl ChannelDataType {
    /// Every type that a channel can have.
    pub const ALL: [Self; 11] = [
        Self::Double,
        Self::String,
        Self::Enum,
        Self::BitField,
        Self::Bool,
        Self::Float,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Bytes,
    ];

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.as_str() == name)
    }

    /// Whether its values have no fixed size: texts and bytes.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::String | Self::BitField | Self::Bytes)
    }

    /// The name used in messages, configuration files and the other languages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Double => "double",
            Self::String => "string",
            Self::Enum => "enum",
            Self::BitField => "bit_field",
            Self::Bool => "bool",
            Self::Float => "float",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for ChannelDataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of one value of an enum channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ChannelEnumType {
    /// What Sift shows.
    pub name: String,
    /// The number that is sent.
    pub key: u32,
    /// Whether the number is to be read as a signed one.
    pub is_signed: bool,
}

/// Some neighbouring bits of a bit field channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ChannelBitFieldElement {
    /// What Sift shows.
    pub name: String,
    /// The first bit, counted from 0.
    pub index: i32,
    /// How many bits.
    pub bit_count: u32,
}

/// A channel of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ChannelConfig {
    /// The name, unique within its flow.
    pub name: String,
    /// The unit shown beside values; may be empty.
    pub unit: String,
    /// What the channel measures; may be empty.
    pub description: String,
    /// The type of every value.
    pub data_type: ChannelDataType,
    /// Names for values, if `data_type` is [`ChannelDataType::Enum`]. May be empty.
    pub enum_types: Vec<ChannelEnumType>,
    /// Names for bits, if `data_type` is [`ChannelDataType::BitField`]. May be empty.
    pub bit_field_elements: Vec<ChannelBitFieldElement>,
}

impl ChannelConfig {
    /// A channel without unit, description, enum values or bit names.
    pub fn new(name: impl Into<String>, data_type: ChannelDataType) -> Self {
        Self { name: name.into(), data_type, ..Self::default() }
    }
}
