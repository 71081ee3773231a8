//! One row by channel index: filled in any order, encoded when it is sent, used again for the next one.

use super::{ChannelIndex, FlowDescriptor, TimeValue, Value};
use crate::encode::staged::Staged;
use crate::encode::wire;
use crate::error::{Error, ErrorCode, Result};
use crate::schema::ChannelDataType;

/// What a row holds for one channel; texts and bytes lie beside, one buffer a channel.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Empty,
    Double(f64),
    Float(f32),
    Bool(bool),
    Int32(i32),
    Uint32(u32),
    Int64(i64),
    Uint64(u64),
    Enum(u32),
    /// The channel's text; `field` says whether it is a string, a bit field or bytes.
    Text {
        field: u8,
    },
}

/// A row of one flow, preallocated: setting and sending it allocates nothing once its texts have been seen.
///
/// Channels that are not set are sent as "no news". The values stay until they are set again or
/// [`clear`](Self::clear) empties the row.
#[derive(Debug, Clone)]
pub struct FlowBuilder {
    descriptor: FlowDescriptor,
    timestamp: Option<TimeValue>,
    slots: Box<[Slot]>,
    texts: Box<[Vec<u8>]>,
    /// Bytes of the texts that are set.
    text_len: usize,
}

impl FlowBuilder {
    /// An empty row of the described flow.
    pub fn new(descriptor: &FlowDescriptor) -> Self {
        Self {
            descriptor: descriptor.clone(),
            timestamp: None,
            slots: vec![Slot::Empty; descriptor.channel_count()].into(),
            texts: vec![Vec::new(); descriptor.channel_count()].into(),
            text_len: 0,
        }
    }

    /// The flow this is a row of.
    pub fn descriptor(&self) -> &FlowDescriptor {
        &self.descriptor
    }

    /// Sets the row's time. A row that was given none is sent with the time of the send.
    #[inline(always)]
    pub fn set_timestamp(&mut self, timestamp: TimeValue) {
        self.timestamp = Some(timestamp);
    }

    /// The time that the row was given.
    pub fn timestamp(&self) -> Option<TimeValue> {
        self.timestamp
    }

    /// Sets the channel at `index`; the value's type must be the channel's. On an error the row is unchanged.
    pub fn set(&mut self, index: ChannelIndex, value: impl Into<Value>) -> Result<()> {
        match value.into() {
            Value::Empty => self.set_empty(index),
            Value::Double(value) => self.set_double(index, value),
            Value::Float(value) => self.set_float(index, value),
            Value::Bool(value) => self.set_bool(index, value),
            Value::Int32(value) => self.set_int32(index, value),
            Value::Uint32(value) => self.set_uint32(index, value),
            Value::Int64(value) => self.set_int64(index, value),
            Value::Uint64(value) => self.set_uint64(index, value),
            Value::Enum(value) => self.set_enum(index, value),
            Value::String(value) => self.set_string(index, &value),
            Value::BitField(value) => self.set_bit_field(index, &value),
            Value::Bytes(value) => self.set_bytes(index, &value),
        }
    }

    /// Sets a channel of numbers in as few steps as that takes, and says whether it did: not if the channel is of another
    /// type or there is none, nor for a value that is no number. Then nothing has changed, and [`set`](Self::set) sets it or
    /// tells why not.
    #[inline(always)]
    pub fn set_if_number(&mut self, index: ChannelIndex, value: Value) -> bool {
        let Some((data_type, number)) = number(value) else { return false };
        self.place(index, data_type).map(|place| *place = number).is_some()
    }

    /// Sets channel after channel, from `first` on, up to the first one for which [`set_if_number`](Self::set_if_number)
    /// would say no. Returns how many were set.
    #[inline(always)]
    pub fn set_numbers(&mut self, first: ChannelIndex, values: impl Iterator<Item = Value>) -> usize {
        let first = first.position();
        let slots = self.slots.iter_mut().skip(first);
        let mut set = 0;
        for ((slot, wanted), value) in slots.zip(self.descriptor.data_types().skip(first)).zip(values) {
            match number(value) {
                Some((data_type, number)) if data_type == wanted => *slot = number,
                _ => break,
            }
            set += 1;
        }
        set
    }

