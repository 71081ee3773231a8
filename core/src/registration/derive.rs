//! The config of a flow as a row of it tells: names and types in the order of the row's values.

use crate::error::{Error, ErrorCode, Result};
use crate::flow::Flow;
use crate::schema::{ChannelConfig, FlowConfig};

/// The config that fits `row`.
pub(super) fn derive(row: &Flow) -> Result<FlowConfig> {
    let channel = |value: &crate::flow::ChannelValue| match value.value.data_type() {
        Some(data_type) => Ok(ChannelConfig::new(&value.name, data_type)),
        None => Err(Error::new(
            ErrorCode::UnknownFlow,
            format!(
                "flow '{}' is not registered, and its first row does not tell the type of channel '{}': \
                 give it a value, or stage the flow",
                row.flow_name, value.name
            ),
        )),
    };
    let channels = row.values.iter().map(channel).collect::<Result<Vec<_>>>()?;
    let flow = FlowConfig { name: row.flow_name.clone(), channels };
    FlowConfig::validate_all(std::slice::from_ref(&flow))?;
    Ok(flow)
}
