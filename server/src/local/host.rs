//! The thread that a server runs on: the accept loop, and what the handle can ask of it.

use crate::connection::{self, Terms};
use crate::faults::ConnectionFault;
use crate::shared::{Shared, lock};
use crate::wire::{ResetOnDrop, Wire};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What the handle wants the thread to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) generation: u64,
    pub(super) listen: bool,
    pub(super) quit: bool,
}

/// An I/O result that can be handed out more than once.
type Outcome = Result<SocketAddr, (io::ErrorKind, String)>;

/// How far the thread has come: the generation it reached, and with what result.
#[derive(Debug, Default)]
pub(super) struct Phase {
    reached: Mutex<Option<(u64, Outcome)>>,
    changed: Condvar,
}

impl Phase {
    pub(super) fn reach(&self, generation: u64, result: io::Result<SocketAddr>) {
        *lock(&self.reached) = Some((generation, result.map_err(|error| (error.kind(), error.to_string()))));
        self.changed.notify_all();
    }

    pub(super) fn wait_for(&self, generation: u64) -> io::Result<SocketAddr> {
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
pub(super) struct Host {
    pub(super) shared: Arc<Shared>,
    pub(super) phase: Arc<Phase>,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) address: SocketAddr,
}

impl Host {
    pub(super) async fn run(mut self, mut wanted: watch::Receiver<Target>) {
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
    let mut healed = shared.healed.listen();
    let mut limit = None;
    let mut terms = Terms::of(&shared);
    match fault {
        Some(ConnectionFault::Silence) => healed.changed().await,
        Some(ConnectionFault::Close) => return,
        Some(ConnectionFault::Answer(bytes)) => return answer(tcp, bytes).await,
        Some(ConnectionFault::ResetAfterBytes(bytes)) => limit = Some(bytes),
        Some(ConnectionFault::MaxStreams(most)) => terms.max_concurrent_streams = most,
        Some(ConnectionFault::ZeroWindow) => terms.stream_window = 0,
        Some(ConnectionFault::GoAwayAfter(time, kind)) => terms.goodbye = Some((time, kind)),
        Some(ConnectionFault::Nothing) | None => {}
    }
    let reset = ResetOnDrop::default();
    let wire = Wire::new(tcp, reset.clone(), Arc::clone(&shared.gates), limit);
    match acceptor {
        None => connection::serve(wire, shared, reset, terms, healed).await,
        Some(acceptor) => {
            if let Ok(tls) = acceptor.accept(wire).await {
                connection::serve(tls, shared, reset, terms, healed).await;
            }
        }
    }
}

/// Says `bytes`, whatever the client says, and closes when the client does.
async fn answer(mut tcp: TcpStream, bytes: &'static [u8]) {
    // A client that is gone needs no answer.
    tcp.write_all(bytes).await.ok();
    tcp.shutdown().await.ok();
    tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await.ok();
}
