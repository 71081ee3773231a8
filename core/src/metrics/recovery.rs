//! What re-ingestion counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::SiftStreamMetricsSnapshot;

/// The counters of re-ingestion, without locks.
#[derive(Debug, Default)]
pub(crate) struct RecoveryCounters {
    found: AtomicU64,
    confirmed: AtomicU64,
    sent_again: AtomicU64,
    rejected: AtomicU64,
    files: AtomicU64,
}

impl RecoveryCounters {
    /// Unconfirmed rows of an earlier epoch were found.
    pub(crate) fn found(&self, rows: u64) {
        self.found.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows of an earlier epoch were confirmed.
    pub(crate) fn confirmed(&self, rows: u64) {
        self.confirmed.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows of this epoch that the live path owed were confirmed.
    pub(crate) fn sent_again(&self, rows: u64) {
        self.sent_again.fetch_add(rows, Ordering::Relaxed);
    }

    /// A row of an earlier epoch was rejected.
    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Rows of earlier epochs that were rejected.
    pub(crate) fn rejected_rows(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Rows of earlier epochs: found, and confirmed since.
    pub(crate) fn recovered(&self) -> (u64, u64) {
        (self.found.load(Ordering::Relaxed), self.confirmed.load(Ordering::Relaxed))
    }

    /// So many files of earlier epochs are yet to be sent.
    pub(crate) fn files_left(&self, files: usize) {
        self.files.store(files as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_to(&self, snapshot: &mut SiftStreamMetricsSnapshot) {
        (snapshot.rows_recovered, snapshot.recovered_rows_confirmed) = self.recovered();
        snapshot.files_to_reingest = self.files.load(Ordering::Relaxed);
        snapshot.rows_reingested = self.sent_again.load(Ordering::Relaxed);
    }
}
