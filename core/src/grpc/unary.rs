//! One unary call: a message out, a message back.

use std::time::Duration;

use h2::RecvStream;
use http::{HeaderMap, HeaderValue, Request};

use super::code::Code;
use super::connection::Connection;
use super::status::GrpcStatus;
use crate::stream::segment::{PREFIX_LEN, SegmentBuf};

/// What came of a unary call.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The encoded message, or why there is none.
    pub(crate) outcome: Result<Vec<u8>, GrpcStatus>,
    /// The headers with which the endpoint answered; none if it did not.
    pub(crate) headers: Option<HeaderMap>,
}

/// Tells the endpoint after which time nobody waits any more: at most eight digits and a unit.
pub(crate) fn time_limit(limit: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let text = match (limit.as_micros(), limit.as_millis()) {
        (micros, _) if micros <= MOST => format!("{micros}u"),
        (_, millis) if millis <= MOST => format!("{millis}m"),
        _ => format!("{}S", limit.as_secs().min(99_999_999)),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| unreachable!("digits and a letter are a header's value"))
}

/// Makes the call that `request` names with an encoded message. Takes a message of at most `most` bytes. Dropping the
/// future cancels the call.
pub(crate) async fn unary(
    connection: &Connection,
    request: Request<()>,
    message: &[u8],
    most: usize,
) -> Reply {
    let mut headers = None;
    let outcome = exchange(connection, request, message, most, &mut headers).await;
    Reply { outcome, headers }
}

async fn exchange(
    connection: &Connection,
    request: Request<()>,
    message: &[u8],
    most: usize,
    headers: &mut Option<HeaderMap>,
) -> Result<Vec<u8>, GrpcStatus> {
    let broken = |error: h2::Error| GrpcStatus::new(Code::Unavailable, format!("the call broke: {error}"));
    let framed = framed(message)?;
    let mut requests = connection.requests().ready().await.map_err(broken)?;
    let (response, mut send) = requests.send_request(request, false).map_err(broken)?;
    let _watched = connection.watch().watched(send.stream_id().as_u32());
    send.send_data(SegmentBuf::owned(framed), true).map_err(broken)?;
    let response = response.await.map_err(broken)?;
    *headers = Some(response.headers().clone());
    let early = GrpcStatus::from_head(&response);
    let mut body = response.into_body();
    if let Some(status) = early {
        return Err(status.unless_ok());
    }
    let answer = read(&mut body, most).await?;
    let trailers = body.trailers().await.map_err(broken)?;
    match GrpcStatus::from_trailers(trailers.as_ref()) {
        status if status.code == Code::Ok.number() => unframed(answer),
        status => Err(status),
    }
}

/// The whole body.
async fn read(body: &mut RecvStream, most: usize) -> Result<Vec<u8>, GrpcStatus> {
    let broken = |error: h2::Error| GrpcStatus::new(Code::Unavailable, format!("the answer broke: {error}"));
    let mut answer = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        body.flow_control().release_capacity(data.len()).map_err(broken)?;
        if answer.len() + data.len() > PREFIX_LEN.saturating_add(most) {
            let message = format!("the answer has more than {most} bytes");
            return Err(GrpcStatus::new(Code::OutOfRange, message));
        }
        answer.extend_from_slice(&data);
    }
    Ok(answer)
}

/// The message as it travels: behind a flag and its length.
fn framed(message: &[u8]) -> Result<Vec<u8>, GrpcStatus> {
    let len = u32::try_from(message.len())
        .map_err(|_| GrpcStatus::new(Code::InvalidArgument, "the request is too long"))?;
    Ok([&[0][..], &len.to_be_bytes(), message].concat())
}

/// The message in an answer that is nothing but one.
fn unframed(mut answer: Vec<u8>) -> Result<Vec<u8>, GrpcStatus> {
    let is_whole = answer.split_first_chunk::<PREFIX_LEN>().is_some_and(|([flag, len @ ..], message)| {
        *flag == 0 && u32::from_be_bytes(*len) as usize == message.len()
    });
    if !is_whole {
        return Err(GrpcStatus::new(Code::Internal, "the answer is not one whole message"));
    }
    answer.drain(..PREFIX_LEN);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_has_at_most_eight_digits() {
        for (limit, text) in [
            (Duration::ZERO, "0u"),
            (Duration::from_millis(200), "200000u"),
            (Duration::from_secs(30), "30000000u"),
            (Duration::from_secs(120), "120000m"),
            (Duration::from_secs(200_000), "200000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(time_limit(limit), text);
        }
    }

    #[test]
    fn only_one_whole_message_is_an_answer() {
        for message in [&b""[..], b"x", &[7; 300]] {
            let framed = framed(message).unwrap();
            assert_eq!(unframed(framed.clone()).unwrap(), message);
            let behind = [&framed[..], b"x"].concat();
            let mut compressed = framed.clone();
            compressed[0] = 1;
            for wrong in [&framed[..framed.len() - 1], &behind, &compressed, b""] {
                assert_eq!(unframed(wrong.to_vec()).unwrap_err().code, Code::Internal.number());
            }
        }
    }
}
