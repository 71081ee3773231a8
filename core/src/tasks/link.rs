//! How a task gets from the endpoint's address to an open ingest stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h2::client::ResponseFuture;
use http::{HeaderValue, Uri};
use tokio::time::Instant;

use crate::connect::{ApiKeySource, ConnectionOptions, Scheme};
use crate::error::{Error, ErrorCode, Result};
use crate::grpc::{Connection, ConnectionSettings, Failure, Gzip, IngestCall, IngestStream, Verdict};
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
    call: IngestCall,
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
        let internal = |error: &dyn std::fmt::Display| {
            Error::new(ErrorCode::InvalidArgument, format!("{endpoint}: {error}"))
        };
        let mut parts = endpoint.origin().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static(method));
        let uri = Uri::from_parts(parts).map_err(|error| internal(&error))?;
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|error| internal(&error))?;
        Ok(Self {
            connector,
            runtime,
            settings: ConnectionSettings {
                encrypted: endpoint.scheme() == Scheme::Https,
                handshake_timeout: options.handshake_timeout,
                ping_interval: options.http2_keepalive_interval,
                ping_timeout: options.http2_keepalive_timeout,
            },
            call: IngestCall { uri, user_agent },
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
        IngestStream::open(connection, &self.call, self.key.current().authorization(), gzip).await
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
