//! From a schema to a stream that writes files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::build_methods::build_methods;
use super::disk_choices::{DiskChoices, policy_setters};
use super::identity::Wanted;
use super::late::Question;
use super::on_disk::{OnDisk, Place, SlotOptions, check_at_least_one, check_row_size};
use super::stored_options::{Choice, Named};
use super::{MIB, Reach, StreamConfigBuilder};
use crate::connect::ApiKeySource;
use crate::control::SiftControl;
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::registration::Registrar;
use crate::seams::filesystem::{RealFileSystem, SharedFileSystem};
use crate::seams::runtime::StreamRuntime;
use crate::spool::{DiskBackupPolicy, SlotKey, WriterOptions};
use crate::stream::intake::IntakeOptions;
use crate::stream::{Inner, OverflowPolicy, Registration, SiftStream};
use crate::transport::{FileBackup, FileBackupConfig, FileBackupStart, Transport};

/// What slots of file-backup streams are keyed by beside their names.
const MODE: &str = "file_backup";

/// The choices of a stream that writes files.
pub struct FileBackupBuilder {
    pub(super) config: StreamConfigBuilder,
    stream_name: String,
    ingestion_config_id: Option<String>,
    options: Options,
    filesystem: SharedFileSystem,
}

/// The options that a slot remembers.
#[cfg_attr(test, derive(Debug))]
struct Options {
    disk: DiskChoices,
    backup_data_channel_capacity: Choice<u64>,
    backup_data_channel_bytes: Choice<u64>,
    overflow_policy: Choice<OverflowPolicy>,
    offline_after: Choice<Duration>,
    max_row_size: Choice<usize>,
    end_stream_on_validation_error: Choice<bool>,
}

policy_setters!(FileBackupBuilder);

build_methods!(FileBackupBuilder, FileBackup);

impl FileBackupBuilder {
    pub(super) fn new(config: StreamConfigBuilder) -> Self {
        let chosen = |name| config.chosen.contains(name);
        let options = Options {
            disk: DiskChoices::default(),
            backup_data_channel_capacity: Choice::default_of(102_400),
            backup_data_channel_bytes: Choice::default_of(64 * MIB),
            overflow_policy: Choice::default_of(OverflowPolicy::default()),
            offline_after: Choice::default_of(Duration::from_secs(3)),
            max_row_size: Choice::known(config.max_row_size, chosen("max_row_size")),
            end_stream_on_validation_error: Choice::known(
                config.end_stream_on_validation_error,
                chosen("end_stream_on_validation_error"),
            ),
        };
        Self {
            config,
            stream_name: "default".to_owned(),
            ingestion_config_id: None,
            options,
            filesystem: Arc::new(RealFileSystem),
        }
    }

    /// All that is in force, as text.
    #[cfg(test)]
    pub(crate) fn in_force(&self) -> String {
        let Self { config, stream_name, options, .. } = self;
        super::whoever_chose(format!("{} {stream_name} {options:?}", config.in_force()))
    }

    /// Where recordings are kept; in the user's data directory by default.
    #[must_use]
    pub fn backups_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.disk.backups_dir = Some(dir.into());
        self
    }

    /// How recordings are kept on disk. Chooses every part of the policy; to keep what an earlier start chose, and to
    /// say only where, use [`backups_dir`](Self::backups_dir).
    ///
    /// `max_file_count` must be left out: its limit brings a checkpoint forward, which a recording does not have, and
    /// no recording is removed. `max_bytes` bounds them.
    #[must_use]
    pub fn disk_backup_policy(mut self, policy: DiskBackupPolicy) -> Self {
        self.options.disk.set_policy(policy);
        self
    }

    /// How many rows may wait to be written; 102,400 by default.
    #[must_use]
    pub fn backup_data_channel_capacity(mut self, rows: u64) -> Self {
        self.options.backup_data_channel_capacity.set(rows);
        self
    }

    /// How much memory rows that wait to be written may take; 64 MiB by default.
    #[must_use]
    pub fn backup_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.options.backup_data_channel_bytes.set(bytes);
        self
    }

    /// What happens to rows when that channel is full; callers wait by default.
    #[must_use]
    pub fn overflow_policy(mut self, policy: OverflowPolicy) -> Self {
        self.options.overflow_policy.set(policy);
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
    pub fn ingestion_config_id(mut self, id: impl Into<String>) -> Self {
        self.ingestion_config_id = Some(id.into());
        self
    }

    /// How long the start waits for Sift, if it has to ask for an ID, before it goes on without; 3 s by default. Rows
    /// then wait in `pending/`, while the stream goes on asking. When the IDs come, now or at a later start, the rows
    /// move to `data/`, asset tags and metadata are applied, and new rows go straight to `data/`.
    #[must_use]
    pub fn offline_after(mut self, wait: Duration) -> Self {
        self.options.offline_after.set(wait);
        self
    }

    /// How many rows share a chunk of a file at most; 1,024 by default.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.options.disk.batch_size.set(rows);
        self
    }

    /// How long a row waits at most for others before it is written; 50 ms by default.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.options.disk.flush_interval.set(interval);
        self
    }

    /// Writes to this disk.
    #[doc(hidden)]
    #[must_use]
    pub fn filesystem(mut self, filesystem: SharedFileSystem) -> Self {
        self.filesystem = filesystem;
        self
    }

    async fn start<T>(self, runtime: StreamRuntime) -> Result<SiftStream<IngestionConfigEncoder, T>>
    where
        T: Transport + From<FileBackup>,
    {
        let registers_unknown = self.config.auto_register_flows;
        let taken = self.take_place(MODE, None).await?;
        let identity = &taken.on_disk.identity;
        let registrar = Arc::new(Registrar::new(
            taken.control.clone(),
            runtime.handle(),
            taken.on_disk.spool.slot().key().form(identity.flows.clone()),
            false,
            registers_unknown,
        ));
        let encoder = IngestionConfigEncoder::new(
            identity.config_id.clone(),
            &identity.flows,
            taken.config.end_stream_on_validation_error,
            registrar,
        );
        let (stream, question) = taken.launch(encoder, runtime)?;
        let host = Arc::downgrade(&stream.inner);
        stream.encoder().registrar().works_for(host);
        if let Some(question) = question {
            stream.inner.runtime.handle().spawn(question.ask(Arc::downgrade(&stream.inner)));
        }
        Ok(stream)
    }

    /// Takes the slot, and finds out what the rows belong to. Slots of another encoder are elsewhere: `within`.
    pub(super) async fn take_place(mut self, mode: &str, within: Option<&'static str>) -> Result<Taken> {
        self.options.validate()?;
        let StreamConfigBuilder { base, form, run, asset_tags, asset_metadata, .. } = self.config;
        let wanted = Wanted {
            form,
            ingestion_config_id: self.ingestion_config_id,
            run,
            asset_tags,
            asset_metadata,
            offline_after: self.options.offline_after.get(),
        };
        wanted.validate()?;
        let Reach { connection, key, control, .. } = base.reach()?;
        let slot_key = SlotKey {
            endpoint: connection.endpoint()?.to_string(),
            asset: wanted.form.asset_name.clone(),
            client_key: wanted.form.client_key.clone(),
            stream: self.stream_name.clone(),
            mode: mode.to_owned(),
        };
        let place = Place {
            filesystem: self.filesystem,
            root: self.options.disk.backups_dir.take(),
            within,
            key: slot_key,
            adopts_all: false,
        };
        let on_disk = place.open(&mut self.options, wanted, &control).await?;
        self.options.disk.backups_dir = Some(on_disk.root.clone());
        let config = self.options.in_force(self.stream_name, on_disk.spool.slot().path().to_owned());
        Ok(Taken { key, control, on_disk, writer: self.options.disk.writer_options(), config })
    }
}

