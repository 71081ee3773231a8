//! Everything about a connection that a user can choose.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Endpoint, EndpointError, ProxyChoice};

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The certificate with which this client identifies itself (mutual TLS).
#[derive(Clone)]
pub struct ClientIdentity {
    /// The certificate and those that sign it, as PEM.
    pub certificate_pem: Vec<u8>,
    /// The private key, as PEM.
    pub key_pem: Zeroizing<Vec<u8>>,
}

impl ClientIdentity {
    /// An identity from two PEM texts.
    pub fn new(certificate_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        Self { certificate_pem: certificate_pem.into(), key_pem: Zeroizing::new(key_pem.into()) }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(***)")
    }
}

/// When the kernel asks a silent peer whether it still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// After how long a silence it begins.
    pub idle: Duration,
    /// The time between probes.
    pub interval: Duration,
    /// After how many unanswered probes the connection is given up.
    pub retries: u32,
}

impl Default for TcpKeepalive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(20), interval: Duration::from_secs(5), retries: 4 }
    }
}

/// Where and how to connect.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionOptions {
    /// The address of Sift's gRPC endpoint, such as `https://grpc-api.siftstack.com`.
    pub uri: String,
    /// Whether `http://` is allowed: the API key and all data then travel unencrypted.
    pub insecure: bool,
    /// Certificates to trust besides those of the operating system and of Mozilla, as PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The certificate with which this client identifies itself.
    pub client_identity: Option<ClientIdentity>,
    /// The name that the endpoint's certificate must hold, if it is not the host of `uri`.
    pub server_name: Option<String>,
    /// The oldest version of TLS that is spoken.
    pub min_tls_version: TlsVersion,
    /// The time for finding and reaching the host.
    pub connect_timeout: Duration,
    /// The time for the TLS handshake.
    pub handshake_timeout: Duration,
    /// TCP keep-alive; `None` turns it off.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// How often a connection is asked by HTTP/2 whether it still lives, also while idle.
    pub http2_keepalive_interval: Duration,
    /// How long the answer to that may take.
    pub http2_keepalive_timeout: Duration,
    /// Whether connections go through a proxy.
    pub proxy: ProxyChoice,
    /// Hosts that are reached without the proxy that `proxy` names, as in `NO_PROXY`: names with all below them,
    /// addresses, networks such as `10.0.0.0/8`, or `*`.
    pub no_proxy: Vec<String>,
    /// Whether each row is compressed by gzip on its way to Sift, where that makes it shorter. If the endpoint refuses
    /// that, rows travel as they are.
    pub enable_compression_for_ingestion: bool,
    /// What the endpoint sees as the client, see [`user_agent`].
    pub user_agent: String,
}

impl ConnectionOptions {
    /// The defaults for an address.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            insecure: false,
            extra_ca_pem: None,
            client_identity: None,
            server_name: None,
            min_tls_version: TlsVersion::default(),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            tcp_keepalive: Some(TcpKeepalive::default()),
            http2_keepalive_interval: Duration::from_secs(20),
            http2_keepalive_timeout: Duration::from_secs(20),
            proxy: ProxyChoice::default(),
            no_proxy: Vec::new(),
            enable_compression_for_ingestion: false,
            user_agent: user_agent("rust"),
        }
    }

    /// The checked address.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(&self.uri, self.insecure)
    }
}

/// The user agent of the library used from `language`.
pub fn user_agent(language: &str) -> String {
    format!("siftstream/{} {language}", env!("CARGO_PKG_VERSION"))
}
