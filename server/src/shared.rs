//! What the server's handle and its connections share.

use crate::connection::Command;
use crate::date::Dating;
use crate::faults::{ConnectionFault, Fault, FaultStatus, Script, UnaryFault};
use crate::gate::Gates;
use crate::news::News;
use crate::state::State;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Settings and scripts that every connection consults.
pub(crate) struct Shared {
    pub(crate) state: Arc<State>,
    pub(crate) page_limit: usize,
    pub(crate) count_only: bool,
    pub(crate) refuse_compression: bool,
    pub(crate) max_concurrent_streams: u32,
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) api_key: Mutex<Option<String>>,
    pub(crate) dating: Dating,
    pub(crate) faults: Mutex<Script<Fault>>,
    pub(crate) connection_faults: Mutex<Script<ConnectionFault>>,
    pub(crate) unary_faults: Mutex<Script<UnaryFault>>,
    pub(crate) connections: Mutex<Vec<mpsc::Sender<Command>>>,
    /// Wakes the accept loop to close its listener.
    pub(crate) close_listener: Notify,
    pub(crate) gates: Arc<Gates>,
    /// Changes when all faults are to end.
    pub(crate) healed: News<()>,
    /// Changes when the open ingest streams are to end, with this status.
    pub(crate) dismissed: News<Option<FaultStatus>>,
}

impl fmt::Debug for Shared {
    /// Leaves out the API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether `header`, the call's `authorization`, opens this server.
    pub(crate) fn admits(&self, header: Option<&[u8]>) -> bool {
        match lock(&self.api_key).as_deref() {
            None => true,
            Some(key) => header.and_then(|h| h.strip_prefix(b"Bearer ")) == Some(key.as_bytes()),
        }
    }

    /// Forgets all faults that have not set in.
    pub(crate) fn clear_faults(&self) {
        lock(&self.faults).clear();
        lock(&self.connection_faults).clear();
        lock(&self.unary_faults).clear();
    }

    /// Ends all faults, those that have set in too.
    pub(crate) fn heal(&self) {
        self.clear_faults();
        self.healed.tell(());
        self.gates.open();
    }

    /// Sends `command` to every open connection.
    pub(crate) fn tell_connections(&self, command: &Command) {
        lock(&self.connections).retain(|connection| {
            !matches!(connection.try_send(command.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        });
    }
}

/// Locks `mutex`; what it guards is valid even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
