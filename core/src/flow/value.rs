//! The value of one channel in one row.

use crate::schema::ChannelDataType;

/// The number of an enum channel's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelEnum(pub u32);

/// The bytes of a bit-field channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelBitField(pub Vec<u8>);

/// The bytes of a bytes channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelBytes(pub Vec<u8>);

/// A value for one channel, or [`Value::Empty`] where there is no news.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// For a `String` channel.
    String(String),
    /// For a `Double` channel.
    Double(f64),
    /// For a `Float` channel.
    Float(f32),
    /// For a `Bool` channel.
    Bool(bool),
    /// For an `Int32` channel.
    Int32(i32),
    /// For a `Uint32` channel.
    Uint32(u32),
    /// For an `Int64` channel.
    Int64(i64),
    /// For a `Uint64` channel.
    Uint64(u64),
    /// For a `BitField` channel.
    BitField(Vec<u8>),
    /// For an `Enum` channel.
    Enum(u32),
    /// For a `Bytes` channel.
    Bytes(Vec<u8>),
    /// No news; allowed for a channel of each type.
    Empty,
}

impl Value {
    /// The type of channel that takes this value; none for [`Value::Empty`], which each takes.
    pub fn data_type(&self) -> Option<ChannelDataType> {
        Some(match self {
            Self::String(_) => ChannelDataType::String,
            Self::Double(_) => ChannelDataType::Double,
            Self::Float(_) => ChannelDataType::Float,
            Self::Bool(_) => ChannelDataType::Bool,
            Self::Int32(_) => ChannelDataType::Int32,
            Self::Uint32(_) => ChannelDataType::Uint32,
            Self::Int64(_) => ChannelDataType::Int64,
            Self::Uint64(_) => ChannelDataType::Uint64,
            Self::BitField(_) => ChannelDataType::BitField,
            Self::Enum(_) => ChannelDataType::Enum,
            Self::Bytes(_) => ChannelDataType::Bytes,
            Self::Empty => return None,
        })
    }
}

/// A value with the name of its channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelValue {
    /// The channel's name.
    pub name: String,
    /// The value.
    pub value: Value,
}

impl ChannelValue {
    /// A value for the channel `name`.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Writes `From<$from> for Value`.
macro_rules! value_from {
    ($($from:ty => $make:expr;)*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let make: fn($from) -> Self = $make;
                make(value)
            }
        })*
    };
}

value_from! {
    () => |()| Self::Empty;
    bool => Self::Bool;
    String => Self::String;
    &str => |text| Self::String(text.to_owned());
    f32 => Self::Float;
    f64 => Self::Double;
    i32 => Self::Int32;
    i64 => Self::Int64;
    u32 => Self::Uint32;
    u64 => Self::Uint64;
    ChannelEnum => |entry| Self::Enum(entry.0);
    ChannelBitField => |field| Self::BitField(field.0);
    ChannelBytes => |bytes| Self::Bytes(bytes.0);
}
