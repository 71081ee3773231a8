//! What a registrar needs of its stream.

use std::sync::PoisonError;

use super::Inner;
use crate::encode::IngestionConfigEncoder;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::registration::Host;
use crate::remembered::Remembered;
use crate::schema::FlowConfig;
use crate::spool::Spool;
use crate::spool::pending::is_placeholder;
use crate::transport::Transport;

impl<T: Transport> Inner<IngestionConfigEncoder, T> {
    /// Changes what the slot remembers, if there is one. One change at a time.
    fn in_slot(&self, change: impl FnOnce(&mut Remembered, &Spool) -> Result<()>) -> Result<()> {
        let _alone = self.registration.slot_changes.lock().unwrap_or_else(PoisonError::into_inner);
        match self.transport.slot() {
            Some(spool) => {
                let spool = spool?;
                change(&mut Remembered::load(&spool)?, &spool)
            }
            None => Ok(()),
        }
    }
}

impl<T: Transport> Host for Inner<IngestionConfigEncoder, T> {
    fn config_id(&self) -> Option<String> {
        let id = self.encoder.ingestion_config_id();
        (!is_placeholder(id.as_bytes())).then(|| id.to_owned())
    }

    fn has_disk(&self) -> bool {
        self.transport.slot().is_some()
    }

    fn knows(&self, flow: &str) -> bool {
        self.encoder.knows(flow)
    }

    fn remember(&self, flow: &FlowConfig, is_registered: bool) -> Result<()> {
        self.in_slot(|known, spool| known.note_flow(spool, flow, is_registered))
    }

    fn forget(&self, flow: &str) -> Result<()> {
        self.in_slot(|known, spool| known.forget_flow(spool, flow))
    }

    fn remember_config_id(&self, id: &str) -> Result<()> {
        self.in_slot(|known, spool| known.set_config_id(spool, id))
    }

    fn make_sendable(&self, flow: &FlowConfig) {
        self.encoder.add(std::slice::from_ref(flow));
    }

    fn hold(&self, holds: bool) {
        self.transport.hold(holds);
    }

    fn closed(&self) -> Option<Error> {
        self.transport.intake().closed()
    }

    fn break_with(&self, why: Error) {
        self.transport.break_with(why);
    }

    fn emit(&self, event: EventKind) {
        self.transport.events().emit(event);
    }
}
