//! What the caller wants Sift to know: flows, their channels, runs and metadata.
//!
//! These types carry the names of Sift's own client, but are plain Rust: no protobuf integers, no optional
//! messages. [`IngestionConfigForm::validate`] finds what Sift would refuse, or misread, before anything is sent.

mod channel;
mod convert;
mod difference;
mod flow;
mod metadata;
mod run;
mod validate;

pub use channel::{ChannelBitFieldElement, ChannelConfig, ChannelDataType, ChannelEnumType};
pub use convert::UnknownDataType;
pub use difference::{Difference, flow_difference, suggest_client_key};
pub use flow::{FlowConfig, IngestionConfigForm};
pub use metadata::{MetadataValue, Metadatum};
pub use run::{RunForm, RunSelector};
pub(crate) use validate::validate_tags;
pub use validate::{MAX_BIT_FIELD_BITS, MAX_CHANNELS, MAX_NAME_BYTES, Named, SchemaError};
