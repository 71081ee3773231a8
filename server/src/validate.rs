//! Whether a row fits the schema that was registered for it.

use crate::proto::sift::ingest::v1::{
    IngestArbitraryProtobufDataStreamRequest, IngestWithConfigDataStreamRequest,
};
use crate::proto::sift::ingestion_configs::v2::FlowConfig;
use crate::value::data_type;
use prost_types::Timestamp;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// The seconds that protobuf allows: years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Checks a row against its flow; the error says what is wrong with it.
pub(crate) fn check_row(row: &IngestWithConfigDataStreamRequest, flow: &FlowConfig) -> Result<(), String> {
    check_timestamp(row.timestamp.as_ref())?;
    if row.channel_values.len() != flow.channels.len() {
        return Err(format!("{} values for {} channels", row.channel_values.len(), flow.channels.len()));
    }
    for (value, channel) in row.channel_values.iter().zip(&flow.channels) {
        let Some(value) = &value.r#type else {
            return Err(format!("channel `{}` has neither a value nor `empty`", channel.name));
        };
        if let Some(given) = data_type(value)
            && given as i32 != channel.data_type
        {
            return Err(format!(
                "channel `{}` is {} but its value is {}",
                channel.name,
                channel.data_type().as_str_name(),
                given.as_str_name()
            ));
        }
    }
    Ok(())
}

/// Checks a row of the other ingest call, which has no schema.
pub(crate) fn check_arbitrary(row: &IngestArbitraryProtobufDataStreamRequest) -> Result<(), String> {
    check_timestamp(row.timestamp.as_ref())?;
    if row.message_type_identifier.is_empty() {
        return Err("no message type identifier".to_owned());
    }
    if row.asset_name.is_empty() {
        return Err("no asset name".to_owned());
    }
    Ok(())
}

fn check_timestamp(timestamp: Option<&Timestamp>) -> Result<(), String> {
    let timestamp = timestamp.ok_or("no timestamp")?;
    if !(0..NANOS_PER_SECOND).contains(&timestamp.nanos) {
        return Err(format!("{} nanoseconds are not within a second", timestamp.nanos));
    }
    if !SECONDS.contains(&timestamp.seconds) {
        return Err(format!("timestamp second {} is outside the years 1 to 9999", timestamp.seconds));
    }
    Ok(())
}
