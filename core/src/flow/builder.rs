//! One row by channel index: filled in any order, encoded when it is sent, used again for the next one.

use super::misfit::{misfit, no_such_channel};
use super::{ChannelIndex, FlowDescriptor, NonNumber, Number, RowValues, TimeValue, Value};
use crate::encode::{RowWriter, wire};
use crate::error::Result;
use crate::schema::ChannelDataType;

/// What a row holds for one channel; texts and bytes lie beside, one buffer a channel.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The channel's type.
    data_type: ChannelDataType,
    /// The same, if there is news.
    news: Option<ChannelDataType>,
    /// Those of the [`Number`].
    bits: u64,
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
        let empty = |data_type| Slot { data_type, news: None, bits: 0 };
        Self {
            descriptor: descriptor.clone(),
            timestamp: None,
            slots: descriptor.data_types().iter().copied().map(empty).collect(),
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

    /// Sets a channel of numbers. On an error the row is unchanged.
    #[inline(always)]
    pub fn set_number(&mut self, index: ChannelIndex, number: Number) -> Result<()> {
        if self.set_if_fits(index, number) {
            Ok(())
        } else {
            Err(misfit(&self.descriptor, index, number.data_type))
        }
    }

    /// The same in as few steps as that takes: whether it was set. If it was not, [`set_number`](Self::set_number) tells why.
    #[inline(always)]
    pub fn set_if_fits(&mut self, index: ChannelIndex, number: Number) -> bool {
        self.slot(index.position(), number.data_type).map(|slot| slot.set(number)).is_some()
    }

    /// Sets all channels. On an error some of them may be set.
    pub fn set_values(&mut self, values: &impl RowValues) -> Result<()> {
        self.descriptor.check_count(values.count())?;
        (0..self.slots.len()).try_for_each(|at| self.set_from(values, at))
    }

    #[inline(always)]
    fn set_from(&mut self, values: &impl RowValues, at: usize) -> Result<()> {
        let index = ChannelIndex::at(at);
        match values.number(at) {
            Some(number) => self.set_number(index, number),
            None => self.set_non_number(index, values.non_number(at)?),
        }
    }

    fn set_non_number(&mut self, index: ChannelIndex, value: NonNumber<'_>) -> Result<()> {
        match value {
            NonNumber::Empty => self.set_empty(index),
            NonNumber::String(text) => self.set_string(index, text),
            NonNumber::BitField(bytes) => self.set_bit_field(index, bytes),
            NonNumber::Bytes(bytes) => self.set_bytes(index, bytes),
        }
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
        self.forget(index);
        Ok(())
    }

    /// Sets a `Double` channel.
    #[inline]
    pub fn set_double(&mut self, index: ChannelIndex, value: f64) -> Result<()> {
        self.set_number(index, Number::double(value))
    }

    /// Sets a `Float` channel.
    pub fn set_float(&mut self, index: ChannelIndex, value: f32) -> Result<()> {
        self.set_number(index, Number::float(value))
    }

    /// Sets a `Bool` channel.
    pub fn set_bool(&mut self, index: ChannelIndex, value: bool) -> Result<()> {
        self.set_number(index, Number::bool(value))
    }

    /// Sets an `Int32` channel.
    pub fn set_int32(&mut self, index: ChannelIndex, value: i32) -> Result<()> {
        self.set_number(index, Number::int32(value))
    }

    /// Sets a `Uint32` channel.
    pub fn set_uint32(&mut self, index: ChannelIndex, value: u32) -> Result<()> {
        self.set_number(index, Number::uint32(value))
    }

    /// Sets an `Int64` channel.
    pub fn set_int64(&mut self, index: ChannelIndex, value: i64) -> Result<()> {
        self.set_number(index, Number::int64(value))
    }

    /// Sets a `Uint64` channel.
    pub fn set_uint64(&mut self, index: ChannelIndex, value: u64) -> Result<()> {
        self.set_number(index, Number::uint64(value))
    }

    /// Sets an `Enum` channel to the entry with this number.
    pub fn set_enum(&mut self, index: ChannelIndex, value: u32) -> Result<()> {
        self.set_number(index, Number::enumeration(value))
    }

    /// Sets a `String` channel.
    pub fn set_string(&mut self, index: ChannelIndex, value: &str) -> Result<()> {
        self.put_bytes(index, ChannelDataType::String, value.as_bytes())
    }

    /// Sets a `BitField` channel.
    pub fn set_bit_field(&mut self, index: ChannelIndex, value: &[u8]) -> Result<()> {
        self.put_bytes(index, ChannelDataType::BitField, value)
    }

    /// Sets a `Bytes` channel.
    pub fn set_bytes(&mut self, index: ChannelIndex, value: &[u8]) -> Result<()> {
        self.put_bytes(index, ChannelDataType::Bytes, value)
    }

    /// Empties all channels and forgets the timestamp; keeps the memory.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.news = None);
        self.text_len = 0;
        self.timestamp = None;
    }

    /// What the row holds for the channel at `at`; none if the channel is not of this type, or there is no such channel.
    #[inline(always)]
    fn slot(&mut self, at: usize, data_type: ChannelDataType) -> Option<&mut Slot> {
        self.slots.get_mut(at).filter(|slot| slot.data_type == data_type)
    }

    fn put_bytes(&mut self, index: ChannelIndex, data_type: ChannelDataType, value: &[u8]) -> Result<()> {
        if self.slot(index.position(), data_type).is_none() {
            return Err(misfit(&self.descriptor, index, data_type));
        }
        self.forget(index);
        self.slots[index.position()].news = Some(data_type);
        let text = &mut self.texts[index.position()];
        text.clear();
        text.extend_from_slice(value);
        self.text_len += value.len();
        Ok(())
    }

    /// Makes a channel that exists one without news.
    fn forget(&mut self, index: ChannelIndex) {
        let news = self.slots[index.position()].news.take();
        if news.is_some_and(ChannelDataType::is_text) {
            self.text_len -= self.texts[index.position()].len();
        }
    }

    /// No row of this builder, as it is now, is encoded larger than this.
    #[inline(always)]
    pub(crate) fn max_encoded_len(&self) -> usize {
        self.descriptor.most_len() + self.text_len
    }

    /// Writes the message's bytes up to and with the values, and returns how many they are.
    pub(crate) fn encode_message(&self, room: &mut [u8]) -> usize {
        let mut writer = RowWriter::new(room);
        writer.put_slice(self.descriptor.prefix());
        writer.put_timestamp(self.timestamp.unwrap_or_else(TimeValue::now));
        for (slot, text) in self.slots.iter().zip(&self.texts) {
            slot.encode(text, &mut writer);
        }
        writer.written()
    }
}

impl Slot {
    #[inline(always)]
    fn set(&mut self, number: Number) {
        self.news = Some(number.data_type);
        self.bits = number.bits;
    }

    #[inline(always)]
    fn encode(&self, text: &[u8], writer: &mut RowWriter<'_>) {
        use ChannelDataType as Type;
        match self.news {
            None | Some(Type::Unspecified) => writer.put_empty(),
            Some(Type::Double) => writer.put_double(self.bits),
            Some(Type::Float) => writer.put_float(self.bits),
            Some(text_type @ (Type::String | Type::BitField | Type::Bytes)) => {
                writer.put_bytes_value(wire::value_field(text_type), text);
            }
            Some(varint_type) => writer.put_varint_value(wire::value_field(varint_type), self.bits),
        }
    }
}
