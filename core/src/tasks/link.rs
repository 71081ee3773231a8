//! How a task gets from the endpoint's address to an open ingest stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h2::client::ResponseFuture;
use tokio::time::Instant;

use crate::connect::{ApiKeySource, ConnectionOptions};
use crate::error::Result;
use crate::grpc::{Caller, Connection, ConnectionSettings, Failure, Gzip, IngestStream, Verdict};
use crate::seams::connector::Connector;
use crate::seams::runtime::RuntimeHandle;

/// How far attempts after a refused key are apart, of all tasks together.
const APART: Duration = Duration::from_secs(1);

/// All that is needed to reach one ingest call of one endpoint.
#[derive(Clone)]
pub(crate) struct Link {
    connector: Arc<dyn Connector>,
    runtime: RuntimeHandle,
    settings: ConnectionSettings,
    caller: Caller,
    method: &'static str,
    /// Whether rows are compressed: as asked for, until the endpoint refuses it.
    compresses: Arc<AtomicBool>,
    key: ApiKeySource,
    place: Arc<str>,
    /// When the last of the attempts is to be made that were planned after the key was refused.
    planned: Arc<Mutex<Option<Instant>>>,
}

impl Link {
    pub(crate) fn new(
        connector: Arc<dyn Connector>,
        runtime: RuntimeHandle,
        options: &ConnectionOptions,
        key: ApiKeySource,
        method: &'static str,
    ) -> Result<Self> {
        let endpoint = options.endpoint()?;
        Ok(Self {
            connector,
            runtime,
            settings: ConnectionSettings::new(&endpoint, options),
            caller: Caller::new(&endpoint, options)?,
            method,
            compresses: Arc::new(options.enable_compression_for_ingestion.into()),
            key,
            place: endpoint.to_string().into(),
            planned: Arc::default(),
        })
    }

    pub(crate) fn runtime(&self) -> &RuntimeHandle {
        &self.runtime
    }

    /// The endpoint, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn key(&self) -> &ApiKeySource {
        &self.key
    }

    /// Plans an attempt after the key was refused: how long to wait for it until `wanted`, or until it is far enough from
    /// the one that another task of the stream has planned.
    pub(crate) fn apart(&self, wanted: Instant) -> Duration {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.map_or(wanted, |last| wanted.max(last + APART));
        *planned = Some(at);
        at.saturating_duration_since(Instant::now())
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(&*self.connector, &self.runtime, self.settings).await
    }

    pub(crate) async fn open_stream(
        &self,
        connection: &Connection,
    ) -> Result<(IngestStream, ResponseFuture)> {
        let gzip = self.compresses.load(Ordering::Relaxed).then(Gzip::new);
        let request = self.caller.request(self.method, self.key.current().authorization());
        IngestStream::open(connection, request, gzip).await
    }

    /// What a verdict means for a stream of compressed rows: an endpoint that does not know gzip says that the call is
    /// not implemented. From here on rows travel as they are, and those of the stream are sent again.
    pub(crate) fn judge_compression(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Failed(failure) if failure.is_unimplemented() => {
                self.compresses.store(false, Ordering::Relaxed);
                tracing::warn!(
                    target: "siftstream::ingestion",
                    place = %self.place,
                    reason = failure.message,
                    "the endpoint refuses compressed rows: sending them uncompressed",
                );
                Verdict::Failed(Failure::broken(format!(
                    "the endpoint refused compressed rows, which are sent again as they are: {}",
                    failure.message
                )))
            }
            other => other,
        }
    }
}
