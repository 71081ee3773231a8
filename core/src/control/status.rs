//! What a gRPC status means for us: whether, when and how to go on.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::Message;

use crate::connect::ApiKey;
use crate::grpc::Code;
use crate::{Error, ErrorCode};

/// The longest part of an endpoint's own message that is repeated.
const MAX_MESSAGE_CHARS: usize = 512;

const RETRY_INFO: &str = "google.rpc.RetryInfo";

/// How to go on after a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// It may work later.
    Transient {
        /// The wait that the endpoint asks for.
        retry_after: Option<Duration>,
    },
    /// The key was refused: slow retries, until there is another one.
    Auth,
    /// The content was refused: the same again will be refused again.
    Rejected,
    /// What was referred to is not there, or is there already: look again, once.
    Reregister,
    /// No retry can help.
    Fatal,
}

/// google.rpc.Status, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// google.rpc.RetryInfo.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// Classifies a gRPC status code. `details` are the bytes of `grpc-status-details-bin`, empty if there are none.
pub fn classify(code: i32, details: &[u8]) -> RetryClass {
    match Code::from_number(code) {
        Code::Unauthenticated | Code::PermissionDenied => RetryClass::Auth,
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition | Code::DataLoss => {
            RetryClass::Rejected
        }
        Code::NotFound | Code::AlreadyExists => RetryClass::Reregister,
        Code::Unimplemented => RetryClass::Fatal,
        // OK stands here for a call that ended well without doing what was asked, such as an answer that came too
        // early. Numbers that gRPC does not define read as UNKNOWN.
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::ResourceExhausted => RetryClass::Transient { retry_after: retry_after(details) },
    }
}

/// The wait asked for in `details`. Malformed details ask for nothing.
fn retry_after(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.iter().find(|any| any.type_url.rsplit('/').next() == Some(RETRY_INFO))?;
    Duration::try_from(RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?).ok()
}

/// The bytes behind the text of a `grpc-status-details-bin` header; empty if it is malformed.
pub fn decode_status_details(header: &[u8]) -> Vec<u8> {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, padding).decode(header).unwrap_or_default()
}

/// The error for a status that ended `what` at `place`. The endpoint's message is cut and cleaned, and never shows
/// the key even if the endpoint repeats it.
pub fn to_error(what: &str, place: &str, code: i32, message: &str, key: &ApiKey) -> Error {
    let code = Code::from_number(code);
    let (kind, advice) = match code {
        Code::Unauthenticated => (ErrorCode::Auth, "check the API key"),
        Code::PermissionDenied => {
            (ErrorCode::Auth, "give the API key's user the permission, or use another key")
        }
        Code::InvalidArgument | Code::OutOfRange => {
            (ErrorCode::InvalidArgument, "correct what was asked for")
        }
        Code::FailedPrecondition | Code::DataLoss => (ErrorCode::Rejected, "see the endpoint's message"),
        Code::NotFound => (ErrorCode::NotFound, "check the ID or the name"),
        Code::AlreadyExists => (ErrorCode::InvalidArgument, "use another name or client key"),
        Code::Unimplemented => (ErrorCode::Unimplemented, "check that the uri is Sift's gRPC endpoint"),
        Code::DeadlineExceeded => (ErrorCode::Timeout, "try again later"),
        Code::ResourceExhausted => {
            (ErrorCode::Unavailable, "it is overloaded or limits the rate; try again later")
        }
        _ => (ErrorCode::Unavailable, "try again later"),
    };
    let said = clean(&key.redact(message));
    let said = if said.is_empty() { String::new() } else { format!(", {said:?}") };
    Error::new(kind, format!("{what} failed at {place} ({}{said}): {advice}", code.name()))
}

fn clean(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE_CHARS).collect()
}