    /// Sets the channel `name`.
    pub fn set_with_key(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.set(self.descriptor.index(name)?, value)
    }

    /// Sets "no news" for the channel at `index`, whatever its type.
    pub fn set_empty(&mut self, index: ChannelIndex) -> Result<()> {
        if index.position() >= self.slots.len() {
            return Err(no_such_channel(&self.descriptor, index));
        }
        self.replace(index, Slot::Empty);
        Ok(())
    }

    /// Sets a `Double` channel.
    #[inline]
    pub fn set_double(&mut self, index: ChannelIndex, value: f64) -> Result<()> {
        self.put(index, ChannelDataType::Double, Slot::Double(value))
    }

    /// Sets a `Float` channel.
    pub fn set_float(&mut self, index: ChannelIndex, value: f32) -> Result<()> {
        self.put(index, ChannelDataType::Float, Slot::Float(value))
    }

    /// Sets a `Bool` channel.
    pub fn set_bool(&mut self, index: ChannelIndex, value: bool) -> Result<()> {
        self.put(index, ChannelDataType::Bool, Slot::Bool(value))
    }

    /// Sets an `Int32` channel.
    pub fn set_int32(&mut self, index: ChannelIndex, value: i32) -> Result<()> {
        self.put(index, ChannelDataType::Int32, Slot::Int32(value))
    }

    /// Sets a `Uint32` channel.
    pub fn set_uint32(&mut self, index: ChannelIndex, value: u32) -> Result<()> {
        self.put(index, ChannelDataType::Uint32, Slot::Uint32(value))
    }

    /// Sets an `Int64` channel.
    pub fn set_int64(&mut self, index: ChannelIndex, value: i64) -> Result<()> {
        self.put(index, ChannelDataType::Int64, Slot::Int64(value))
    }

    /// Sets a `Uint64` channel.
    pub fn set_uint64(&mut self, index: ChannelIndex, value: u64) -> Result<()> {
        self.put(index, ChannelDataType::Uint64, Slot::Uint64(value))
    }

    /// Sets an `Enum` channel to the entry with this number.
    pub fn set_enum(&mut self, index: ChannelIndex, value: u32) -> Result<()> {
        self.put(index, ChannelDataType::Enum, Slot::Enum(value))
    }

    /// Sets a `String` channel.
    pub fn set_string(&mut self, index: ChannelIndex, value: &str) -> Result<()> {
        self.put_bytes(index, ChannelDataType::String, wire::VALUE_STRING, value.as_bytes())
    }

    /// Sets a `BitField` channel.
    pub fn set_bit_field(&mut self, index: ChannelIndex, value: &[u8]) -> Result<()> {
        self.put_bytes(index, ChannelDataType::BitField, wire::VALUE_BIT_FIELD, value)
    }

    /// Sets a `Bytes` channel.
    pub fn set_bytes(&mut self, index: ChannelIndex, value: &[u8]) -> Result<()> {
        self.put_bytes(index, ChannelDataType::Bytes, wire::VALUE_BYTES, value)
    }

