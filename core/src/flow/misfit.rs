//! What does not fit a flow, told to who gave it.

use super::{ChannelIndex, FlowDescriptor};
use crate::error::{Error, ErrorCode};
use crate::schema::ChannelDataType;

/// There is no channel at `index` that takes values of the type `given`.
#[cold]
pub(super) fn misfit(descriptor: &FlowDescriptor, index: ChannelIndex, given: ChannelDataType) -> Error {
    match descriptor.data_type(index) {
        Some(_) => wrong_type(descriptor, index, given),
        None => no_such_channel(descriptor, index),
    }
}

/// There are not so many channels.
#[cold]
pub(super) fn wrong_count(descriptor: &FlowDescriptor, given: usize) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "{given} values were given for the flow '{}' of {} channels: give one a channel",
            descriptor.name(),
            descriptor.channel_count()
        ),
    )
}

/// There is no channel at `index`.
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

/// The channel at `index` takes values of another type.
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
