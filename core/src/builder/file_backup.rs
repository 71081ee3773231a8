//! From a schema to a stream that writes files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::identity::Wanted;
use super::late::Question;
use super::{MIB, Reach, StreamConfigBuilder};
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::remembered::Remembered;
use crate::seams::filesystem::{RealFileSystem, SharedFileSystem};
use crate::seams::runtime::StreamRuntime;
use crate::spool::pbfs::MAX_CHUNK;
use crate::spool::{DiskBackupPolicy, Slot, SlotKey, Spool, WriterOptions};
use crate::stream::lane::Capacity;
use crate::stream::{Inner, Registration, SiftStream};
use crate::tasks::backlog::Backlog;
use crate::transport::FileBackup;

/// What slots of file-backup streams are keyed by beside their names.
const MODE: &str = "file_backup";
/// A chunk's first row comes with a length of its own.
const ROW_OVERHEAD: u64 = 4;

/// The choices of a stream that writes files.
pub struct FileBackupBuilder {
    config: StreamConfigBuilder,
    backup_data_channel_capacity: u64,
    backup_data_channel_bytes: u64,
    stream_name: String,
    ingestion_config_id: Option<String>,
    offline_after: Duration,
    options: WriterOptions,
    filesystem: SharedFileSystem,
}

impl FileBackupBuilder {
    pub(super) fn new(config: StreamConfigBuilder) -> Self {
        Self {
            config,
            backup_data_channel_capacity: 102_400,
            backup_data_channel_bytes: 64 * MIB,
            stream_name: "default".to_owned(),
            ingestion_config_id: None,
            offline_after: Duration::from_secs(3),
            options: WriterOptions::default(),
            filesystem: Arc::new(RealFileSystem),
        }
    }

    /// How backups are kept on disk.
    #[must_use]
    pub fn disk_backup_policy(mut self, policy: DiskBackupPolicy) -> Self {
        self.options.policy = policy;
        self
    }

    /// How many rows may wait to be written; 102,400 by default.
    #[must_use]
    pub fn backup_data_channel_capacity(mut self, rows: u64) -> Self {
        self.backup_data_channel_capacity = rows;
        self
    }

    /// How much memory rows that wait to be written may take; 64 MiB by default.
    #[must_use]
    pub fn backup_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.backup_data_channel_bytes = bytes;
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

    /// How long the start waits for Sift, if it has to ask for an ID, before it goes on without; 3 s by default. Rows
    /// then wait in `pending/`, while the stream goes on asking. When the IDs come, now or at a later start, the rows
    /// move to `data/`, asset tags and metadata are applied, and new rows go straight to `data/`.
    #[must_use]
    pub fn offline_after(mut self, wait: Duration) -> Self {
        self.offline_after = wait;
        self
    }

    /// How many rows share a chunk of a file at most; 1,024 by default.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.options.batch_size = rows;
        self
    }

    /// How long a row waits at most for others before it is written; 50 ms by default.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.options.flush_interval = interval;
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
    pub async fn build(self) -> Result<SiftStream<IngestionConfigEncoder, FileBackup>> {
        let runtime = StreamRuntime::start(self.config.base.worker_threads)?;
        let handle = runtime.handle();
        handle.run(self.start(runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(self, timeout: Duration) -> Result<SiftStream<IngestionConfigEncoder, FileBackup>> {
        let runtime = StreamRuntime::start(self.config.base.worker_threads)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    async fn start(
        mut self,
        runtime: StreamRuntime,
    ) -> Result<SiftStream<IngestionConfigEncoder, FileBackup>> {
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
        let Reach { connection, key, control, .. } = base.reach()?;
        let root = match self.options.policy.backups_dir.take() {
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
        let backlog = Arc::new(Backlog::find(Arc::clone(&spool)));
        let older_runs = backlog.unknown_runs();
        let identity = wanted.identify(&spool, &older_runs, &control).await?;
        let question = if identity.is_complete {
            None
        } else {
            let older_runs = Wanted::unknown_runs(&Remembered::load(&spool)?, &older_runs);
            Some(Question { wanted: Arc::new(wanted), older_runs, spool: Arc::downgrade(&spool) })
        };
        let encoder = IngestionConfigEncoder::new(
            identity.config_id,
            &identity.flows,
            self.config.end_stream_on_validation_error,
        );
        let capacity =
            Capacity { rows: self.backup_data_channel_capacity, bytes: self.backup_data_channel_bytes };
        let suffix = encoder.suffix(identity.run_id.as_deref());
        let transport = FileBackup::start(
            spool,
            backlog,
            identity.area,
            question.is_some(),
            capacity,
            max_row_size,
            suffix,
            self.options,
        )?;
        let registration = Registration { control, key, run_id: Mutex::new(identity.run_id) };
        let inner = Arc::new(Inner { encoder, transport, registration, runtime });
        if let Some(question) = question {
            inner.runtime.handle().spawn(question.ask(Arc::downgrade(&inner)));
        }
        Ok(SiftStream { inner })
    }

    fn validate(&self) -> Result<()> {
        let at_least_one = [
            ("backup_data_channel_capacity", self.backup_data_channel_capacity),
            ("backup_data_channel_bytes", self.backup_data_channel_bytes),
            ("batch_size", u64::from(self.options.batch_size)),
        ];
        if let Some((name, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::new(ErrorCode::InvalidArgument, format!("{name} must be at least 1")));
        }
        if self.config.max_row_size as u64 > MAX_CHUNK - ROW_OVERHEAD {
            let message = format!("max_row_size can be at most {} with files", MAX_CHUNK - ROW_OVERHEAD);
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        Ok(())
    }
}

/// Where programs keep their data on this platform.
fn default_root() -> Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let data = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        absolute("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share")))
    };
    data.map(|data| data.join("siftstream")).ok_or_else(|| {
        let message = "the user's data directory is unknown: set backups_dir in the disk backup policy";
        Error::new(ErrorCode::NotConfigured, message)
    })
}
