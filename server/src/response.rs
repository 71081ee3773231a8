//! gRPC responses written straight to an HTTP/2 stream.

use bytes::{BufMut, Bytes, BytesMut};
use h2::SendStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use tonic::Status;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Ends the call with `status`, without a message.
pub(crate) fn send_status(respond: &mut SendResponse<Bytes>, status: &Status) -> Result<(), h2::Error> {
    send_status_with(respond, status, HeaderMap::new())
}

/// The same with these headers beside it.
pub(crate) fn send_status_with(
    respond: &mut SendResponse<Bytes>,
    status: &Status,
    headers: HeaderMap,
) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    if status.add_header(response.headers_mut()).is_err() {
        response.headers_mut().insert(GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    respond.send_response(response, true).map(drop)
}

/// Answers with an empty message and OK.
pub(crate) fn send_ok(respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut stream = send_message(respond, 0, false)?;
    stream.send_trailers(HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(0))]))
}

/// Answers with a message of about `size` bytes, which a client skips as an unknown field, and OK.
pub(crate) fn send_huge(respond: &mut SendResponse<Bytes>, size: usize) -> Result<(), h2::Error> {
    let mut stream = send_message(respond, size, false)?;
    stream.send_trailers(HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(0))]))
}

/// Answers with an empty message, headers of about `size` bytes, and OK.
pub(crate) fn send_huge_headers(respond: &mut SendResponse<Bytes>, size: usize) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    let padding = HeaderValue::from_bytes(&vec![b'x'; size]).unwrap_or(HeaderValue::from_static(""));
    response.headers_mut().insert(HeaderName::from_static("padding"), padding);
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(Bytes::from_static(&[0; 5]), false)?;
    stream.send_trailers(HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(0))]))
}

/// Answers with an empty message and these trailers; those that HTTP does not allow are left out.
pub(crate) fn send_trailers(
    respond: &mut SendResponse<Bytes>,
    trailers: &[(String, String)],
) -> Result<(), h2::Error> {
    let mut stream = send_message(respond, 0, false)?;
    let pairs = trailers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    stream.send_trailers(pairs.collect::<HeaderMap>())
}

/// Answers with an HTTP status and nothing else.
pub(crate) fn send_http(respond: &mut SendResponse<Bytes>, status: u16) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    respond.send_response(response, true).map(drop)
}

/// Answers with a message and a `grpc-status` that is no number.
pub(crate) fn send_malformed(respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut stream = send_message(respond, 0, false)?;
    stream.send_trailers(HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("not-a-number"))]))
}

/// Answers with a message and nothing after it.
pub(crate) fn send_without_trailers(respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    send_message(respond, 0, true).map(drop)
}

fn send_message(
    respond: &mut SendResponse<Bytes>,
    size: usize,
    last: bool,
) -> Result<SendStream<Bytes>, h2::Error> {
    let mut response = Response::new(());
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    let mut stream = respond.send_response(response, false)?;
    let mut message = BytesMut::new();
    if size > 0 {
        prost::encoding::bytes::encode(15, &vec![0; size], &mut message);
    }
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put(message);
    stream.send_data(frame.freeze(), last)?;
    Ok(stream)
}
