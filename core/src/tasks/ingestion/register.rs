//! A schema that Sift does not know, or no longer: it is registered again, once, before the stream stops.
//!
//! Sift may give it another ID. Rows are encoded with the old one, here and on disk; they get the new one on their way.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Ingestion, LiveShared, Pause};
use crate::control::RetryClass;
use crate::error::{ErrorCode, Result};
use crate::registration::Remedy;
use crate::spool::pending::RealIds;
use crate::stream::segment::Segment;

/// What is done about it.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The generation of the schema that Sift does not know.
    wanted: Option<u64>,
    pub(super) running: Option<JoinHandle<Result<()>>>,
    /// The generation whose IDs rows get.
    generation: u64,
    ids: Option<RealIds>,
    /// Nobody can register the schema, and the rows were sent once more.
    sent_once_more: bool,
}

impl Again {
    /// The segment with the ID under which Sift knows the schema now.
    pub(super) fn renamed(&mut self, segment: Arc<Segment>, shared: &LiveShared) -> Arc<Segment> {
        let Some(registrar) = &shared.registrar else { return segment };
        let generation = registrar.generation();
        if generation != self.generation {
            self.ids = registrar.new_id().and_then(|id| RealIds::of_config(&id).ok());
            self.generation = generation;
        }
        let renamed = self.ids.as_ref().map(|ids| segment.with_ids(ids));
        match renamed {
            Some(Ok(renamed)) => Arc::new(renamed),
            // What cannot be read is for Sift to refuse.
            Some(Err(_)) | None => segment,
        }
    }

    /// Whether the schema has to be registered before rows can be sent.
    pub(super) fn is_awaited(&self) -> bool {
        self.wanted.is_some()
    }
}

impl Ingestion {
    /// The generation of the schema that a gRPC stream is opened in.
    pub(super) fn generation(&self) -> u64 {
        self.shared.registrar.as_ref().map_or(0, |registrar| registrar.generation())
    }

    /// Rows were confirmed on a gRPC stream that was opened in this generation.
    pub(super) fn schema_works(&mut self, generation: u64) {
        self.again.sent_once_more = false;
        if let Some(registrar) = &self.shared.registrar {
            registrar.works(generation);
        }
    }

    /// What a schema that Sift does not know means for a gRPC stream that was opened in this generation.
    pub(super) fn schema_fails(&mut self, generation: u64) -> RetryClass {
        let remedy = match &self.shared.registrar {
            Some(registrar) => registrar.remedy(generation),
            None if std::mem::replace(&mut self.again.sent_once_more, true) => Remedy::None,
            None => Remedy::SendAgain,
        };
        match remedy {
            Remedy::Register => {
                self.again.wanted = Some(generation);
                RetryClass::Reregister
            }
            Remedy::SendAgain => RetryClass::Transient { retry_after: None },
            Remedy::None => RetryClass::Fatal,
        }
    }

    /// Registers the schema again if that is to be done now.
    pub(super) fn approach_a_schema(&mut self) {
        if let (Some(generation), None, Pause::None) = (self.again.wanted, &self.again.running, &self.pause)
            && let Some(registrar) = self.shared.registrar.clone()
        {
            let running = async move { registrar.register_again(generation).await };
            self.again.running = Some(self.link.runtime().spawn(running));
        }
    }

    pub(super) fn registered_again(&mut self, registered: Result<()>) -> Result<()> {
        let Err(error) = registered else {
            self.again.wanted = None;
            return Ok(());
        };
        let class = match error.code() {
            ErrorCode::Auth => RetryClass::Auth,
            ErrorCode::Unavailable | ErrorCode::Timeout => RetryClass::Transient { retry_after: None },
            _ => RetryClass::Fatal,
        };
        self.failed(class, error)
    }
}
