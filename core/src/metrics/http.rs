//! HTTP as far as readers of metrics need it: one request without a body, one answer, then the connection ends.

use std::io;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode, Uri};
use httparse::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest request line with headers that is read.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// How long a reader may take to close a connection that was answered.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is asked for.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) uri: Uri,
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// The request, or none if it is none of HTTP.
pub(super) async fn read(socket: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut head = Vec::with_capacity(1024);
    loop {
        if socket.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(Status::Complete(_)) => return Ok(understood(&request)),
            Ok(Status::Partial) if head.len() < MAX_HEAD => {}
            Ok(Status::Partial) | Err(_) => return Ok(None),
        }
    }
}

fn understood(request: &httparse::Request<'_, '_>) -> Option<Request> {
    Some(Request { method: request.method?.parse().ok()?, uri: request.path?.parse().ok()? })
}

/// Writes the answer, without its body if only the `head` is wanted, and closes the connection.
pub(super) async fn write(socket: &mut TcpStream, answer: &Answer, head: bool) -> io::Result<()> {
    let Answer { status, content_type, body } = answer;
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nDate: {}\r\n\
         Connection: close\r\n\r\n",
        body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
    );
    if !head {
        text.push_str(body);
    }
    socket.write_all(text.as_bytes()).await?;
    socket.shutdown().await?;
    // A socket that is closed with bytes unread makes the kernel take back what the reader has not seen of the answer.
    let mut rest = [0; 1024];
    timeout(GOODBYE, async {
        while socket.read(&mut rest).await? > 0 {}
        Ok(())
    })
    .await
    .unwrap_or(Ok(()))
}
