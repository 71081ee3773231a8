//! From a schema to a stream that is live and on disk.

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
use crate::connect::{ApiKeySource, ConnectionOptions};
use crate::control::SiftControl;
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::Result;
use crate::failure_policy::{FailurePolicies, FailurePolicy};
use crate::registration::Registrar;
use crate::retry::RetryPolicy;
use crate::seams::connector::Connector;
use crate::seams::filesystem::{RealFileSystem, SharedFileSystem};
use crate::seams::runtime::StreamRuntime;
use crate::spool::{DiskBackupPolicy, SlotKey};
use crate::stream::intake::{IntakeOptions, Outlets};
use crate::stream::lane::Capacity;
use crate::stream::{Inner, OverflowPolicy, Registration, SiftStream};
use crate::tasks::ingestion::{CheckpointTriggers, IngestionOptions, Unconfirmed};
use crate::tasks::link::Link;
use crate::tasks::reingestion::ReingestionOptions;
use crate::transport::{LiveStreamingWithBackups, Parts, Transport};

/// What slots of such streams are keyed by beside their names.
const MODE: &str = "live_with_backups";

/// The choices of a stream that keeps every row on disk until Sift has confirmed it.
pub struct LiveWithBackupsBuilder {
    pub(super) config: StreamConfigBuilder,
    stream_name: String,
    ingestion_config_id: Option<String>,
    retry_policy: Option<RetryPolicy>,
    policies: FailurePolicies,
    options: Options,
    filesystem: SharedFileSystem,
}

/// The options that a slot remembers.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Options {
    disk: DiskChoices,
    ingestion_data_channel_capacity: Choice<u64>,
    ingestion_data_channel_bytes: Choice<u64>,
    backup_data_channel_capacity: Choice<u64>,
    backup_data_channel_bytes: Choice<u64>,
    overflow_policy: Choice<OverflowPolicy>,
    offline_after: Choice<Duration>,
    linger: Choice<Duration>,
    checkpoint_interval: Choice<Duration>,
    checkpoint_rows: Choice<Option<u64>>,
    checkpoint_bytes: Choice<Option<u64>>,
    idle_timeout: Choice<Duration>,
    response_timeout: Choice<Duration>,
    recover_on_start: Choice<bool>,
    reingestion_bytes_per_second: Choice<Option<u64>>,
    max_row_size: Choice<usize>,
    end_stream_on_validation_error: Choice<bool>,
}

policy_setters!(LiveWithBackupsBuilder);

build_methods!(LiveWithBackupsBuilder, LiveStreamingWithBackups);

impl LiveWithBackupsBuilder {
    pub(super) fn new(config: StreamConfigBuilder) -> Self {
        let chosen = |name| config.chosen.contains(name);
        let options = Options {
            disk: DiskChoices::default(),
            ingestion_data_channel_capacity: Choice::default_of(102_400),
            ingestion_data_channel_bytes: Choice::default_of(64 * MIB),
            backup_data_channel_capacity: Choice::default_of(102_400),
            backup_data_channel_bytes: Choice::default_of(64 * MIB),
            overflow_policy: Choice::default_of(OverflowPolicy::default()),
            offline_after: Choice::default_of(Duration::from_secs(3)),
            linger: Choice::default_of(Duration::from_millis(1)),
            checkpoint_interval: Choice::default_of(Duration::from_secs(60)),
            checkpoint_rows: Choice::default_of(None),
            checkpoint_bytes: Choice::default_of(None),
            idle_timeout: Choice::default_of(Duration::from_secs(60)),
            response_timeout: Choice::default_of(Duration::from_secs(30)),
            recover_on_start: Choice::default_of(true),
            reingestion_bytes_per_second: Choice::default_of(None),
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
            retry_policy: Some(RetryPolicy::default()),
            policies: FailurePolicies::default(),
            options,
            filesystem: Arc::new(RealFileSystem),
        }
    }

    /// All that is in force, as text.
    #[cfg(test)]
    pub(crate) fn in_force(&self) -> String {
        let Self { config, stream_name, retry_policy, policies, options, .. } = self;
        super::whoever_chose(format!(
            "{} {stream_name} {retry_policy:?} {policies:?} {options:?}",
            config.in_force()
        ))
    }

