//! One ingest stream: segments out, one answer back.

use std::sync::Arc;
use std::task::{Context, Poll};

use h2::client::ResponseFuture;
use h2::{Reason, SendStream};
use http::{HeaderValue, Request};

use super::connection::Connection;
use super::gzip::Gzip;
use super::observer::Watch;
use crate::error::{Error, ErrorCode, Result};
use crate::stream::segment::{Segment, SegmentBuf};

/// How much is asked for at once; HTTP/2 grants what window and send buffer allow.
const WANTED_CAPACITY: usize = 256 * 1024;

/// An open ingest stream, for sending.
pub(crate) struct IngestStream {
    send: SendStream<SegmentBuf>,
    id: u32,
    watch: Arc<Watch>,
    gzip: Option<Gzip>,
}

impl IngestStream {
    /// Opens the stream that `request` names. Its rows are compressed by `gzip`, if there is one; the response is awaited
    /// apart from it.
    pub(crate) async fn open(
        connection: &Connection,
        mut request: Request<()>,
        gzip: Option<Gzip>,
    ) -> Result<(Self, ResponseFuture)> {
        let uri = request.uri().clone();
        let broken = |error: h2::Error| {
            Error::new(ErrorCode::Unavailable, format!("the connection to {uri} broke: {error}"))
        };
        if gzip.is_some() {
            request.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
        }
        let mut requests = connection.requests().ready().await.map_err(broken)?;
        let (response, mut send) = requests.send_request(request, false).map_err(broken)?;
        send.reserve_capacity(WANTED_CAPACITY);
        let id = send.stream_id().as_u32();
        connection.watch().begin(id);
        Ok((Self { send, id, watch: Arc::clone(connection.watch()), gzip }, response))
    }

    /// The HTTP/2 stream's number on its connection.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Whether its rows are compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.gzip.is_some()
    }

    /// Ready when at least one segment can be sent; an error when the stream takes no more.
    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if self.send.capacity() > 0 {
                return Poll::Ready(Ok(()));
            }
            match self.send.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether one more segment fits what is granted.
    pub(crate) fn has_capacity(&self) -> bool {
        self.send.capacity() > 0
    }

    /// Gives a segment to HTTP/2.
    pub(crate) fn send(&mut self, segment: Arc<Segment>) -> Result<(), h2::Error> {
        let rows = match &mut self.gzip {
            Some(gzip) => SegmentBuf::owned(gzip.compress(segment.bytes())),
            None => SegmentBuf::new(segment),
        };
        self.send.send_data(rows, false)?;
        self.send.reserve_capacity(WANTED_CAPACITY);
        Ok(())
    }

    /// Half-closes the stream after what was sent.
    pub(crate) fn end(&mut self) -> Result<(), h2::Error> {
        self.watch.expect_end(self.id);
        self.send.send_data(SegmentBuf::empty(), true)
    }

    /// Gives the stream up at once.
    pub(crate) fn cancel(&mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}
