//! A server without a socket: somebody else accepts the connections, and says on which runtime they are served.
//!
//! For networks that are simulated, and for pipes within a process.

use crate::connection::{self, Terms};
use crate::faults::{Fault, Times};
use crate::shared::{Shared, lock};
use crate::state::State;
use crate::wire::ResetOnDrop;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A Sift endpoint that listens nowhere. Clones share what they know and received.
#[derive(Debug, Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
}

impl Endpoint {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What it knows and received. It outlives every connection.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.shared.state)
    }

    /// Queues a fault for the ingest streams to come.
    pub fn inject(&self, fault: Fault, times: Times) {
        lock(&self.shared.faults).push(fault, times);
    }

    /// Ends all faults, as [`crate::LocalServer::heal`] does.
    pub fn heal(&self) {
        self.shared.heal();
    }

    /// Serves one connection on the runtime that drives this future, until it is closed. Dropping the future drops the
    /// connection.
    pub async fn serve<IO>(&self, io: IO)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.shared.state.count_connection();
        let terms = Terms::of(&self.shared);
        let healed = self.shared.healed.listen();
        connection::serve(io, Arc::clone(&self.shared), ResetOnDrop::default(), terms, healed).await;
    }
}
