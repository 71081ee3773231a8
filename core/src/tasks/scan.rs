//! Looks into the file that an earlier start was writing when it ended: only that one can have a torn tail, because
//! every other one was finished and synced. Damage elsewhere is found by whoever reads.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::error::{ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::seams::worker;
use crate::spool::{Area, Spool, StoredFile};

/// Puts a torn tail of the last start in quarantine and cuts it off, on a thread of its own; `None` if there is no file.
pub(crate) fn scan_last_file(spool: &Arc<Spool>, events: &Arc<Events>) -> Result<Option<JoinHandle<()>>> {
    let last = spool.finished_files().into_iter().rfind(|file| file.area == Area::Data);
    let Some(file) = last else { return Ok(None) };
    let (spool, events) = (Arc::clone(spool), Arc::clone(events));
    worker::spawn("siftstream-scan", move || scan(&spool, file, &events)).map(Some)
}

fn scan(spool: &Spool, file: StoredFile, events: &Events) {
    match spool.scan(file) {
        Ok(inventory) => {
            for damage in inventory.damage {
                events.emit(EventKind::Quarantined { file: file.number, bytes: damage.len });
            }
        }
        Err(error) if error.code() == ErrorCode::NotFound => {}
        Err(error) => {
            tracing::warn!(target: "siftstream::disk", %error, file = file.number, "cannot look into a file");
        }
    }
}
