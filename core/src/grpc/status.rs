//! The outcome of a gRPC call, as trailers carry it.

use http::HeaderMap;

use crate::control::decode_status_details;

/// gRPC's UNKNOWN: also for a response without a status.
pub(crate) const UNKNOWN: i32 = 2;
/// gRPC's UNIMPLEMENTED: also for messages that are compressed as the peer does not know.
pub(crate) const UNIMPLEMENTED: i32 = 12;
/// gRPC's UNAVAILABLE: also for a connection that broke.
pub(crate) const UNAVAILABLE: i32 = 14;

/// A status as the peer sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcStatus {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
}

impl GrpcStatus {
    /// The status in `headers`; none if they hold none. A malformed one is UNKNOWN.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?;
        let code =
            code.to_str().ok().and_then(|text| text.parse().ok()).filter(|code| (0..=16).contains(code));
        let message =
            headers.get("grpc-message").map(|text| percent_decode(text.as_bytes())).unwrap_or_default();
        let details = headers
            .get("grpc-status-details-bin")
            .map(|text| decode_status_details(text.as_bytes()))
            .unwrap_or_default();
        Some(Self { code: code.unwrap_or(UNKNOWN), message, details })
    }

    /// What an HTTP status without a gRPC status stands for, by gRPC's own table.
    pub(crate) fn from_http(status: http::StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502 | 503 | 504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        Self { code, message: format!("HTTP status {status} without a gRPC status"), details: Vec::new() }
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
