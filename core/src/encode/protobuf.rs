//! The encoder for protobuf messages of the caller's own types: `IngestArbitraryProtobufDataStream`.
//!
//! A row is fields 1 to 5 (type, its display name, asset, time, the message) and then, constant per stream, 6 (run), 7
//! (namespace) and 9 (options).

use std::sync::Arc;

use super::{EncodeRow, Encodeable, Encoder, RowWriter, Sealed, wire};
use crate::error::{Error, ErrorCode, Result};
use crate::flow::TimeValue;

const FIELD_TYPE: u8 = 1;
const FIELD_DISPLAY_NAME: u8 = 2;
const FIELD_ASSET: u8 = 3;
const FIELD_TIMESTAMP: u8 = 4;
const FIELD_VALUE: u8 = 5;
const FIELD_RUN_ID: u8 = 6;
const FIELD_NAMESPACE: u8 = 7;
const FIELD_END_STREAM_ON_VALIDATION_ERROR: u8 = 9;
/// Keys and lengths of the other fields, and the time.
const MOST_BESIDE_TEXTS: usize = 4 * (1 + 10) + wire::TIMESTAMP_STORE;

/// Encodes messages of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtobufEncoder {
    asset_name: String,
    /// The same as a field of each row.
    asset_field: Arc<[u8]>,
    namespace: String,
    end_stream_on_validation_error: bool,
}

impl ProtobufEncoder {
    pub(crate) fn new(asset_name: &str, namespace: &str, end_stream_on_validation_error: bool) -> Self {
        let mut asset_field = Vec::new();
        wire::put_string(&mut asset_field, FIELD_ASSET, asset_name);
        Self {
            asset_name: asset_name.to_owned(),
            asset_field: asset_field.into(),
            namespace: namespace.to_owned(),
            end_stream_on_validation_error,
        }
    }

    /// The asset that the messages belong to.
    pub fn asset_name(&self) -> &str {
        &self.asset_name
    }
}

/// A protobuf message of the caller's own type, encoded. Its bytes are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtobufMessage<'m> {
    message_type: &'m str,
    display_name: Option<&'m str>,
    timestamp: TimeValue,
    value: &'m [u8],
}

impl<'m> ProtobufMessage<'m> {
    /// A message of the type whose full name is `message_type`, such as `rig.v1.Telemetry`.
    #[must_use]
    pub fn new(message_type: &'m str, timestamp: TimeValue, value: &'m [u8]) -> Self {
        Self { message_type, display_name: None, timestamp, value }
    }

    /// The name that Sift shows for the type.
    #[must_use]
    pub fn display_name(mut self, name: &'m str) -> Self {
        self.display_name = Some(name);
        self
    }
}

impl Sealed for ProtobufEncoder {}

impl Encoder for ProtobufEncoder {
    fn method(&self) -> &'static str {
        "/sift.ingest.v1.IngestService/IngestArbitraryProtobufDataStream"
    }

    fn suffix(&self, run_id: Option<&str>) -> Vec<u8> {
        let mut suffix = Vec::new();
        wire::put_string(&mut suffix, FIELD_RUN_ID, run_id.unwrap_or_default());
        wire::put_string(&mut suffix, FIELD_NAMESPACE, &self.namespace);
        if self.end_stream_on_validation_error {
            wire::put_true(&mut suffix, FIELD_END_STREAM_ON_VALIDATION_ERROR);
        }
        suffix
    }
}

/// A message with what its stream knows.
#[derive(Debug, Clone)]
pub struct ProtobufRow<'a> {
    message: ProtobufMessage<'a>,
    asset_field: Arc<[u8]>,
}

impl EncodeRow for ProtobufRow<'_> {
    fn max_len(&self) -> usize {
        let ProtobufMessage { message_type, display_name, value, .. } = self.message;
        let texts = message_type.len() + display_name.map_or(0, str::len) + self.asset_field.len();
        MOST_BESIDE_TEXTS + texts + value.len()
    }

    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        let mut writer = RowWriter::new(room);
        let ProtobufMessage { message_type, display_name, timestamp, value } = self.message;
        writer.put_bytes(FIELD_TYPE, message_type.as_bytes());
        if let Some(name) = display_name {
            writer.put_bytes(FIELD_DISPLAY_NAME, name.as_bytes());
        }
        writer.put_slice(&self.asset_field);
        writer.put_timestamp_field(FIELD_TIMESTAMP, timestamp);
        if !value.is_empty() {
            writer.put_bytes(FIELD_VALUE, value);
        }
        Ok(writer.written())
    }

    fn event_time(&self) -> Option<TimeValue> {
        Some(self.message.timestamp)
    }
}

impl Encodeable<ProtobufEncoder> for ProtobufMessage<'_> {
    type Row<'a>
        = ProtobufRow<'a>
    where
        Self: 'a;

    fn prepare<'a>(&'a self, encoder: &ProtobufEncoder) -> Result<ProtobufRow<'a>> {
        if self.message_type.is_empty() {
            let message = "the message has no type: give the full name of its protobuf type";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        Ok(ProtobufRow { message: *self, asset_field: Arc::clone(&encoder.asset_field) })
    }
}
