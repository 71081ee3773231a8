//! Opens real connections: DNS, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::happy_eyeballs::connect_any;
use super::proxy::Proxy;
use super::socket::Socket;
use super::tcp_info::ProbeHandle;
use super::tls::Tls;
use super::tls_error::explain;
use super::wire::Wire;
use super::{ConnectionOptions, Endpoint, Scheme};
use crate::seams::connector::{BoxFuture, BoxIo, Connector};
use crate::{Error, ErrorCode, Result};

/// Connects over TCP, and TLS unless the address is `http://`. The host is looked up again for each connection: an
/// endpoint that moved is found without a restart.
pub struct TcpConnector {
    options: ConnectionOptions,
    endpoint: Endpoint,
    place: Arc<str>,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
}

impl TcpConnector {
    /// Checks the options and reads certificates. Does not touch the network.
    pub fn new(options: ConnectionOptions) -> Result<Self> {
        let endpoint = options.endpoint()?;
        let tls = match endpoint.scheme() {
            Scheme::Https => Some(Tls::new(&options, &endpoint)?),
            Scheme::Http => None,
        };
        let place = endpoint.to_string().into();
        let proxy = Proxy::choose(&options, &endpoint)?;
        Ok(Self { options, endpoint, place, tls, proxy })
    }

    async fn open(&self) -> Result<BoxIo> {
        let socket = self.reach().await?;
        let probe = ProbeHandle::new(&socket).ok();
        let place = Arc::clone(&self.place);
        match &self.tls {
            None => Ok(Box::new(Wire::plaintext(Socket::new(socket), probe, place))),
            Some(tls) => Ok(Box::new(Wire::encrypted(self.secure(tls, socket).await?, probe, place))),
        }
    }

    async fn reach(&self) -> Result<TcpStream> {
        let limit = self.options.connect_timeout;
        let attempt = async {
            let addresses = match &self.proxy {
                Some(proxy) => resolve_host(proxy.host(), proxy.port()).await?,
                None => resolve(&self.endpoint).await?,
            };
            let mut socket = connect_any(&addresses).await.map_err(|error| self.unreachable(&error))?;
            if let Some(proxy) = &self.proxy {
                proxy.tunnel(&mut socket, &self.endpoint).await?;
            }
            Ok::<_, Error>(socket)
        };
        let socket = timeout(limit, attempt).await.map_err(|_| {
            let message = format!(
                "{} did not answer within {limit:?}: check the network and the firewall, or raise `connect_timeout`",
                self.place
            );
            Error::new(ErrorCode::Unavailable, message)
        })??;
        self.configure(&socket).map_err(|error| self.unreachable(&error))?;
        Ok(socket)
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        let advice = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there; check the port and that the endpoint runs"
            }
            _ => "check the uri and the network",
        };
        let place =
            self.proxy.as_ref().map_or_else(|| self.place.to_string(), |proxy| format!("the proxy {proxy}"));
        Error::new(ErrorCode::Unavailable, format!("cannot connect to {place} ({error}): {advice}"))
    }

    fn configure(&self, socket: &TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        unpace_loopback(socket);
        if let Some(keepalive) = self.options.tcp_keepalive {
            let wanted = socket2::TcpKeepalive::new()
                .with_time(keepalive.idle)
                .with_interval(keepalive.interval)
                .with_retries(keepalive.retries);
            // Not every system has every knob, and HTTP/2 pings watch the connection as well.
            if let Err(error) = SockRef::from(socket).set_tcp_keepalive(&wanted) {
                tracing::debug!(target: "siftstream::connect", %error, "TCP keep-alive cannot be set");
            }
        }
        Ok(())
    }

    async fn secure(&self, tls: &Tls, socket: TcpStream) -> Result<tokio_rustls::client::TlsStream<Socket>> {
        let limit = self.options.handshake_timeout;
        let handshake = tls.connector.connect(tls.server_name.clone(), Socket::new(socket));
        let stream = timeout(limit, handshake)
            .await
            .map_err(|_| {
                let message = format!(
                    "{} accepted the connection but did not finish the TLS handshake within {limit:?}: check that it \
                     speaks TLS on this port, or raise `handshake_timeout`",
                    self.place
                );
                Error::new(ErrorCode::Unavailable, message)
            })?
            .map_err(|error| {
                explain(&error, &self.place).unwrap_or_else(|| {
                    let message = format!(
                        "{} closed the connection during the TLS handshake ({error}): check that it speaks TLS on \
                         this port",
                        self.place
                    );
                    Error::new(ErrorCode::Unavailable, message)
                })
            })?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            let message = format!("{} does not offer HTTP/2: check that it is a gRPC endpoint", self.place);
            return Err(Error::new(ErrorCode::Tls, message));
        }
        Ok(stream)
    }
}

/// A loopback is never congested, so what paces it, as BBR does, only takes time. Reno is in every kernel.
#[cfg(target_os = "linux")]
fn unpace_loopback(socket: &TcpStream) {
    let is_loopback = socket.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    if is_loopback && let Err(error) = SockRef::from(socket).set_tcp_congestion(b"reno") {
        tracing::debug!(target: "siftstream::connect", %error, "TCP congestion control cannot be set");
    }
}

/// The addresses that the host of `endpoint` has now, in the resolver's order.
pub async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>> {
    resolve_host(endpoint.host(), endpoint.port()).await
}

/// Host and port of the proxy through which the endpoint of `options` is reached, if there is one.
pub fn proxy_of(options: &ConnectionOptions) -> Result<Option<(String, u16)>> {
    let proxy = Proxy::choose(options, &options.endpoint()?)?;
    Ok(proxy.map(|proxy| (proxy.host().to_owned(), proxy.port())))
}

/// The addresses that `host` has now.
pub async fn resolve_host(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        let message = format!("the host {host:?} cannot be found ({error}): check the uri and the DNS");
        Error::new(ErrorCode::Unavailable, message)
    })?;
    Ok(found.collect())
}

impl Connector for TcpConnector {
    fn connect(&self) -> BoxFuture<'_, Result<BoxIo>> {
        Box::pin(self.open())
    }
}
