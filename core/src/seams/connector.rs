//! The seam between the library and the network: who may open connections, and what can be asked of one.
//!
//! Everything above it speaks HTTP/2 over whatever a [`Connector`] returns, so a test can put a simulated network,
//! a proxy that counts bytes or a plain pipe in the place of TCP and TLS.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Result;

/// A boxed future, as trait objects need them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection in both directions.
pub type BoxIo = Box<dyn Io>;

/// Opens connections to one endpoint.
pub trait Connector: Send + Sync + 'static {
    /// Opens a connection that is ready for HTTP/2: encrypted, if the endpoint is.
    fn connect(&self) -> BoxFuture<'_, Result<BoxIo>>;
}

/// A connection in both directions, which may know the socket below it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// What the kernel knows about the socket; `None` if there is none.
    fn probe(&self) -> Option<Arc<dyn SocketProbe>> {
        None
    }
}

/// Asks the kernel about the socket below a connection. A probe does not keep its connection open.
pub trait SocketProbe: Send + Sync {
    /// The shortest round trip seen on this connection; `None` if the platform does not tell or the connection is
    /// gone.
    fn min_rtt(&self) -> Option<Duration>;

    /// Bytes that have arrived and were not read yet (before decryption); `None` if the platform does not tell or
    /// the connection is gone.
    fn unread_bytes(&self) -> Option<usize>;
}

impl Io for tokio::net::TcpStream {}

impl Io for tokio::io::DuplexStream {}
