//! The head of a gRPC call.

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Uri, header};

use crate::connect::{ConnectionOptions, Endpoint};
use crate::error::{Error, ErrorCode, Result};

/// What all calls to one endpoint say.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    origin: Uri,
    user_agent: HeaderValue,
}

impl Caller {
    pub(crate) fn new(endpoint: &Endpoint, options: &ConnectionOptions) -> Result<Self> {
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|_| {
            let message =
                format!("the user agent {:?} cannot be sent: use visible ASCII", options.user_agent);
            Error::new(ErrorCode::InvalidArgument, message)
        })?;
        Ok(Self { origin: endpoint.origin(), user_agent })
    }

    /// A call of `path`, such as `/sift.ping.v1.PingService/Ping`.
    pub(crate) fn request(&self, path: &'static str, authorization: HeaderValue) -> Request<()> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_parts(parts)
            .unwrap_or_else(|_| unreachable!("an origin and a path are a whole address"));
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::AUTHORIZATION, authorization);
        request
    }
}
