//! How a task gets from the endpoint's address to an open ingest stream.

use std::sync::Arc;

use h2::client::ResponseFuture;
use http::{HeaderValue, Uri};

use crate::connect::{ApiKeySource, ConnectionOptions, Scheme};
use crate::error::{Error, ErrorCode, Result};
use crate::grpc::{Connection, ConnectionSettings, IngestCall, IngestStream};
use crate::seams::connector::Connector;
use crate::seams::runtime::RuntimeHandle;

/// All that is needed to reach one ingest call of one endpoint.
#[derive(Clone)]
pub(crate) struct Link {
    connector: Arc<dyn Connector>,
    runtime: RuntimeHandle,
    settings: ConnectionSettings,
    call: IngestCall,
    key: ApiKeySource,
    place: Arc<str>,
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
            key,
            place: endpoint.to_string().into(),
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

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(&*self.connector, &self.runtime, self.settings).await
    }

    pub(crate) async fn open_stream(
        &self,
        connection: &Connection,
    ) -> Result<(IngestStream, ResponseFuture)> {
        IngestStream::open(connection, &self.call, self.key.current().authorization()).await
    }
}