    /// Where backups are kept; in the user's data directory by default.
    #[must_use]
    pub fn backups_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.disk.backups_dir = Some(dir.into());
        self
    }

    /// How backups are kept on disk. Chooses every part of the policy; to keep what an earlier start chose, use the
    /// methods for single parts.
    #[must_use]
    pub fn disk_backup_policy(mut self, policy: DiskBackupPolicy) -> Self {
        self.options.disk.set_policy(policy);
        self
    }

    /// Whether files stay after everything in them was confirmed; no by default.
    #[must_use]
    pub fn retain_backups(mut self, retain: bool) -> Self {
        self.options.disk.retain_backups.set(retain);
        self
    }

    /// At how many files a checkpoint is made early; no limit by default.
    #[must_use]
    pub fn max_file_count(mut self, files: Option<u64>) -> Self {
        self.options.disk.max_file_count.set(files);
        self
    }

    /// How many rows may wait to be sent; 102,400 by default. When it is full, the oldest leave it: they are on disk,
    /// or on the way there, and are sent later.
    #[must_use]
    pub fn ingestion_data_channel_capacity(mut self, rows: u64) -> Self {
        self.options.ingestion_data_channel_capacity.set(rows);
        self
    }

    /// How much memory rows that wait to be sent may take; 64 MiB by default.
    #[must_use]
    pub fn ingestion_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.options.ingestion_data_channel_bytes.set(bytes);
        self
    }

    /// How many rows may wait to be written; 102,400 by default. When it is full, callers wait.
    #[must_use]
    pub fn backup_data_channel_capacity(mut self, rows: u64) -> Self {
        self.options.backup_data_channel_capacity.set(rows);
        self
    }

    /// How much memory rows that wait to be written may take; 64 MiB by default. The channels share their rows, so both
    /// together take what the larger one takes.
    #[must_use]
    pub fn backup_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.options.backup_data_channel_bytes.set(bytes);
        self
    }

    /// What happens to rows when the channel to the disk is full; callers wait by default. Rows that are dropped there may
    /// still be on their way to Sift: if it confirms them, they are confirmed.
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
    /// then wait on disk while the stream goes on asking, and are sent when the IDs are known.
    #[must_use]
    pub fn offline_after(mut self, wait: Duration) -> Self {
        self.options.offline_after.set(wait);
        self
    }

    /// How long a part-filled segment may wait for more rows; 1 ms by default, 0 sends at once.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.options.linger.set(linger);
        self
    }

    /// How often what was sent is confirmed; 60 s by default.
    #[must_use]
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.options.checkpoint_interval.set(interval);
        self
    }

    /// A checkpoint is made early when so many rows were sent since the last one; no bound by default.
    #[must_use]
    pub fn checkpoint_rows(mut self, rows: u64) -> Self {
        self.options.checkpoint_rows.set(Some(rows));
        self
    }

    /// A checkpoint is made early when so many bytes were sent since the last one; no bound by default.
    #[must_use]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.options.checkpoint_bytes.set(Some(bytes));
        self
    }

    /// How failures are retried; `None` ends the stream at the first one, with its rows on disk.
    #[must_use]
    pub fn retry_policy(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.retry_policy = policy.into();
        self
    }

    /// What happens to rows that Sift rejects; [`FailurePolicy::Stop`] by default. Skipped rows are kept in the slot's
    /// `quarantine/`. Sift tells of such rows only with `end_stream_on_validation_error`.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.policies.default = policy;
        self
    }

    /// The same for the rows of one flow.
    #[must_use]
    pub fn flow_failure_policy(mut self, flow: &str, policy: FailurePolicy) -> Self {
        self.policies.by_flow.insert(flow.to_owned(), policy);
        self
    }

    /// After how long without progress a gRPC stream that has something to do is given up; 60 s by default.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle_timeout.set(timeout);
        self
    }

    /// How long the answer to a half-closed gRPC stream may take while nothing moves; 30 s by default.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.options.response_timeout.set(timeout);
        self
    }

    /// Whether rows that earlier streams of this name left on disk are sent, in the background; yes by default.
    #[must_use]
    pub fn recover_on_start(mut self, recover: bool) -> Self {
        self.options.recover_on_start.set(recover);
        self
    }

    /// The most bytes of backups that are sent again in a second; no bound by default.
    #[must_use]
    pub fn reingestion_bytes_per_second(mut self, bytes: u64) -> Self {
        self.options.reingestion_bytes_per_second.set(Some(bytes));
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
        T: Transport + From<LiveStreamingWithBackups>,
    {
        let may_register_again = self.ingestion_config_id.is_none();
        let registers_unknown = self.config.auto_register_flows;
        let taken = self.take_place(MODE, None).await?;
        let identity = &taken.on_disk.identity;
        let registrar = Arc::new(Registrar::new(
            taken.control.clone(),
            runtime.handle(),
            taken.on_disk.spool.slot().key().form(identity.flows.clone()),
            may_register_again,
            registers_unknown,
        ));
        let encoder = IngestionConfigEncoder::new(
            identity.config_id.clone(),
            &identity.flows,
            taken.options.end_stream_on_validation_error.get(),
            Arc::clone(&registrar),
        );
        let (stream, question) = taken.launch(encoder, Some(registrar), runtime)?;
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
        if let Some(policy) = &self.retry_policy {
            policy.validate()?;
        }
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
        let Reach { connection, connector, key, control } = base.reach()?;
        let slot_key = SlotKey {
            endpoint: connection.endpoint()?.to_string(),
            asset: wanted.form.asset_name.clone(),
            client_key: wanted.form.client_key.clone(),
            stream: self.stream_name,
            mode: mode.to_owned(),
        };
        let place = Place {
            filesystem: self.filesystem,
            root: self.options.disk.backups_dir.take(),
            within,
            key: slot_key,
            adopts_all: self.options.recover_on_start.get(),
        };
        let on_disk = place.open(&mut self.options, wanted, &control).await?;
        Ok(Taken {
            connection,
            connector,
            key,
            control,
            on_disk,
            options: self.options,
            retry_policy: self.retry_policy,
            policies: self.policies,
        })
    }
}

