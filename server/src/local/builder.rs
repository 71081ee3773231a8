//! Settings of a server that is not started yet.

use super::LocalServer;
use crate::date::Dating;
use crate::endpoint::Endpoint;
use crate::faults::Script;
use crate::news::News;
use crate::shared::Shared;
use crate::state::{RowListener, State};
use crate::tls::{self, TlsFiles};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

const MIB: u32 = 1024 * 1024;

/// Settings of a server that is not started yet.
#[derive(Clone)]
pub struct Builder {
    host: IpAddr,
    port: u16,
    api_key: Option<String>,
    page_limit: usize,
    keep_rows: bool,
    count_only: bool,
    refuse_compression: bool,
    windows: Option<(u32, u32)>,
    max_concurrent_streams: u32,
    listener: Option<RowListener>,
    tls: Option<TlsFiles>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            api_key: None,
            page_limit: usize::MAX,
            keep_rows: false,
            count_only: false,
            refuse_compression: false,
            windows: None,
            max_concurrent_streams: 1_000,
            listener: None,
            tls: None,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Builder {
    /// The address to listen at; 127.0.0.1 unless set.
    #[must_use]
    pub fn host(mut self, host: IpAddr) -> Self {
        self.host = host;
        self
    }

    /// The port to listen at; 0, the default, lets the system choose.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The key that every call must bear; `None`, the default, admits everybody.
    #[must_use]
    pub fn api_key(mut self, key: Option<&str>) -> Self {
        self.api_key = key.map(str::to_owned);
        self
    }

    /// Lists are never answered with more than this many items at once.
    #[must_use]
    pub fn page_size(mut self, limit: usize) -> Self {
        self.page_limit = limit;
        self
    }

    /// Keeps every valid row, decoded and raw, for [`State::kept_rows`].
    #[must_use]
    pub fn keep_rows(mut self, keep: bool) -> Self {
        self.keep_rows = keep;
        self
    }

    /// Only counts messages and bytes of the ingest streams, as cheaply as possible.
    #[must_use]
    pub fn count_only(mut self, count_only: bool) -> Self {
        self.count_only = count_only;
        self
    }

    /// Refuses ingest streams that may hold compressed messages, as servers without gzip do.
    #[must_use]
    pub fn refuse_compression(mut self, refuse: bool) -> Self {
        self.refuse_compression = refuse;
        self
    }

    /// The HTTP/2 flow-control windows in bytes. 1 and 2 MiB unless set, 8 and 16 MiB in count-only mode.
    #[must_use]
    pub fn windows(mut self, stream: u32, connection: u32) -> Self {
        self.windows = Some((stream, connection));
        self
    }

    /// How many streams a client may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS); 1,000 unless set.
    #[must_use]
    pub fn max_concurrent_streams(mut self, most: u32) -> Self {
        self.max_concurrent_streams = most;
        self
    }

    /// Calls `listener` with the protobuf bytes of each valid row, in the order of each stream.
    #[must_use]
    pub fn on_row(self, listener: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.on_row_of_stream(move |_, row| listener(row))
    }

    /// Like [`Builder::on_row`], with the number of the ingest stream before the row. Replaces it.
    #[must_use]
    pub fn on_row_of_stream(mut self, listener: impl Fn(u64, &[u8]) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Speaks TLS with this certificate chain and key; with a client CA, demands client certificates.
    #[must_use]
    pub fn tls(mut self, cert_pem: &str, key_pem: &str, client_ca_pem: Option<&str>) -> Self {
        self.tls = Some(TlsFiles {
            cert_pem: cert_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            client_ca_pem: client_ca_pem.map(str::to_owned),
        });
        self
    }

    /// Starts the server; when this returns it accepts connections.
    ///
    /// # Errors
    /// If the address cannot be listened at or the TLS files cannot be used.
    pub fn start(self) -> io::Result<LocalServer> {
        let acceptor = self.tls.as_ref().map(tls::acceptor).transpose()?;
        let address = SocketAddr::new(self.host, self.port);
        LocalServer::start(self.into_shared(), acceptor, address)
    }

    /// A server without address and thread, which serves what others accept. Speaks no TLS.
    pub fn endpoint(self) -> Endpoint {
        Endpoint::new(self.into_shared())
    }

    fn into_shared(self) -> Arc<Shared> {
        let defaults = if self.count_only { (8 * MIB, 16 * MIB) } else { (MIB, 2 * MIB) };
        let (stream_window, connection_window) = self.windows.unwrap_or(defaults);
        Arc::new(Shared {
            state: Arc::new(State::new(self.keep_rows, self.listener)),
            page_limit: self.page_limit,
            count_only: self.count_only,
            refuse_compression: self.refuse_compression,
            max_concurrent_streams: self.max_concurrent_streams,
            stream_window,
            connection_window,
            api_key: Mutex::new(self.api_key),
            dating: Dating::default(),
            faults: Mutex::default(),
            connection_faults: Mutex::new(Script::default()),
            unary_faults: Mutex::default(),
            connections: Mutex::default(),
            close_listener: Notify::new(),
            gates: Arc::default(),
            healed: News::default(),
            dismissed: News::default(),
        })
    }
}
