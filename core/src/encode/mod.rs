//! Turns what callers send into the bytes that wire and disk share.
//!
//! [`Encoder`] knows a stream's schema; [`Encodeable`] is what can be sent through it. Encoding happens once, on the
//! caller's thread, straight into the open segment of the stream.

pub(crate) mod columns;
mod ingestion_config;
mod protobuf;
mod raw;
mod row_writer;
mod varint;
pub(crate) mod wire;

pub use ingestion_config::IngestionConfigEncoder;
pub use protobuf::{ProtobufEncoder, ProtobufMessage};
pub use raw::{EncodedRow, RawEncoder};
pub(crate) use row_writer::RowWriter;

use std::sync::Arc;

use crate::error::Result;
use crate::flow::{FlowNames, FlowNumber, TimeValue, UNKNOWN_FLOW};
use crate::registration::Coming;

mod private {
    pub trait Sealed {}
}
pub(crate) use private::Sealed;

/// Knows the schema of one stream and what is constant in each of its rows.
pub trait Encoder: Sealed + Send + Sync + 'static {
    /// The path of the gRPC method that takes this encoder's messages.
    fn method(&self) -> &'static str;

    /// Appends what follows the values in each row: run, options. Asked again after each change only.
    fn suffix(&self, run_id: Option<&str>) -> Vec<u8>;

    /// The names of the flows that rows carry the numbers of; none, if rows have no flows.
    #[doc(hidden)]
    fn flow_names(&self) -> Arc<FlowNames> {
        Arc::default()
    }
}

/// Something that can be sent through the encoder `E`.
pub trait Encodeable<E: Encoder> {
    /// The row, checked against the schema and ready to be written.
    type Row<'a>: EncodeRow
    where
        Self: 'a;

    /// What has to be waited for before the row can be checked; nothing, if it can be at once.
    #[doc(hidden)]
    fn announce(&self, _encoder: &E) -> Result<Option<Arc<Coming>>> {
        Ok(None)
    }

    /// Checks the data against the stream's schema. An error means that nothing was accepted.
    fn prepare<'a>(&'a self, encoder: &E) -> Result<Self::Row<'a>>;
}

/// A checked row that can be written.
pub trait EncodeRow {
    /// The encoded row, without what the stream appends to each, is never longer than this, whatever its values.
    fn max_len(&self) -> usize;

    /// Writes the row's bytes to the beginning of `room`, which has [`max_len`](Self::max_len) bytes or more, and returns how
    /// many they are. An error means that the row cannot be sent.
    fn encode(&mut self, room: &mut [u8]) -> Result<usize>;

    /// Which flow of its encoder the row belongs to, as a number.
    fn flow(&self) -> FlowNumber {
        UNKNOWN_FLOW
    }

    /// The time that the row was given, if it was.
    fn event_time(&self) -> Option<TimeValue> {
        None
    }
}
