//! IDs that come while a stream runs which started without them: from the task that asks Sift to the disk thread.
//!
//! Callers hold descriptors with placeholders in them, and rows with placeholders wait in the lane; so rows go on being
//! encoded as before, and from the answer on the disk thread puts the IDs in before it writes them.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::backlog::Backlog;
use crate::error::Result;
use crate::spool::pending::RealIds;

/// Writes Sift's answer down in the slot, and says which IDs take the place of placeholders. Doing it again is harmless.
pub(crate) type WriteDown = Arc<dyn Fn() -> Result<RealIds> + Send + Sync>;

/// Where the answer is left for the disk thread.
#[derive(Default)]
pub(crate) struct LateIds {
    answer: Mutex<Option<WriteDown>>,
}

impl LateIds {
    /// Leaves the answer.
    pub(crate) fn tell(&self, answer: WriteDown) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// Writes the answer down, if it has come.
    pub(crate) fn learn(&self) -> Result<Option<RealIds>> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        answer.map(|write_down| write_down()).transpose()
    }
}

impl fmt::Debug for LateIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateIds").finish_non_exhaustive()
    }
}

/// What a disk thread needs that began with placeholders.
#[derive(Debug, Clone)]
pub(crate) struct Unidentified {
    pub(crate) late: Arc<LateIds>,
    pub(crate) backlog: Arc<Backlog>,
    /// What is closed to rows until then; none if nothing is sent.
    pub(crate) gate: Option<Arc<Gate>>,
}

/// Keeps rows from the wire until it is known under which IDs Sift knows them.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    ids: OnceLock<RealIds>,
}

impl Gate {
    /// Opens it: rows whose IDs are placeholders get `ids`.
    pub(crate) fn open(&self, ids: RealIds) {
        self.ids.get_or_init(|| ids);
    }

    /// What takes the place of placeholders; none while it is closed.
    pub(crate) fn ids(&self) -> Option<&RealIds> {
        self.ids.get()
    }
}
