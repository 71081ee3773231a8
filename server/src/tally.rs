//! What arrived for one flow.

use crate::proto::sift::common::r#type::v1::ChannelDataType;
use crate::proto::sift::ingest::v1::IngestWithConfigDataStreamRequest;
use crate::proto::sift::ingestion_configs::v2::FlowConfig;
use crate::sequence::Sequence;
use crate::value::Value;
use prost_types::Timestamp;

/// The channel name by which a flow numbers its rows, so that missing ones can be found.
const SEQUENCE_CHANNEL: &str = "seq";

/// Counts and latest contents of one flow.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowTally {
    /// The flow's name.
    pub name: String,
    /// The ingestion config it belongs to.
    pub ingestion_config_id: String,
    /// The names of its channels.
    pub channels: Vec<String>,
    /// Valid rows.
    pub rows: u64,
    /// Bytes of the valid rows' messages.
    pub bytes: u64,
    /// Rows that did not fit the schema.
    pub schema_errors: u64,
    /// The timestamp of the last valid row.
    pub last_timestamp: Option<Timestamp>,
    /// The values of the last valid row.
    pub last_values: Vec<Value>,
    /// The numbers that a `uint64` channel called `seq` carried, if the flow has one.
    pub sequence: Option<Sequence>,
    sequence_at: usize,
}

impl FlowTally {
    pub(crate) fn new(ingestion_config_id: &str, flow: &FlowConfig) -> Self {
        let sequence_at = flow.channels.iter().position(|channel| {
            channel.name == SEQUENCE_CHANNEL && channel.data_type() == ChannelDataType::Uint64
        });
        Self {
            name: flow.name.clone(),
            ingestion_config_id: ingestion_config_id.to_owned(),
            channels: flow.channels.iter().map(|channel| channel.name.clone()).collect(),
            rows: 0,
            bytes: 0,
            schema_errors: 0,
            last_timestamp: None,
            last_values: Vec::new(),
            sequence: sequence_at.map(|_| Sequence::default()),
            sequence_at: sequence_at.unwrap_or_default(),
        }
    }

    /// Adds a valid row whose message was `bytes` long.
    pub(crate) fn add(&mut self, row: IngestWithConfigDataStreamRequest, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes as u64;
        if let Some(sequence) = &mut self.sequence
            && let Some(Some(Value::Uint64(number))) =
                row.channel_values.get(self.sequence_at).map(|v| &v.r#type)
        {
            sequence.insert(*number);
        }
        self.last_timestamp = row.timestamp;
        self.last_values.clear();
        self.last_values.extend(row.channel_values.into_iter().filter_map(|value| value.r#type));
    }
}