    /// Empties all channels and forgets the timestamp; keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::Empty);
        self.text_len = 0;
        self.timestamp = None;
    }

    /// Puts a number, whose channel never holds a text.
    #[inline(always)]
    fn put(&mut self, index: ChannelIndex, data_type: ChannelDataType, slot: Slot) -> Result<()> {
        match self.place(index, data_type) {
            Some(place) => {
                *place = slot;
                Ok(())
            }
            None => Err(self.misfit(index, data_type)),
        }
    }

    /// Where the value of a channel of this type lies; none if the channel is of another one, or there is no such channel.
    #[inline(always)]
    fn place(&mut self, index: ChannelIndex, data_type: ChannelDataType) -> Option<&mut Slot> {
        let fits = self.descriptor.data_type(index) == Some(data_type);
        self.slots.get_mut(index.position()).filter(|_| fits)
    }

    #[cold]
    fn misfit(&self, index: ChannelIndex, given: ChannelDataType) -> Error {
        match self.descriptor.data_type(index) {
            Some(_) => wrong_type(&self.descriptor, index, given),
            None => no_such_channel(&self.descriptor, index),
        }
    }

    fn put_bytes(
        &mut self,
        index: ChannelIndex,
        data_type: ChannelDataType,
        field: u8,
        value: &[u8],
    ) -> Result<()> {
        if self.place(index, data_type).is_none() {
            return Err(self.misfit(index, data_type));
        }
        self.replace(index, Slot::Text { field });
        let text = &mut self.texts[index.position()];
        text.clear();
        text.extend_from_slice(value);
        self.text_len += value.len();
        Ok(())
    }

    #[inline(always)]
    fn replace(&mut self, index: ChannelIndex, slot: Slot) {
        let old = &mut self.slots[index.position()];
        if matches!(old, Slot::Text { .. }) {
            self.text_len -= self.texts[index.position()].len();
        }
        *old = slot;
    }

    /// No row of this builder, as it is now, is encoded larger than this.
    #[inline(always)]
    pub(crate) fn max_encoded_len(&self) -> usize {
        self.descriptor.prefix().len()
            + wire::MAX_TIMESTAMP_LEN
            + self.slots.len() * wire::MAX_FIXED_VALUE_LEN
            + self.text_len
    }

    /// Appends the message's bytes up to and with the values.
    pub(crate) fn encode_message(&self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(self.descriptor.prefix());
        let mut row = Staged::new(buf);
        row.put_timestamp(self.timestamp.unwrap_or_else(TimeValue::now));
        for (slot, text) in self.slots.iter().zip(&self.texts) {
            match *slot {
                Slot::Double(value) => row.put_double(value),
                Slot::Empty => row.put_empty(),
                Slot::Float(value) => row.put_float(value),
                Slot::Bool(value) => row.put_varint_value(wire::VALUE_BOOL, u64::from(value)),
                Slot::Int32(value) => {
                    row.put_varint_value(wire::VALUE_INT32, i64::from(value).cast_unsigned());
                }
                Slot::Uint32(value) => row.put_varint_value(wire::VALUE_UINT32, u64::from(value)),
                Slot::Int64(value) => row.put_varint_value(wire::VALUE_INT64, value.cast_unsigned()),
                Slot::Uint64(value) => row.put_varint_value(wire::VALUE_UINT64, value),
                Slot::Enum(value) => row.put_varint_value(wire::VALUE_ENUM, u64::from(value)),
                Slot::Text { field } => wire::put_bytes_value(row.flush(), field, text),
            }
        }
        row.flush();
    }
}

/// A number's type, and what a row holds for it; none for what is no number.
#[inline(always)]
fn number(value: Value) -> Option<(ChannelDataType, Slot)> {
    Some(match value {
        Value::Double(value) => (ChannelDataType::Double, Slot::Double(value)),
        Value::Float(value) => (ChannelDataType::Float, Slot::Float(value)),
        Value::Bool(value) => (ChannelDataType::Bool, Slot::Bool(value)),
        Value::Int32(value) => (ChannelDataType::Int32, Slot::Int32(value)),
        Value::Uint32(value) => (ChannelDataType::Uint32, Slot::Uint32(value)),
        Value::Int64(value) => (ChannelDataType::Int64, Slot::Int64(value)),
        Value::Uint64(value) => (ChannelDataType::Uint64, Slot::Uint64(value)),
        Value::Enum(value) => (ChannelDataType::Enum, Slot::Enum(value)),
        Value::Empty | Value::String(_) | Value::BitField(_) | Value::Bytes(_) => return None,
    })
}

#[cold]
pub(crate) fn no_such_channel(descriptor: &FlowDescriptor, index: ChannelIndex) -> Error {
    Error::new(
        ErrorCode::UnknownChannel,
        format!(
            "flow '{}' has {} channels, none at index {}: take indexes from its descriptor",
            descriptor.name(),
            descriptor.channel_count(),
            index.position()
        ),
    )
}

#[cold]
pub(crate) fn wrong_type(descriptor: &FlowDescriptor, index: ChannelIndex, given: ChannelDataType) -> Error {
    Error::new(
        ErrorCode::WrongType,
        format!(
            "channel '{}' of flow '{}' is of type {}, not {}: give a value of the channel's type",
            descriptor.channel_name(index).unwrap_or_default(),
            descriptor.name(),
            descriptor.data_type(index).map_or("unknown", ChannelDataType::as_str),
            given.as_str()
        ),
    )
}
