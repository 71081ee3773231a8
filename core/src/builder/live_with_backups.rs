//! From a schema to a stream that is live and on disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::file_backup::{ROW_OVERHEAD, default_root, patch_in_background};
use super::identity::Wanted;
use super::{MIB, Reach, StreamConfigBuilder};
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::retry::RetryPolicy;
use crate::seams::filesystem::{RealFileSystem, SharedFileSystem};
use crate::seams::runtime::StreamRuntime;
use crate::spool::pbfs::MAX_CHUNK;
use crate::spool::{Area, DiskBackupPolicy, Slot, SlotKey, Spool, WriterOptions};
use crate::stream::intake::Outlets;
use crate::stream::lane::Capacity;
use crate::stream::{Inner, Registration, SiftStream};
use crate::tasks::ingestion::{CheckpointTriggers, IngestionOptions, Unconfirmed};
use crate::tasks::link::Link;
use crate::tasks::reingestion::ReingestionOptions;
use crate::transport::{LiveStreamingWithBackups, Parts};

/// What slots of such streams are keyed by beside their names.
const MODE: &str = "live_with_backups";

/// The choices of a stream that keeps every row on disk until Sift has confirmed it.
pub struct LiveWithBackupsBuilder {
    config: StreamConfigBuilder,
    ingestion: Capacity,
    backup: Capacity,
    stream_name: String,
    ingestion_config_id: Option<String>,
    offline_after: Duration,
    options: IngestionOptions,
    writer: WriterOptions,
    reingestion: ReingestionOptions,
    filesystem: SharedFileSystem,
}

impl LiveWithBackupsBuilder {
    pub(super) fn new(config: StreamConfigBuilder) -> Self {
        let capacity = Capacity { rows: 102_400, bytes: 64 * MIB };
        Self {
            config,
            ingestion: capacity,
            backup: capacity,
            stream_name: "default".to_owned(),
            ingestion_config_id: None,
            offline_after: Duration::from_secs(3),
            options: IngestionOptions {
                linger: Duration::from_millis(1),
                checkpoints: CheckpointTriggers {
                    interval: Duration::from_secs(60),
                    rows: None,
                    bytes: None,
                },
                unconfirmed: Unconfirmed::OnDisk,
                retry_policy: Some(RetryPolicy::default()),
                idle_timeout: Duration::from_secs(60),
                response_timeout: Duration::from_secs(30),
            },
            writer: WriterOptions::default(),
            reingestion: ReingestionOptions {
                recover_on_start: true,
                retain_backups: false,
                bytes_per_second: None,
            },
            filesystem: Arc::new(RealFileSystem),
        }
    }

    /// How backups are kept on disk.
    #[must_use]
    pub fn disk_backup_policy(mut self, policy: DiskBackupPolicy) -> Self {
        self.writer.policy = policy;
        self
    }

    /// How many rows may wait to be sent; 102,400 by default. When it is full, the oldest leave it: they are on disk,
    /// or on the way there, and are sent later.
    #[must_use]
    pub fn ingestion_data_channel_capacity(mut self, rows: u64) -> Self {
        self.ingestion.rows = rows;
        self
    }

