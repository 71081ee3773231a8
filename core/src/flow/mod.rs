//! What a caller fills: values, timestamps, flows by name and rows by channel index.

mod builder;
mod by_name;
mod descriptor;
mod time;
mod value;

pub use builder::FlowBuilder;
pub use by_name::Flow;
pub use descriptor::{ChannelIndex, FlowDescriptor};
pub use time::TimeValue;
pub use value::{ChannelBitField, ChannelBytes, ChannelEnum, ChannelValue, Value};
