//! A flow, and the ingestion config that holds flows.

use super::ChannelConfig;

/// A named group of channels that share one timestamp. The order of the channels is the order of the values in a
/// row, so it is part of the flow's identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FlowConfig {
    /// The name, unique within its ingestion config.
    pub name: String,
    /// The channels, in the order in which values are sent.
    pub channels: Vec<ChannelConfig>,
}

/// The schema to find or create in Sift.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IngestionConfigForm {
    /// The vehicle or rig that the data is about.
    pub asset_name: String,
    /// The caller's own name for this schema; the same key finds the same schema again.
    pub client_key: String,
    /// The flows; more can be added later.
    pub flows: Vec<FlowConfig>,
}
