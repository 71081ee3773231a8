//! One row by channel names, for callers who prefer clarity to speed.

use super::{ChannelValue, TimeValue};

/// A row of the flow `flow_name`; channels that are not named are sent as "no news".
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub(crate) flow_name: String,
    pub(crate) timestamp: TimeValue,
    pub(crate) values: Vec<ChannelValue>,
}

impl Flow {
    /// A row with these values.
    pub fn new(flow_name: impl Into<String>, timestamp: TimeValue, values: &[ChannelValue]) -> Self {
        Self { flow_name: flow_name.into(), timestamp, values: values.to_vec() }
    }

    /// The name of the flow.
    pub fn flow_name(&self) -> &str {
        &self.flow_name
    }
}