    /// How much memory rows that wait to be sent may take; 64 MiB by default.
    #[must_use]
    pub fn ingestion_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.ingestion.bytes = bytes;
        self
    }

    /// How many rows may wait to be written; 102,400 by default. When it is full, callers wait.
    #[must_use]
    pub fn backup_data_channel_capacity(mut self, rows: u64) -> Self {
        self.backup.rows = rows;
        self
    }

    /// How much memory rows that wait to be written may take; 64 MiB by default. The channels share their rows, so both
    /// together take what the larger one takes.
    #[must_use]
    pub fn backup_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.backup.bytes = bytes;
        self
    }

    /// The name that tells streams of one schema apart on disk; `default` by default.
    #[must_use]
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.stream_name = name.into();
        self
    }

    /// The ID under which Sift knows the schema, if the caller has it: then Sift is not asked.
    #[must_use]
    pub fn ingestion_config_id(mut self, id: &str) -> Self {
        self.ingestion_config_id = Some(id.to_owned());
        self
    }

    /// How long the start waits for Sift, if it has to ask for an ID; 3 s by default.
    #[must_use]
    pub fn offline_after(mut self, wait: Duration) -> Self {
        self.offline_after = wait;
        self
    }

    /// How long a part-filled segment may wait for more rows; 1 ms by default, 0 sends at once.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.options.linger = linger;
        self
    }

    /// How often what was sent is confirmed; 60 s by default.
    #[must_use]
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.options.checkpoints.interval = interval;
        self
    }

    /// A checkpoint is made early when so many rows were sent since the last one; no bound by default.
    #[must_use]
    pub fn checkpoint_rows(mut self, rows: u64) -> Self {
        self.options.checkpoints.rows = Some(rows);
        self
    }

    /// A checkpoint is made early when so many bytes were sent since the last one; no bound by default.
    #[must_use]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.options.checkpoints.bytes = Some(bytes);
        self
    }

    /// How failures are retried; `None` ends the stream at the first one, with its rows on disk.
    #[must_use]
    pub fn retry_policy(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.options.retry_policy = policy.into();
        self
    }

    /// After how long without progress a gRPC stream that has something to do is given up; 60 s by default.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle_timeout = timeout;
        self
    }

    /// How long the answer to a half-closed gRPC stream may take while nothing moves; 30 s by default.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.options.response_timeout = timeout;
        self
    }

    /// Whether rows that earlier streams of this name left on disk are sent, in the background; yes by default.
    #[must_use]
    pub fn recover_on_start(mut self, recover: bool) -> Self {
        self.reingestion.recover_on_start = recover;
        self
    }

    /// The most bytes of backups that are sent again in a second; no bound by default.
    #[must_use]
    pub fn reingestion_bytes_per_second(mut self, bytes: u64) -> Self {
        self.reingestion.bytes_per_second = Some(bytes);
        self
    }

    /// How many rows share a chunk of a file at most; 1,024 by default.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.writer.batch_size = rows;
        self
    }

    /// How long a row waits at most for others before it is written; 50 ms by default.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.writer.flush_interval = interval;
        self
    }

    /// Writes to this disk.
    #[doc(hidden)]
    #[must_use]
    pub fn filesystem(mut self, filesystem: SharedFileSystem) -> Self {
        self.filesystem = filesystem;
        self
    }

    /// Takes the slot and starts the stream.
    pub async fn build(self) -> Result<SiftStream<IngestionConfigEncoder, LiveStreamingWithBackups>> {
        let runtime = StreamRuntime::start(self.config.base.worker_threads)?;
        let handle = runtime.handle();
        handle.run(self.start(runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(
        self,
        timeout: Duration,
    ) -> Result<SiftStream<IngestionConfigEncoder, LiveStreamingWithBackups>> {
        let runtime = StreamRuntime::start(self.config.base.worker_threads)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    async fn start(
        mut self,
        runtime: StreamRuntime,
    ) -> Result<SiftStream<IngestionConfigEncoder, LiveStreamingWithBackups>> {
        self.validate()?;
        let StreamConfigBuilder { base, form, run, asset_tags, asset_metadata, max_row_size, .. } =
            self.config;
        let wanted = Wanted {
            form,
            ingestion_config_id: self.ingestion_config_id,
            run,
            asset_tags,
            asset_metadata,
            offline_after: self.offline_after,
        };
        wanted.validate()?;
        let Reach { connection, connector, key, control } = base.reach()?;
        let root = match self.writer.policy.backups_dir.take() {
            Some(root) => root,
            None => default_root()?,
        };
        let slot_key = SlotKey {
            endpoint: connection.endpoint()?.to_string(),
            asset: wanted.form.asset_name.clone(),
            client_key: wanted.form.client_key.clone(),
            stream: self.stream_name,
            mode: MODE.to_owned(),
        };
        let spool = Spool::open(Slot::open(self.filesystem, &root, &slot_key)?)?;
        let identity = wanted.identify(&spool, &control).await?;
        if identity.area == Area::Pending {
            let message = "Sift cannot be reached, and the slot does not know the IDs of this schema yet";
            return Err(Error::new(ErrorCode::Unavailable, message));
        }
        let companions = patch_in_background(&spool, identity.real_ids)?.into_iter().collect();
        let encoder = IngestionConfigEncoder::new(
            identity.config_id,
            &identity.flows,
            self.config.end_stream_on_validation_error,
        );
        let link = Link::new(connector, runtime.handle(), &connection, key.clone(), encoder.method())?;
        self.reingestion.retain_backups = self.writer.policy.retain_backups;
        let parts = Parts {
            link,
            spool,
            outlets: Outlets::Both { disk: self.backup, wire: self.ingestion },
            max_row_size,
            suffix: encoder.suffix(identity.run_id.as_deref()),
            ingestion: self.options,
            writer: self.writer,
            reingestion: self.reingestion,
            companions,
        };
        let transport = LiveStreamingWithBackups::start(parts)?;
        let registration = Registration { control, key, run_id: Mutex::new(identity.run_id) };
        Ok(SiftStream { inner: Arc::new(Inner { encoder, transport, registration, runtime }) })
    }

    fn validate(&self) -> Result<()> {
        let at_least_one = [
            ("ingestion_data_channel_capacity", self.ingestion.rows),
            ("ingestion_data_channel_bytes", self.ingestion.bytes),
            ("backup_data_channel_capacity", self.backup.rows),
            ("backup_data_channel_bytes", self.backup.bytes),
            ("batch_size", u64::from(self.writer.batch_size)),
            ("checkpoint_rows", self.options.checkpoints.rows.unwrap_or(1)),
            ("checkpoint_bytes", self.options.checkpoints.bytes.unwrap_or(1)),
            ("reingestion_bytes_per_second", self.reingestion.bytes_per_second.unwrap_or(1)),
        ];
        if let Some((name, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::new(ErrorCode::InvalidArgument, format!("{name} must be at least 1")));
        }
        if self.config.max_row_size as u64 > MAX_CHUNK - ROW_OVERHEAD {
            let message = format!("max_row_size can be at most {} with files", MAX_CHUNK - ROW_OVERHEAD);
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        match &self.options.retry_policy {
            Some(policy) => policy.validate(),
            None => Ok(()),
        }
    }
}
