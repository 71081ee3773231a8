//! Registering a schema again that Sift does not know, or no longer.
//!
//! Registrations are counted, so that all tasks of a stream agree on what was tried: one that brought rows home may be
//! followed by another; one that did not is the last.

use std::sync::atomic::Ordering;

use super::{Registrar, lock};
use crate::error::Result;

/// What a failure says about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The schema is to be registered again.
    Register,
    /// That was done since: the rows are to be sent again.
    SendAgain,
    /// That was done, and did not help.
    None,
}

impl Registrar {
    /// How often the schema was registered again.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Rows were confirmed on a gRPC stream that was opened in this generation.
    pub(crate) fn works(&self, generation: u64) {
        self.proven.fetch_max(generation, Ordering::AcqRel);
    }

    /// What helps if Sift does not know the schema, on a gRPC stream that was opened in this generation.
    pub(crate) fn remedy(&self, generation: u64) -> Remedy {
        if generation < self.generation() {
            Remedy::SendAgain
        } else if self.may_register_again && self.proven.load(Ordering::Acquire) >= generation {
            Remedy::Register
        } else {
            Remedy::None
        }
    }

    /// The ID that rows must name since the schema was registered again.
    pub(crate) fn new_id(&self) -> Option<String> {
        lock(&self.new_id).clone()
    }

    /// Finds the ingestion config, or creates it, with all flows as they were; its ID may be another one afterwards. Done
    /// once if several ask for it in the same generation.
    pub(crate) async fn register_again(&self, generation: u64) -> Result<()> {
        let _alone = self.again.lock().await;
        if generation < self.generation() {
            return Ok(());
        }
        let form = lock(&self.form).clone();
        let id = self.control.ensure_ingestion_config(&form).await?.ingestion_config_id;
        tracing::warn!(target: "siftstream::stream", id, "the schema was registered again");
        *lock(&self.new_id) = Some(id.clone());
        self.generation.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = self.beside(move |host| host.remember_config_id(&id)).await {
            tracing::warn!(target: "siftstream::stream", %error, "the next start finds the new ID again");
        }
        Ok(())
    }
}
