//! What the builders of streams with a disk let the user choose, each choice on its own.

use std::path::PathBuf;
use std::time::Duration;

use super::stored_options::{Choice, Named};
use crate::error::{Error, ErrorCode, Result};
use crate::spool::{DiskBackupPolicy, FsyncPolicy, RollingFilePolicy, WhenFull, WriterOptions};

/// The choices for the disk.
#[cfg_attr(test, derive(Debug))]
pub(super) struct DiskChoices {
    /// Not an option of the slot: it leads to the slot.
    pub(super) backups_dir: Option<PathBuf>,
    pub(super) max_backup_file_size: Choice<u64>,
    pub(super) max_file_count: Choice<Option<u64>>,
    pub(super) retain_backups: Choice<bool>,
    pub(super) max_bytes: Choice<Option<u64>>,
    pub(super) min_free: Choice<u64>,
    pub(super) when_full: Choice<WhenFull>,
    pub(super) fsync: Choice<FsyncPolicy>,
    pub(super) batch_size: Choice<u32>,
    pub(super) flush_interval: Choice<Duration>,
}

impl Default for DiskChoices {
    fn default() -> Self {
        let WriterOptions { policy, batch_size, flush_interval, .. } = WriterOptions::default();
        Self {
            backups_dir: policy.backups_dir,
            max_backup_file_size: Choice::default_of(policy.max_backup_file_size),
            max_file_count: Choice::default_of(count(policy.rolling_file_policy)),
            retain_backups: Choice::default_of(policy.retain_backups),
            max_bytes: Choice::default_of(policy.max_bytes),
            min_free: Choice::default_of(policy.min_free),
            when_full: Choice::default_of(policy.when_full),
            fsync: Choice::default_of(policy.fsync),
            batch_size: Choice::default_of(batch_size),
            flush_interval: Choice::default_of(flush_interval),
        }
    }
}

impl DiskChoices {
    /// Chooses everything that a policy says.
    pub(super) fn set_policy(&mut self, policy: DiskBackupPolicy) {
        self.backups_dir = policy.backups_dir;
        self.max_backup_file_size.set(policy.max_backup_file_size);
        self.max_file_count.set(count(policy.rolling_file_policy));
        self.retain_backups.set(policy.retain_backups);
        self.max_bytes.set(policy.max_bytes);
        self.min_free.set(policy.min_free);
        self.when_full.set(policy.when_full);
        self.fsync.set(policy.fsync);
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> DiskBackupPolicy {
        let max_file_count =
            self.max_file_count.get().map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        DiskBackupPolicy {
            backups_dir: self.backups_dir.clone(),
            max_backup_file_size: self.max_backup_file_size.get(),
            rolling_file_policy: RollingFilePolicy { max_file_count },
            retain_backups: self.retain_backups.get(),
            max_bytes: self.max_bytes.get(),
            min_free: self.min_free.get(),
            when_full: self.when_full.get(),
            fsync: self.fsync.get(),
        }
    }

    /// What the writer is told.
    pub(super) fn writer_options(&self) -> WriterOptions {
        WriterOptions {
            policy: self.policy(),
            batch_size: self.batch_size.get(),
            flush_interval: self.flush_interval.get(),
            ..WriterOptions::default()
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        if self.batch_size.get() == 0 {
            return Err(Error::new(ErrorCode::InvalidArgument, "batch_size must be at least 1"));
        }
        Ok(())
    }

    /// The choices that a slot remembers.
    pub(super) fn named(&mut self) -> Named<'_> {
        vec![
            ("max_backup_file_size", &mut self.max_backup_file_size),
            ("max_file_count", &mut self.max_file_count),
            ("retain_backups", &mut self.retain_backups),
            ("max_bytes", &mut self.max_bytes),
            ("min_free", &mut self.min_free),
            ("when_full", &mut self.when_full),
            ("fsync", &mut self.fsync),
            ("batch_size", &mut self.batch_size),
            ("flush_interval", &mut self.flush_interval),
        ]
    }
}

/// Gives a builder a method for each part of the policy that both kinds of streams have.
macro_rules! policy_setters {
    ($builder:ty) => {
        impl $builder {
            /// At how many bytes a file is finished and the next one begins; 500 MiB by default. Like each part of the
            /// policy that is chosen on its own, it leaves the others as an earlier start chose them.
            #[must_use]
            pub fn max_backup_file_size(mut self, bytes: u64) -> Self {
                self.options.disk.max_backup_file_size.set(bytes);
                self
            }

            /// How many bytes all files may take together, those of earlier starts included; no limit by default.
            #[must_use]
            pub fn max_bytes(mut self, bytes: Option<u64>) -> Self {
                self.options.disk.max_bytes.set(bytes);
                self
            }

            /// How many bytes to leave free on the disk; 256 MiB by default.
            #[must_use]
            pub fn min_free(mut self, bytes: u64) -> Self {
                self.options.disk.min_free.set(bytes);
                self
            }

            /// What happens when there is no room; senders wait by default.
            #[must_use]
            pub fn when_full(mut self, when_full: $crate::spool::WhenFull) -> Self {
                self.options.disk.when_full.set(when_full);
                self
            }

            /// When written rows are made to survive a power failure; 500 ms after they were written by default.
            #[must_use]
            pub fn fsync(mut self, fsync: $crate::spool::FsyncPolicy) -> Self {
                self.options.disk.fsync.set(fsync);
                self
            }
        }
    };
}
pub(super) use policy_setters;

fn count(policy: RollingFilePolicy) -> Option<u64> {
    policy.max_file_count.map(|most| most as u64)
}
