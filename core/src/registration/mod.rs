//! What a stream has registered with Sift, kept so that it can be registered again; and flows that are registered when
//! their first row is sent.

mod again;
mod coming;
mod derive;
mod unknown;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::control::SiftControl;
use crate::error::{Error, ErrorCode, Result};
use crate::events::EventKind;
use crate::schema::{FlowConfig, IngestionConfigForm};
use crate::seams::runtime::RuntimeHandle;

pub(crate) use again::Remedy;
pub use coming::Coming;

/// The stream that a registrar works for.
pub(crate) trait Host: Send + Sync {
    /// The ID of the ingestion config; none as long as it is a placeholder.
    fn config_id(&self) -> Option<String>;

    /// Whether rows of a flow that Sift does not know yet can be kept.
    fn has_disk(&self) -> bool;

    /// Whether rows of a flow can be built.
    fn knows(&self, flow: &str) -> bool;

    /// Notes a flow where the stream remembers its schema; `is_registered` if Sift has it. May wait for the disk.
    fn remember(&self, flow: &FlowConfig, is_registered: bool) -> Result<()>;

    /// Takes back the note of a flow that Sift did not take. May wait for the disk.
    fn forget(&self, flow: &str) -> Result<()>;

    /// Notes under which ID Sift knows the schema from now on. May wait for the disk.
    fn remember_config_id(&self, id: &str) -> Result<()>;

    /// Lets rows of a flow be built and sent.
    fn make_sendable(&self, flow: &FlowConfig);

    /// Keeps rows from the wire as often as it is not let go again.
    fn hold(&self, holds: bool);

    /// Why the stream takes no more rows, if so.
    fn closed(&self) -> Option<Error>;

    /// The stream can deliver nothing more.
    fn break_with(&self, why: Error);

    /// Says what happened.
    fn emit(&self, event: EventKind);
}

/// Registers what a stream sends.
pub(crate) struct Registrar {
    control: SiftControl,
    runtime: RuntimeHandle,
    /// With all flows that rows were or are sent of.
    form: Mutex<IngestionConfigForm>,
    /// Whether the schema may be registered again: not if the caller named its ID.
    may_register_again: bool,
    /// Whether flows are registered when their first row is sent.
    registers_unknown: bool,
    /// Flows that wait for their first row.
    staged: Mutex<HashMap<String, FlowConfig>>,
    coming: Mutex<HashMap<String, Arc<Coming>>>,
    /// The ID that Sift gave when the schema was registered again.
    new_id: Mutex<Option<String>>,
    /// How often that happened, and the last time that it brought rows home.
    generation: AtomicU64,
    proven: AtomicU64,
    again: tokio::sync::Mutex<()>,
    host: OnceLock<Weak<dyn Host>>,
}

impl Registrar {
    pub(crate) fn new(
        control: SiftControl,
        runtime: RuntimeHandle,
        form: IngestionConfigForm,
        may_register_again: bool,
        registers_unknown: bool,
    ) -> Self {
        Self {
            control,
            runtime,
            form: Mutex::new(form),
            may_register_again,
            registers_unknown,
            staged: Mutex::default(),
            coming: Mutex::default(),
            new_id: Mutex::default(),
            generation: AtomicU64::new(0),
            proven: AtomicU64::new(0),
            again: tokio::sync::Mutex::default(),
            host: OnceLock::new(),
        }
    }

    /// Says for which stream it works, once there is one.
    pub(crate) fn works_for(&self, host: Weak<dyn Host>) {
        self.host.get_or_init(|| host);
    }

    pub(crate) fn registers_unknown(&self) -> bool {
        self.registers_unknown
    }

    /// The ID of the ingestion config; none as long as it is not known.
    pub(crate) fn config_id(&self) -> Option<String> {
        lock(&self.new_id).clone().or_else(|| self.host()?.config_id())
    }

    /// Takes note of flows that Sift has.
    pub(crate) fn registered(&self, flows: &[FlowConfig]) {
        let mut form = lock(&self.form);
        for flow in flows {
            if !form.flows.iter().any(|known| known.name == flow.name) {
                form.flows.push(flow.clone());
            }
            lock(&self.staged).remove(&flow.name);
        }
    }

    fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.get()?.upgrade()
    }

    /// Does what may wait for the disk, as long as there is a stream.
    async fn beside(&self, work: impl FnOnce(&dyn Host) -> Result<()> + Send + 'static) -> Result<()> {
        match self.host() {
            Some(host) => self.runtime.run_beside(move || work(&*host)).await,
            None => Err(gone()),
        }
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("registers_unknown", &self.registers_unknown)
            .finish_non_exhaustive()
    }
}

fn gone() -> Error {
    Error::new(ErrorCode::Closed, "the stream is over")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
