//! A flow as a stream knows it: its channels by index, and its constant fields already encoded.

use std::collections::HashMap;
use std::sync::Arc;

use super::FlowNumber;
use super::misfit::wrong_count;
use crate::encode::wire;
use crate::error::{Error, ErrorCode, Result};
use crate::schema::{ChannelDataType, FlowConfig};

/// The place of a channel within its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelIndex(u32);

impl ChannelIndex {
    /// The channel at `position`, counted from 0 in the flow's order. Checked where it is used.
    pub fn new(position: u32) -> Self {
        Self(position)
    }

    /// The channel at `position`; none that exists, if there are not so many numbers.
    #[inline(always)]
    pub(crate) fn at(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// The position within the flow, from 0.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Inner {
    name: String,
    channel_names: Box<[String]>,
    data_types: Box<[ChannelDataType]>,
    by_name: HashMap<String, ChannelIndex>,
    /// Fields 1 and 2 of each row of this flow.
    prefix: Box<[u8]>,
    /// What a row of this flow takes at most, beside its texts and what the stream appends.
    most_len: usize,
    is_of_numbers: bool,
    /// Which encoder made it: a row of one stream is not accepted by another.
    owner: u64,
    /// Which of the encoder's flows it is.
    number: FlowNumber,
}

/// A flow of one stream: cheap to clone, `Send + Sync`.
///
/// Got from the stream (`get_flow_descriptor`), so that a row can only be built for a flow that is registered.
#[derive(Debug, Clone)]
pub struct FlowDescriptor {
    inner: Arc<Inner>,
}

impl FlowDescriptor {
    pub(crate) fn new(owner: u64, number: FlowNumber, ingestion_config_id: &str, flow: &FlowConfig) -> Self {
        let mut prefix = Vec::with_capacity(4 + ingestion_config_id.len() + flow.name.len());
        wire::put_string(&mut prefix, wire::FIELD_CONFIG_ID, ingestion_config_id);
        wire::put_string(&mut prefix, wire::FIELD_FLOW, &flow.name);
        let channel_names: Box<[String]> = flow.channels.iter().map(|channel| channel.name.clone()).collect();
        let data_types: Box<[ChannelDataType]> =
            flow.channels.iter().map(|channel| channel.data_type).collect();
        let by_name = (0..).zip(&channel_names).map(|(at, name)| (name.clone(), ChannelIndex(at))).collect();
        let is_of_numbers = !data_types.iter().any(|data_type| data_type.is_text());
        let values = data_types.iter().map(|data_type| wire::most_value_len(*data_type));
        let most_len = prefix.len() + wire::TIMESTAMP_STORE + values.sum::<usize>();
        let inner = Inner {
            name: flow.name.clone(),
            channel_names,
            data_types,
            by_name,
            prefix: prefix.into(),
            most_len,
            is_of_numbers,
            owner,
            number,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The flow's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How many channels a row of this flow has.
    pub fn channel_count(&self) -> usize {
        self.inner.data_types.len()
    }

    /// The index of the channel `name`.
    pub fn index(&self, name: &str) -> Result<ChannelIndex> {
        self.inner.by_name.get(name).copied().ok_or_else(|| {
            Error::new(
                ErrorCode::UnknownChannel,
                format!(
                    "flow '{}' has no channel '{name}': use a channel of its config, or register a flow that has it",
                    self.name()
                ),
            )
        })
    }

    /// The type of the channel at `index`; none if the flow has no such channel.
    #[inline]
    pub fn data_type(&self, index: ChannelIndex) -> Option<ChannelDataType> {
        self.inner.data_types.get(index.position()).copied()
    }

    /// The types of all channels, in their order.
    #[inline(always)]
    pub(crate) fn data_types(&self) -> &[ChannelDataType] {
        &self.inner.data_types
    }

    /// The name of the channel at `index`; none if the flow has no such channel.
    pub fn channel_name(&self, index: ChannelIndex) -> Option<&str> {
        self.inner.channel_names.get(index.position()).map(String::as_str)
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        &self.inner.prefix
    }

    /// What a row of this flow takes at most, beside its texts and what the stream appends.
    pub(crate) fn most_len(&self) -> usize {
        self.inner.most_len
    }

    /// Whether no channel is one of texts or bytes.
    pub(crate) fn is_of_numbers(&self) -> bool {
        self.inner.is_of_numbers
    }

    /// An error if so many values are not one a channel.
    #[inline(always)]
    pub(crate) fn check_count(&self, values: usize) -> Result<()> {
        if values == self.channel_count() { Ok(()) } else { Err(wrong_count(self, values)) }
    }

    pub(crate) fn owner(&self) -> u64 {
        self.inner.owner
    }

    pub(crate) fn number(&self) -> FlowNumber {
        self.inner.number
    }
}
