//! The way to an endpoint through an HTTP proxy: after CONNECT it passes bytes on as they are, so TLS reaches from end to
//! end.

use std::fmt;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{ConnectionOptions, Endpoint, Scheme};
use crate::{Error, ErrorCode, Result};

/// The longest answer to CONNECT that is read.
const MAX_ANSWER: usize = 16 * 1024;

/// Whether connections go through a proxy. `Debug` does not show its password.
#[derive(Clone, Default)]
pub enum ProxyChoice {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say; never to this machine itself.
    #[default]
    Environment,
    /// No proxy, whatever the environment says.
    Direct,
    /// This one, such as `http://user:password@proxy.example:3128`.
    Uri(Zeroizing<String>),
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Uri(_) => "Uri(***)",
        })
    }
}

/// A proxy, checked once.
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy through which `endpoint` is reached, if there is one.
    pub(super) fn choose(options: &ConnectionOptions, endpoint: &Endpoint) -> Result<Option<Self>> {
        let matcher = match &options.proxy {
            ProxyChoice::Direct => return Ok(None),
            ProxyChoice::Environment if is_this_machine(endpoint.host()) => return Ok(None),
            ProxyChoice::Environment => Matcher::from_env(),
            ProxyChoice::Uri(uri) => {
                let matcher = |no: String| Matcher::builder().all(uri.as_str()).no(no).build();
                if matcher(String::new()).intercept(&endpoint.origin()).is_none() {
                    return Err(wrong("it is not understood"));
                }
                matcher(options.no_proxy.join(","))
            }
        };
        let Some(found) = matcher.intercept(&endpoint.origin()) else { return Ok(None) };
        if found.uri().scheme_str() != Some(Scheme::Http.as_str()) {
            return Err(wrong("only HTTP proxies are supported"));
        }
        let host = found.uri().host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = found.uri().port_u16().unwrap_or(80);
        Ok(Some(Self { host: host.to_owned(), port, authorization: found.basic_auth().cloned() }))
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Has the proxy connect `socket` to the endpoint.
    pub(super) async fn tunnel(&self, socket: &mut TcpStream, endpoint: &Endpoint) -> Result<()> {
        let broken = |error: std::io::Error| {
            let message =
                format!("the proxy {self} broke the connection ({error}): check that it is an HTTP proxy");
            Error::new(ErrorCode::Unavailable, message)
        };
        socket.write_all(&self.request(endpoint)).await.map_err(broken)?;
        let answer = read_head(socket).await.map_err(broken)?;
        match status_of(&answer) {
            Some(200..=299) => Ok(()),
            Some(401 | 407) => {
                let message = format!(
                    "the proxy {self} wants other credentials: check the user name and password in `proxy`"
                );
                Err(Error::new(ErrorCode::Unavailable, message))
            }
            Some(status) => {
                let message = format!(
                    "the proxy {self} answered {status} to CONNECT: check that it may connect to {endpoint}, or name \
                     the host in `no_proxy`"
                );
                Err(Error::new(ErrorCode::Unavailable, message))
            }
            None => {
                let message = format!("{self} does not speak HTTP: check `proxy`");
                Err(Error::new(ErrorCode::Unavailable, message))
            }
        }
    }

    fn request(&self, endpoint: &Endpoint) -> Zeroizing<Vec<u8>> {
        let host = endpoint.host();
        let place = match host.contains(':') {
            true => format!("[{host}]:{}", endpoint.port()),
            false => format!("{host}:{}", endpoint.port()),
        };
        let mut request =
            Zeroizing::new(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n").into_bytes());
        if let Some(authorization) = &self.authorization {
            request.extend(b"Proxy-Authorization: ");
            request.extend(authorization.as_bytes());
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        request
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn wrong(why: &str) -> Error {
    let message = format!("the proxy cannot be used: {why}; give one such as http://proxy.example:3128");
    Error::new(ErrorCode::InvalidArgument, message)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads up to the empty line and not a byte more: what follows is the endpoint's.
async fn read_head(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_ANSWER {
        head.push(socket.read_u8().await?);
    }
    Ok(head)
}

/// The status in `HTTP/1.1 200 Connection established`.
fn status_of(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}
