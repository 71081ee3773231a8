//! What a disk thread counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::SiftStreamMetricsSnapshot;

/// No file yet.
const NO_FILE: u64 = u64::MAX;

/// The counters of a disk thread, without locks.
#[derive(Debug)]
pub(crate) struct DiskCounters {
    errors: AtomicU64,
    degraded: AtomicBool,
    bytes: AtomicU64,
    files: AtomicU64,
    current_file: AtomicU64,
}

impl Default for DiskCounters {
    fn default() -> Self {
        Self {
            errors: AtomicU64::new(0),
            degraded: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            current_file: AtomicU64::new(NO_FILE),
        }
    }
}

impl DiskCounters {
    pub(crate) fn disk_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.degraded.store(degraded, Ordering::Relaxed);
    }

    /// All files take `bytes`, and `file` is being written.
    pub(crate) fn stored(&self, bytes: u64, file: Option<u64>) {
        self.bytes.store(bytes, Ordering::Relaxed);
        if let Some(file) = file
            && self.current_file.swap(file, Ordering::Relaxed) != file
        {
            self.files.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn add_to(&self, snapshot: &mut SiftStreamMetricsSnapshot) {
        snapshot.disk_errors = self.errors.load(Ordering::Relaxed);
        snapshot.disk_degraded = self.degraded.load(Ordering::Relaxed);
        snapshot.backup_bytes = self.bytes.load(Ordering::Relaxed);
        snapshot.backup_files = self.files.load(Ordering::Relaxed);
    }
}
