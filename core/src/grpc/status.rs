//! The outcome of a gRPC call, as trailers carry it.

use http::{HeaderMap, Response, StatusCode};

use super::code::Code;
use crate::control::decode_status_details;

/// A status as the peer sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcStatus {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
}

impl GrpcStatus {
    /// A status that says no more than this.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: code.number(), message: message.into(), details: Vec::new() }
    }

    /// The status that the head of an answer tells already: one without a body, or one that is no answer of gRPC.
    pub(super) fn from_head<B>(response: &Response<B>) -> Option<Self> {
        let status = Self::from_headers(response.headers());
        status.or_else(|| (response.status() != StatusCode::OK).then(|| Self::from_http(response.status())))
    }

    /// The status at the end of an answer.
    pub(super) fn from_trailers(trailers: Option<&HeaderMap>) -> Self {
        let status = trailers.and_then(Self::from_headers);
        status.unwrap_or_else(|| Self::new(Code::Unknown, "the endpoint ended the call without a status"))
    }

    /// For an answer that needs a message and has none: OK is a failure then.
    pub(super) fn unless_ok(self) -> Self {
        if self.code == Code::Ok.number() {
            return Self::new(Code::Internal, "the answer has no message");
        }
        self
    }

    /// The status in `headers`; none if they hold none. A malformed one is UNKNOWN.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?;
        let code =
            code.to_str().ok().and_then(|text| text.parse().ok()).filter(|code| (0..=16).contains(code));
        let message =
            headers.get("grpc-message").map(|text| percent_decode(text.as_bytes())).unwrap_or_default();
        let details = headers
            .get("grpc-status-details-bin")
            .map(|text| decode_status_details(text.as_bytes()))
            .unwrap_or_default();
        Some(Self { code: code.unwrap_or(Code::Unknown.number()), message, details })
    }

    /// What an HTTP status without a gRPC status stands for, by gRPC's own table.
    fn from_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        Self::new(code, format!("HTTP status {status} without a gRPC status"))
    }
}

fn percent_decode(bytes: &[u8]) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%'
            && let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(first);
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
