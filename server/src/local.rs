//! The server's handle.

mod builder;
mod host;

pub use builder::Builder;

use crate::connection::Command;
use crate::date::AnswerDate;
use crate::faults::{ConnectionFault, Fault, FaultStatus, GoAway, Times, UnaryFault};
use crate::gate::Blackhole;
use crate::shared::{Shared, lock};
use crate::state::State;
use host::{Host, Phase, Target};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

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
    /// Starts the thread; when this returns the server accepts connections.
    fn start(shared: Arc<Shared>, acceptor: Option<TlsAcceptor>, address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (target, wanted) = watch::channel(Target { generation: 0, listen: true, quit: false });
        let phase = Arc::new(Phase::default());
        let is_tls = acceptor.is_some();
        let host = Host { shared: Arc::clone(&shared), phase: Arc::clone(&phase), acceptor, address };
        let thread = std::thread::Builder::new()
            .name("sift-server".to_owned())
            .spawn(move || runtime.block_on(host.run(wanted)))?;
        let address = phase.wait_for(0)?;
        Ok(Self { shared, target, phase, address, is_tls, thread: Some(thread) })
    }

    /// Settings to start from.
    pub fn builder() -> Builder {
        Builder::default()
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

    /// Which time the answers bear from now on.
    pub fn set_date(&self, date: AnswerDate) {
        self.shared.dating.set(date);
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
        self.shared.clear_faults();
    }

    /// Ends all faults: forgets those that have not set in, and serves well what is silent, slow, frozen or in a
    /// blackhole. What was refused, reset or answered stays so. A closed listener stays closed.
    pub fn heal(&self) {
        self.shared.heal();
    }

    /// Lets nothing pass on any connection, open or new, until [`LocalServer::heal`]. Clients can still connect, because
    /// the system does that for the server.
    pub fn blackhole(&self, way: Blackhole) {
        self.shared.gates.shut(way);
    }

    /// Ends every open ingest stream that is being read with this status, as a server does that revokes a key.
    pub fn end_streams(&self, status: FaultStatus) {
        self.shared.dismissed.tell(Some(status));
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
