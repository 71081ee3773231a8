//! Streams telemetry to Sift and never loses a row.

mod builder;
pub mod checkpoint;
pub mod config;
pub mod connect;
pub mod control;
pub mod encode;
pub mod error;
pub mod events;
mod failure_policy;
pub mod flow;
mod grpc;
pub mod ledger;
pub mod logs;
pub mod metrics;
#[doc(hidden)]
pub mod proto;
mod quarantine;
mod registration;
mod remembered;
pub mod retry;
pub mod schema;
pub mod seams;
pub mod spool;
pub mod stream;
mod tasks;
pub mod transport;

pub use builder::{
    EncodedRowsBuilder, FileBackupBuilder, LiveOnlyBuilder, LiveWithBackupsBuilder, ProtobufBuilder,
    ProtobufStreamBuilder, SiftStreamBuilder, StreamConfigBuilder, default_backups_dir,
};
pub use config::{ConfigValue, Mode, StreamConfig};
pub use connect::Credentials;
pub use encode::{
    Encodeable, EncodedRow, Encoder, IngestionConfigEncoder, ProtobufEncoder, ProtobufMessage, RawEncoder,
};
pub use error::{DataStatus, Error, ErrorCode, Result};
pub use events::{Event, EventKind, Events};
pub use failure_policy::FailurePolicy;
pub use flow::{
    Blobs, ChannelIndex, ChannelValue, Column, Columns, Flow, FlowBuilder, FlowDescriptor, FlowRows,
    NonNumber, Number, RowValues, TimeValue, Validity, Value,
};
pub use logs::{LogLevel, LogRecord, Logs};
pub use metrics::{MetricsServer, SiftStreamMetricsSnapshot};
pub use retry::RetryPolicy;
pub use schema::{ChannelConfig, ChannelDataType, FlowConfig, IngestionConfigForm, RunForm, RunSelector};
pub use spool::DiskBackupPolicy;
pub use stream::{
    FinishError, Level, OverflowPolicy, Report, SendColumnsError, SendError, SiftStream, TrySendError,
    Watermarks,
};
pub use transport::{
    AnyTransport, FileBackup, FileBackupConfig, LiveStreamingOnly, LiveStreamingWithBackups, Transport,
};
