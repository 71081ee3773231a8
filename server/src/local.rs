//! The server's handle, and the thread it runs on.

use crate::connection::{self, Command};
use crate::faults::{ConnectionFault, Fault, GoAway, Script, Times, UnaryFault};
use crate::shared::{Shared, lock};
use crate::state::{RowListener, State};
use crate::tls::{self, TlsFiles};
use crate::wire::{ResetOnDrop, Wire};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

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
    windows: Option<(u32, u32)>,
    listener: Option<RowListener>,
    tls: Option<TlsFiles>,
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

    /// The HTTP/2 flow-control windows in bytes. 1 and 2 MiB unless set, 8 and 16 MiB in count-only mode.
    #[must_use]
    pub fn windows(mut self, stream: u32, connection: u32) -> Self {
        self.windows = Some((stream, connection));
        self
    }

    /// Calls `listener` with the protobuf bytes of each valid row, in the order of each stream.
    #[must_use]
    pub fn on_row(mut self, listener: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
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
        let defaults = if self.count_only { (8 * MIB, 16 * MIB) } else { (MIB, 2 * MIB) };
        let (stream_window, connection_window) = self.windows.unwrap_or(defaults);
        let shared = Arc::new(Shared {
            state: Arc::new(State::new(self.keep_rows, self.listener)),
            page_limit: self.page_limit,
            count_only: self.count_only,
            stream_window,
            connection_window,
            api_key: Mutex::new(self.api_key),
            faults: Mutex::default(),
            connection_faults: Mutex::new(Script::default()),
            unary_faults: Mutex::default(),
            connections: Mutex::default(),
            close_listener: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (target, wanted) = watch::channel(Target { generation: 0, listen: true, quit: false });
        let phase = Arc::new(Phase::default());
        let is_tls = acceptor.is_some();
        let host = Host {
            shared: Arc::clone(&shared),
            phase: Arc::clone(&phase),
            acceptor,
            address: SocketAddr::new(self.host, self.port),
        };
        let thread = std::thread::Builder::new()
            .name("sift-server".to_owned())
            .spawn(move || runtime.block_on(host.run(wanted)))?;
        let address = phase.wait_for(0)?;
        Ok(LocalServer { shared, target, phase, address, is_tls, thread: Some(thread) })
    }
}

/// A Sift endpoint on this machine. Dropping it stops it.
#[derive(Debug)]
pub struct LocalServer {
    shared: Arc<Shared>,
    target: watch::Sender<Target>,
    phase: Arc<Phase>,
    address: SocketAddr,
    is_tls: bool,
    thread: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Settings to start from.
    pub fn builder() -> Builder {
        Builder {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            api_key: None,
            page_limit: usize::MAX,
            keep_rows: false,
            count_only: false,
            windows: None,
            listener: None,
            tls: None,
        }
    }

    /// Where clients find it, for example `http://127.0.0.1:50051`.
    pub fn uri(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// The port it listens at; the same after a restart.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it knows and received.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.shared.state)
    }

    /// From now on calls must bear this key; `None` admits everybody.
    pub fn set_api_key(&self, key: Option<&str>) {
        *lock(&self.shared.api_key) = key.map(str::to_owned);
    }

    /// Queues a fault for the ingest streams to come.
    pub fn inject(&self, fault: Fault, times: Times) {
        lock(&self.shared.faults).push(fault, times);
    }

    /// Queues a fault for the connections to come.
    pub fn inject_connection(&self, fault: ConnectionFault, times: Times) {
        lock(&self.shared.connection_faults).push(fault, times);
    }

    /// Queues a fault for the unary calls to come.
    pub fn inject_unary(&self, fault: UnaryFault, times: Times) {
        lock(&self.shared.unary_faults).push(fault, times);
    }

    /// Forgets all faults that have not set in.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
        lock(&self.shared.connection_faults).clear();
        lock(&self.shared.unary_faults).clear();
    }

    /// Resets every open connection (RST).
    pub fn reset_connections(&self) {
        self.shared.tell_connections(&Command::Reset);
    }

    /// Sends GOAWAY on every open connection.
    pub fn go_away(&self, kind: GoAway) {
        self.shared.tell_connections(&Command::GoAway(kind));
    }

    /// Refuses new connections until [`LocalServer::start_again`]; open ones go on.
    pub fn close_listener(&self) {
        self.shared.close_listener.notify_one();
    }

    /// Closes the listener and every connection; the state is kept.
    pub fn stop(&self) {
        // A server that cannot stop is one that has stopped.
        self.reach(false).ok();
    }

    /// Listens again at the same port, with the same state.
    ///
    /// # Errors
    /// If another process has taken the port.
    pub fn start_again(&self) -> io::Result<()> {
        self.reach(true)
    }

    /// Stops and starts again: clients see their connections closed.
    ///
    /// # Errors
    /// As [`LocalServer::start_again`].
    pub fn restart(&self) -> io::Result<()> {
        self.stop();
        self.start_again()
    }

    /// Stops the server for good and waits for its thread.
    pub fn shutdown(mut self) {
        self.quit();
    }

    fn reach(&self, listen: bool) -> io::Result<()> {
        let mut generation = 0;
        self.target.send_modify(|target| {
            target.generation += 1;
            target.listen = listen;
            generation = target.generation;
        });
        self.phase.wait_for(generation).map(drop)
    }

    fn quit(&mut self) {
        self.target.send_modify(|target| target.quit = true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported on standard error already.
            thread.join().ok();
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.quit();
    }
}

/// What the handle wants the thread to do.
#[derive(Debug, Clone, Copy)]
struct Target {
    generation: u64,
    listen: bool,
    quit: bool,
}

/// An I/O result that can be handed out more than once.
type Outcome = Result<SocketAddr, (io::ErrorKind, String)>;

/// How far the thread has come: the generation it reached, and with what result.
#[derive(Debug, Default)]
struct Phase {
    reached: Mutex<Option<(u64, Outcome)>>,
    changed: Condvar,
}

impl Phase {
    fn reach(&self, generation: u64, result: io::Result<SocketAddr>) {
        *lock(&self.reached) = Some((generation, result.map_err(|error| (error.kind(), error.to_string()))));
        self.changed.notify_all();
    }

    fn wait_for(&self, generation: u64) -> io::Result<SocketAddr> {
        let mut reached = lock(&self.reached);
        loop {
            if let Some((at, result)) = &*reached
                && *at >= generation
            {
                return result.clone().map_err(|(kind, text)| io::Error::new(kind, text));
            }
            reached = self.changed.wait(reached).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The thread's side.
struct Host {
    shared: Arc<Shared>,
    phase: Arc<Phase>,
    acceptor: Option<TlsAcceptor>,
    address: SocketAddr,
}

impl Host {
    async fn run(mut self, mut wanted: watch::Receiver<Target>) {
        let mut listener: Option<TcpListener> = None;
        let mut connections = JoinSet::new();
        let mut done = None;
        loop {
            let target = *wanted.borrow_and_update();
            if target.quit {
                return;
            }
            if done != Some(target.generation) {
                done = Some(target.generation);
                let result = if target.listen {
                    self.listen(&mut listener).await
                } else {
                    listener = None;
                    connections.shutdown().await;
                    Ok(self.address)
                };
                self.phase.reach(target.generation, result);
            }
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = self.shared.close_listener.notified() => listener = None,
                accepted = accept(listener.as_ref()) => if let Ok(tcp) = accepted {
                    self.shared.state.count_connection();
                    let fault = lock(&self.shared.connection_faults).take(|_| true);
                    connections.spawn(open(tcp, self.acceptor.clone(), Arc::clone(&self.shared), fault));
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn listen(&mut self, listener: &mut Option<TcpListener>) -> io::Result<SocketAddr> {
        if listener.is_none() {
            let bound = TcpListener::bind(self.address).await?;
            self.address = bound.local_addr()?;
            *listener = Some(bound);
        }
        Ok(self.address)
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(tcp, _)| tcp),
        None => std::future::pending().await,
    }
}

async fn open(
    tcp: TcpStream,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    fault: Option<ConnectionFault>,
) {
    // Only latency depends on it.
    tcp.set_nodelay(true).ok();
    let limit = match fault {
        Some(ConnectionFault::Silence) => std::future::pending().await,
        Some(ConnectionFault::Close) => return,
        Some(ConnectionFault::ResetAfterBytes(bytes)) => Some(bytes),
        Some(ConnectionFault::Nothing) | None => None,
    };
    let reset = ResetOnDrop::default();
    let wire = Wire::new(tcp, reset.clone(), limit);
    match acceptor {
        None => connection::serve(wire, shared, reset).await,
        Some(acceptor) => {
            if let Ok(tls) = acceptor.accept(wire).await {
                connection::serve(tls, shared, reset).await;
            }
        }
    }
}
