//! Rows as they are shown.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_types::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use siftstream::ChannelDataType;
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataChannelValue, IngestWithConfigDataStreamRequest,
    ingest_with_config_data_channel_value::Type,
};
use siftstream::schema::FlowConfig;
use std::fmt::{self, Display};

/// A row as Sift takes it.
pub(crate) type Row = IngestWithConfigDataStreamRequest;

/// The part of a row that a listing needs; decoding it allocates nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RowTime {
    /// When it was measured.
    #[prost(message, optional, tag = "3")]
    pub(crate) timestamp: Option<Timestamp>,
}

/// A moment that orders like time and prints as RFC 3339 with nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    seconds: i64,
    nanos: i32,
}

impl From<Timestamp> for Moment {
    fn from(Timestamp { seconds, nanos }: Timestamp) -> Self {
        Self { seconds, nanos }
    }
}

impl Moment {
    /// Nanoseconds since 1970, where 64 bits hold them.
    pub(crate) fn nanoseconds(self) -> Option<i64> {
        let nanos = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        i64::try_from(nanos).ok()
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = time::OffsetDateTime::from_unix_timestamp(self.seconds);
        match time
            .ok()
            .filter(|time| (1..=9999).contains(&time.year()) && (0..1_000_000_000).contains(&self.nanos))
        {
            Some(time) => {
                let (year, month, day) = time.to_calendar_date();
                let (hour, minute, second) = time.to_hms();
                let (month, nanos) = (u8::from(month), self.nanos);
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
            }
            // Not a time in Sift's calendar: shown as it stands in the file.
            None => write!(f, "{} s {} ns", self.seconds, self.nanos),
        }
    }
}

/// Whether the values of a row are of the types that its flow's channels have, one for each.
pub(crate) fn fits(row: &Row, flow: &FlowConfig) -> bool {
    let fits = |value: &IngestWithConfigDataChannelValue, data_type| match &value.r#type {
        None | Some(Type::Empty(_)) => true,
        Some(value) => type_of(value) == Some(data_type),
    };
    row.channel_values.len() == flow.channels.len()
        && row
            .channel_values
            .iter()
            .zip(&flow.channels)
            .all(|(value, channel)| fits(value, channel.data_type))
}

fn type_of(value: &Type) -> Option<ChannelDataType> {
    Some(match value {
        Type::String(_) => ChannelDataType::String,
        Type::Double(_) => ChannelDataType::Double,
        Type::Float(_) => ChannelDataType::Float,
        Type::Bool(_) => ChannelDataType::Bool,
        Type::Int32(_) => ChannelDataType::Int32,
        Type::Uint32(_) => ChannelDataType::Uint32,
        Type::Int64(_) => ChannelDataType::Int64,
        Type::Uint64(_) => ChannelDataType::Uint64,
        Type::BitField(_) => ChannelDataType::BitField,
        Type::Enum(_) => ChannelDataType::Enum,
        Type::Bytes(_) => ChannelDataType::Bytes,
        Type::Empty(_) => return None,
    })
}

/// A row as a JSON object. With its flow, values have the names of their channels; without, they stand in an array.
#[derive(Debug)]
pub(crate) struct JsonRow<'a> {
    /// The row.
    pub(crate) row: &'a Row,
    /// Its flow; the row must fit it.
    pub(crate) flow: Option<&'a FlowConfig>,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("flow", &self.row.flow)?;
        map.serialize_entry("timestamp", &self.row.timestamp.map(|time| Moment::from(time).to_string()))?;
        map.serialize_entry("run", &Some(&self.row.run_id).filter(|id| !id.is_empty()))?;
        match self.flow {
            Some(flow) => map.serialize_entry("values", &Named(&self.row.channel_values, flow))?,
            None => {
                let values: Vec<_> = self.row.channel_values.iter().map(JsonValue).collect();
                map.serialize_entry("values", &values)?;
            }
        }
        map.end()
    }
}

struct Named<'a>(&'a [IngestWithConfigDataChannelValue], &'a FlowConfig);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let channels = self.1.channels.iter().map(|channel| &channel.name);
        serializer.collect_map(channels.zip(self.0.iter().map(JsonValue)))
    }
}

/// A value in JSON. Bytes are base64; NaN and the infinities, which JSON lacks, are strings.
struct JsonValue<'a>(&'a IngestWithConfigDataChannelValue);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.r#type {
            None | Some(Type::Empty(_)) => serializer.serialize_none(),
            Some(Type::Double(value)) if value.is_finite() => serializer.serialize_f64(*value),
            Some(Type::Float(value)) if value.is_finite() => serializer.serialize_f32(*value),
            Some(Type::Bool(value)) => serializer.serialize_bool(*value),
            Some(Type::Int32(value)) => serializer.serialize_i32(*value),
            Some(Type::Int64(value)) => serializer.serialize_i64(*value),
            Some(Type::Uint32(value) | Type::Enum(value)) => serializer.serialize_u32(*value),
            Some(Type::Uint64(value)) => serializer.serialize_u64(*value),
            Some(other) => serializer.collect_str(&Text(other)),
        }
    }
}

/// A value as plain text, as in a CSV file.
pub(crate) struct Text<'a>(pub(crate) &'a Type);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Type::String(value) => f.write_str(value),
            Type::Double(value) if value.is_infinite() => f.write_str(infinity(*value > 0.0)),
            Type::Float(value) if value.is_infinite() => f.write_str(infinity(*value > 0.0)),
            // `Debug` of a float is its shortest form that reads back as the same number.
            Type::Double(value) => write!(f, "{value:?}"),
            Type::Float(value) => write!(f, "{value:?}"),
            Type::Bool(value) => value.fmt(f),
            Type::Int32(value) => value.fmt(f),
            Type::Int64(value) => value.fmt(f),
            Type::Uint32(value) | Type::Enum(value) => value.fmt(f),
            Type::Uint64(value) => value.fmt(f),
            Type::BitField(value) | Type::Bytes(value) => f.write_str(&BASE64_STANDARD.encode(value)),
            Type::Empty(_) => Ok(()),
        }
    }
}

fn infinity(positive: bool) -> &'static str {
    if positive { "Infinity" } else { "-Infinity" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_all_its_nanoseconds_and_one_outside_the_calendar_is_not_made_up() {
        let show = |seconds, nanos| Moment { seconds, nanos }.to_string();
        assert_eq!(show(0, 1), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(show(-1, 999_999_999), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(show(1_709_208_000, 0), "2024-02-29T12:00:00.000000000Z");
        assert_eq!(show(253_402_300_799, 0), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(show(253_402_300_800, 0), "253402300800 s 0 ns");
        assert_eq!(show(5, -1), "5 s -1 ns");
    }
}