/// A place on disk that is taken.
pub(super) struct Taken {
    key: ApiKeySource,
    control: SiftControl,
    on_disk: OnDisk,
    writer: WriterOptions,
    config: FileBackupConfig,
}

impl Taken {
    /// Starts the stream; what Sift has still to be asked comes back.
    pub(super) fn launch<E, T>(
        self,
        encoder: E,
        runtime: StreamRuntime,
    ) -> Result<(SiftStream<E, T>, Option<Question>)>
    where
        E: Encoder,
        T: Transport + From<FileBackup>,
    {
        let OnDisk { spool, backlog, identity, question, .. } = self.on_disk;
        let start = FileBackupStart {
            rows: IntakeOptions {
                max_row_size: self.config.max_row_size,
                suffix: encoder.suffix(identity.run_id.as_deref()),
                overflow: self.config.overflow_policy,
                flow_names: encoder.flow_names(),
            },
            writer: self.writer,
            area: identity.area,
            spool,
            backlog,
            is_waiting: question.is_some(),
            config: self.config,
        };
        let transport: T = FileBackup::start(start)?.into();
        let registration = Registration::new(self.control, self.key, identity.run_id);
        let inner = Arc::new(Inner { encoder, transport, registration, runtime });
        Ok((SiftStream { inner }, question))
    }
}

impl SlotOptions for Options {
    fn validate(&self) -> Result<()> {
        check_at_least_one(&[
            ("backup_data_channel_capacity", self.backup_data_channel_capacity.get()),
            ("backup_data_channel_bytes", self.backup_data_channel_bytes.get()),
        ])?;
        check_row_size(self.max_row_size.get())?;
        if self.disk.policy().rolling_file_policy.max_file_count.is_some() {
            let message = "max_file_count brings a checkpoint forward, and a file backup makes none: leave it out, \
                           and bound the recordings with max_bytes";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        self.disk.validate()
    }

    fn named(&mut self) -> Named<'_> {
        let mut named = self.disk.named();
        named.extend::<Named<'_>>(vec![
            ("backup_data_channel_capacity", &mut self.backup_data_channel_capacity),
            ("backup_data_channel_bytes", &mut self.backup_data_channel_bytes),
            ("overflow_policy", &mut self.overflow_policy),
            ("offline_after", &mut self.offline_after),
            ("max_row_size", &mut self.max_row_size),
            ("end_stream_on_validation_error", &mut self.end_stream_on_validation_error),
        ]);
        named
    }

    fn offline_after(&self) -> Duration {
        self.offline_after.get()
    }
}

impl Options {
    fn in_force(&self, stream_name: String, slot: PathBuf) -> FileBackupConfig {
        FileBackupConfig {
            stream_name,
            slot,
            disk_backup_policy: self.disk.policy(),
            batch_size: self.disk.batch_size.get(),
            flush_interval: self.disk.flush_interval.get(),
            backup_data_channel_capacity: self.backup_data_channel_capacity.get(),
            backup_data_channel_bytes: self.backup_data_channel_bytes.get(),
            overflow_policy: self.overflow_policy.get(),
            offline_after: self.offline_after.get(),
            max_row_size: self.max_row_size.get(),
            end_stream_on_validation_error: self.end_stream_on_validation_error.get(),
        }
    }
}
