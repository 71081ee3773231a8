//! Asks Sift what the channels of an ingestion config are called. Only reads; registers nothing.

use super::error::{Failure, Result};
use super::schema::Flows;
use hyper_util::rt::TokioIo;
use siftstream::connect::{ApiKey, ConnectionOptions, TcpConnector, user_agent};
use siftstream::proto::sift::ingestion_configs::v2::{
    ListIngestionConfigFlowsRequest, ingestion_config_service_client::IngestionConfigServiceClient,
};
use siftstream::seams::connector::Connector;
use siftstream::{Error, ErrorCode, FlowConfig};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::codegen::http::{Uri, uri::Scheme};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

const PAGE_SIZE: u32 = 1000;
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_ANSWER: usize = 50 << 20;

/// A connection to Sift.
pub(crate) struct Remote {
    runtime: Runtime,
    channel: Channel,
    key: ApiKey,
    uri: String,
}

impl Remote {
    /// A connection that is opened when it is needed.
    pub(crate) fn new(endpoint: &super::endpoint::Endpoint) -> Result<Self> {
        let (uri, key) = endpoint.credentials()?.resolve()?;
        let mut options = ConnectionOptions::new(uri);
        options.insecure = endpoint.insecure;
        options.user_agent = user_agent("cli");
        let endpoint = options.endpoint().map_err(Error::from)?;
        let connector = Arc::new(TcpConnector::new(options.clone())?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot start the network's runtime", &error))?;
        let service = tower::service_fn(move |_| {
            let connector = Arc::clone(&connector);
            async move { connector.connect().await.map(TokioIo::new) }
        });
        // The connector encrypts; so tonic sees an http address, lest it add TLS of its own.
        let mut parts = endpoint.origin().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        let malformed =
            |_| Error::new(ErrorCode::InvalidArgument, format!("the uri {endpoint} is malformed"));
        let address = Uri::from_parts(parts).map_err(malformed)?;
        let tonic_endpoint = Endpoint::from(address).origin(endpoint.origin()).timeout(TIMEOUT);
        let channel = {
            let _inside = runtime.enter();
            tonic_endpoint.connect_with_connector_lazy(service)
        };
        Ok(Self { runtime, channel, key, uri: endpoint.to_string() })
    }

    /// The flows of an ingestion config. Those with types that this version does not know are left out.
    pub(crate) fn flows(&self, config: &str) -> Result<Flows> {
        let failed = |why: String| Failure::Remote { config: config.to_owned(), uri: self.uri.clone(), why };
        let authorization = AsciiMetadataValue::try_from(self.key.authorization().as_bytes())
            .map_err(|error| failed(error.to_string()))?;
        let mut client =
            IngestionConfigServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        let (mut flows, mut page_token) = (Flows::new(), String::new());
        loop {
            let mut request = Request::new(ListIngestionConfigFlowsRequest {
                ingestion_config_id: config.to_owned(),
                page_size: PAGE_SIZE,
                page_token: page_token.clone(),
                filter: String::new(),
            });
            request.metadata_mut().insert("authorization", authorization.clone());
            let page = self
                .runtime
                .block_on(client.list_ingestion_config_flows(request))
                .map_err(|status| failed(self.key.redact(&reason(&status))))?
                .into_inner();
            let known = page.flows.into_iter().filter_map(|flow| FlowConfig::try_from(flow).ok());
            flows.extend(known.map(|flow| (flow.name.clone(), flow)));
            if page.next_page_token.is_empty() {
                return Ok(flows);
            }
            if page.next_page_token == page_token {
                return Err(failed("the endpoint sent the same page twice".to_owned()));
            }
            page_token = page.next_page_token;
        }
    }
}

/// The innermost cause of a failed call: a connection's error says more than the status made from it.
fn reason(status: &Status) -> String {
    let mut cause = StdError::source(status);
    let mut text = format!("{:?}: {}", status.code(), status.message());
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}
