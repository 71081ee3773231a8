//! The handle for Sift's unary API.

use std::sync::Arc;
use std::time::Duration;

use super::line::Line;
use super::methods;
use crate::connect::{ApiKeySource, ConnectionOptions, TcpConnector};
use crate::grpc::{Caller, ConnectionSettings};
use crate::proto::sift::ping::v1::PingRequest;
use crate::retry::RetryPolicy;
use crate::seams::connector::Connector;
use crate::seams::runtime::RuntimeHandle;
use crate::{Error, ErrorCode, Result};

/// How unary calls are bounded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ControlOptions {
    /// How often, and after which waits, a call is tried again.
    pub retry_policy: RetryPolicy,
    /// The time for one attempt.
    pub request_timeout: Duration,
    /// The time for all attempts of one call together.
    pub overall_timeout: Duration,
    /// The largest answer that is taken.
    pub max_decoding_message_size: usize,
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self {
            retry_policy: RetryPolicy::default(),
            request_timeout: Duration::from_secs(30),
            overall_timeout: Duration::from_secs(120),
            max_decoding_message_size: 50 * 1024 * 1024,
        }
    }
}

/// Sift's unary API over one connection that is opened when needed. Clones share it.
#[derive(Clone)]
pub struct SiftControl {
    pub(super) line: Arc<Line>,
    pub(super) caller: Caller,
    pub(super) key: ApiKeySource,
    pub(super) options: Arc<ControlOptions>,
    pub(super) place: Arc<str>,
}

impl SiftControl {
    /// A handle that connects over TCP, and TLS unless the address is `http://`. Must be called within a tokio
    /// runtime, which then drives the connection. Does not touch the network.
    pub fn new(connection: &ConnectionOptions, key: ApiKeySource, options: ControlOptions) -> Result<Self> {
        let connector = Arc::new(TcpConnector::new(connection.clone())?);
        Self::with_connector(connection, connector, key, options)
    }

    /// The same over connections of the caller's making. Requests name the address in `connection` as their origin,
    /// whatever the connector connects to.
    pub fn with_connector(
        connection: &ConnectionOptions,
        connector: Arc<dyn Connector>,
        key: ApiKeySource,
        options: ControlOptions,
    ) -> Result<Self> {
        options.retry_policy.validate()?;
        if connection.http2_keepalive_interval.is_zero() || connection.http2_keepalive_timeout.is_zero() {
            let message = "http2_keepalive_interval and http2_keepalive_timeout must be longer than 0";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        let endpoint = connection.endpoint()?;
        let caller = Caller::new(&endpoint, connection)?;
        let settings = ConnectionSettings::new(&endpoint, connection).with_large_answers();
        let line = Arc::new(Line::new(connector, RuntimeHandle::current()?, settings));
        Ok(Self { line, caller, key, options: Arc::new(options), place: endpoint.to_string().into() })
    }

    /// Asks the endpoint for a sign of life. Fails with [`ErrorCode::Auth`] if it refuses the key.
    pub async fn ping(&self) -> Result<String> {
        Ok(self.call(methods::PING, PingRequest {}).await?.response)
    }

    pub(super) fn incomplete(&self, what: &str) -> Error {
        let message =
            format!("{what}: {} sent an empty answer: check that it is Sift's gRPC endpoint", self.place);
        Error::new(ErrorCode::Internal, message)
    }
}