/// A place on disk that is taken, and the way to Sift.
pub(super) struct Taken {
    connection: ConnectionOptions,
    connector: Arc<dyn Connector>,
    key: ApiKeySource,
    control: SiftControl,
    on_disk: OnDisk,
    options: Options,
    retry_policy: Option<RetryPolicy>,
    policies: FailurePolicies,
}

impl Taken {
    /// Starts the stream; what Sift has still to be asked comes back.
    pub(super) fn launch<E, T>(
        self,
        encoder: E,
        registrar: Option<Arc<Registrar>>,
        runtime: StreamRuntime,
    ) -> Result<(SiftStream<E, T>, Option<Question>)>
    where
        E: Encoder,
        T: Transport + From<LiveStreamingWithBackups>,
    {
        let Self { connection, connector, key, control, on_disk, options, retry_policy, policies } = self;
        let OnDisk { spool, backlog, identity, question, .. } = on_disk;
        let parts = Parts {
            link: Link::new(connector, runtime.handle(), &connection, key.clone(), encoder.method())?,
            spool,
            backlog,
            area: identity.area,
            is_waiting: question.is_some(),
            outlets: options.outlets(),
            rows: IntakeOptions {
                max_row_size: options.max_row_size.get(),
                suffix: encoder.suffix(identity.run_id.as_deref()),
                overflow: options.overflow_policy.get(),
                flow_names: encoder.flow_names(),
            },
            ingestion: options.ingestion(retry_policy),
            writer: options.disk.writer_options(),
            reingestion: options.reingestion(),
            policies,
            registrar,
        };
        let transport: T = LiveStreamingWithBackups::start(parts)?.into();
        let registration = Registration::new(control, key, identity.run_id);
        let inner = Arc::new(Inner { encoder, transport, registration, runtime });
        Ok((SiftStream { inner }, question))
    }
}

impl SlotOptions for Options {
    fn validate(&self) -> Result<()> {
        check_at_least_one(&[
            ("ingestion_data_channel_capacity", self.ingestion_data_channel_capacity.get()),
            ("ingestion_data_channel_bytes", self.ingestion_data_channel_bytes.get()),
            ("backup_data_channel_capacity", self.backup_data_channel_capacity.get()),
            ("backup_data_channel_bytes", self.backup_data_channel_bytes.get()),
            ("checkpoint_rows", self.checkpoint_rows.get().unwrap_or(1)),
            ("checkpoint_bytes", self.checkpoint_bytes.get().unwrap_or(1)),
            ("reingestion_bytes_per_second", self.reingestion_bytes_per_second.get().unwrap_or(1)),
        ])?;
        check_row_size(self.max_row_size.get())?;
        self.disk.validate()
    }

    fn named(&mut self) -> Named<'_> {
        let mut named = self.disk.named();
        named.extend::<Named<'_>>(vec![
            ("ingestion_data_channel_capacity", &mut self.ingestion_data_channel_capacity),
            ("ingestion_data_channel_bytes", &mut self.ingestion_data_channel_bytes),
            ("backup_data_channel_capacity", &mut self.backup_data_channel_capacity),
            ("backup_data_channel_bytes", &mut self.backup_data_channel_bytes),
            ("overflow_policy", &mut self.overflow_policy),
            ("offline_after", &mut self.offline_after),
            ("linger", &mut self.linger),
            ("checkpoint_interval", &mut self.checkpoint_interval),
            ("checkpoint_rows", &mut self.checkpoint_rows),
            ("checkpoint_bytes", &mut self.checkpoint_bytes),
            ("idle_timeout", &mut self.idle_timeout),
            ("response_timeout", &mut self.response_timeout),
            ("recover_on_start", &mut self.recover_on_start),
            ("reingestion_bytes_per_second", &mut self.reingestion_bytes_per_second),
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
    fn outlets(&self) -> Outlets {
        Outlets::Both {
            disk: Capacity {
                rows: self.backup_data_channel_capacity.get(),
                bytes: self.backup_data_channel_bytes.get(),
            },
            wire: Capacity {
                rows: self.ingestion_data_channel_capacity.get(),
                bytes: self.ingestion_data_channel_bytes.get(),
            },
        }
    }

    fn ingestion(&self, retry_policy: Option<RetryPolicy>) -> IngestionOptions {
        IngestionOptions {
            linger: self.linger.get(),
            checkpoints: CheckpointTriggers {
                interval: self.checkpoint_interval.get(),
                rows: self.checkpoint_rows.get(),
                bytes: self.checkpoint_bytes.get(),
            },
            unconfirmed: Unconfirmed::OnDisk,
            retry_policy,
            idle_timeout: self.idle_timeout.get(),
            response_timeout: self.response_timeout.get(),
        }
    }

    fn reingestion(&self) -> ReingestionOptions {
        ReingestionOptions {
            recover_on_start: self.recover_on_start.get(),
            retain_backups: self.disk.policy().retain_backups,
            bytes_per_second: self.reingestion_bytes_per_second.get(),
        }
    }
}
