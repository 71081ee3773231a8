//! The transports that the matrix is run over, behind one face.

use crate::cell::Expect;
use crate::rows;
use siftstream::connect::ConnectionOptions;
use siftstream::seams::connector::Connector;
use siftstream::{
    Credentials, DiskBackupPolicy, Error, ErrorCode, FinishError, FlowBuilder, FlowDescriptor,
    IngestionConfigEncoder, Level, Report, RetryPolicy, SiftStream, SiftStreamBuilder,
    SiftStreamMetricsSnapshot, StreamConfigBuilder, Transport, TrySendError, Watermarks,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The API key that the servers of the matrix want.
pub const KEY: &str = "a-key-for-tests";

/// A transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Unconfirmed rows are kept in memory.
    LiveOnly,
    /// Unconfirmed rows are kept on disk.
    LiveWithBackups,
}

/// What a stream of a cell is built from.
#[derive(Clone)]
pub struct Setup {
    /// Where the server is.
    pub uri: String,
    /// The API key.
    pub key: String,
    /// Where backups go, if the mode has any.
    pub dir: PathBuf,
    /// How often what was sent is confirmed.
    pub checkpoint_interval: Duration,
    /// How failures are retried.
    pub retry_policy: Option<RetryPolicy>,
    /// The patience with a gRPC stream that does not move.
    pub idle_timeout: Duration,
    /// The patience with an answer.
    pub response_timeout: Duration,
    /// The time for one attempt of a unary call.
    pub request_timeout: Duration,
    /// Memory for rows that wait.
    pub channel_bytes: u64,
    /// Memory for rows that are not confirmed.
    pub replay_window_bytes: u64,
    /// The time for building the stream.
    pub build_timeout: Duration,
    /// After how long a stream with backups starts without the server.
    pub offline_after: Duration,
    /// The certificate authority, for a server that speaks TLS.
    pub ca_pem: Option<Vec<u8>>,
    /// In place of TCP.
    pub connector: Option<Arc<dyn Connector>>,
}

impl Setup {
    /// Short waits, so that a cell takes little time; bounds that a cell of some thousand rows does not reach, though a disk
    /// be slow for a while: a channel that is half full asks for a checkpoint, and the rows then come on two gRPC streams.
    pub fn new(uri: String, dir: PathBuf) -> Self {
        Self {
            uri,
            key: KEY.to_owned(),
            dir,
            checkpoint_interval: Duration::from_secs(10),
            retry_policy: Some(RetryPolicy {
                initial_backoff: Duration::from_millis(2),
                max_backoff: Duration::from_millis(40),
                backoff_multiplier: 2,
                ..RetryPolicy::default()
            }),
            idle_timeout: Duration::from_millis(300),
            response_timeout: Duration::from_millis(300),
            request_timeout: Duration::from_secs(3),
            channel_bytes: 64 * 1024 * 1024,
            replay_window_bytes: 16 * 1024 * 1024,
            build_timeout: Duration::from_secs(10),
            offline_after: Duration::from_millis(500),
            ca_pem: None,
            connector: None,
        }
    }

    /// The waits of a user who can wait: no retry but those that a fault causes.
    pub fn be_patient(&mut self) {
        self.idle_timeout = Duration::from_secs(30);
        self.response_timeout = Duration::from_secs(30);
    }

    fn change_connection(&self, connection: &mut ConnectionOptions) {
        connection.connect_timeout = Duration::from_millis(500);
        connection.handshake_timeout = Duration::from_millis(500);
        connection.extra_ca_pem.clone_from(&self.ca_pem);
    }

    fn config(&self) -> StreamConfigBuilder {
        let credentials = Credentials::Config { uri: self.uri.clone(), apikey: self.key.clone() };
        let mut builder = SiftStreamBuilder::new(credentials)
            .insecure(true)
            .connection(|connection| self.change_connection(connection))
            .control(|control| {
                control.retry_policy.initial_backoff = Duration::from_millis(5);
                control.retry_policy.max_backoff = Duration::from_millis(50);
                control.request_timeout = self.request_timeout;
                control.overall_timeout = self.request_timeout * 4;
            });
        if let Some(connector) = &self.connector {
            builder = builder.connector(Arc::clone(connector));
        }
        builder.ingestion_config(rows::form())
    }
}

impl Mode {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::LiveOnly, Self::LiveWithBackups];

    /// Builds a stream.
    pub fn open(self, setup: &Setup) -> Result<Box<dyn Subject>, Error> {
        match self {
            Self::LiveOnly => Ok(Box::new(
                setup
                    .config()
                    .live_only()
                    .checkpoint_interval(setup.checkpoint_interval)
                    .retry_policy(setup.retry_policy)
                    .idle_timeout(setup.idle_timeout)
                    .response_timeout(setup.response_timeout)
                    .ingestion_data_channel_bytes(setup.channel_bytes)
                    .replay_window_bytes(setup.replay_window_bytes)
                    .build_blocking(setup.build_timeout)?,
            )),
            Self::LiveWithBackups => Ok(Box::new(
                setup
                    .config()
                    .live_with_backups()
                    .disk_backup_policy(DiskBackupPolicy {
                        backups_dir: Some(setup.dir.clone()),
                        min_free: 0,
                        ..DiskBackupPolicy::default()
                    })
                    .checkpoint_interval(setup.checkpoint_interval)
                    .retry_policy(setup.retry_policy)
                    .idle_timeout(setup.idle_timeout)
                    .response_timeout(setup.response_timeout)
                    .ingestion_data_channel_bytes(setup.channel_bytes)
                    .backup_data_channel_bytes(setup.channel_bytes)
                    .offline_after(setup.offline_after)
                    .build_blocking(setup.build_timeout)?,
            )),
        }
    }

    /// Whether rows outlive the stream.
    pub fn keeps_rows(self) -> bool {
        self == Self::LiveWithBackups
    }

    /// What must come of a cell of which a stream without a disk may expect no more than `expect`: with one, no server
    /// has to be there when the stream starts, and none has to be well when it ends.
    pub fn expect(self, expect: Expect) -> Expect {
        match (self, expect) {
            (Self::LiveOnly, _) => expect,
            (_, Expect::Stops(ErrorCode::Dropped)) => Expect::Delivered,
            (_, Expect::Stops(ErrorCode::Timeout))
            | (_, Expect::NoStream(ErrorCode::Unavailable | ErrorCode::Timeout)) => Expect::Kept,
            (_, expect) => expect,
        }
    }

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::LiveOnly => "live-only",
            Self::LiveWithBackups => "backups",
        }
    }
}

/// A stream of any transport, as far as the matrix uses it.
pub trait Subject: Send {
    /// The flow that carries the rows.
    fn descriptor(&self) -> FlowDescriptor;
    /// Sends, waiting for room.
    fn send(&self, row: &FlowBuilder, timeout: Duration) -> Result<(), Error>;
    /// Sends without waiting; false if there is no room.
    fn try_send(&self, row: &FlowBuilder) -> Result<bool, Error>;
    /// Makes everything confirmed.
    fn flush(&self, timeout: Duration) -> Result<(), Error>;
    /// Ends the stream.
    fn finish(&self, timeout: Duration) -> Result<Report, FinishError>;
    /// How far the rows have come.
    fn watermarks(&self) -> Watermarks;
    /// The counters.
    fn metrics(&self) -> SiftStreamMetricsSnapshot;
    /// Another API key.
    fn set_api_key(&self, key: &str) -> Result<(), Error>;
}

impl<T: Transport> Subject for SiftStream<IngestionConfigEncoder, T> {
    fn descriptor(&self) -> FlowDescriptor {
        self.get_flow_descriptor(rows::FLOW).unwrap()
    }

    fn send(&self, row: &FlowBuilder, timeout: Duration) -> Result<(), Error> {
        self.send_timeout(row, timeout).map_err(|refused| refused.error)
    }

    fn try_send(&self, row: &FlowBuilder) -> Result<bool, Error> {
        match SiftStream::try_send(self, row) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(refused) => Err(refused.error()),
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), Error> {
        SiftStream::flush(self, Level::Confirmed, timeout)
    }

    fn finish(&self, timeout: Duration) -> Result<Report, FinishError> {
        SiftStream::finish(self, timeout)
    }

    fn watermarks(&self) -> Watermarks {
        SiftStream::watermarks(self)
    }

    fn metrics(&self) -> SiftStreamMetricsSnapshot {
        self.get_metrics_snapshot()
    }

    fn set_api_key(&self, key: &str) -> Result<(), Error> {
        SiftStream::set_api_key(self, key)
    }
}
