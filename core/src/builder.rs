//! From credentials and a schema to a running stream.

mod build_methods;
mod disk_choices;
mod encoded_rows;
mod file_backup;
mod identity;
mod late;
mod live_with_backups;
mod on_disk;
mod protobuf;
mod stored_options;

pub use encoded_rows::EncodedRowsBuilder;
pub use file_backup::FileBackupBuilder;
pub use live_with_backups::LiveWithBackupsBuilder;
pub use on_disk::default_backups_dir;
pub use protobuf::{ProtobufBuilder, ProtobufStreamBuilder};

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::build_methods::build_methods;
use crate::checkpoint::{CheckpointStore, InMemoryCheckpointStore, Recovery};
use crate::connect::{ApiKeySource, ConnectionOptions, Credentials, TcpConnector};
use crate::control::{ControlOptions, SiftControl};
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::failure_policy::{FailurePolicies, FailurePolicy};
use crate::quarantine::Quarantine;
use crate::registration::Registrar;
use crate::retry::RetryPolicy;
use crate::schema::{IngestionConfigForm, MetadataValue, RunForm, RunSelector};
use crate::seams::connector::Connector;
use crate::seams::filesystem::RealFileSystem;
use crate::seams::runtime::{RunsOn, RuntimeHandle, StreamRuntime};
use crate::seams::threads::ThreadOptions;
use crate::stream::intake::IntakeOptions;
use crate::stream::lane::Capacity;
use crate::stream::{Inner, OverflowPolicy, Registration, SiftStream};
use crate::tasks::ingestion::{CheckpointTriggers, IngestionOptions, Unconfirmed};
use crate::tasks::link::Link;
use crate::transport::{Checkpoints, LiveStreamingOnly, Transport};

const MIB: u64 = 1024 * 1024;

/// What builders have in force, whether somebody chose it or not.
#[cfg(test)]
fn whoever_chose(text: String) -> String {
    text.replace("source: Explicit", "source: Default")
}

/// Begins a stream: where Sift is, and who asks.
pub struct SiftStreamBuilder {
    credentials: Credentials,
    connection: ConnectionOptions,
    connector: Option<Arc<dyn Connector>>,
    control: ControlOptions,
    runs_on: RunsOn,
}

impl SiftStreamBuilder {
    /// A stream to the endpoint that the credentials name.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            connection: ConnectionOptions::new(String::new()),
            connector: None,
            control: ControlOptions::default(),
            runs_on: RunsOn::OwnThreads(ThreadOptions::with_workers(1)),
        }
    }

    #[cfg(test)]
    fn in_force(&self) -> String {
        let threads = match &self.runs_on {
            RunsOn::OwnThreads(threads) => format!("{threads:?}"),
            RunsOn::CallersRuntime => "the caller's".to_owned(),
        };
        format!("{:?} {:?} {threads}", self.connection, self.control)
    }

    /// Allows `http://`: the API key and all data then travel unencrypted. Off by default.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.connection.insecure = insecure;
        self
    }

    /// Compresses each row by gzip on its way to Sift, where that makes it shorter; `false` by default. An endpoint that
    /// refuses this gets the rows uncompressed.
    #[must_use]
    pub fn enable_compression_for_ingestion(self, enable: bool) -> Self {
        self.connection(|connection| connection.enable_compression_for_ingestion = enable)
    }

    /// Changes how the endpoint is reached; the address comes from the credentials.
    #[must_use]
    pub fn connection(mut self, change: impl FnOnce(&mut ConnectionOptions)) -> Self {
        change(&mut self.connection);
        self
    }

    /// Opens connections through `connector` instead of TCP and TLS.
    #[must_use]
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Changes how calls other than sending are bounded.
    #[must_use]
    pub fn control(mut self, change: impl FnOnce(&mut ControlOptions)) -> Self {
        change(&mut self.control);
        self
    }

    /// The number of threads that the stream runs on; 1 by default.
    #[must_use]
    pub fn worker_threads(self, threads: usize) -> Self {
        self.with_threads(|of| of.workers = threads)
    }

    /// What the names of the stream's threads begin with, instead of `siftstream`: 1 to 8 visible ASCII characters.
    #[must_use]
    pub fn thread_name(self, name: &str) -> Self {
        self.with_threads(|threads| threads.set_name(name))
    }

    /// The CPUs that the stream's threads run on; by default, or if there are none, those of the thread that builds it.
    #[must_use]
    pub fn thread_cpus(self, cpus: &[usize]) -> Self {
        self.with_threads(|threads| threads.set_cpus(cpus))
    }

    /// The nice value of the stream's threads, -20 (urgent) to 19; by default that of the thread that builds it.
    #[must_use]
    pub fn thread_nice(self, nice: i32) -> Self {
        self.with_threads(|threads| threads.set_nice(nice))
    }

    /// Makes the stream's threads real-time threads (SCHED_FIFO) of a priority from 1 to 99. By default they are
    /// ordinary threads, also if the thread that builds the stream is not.
    #[must_use]
    pub fn thread_fifo_priority(self, priority: u32) -> Self {
        self.with_threads(|threads| threads.set_fifo_priority(priority))
    }

    fn with_threads(mut self, change: impl FnOnce(&mut ThreadOptions)) -> Self {
        let mut threads = match self.runs_on {
            RunsOn::OwnThreads(threads) => threads,
            RunsOn::CallersRuntime => ThreadOptions::with_workers(1),
        };
        change(&mut threads);
        self.runs_on = RunsOn::OwnThreads(threads);
        self
    }

    /// Runs a live stream on the tokio runtime in which `build` is awaited, without a thread of its own. For simulated
    /// networks: the disk is worked on by the same threads, and calls that block the caller must not be used.
    #[doc(hidden)]
    #[must_use]
    pub fn on_callers_runtime(mut self) -> Self {
        self.runs_on = RunsOn::CallersRuntime;
        self
    }

    /// What a stream needs to reach Sift; nothing is reached yet. Must be called within the stream's runtime.
    fn reach(self) -> Result<Reach> {
        let (uri, key) = self.credentials.source()?;
        let connection = ConnectionOptions { uri, ..self.connection };
        connection.endpoint()?;
        let connector = match self.connector {
            Some(connector) => connector,
            None => Arc::new(TcpConnector::new(connection.clone())?),
        };
        let control =
            SiftControl::with_connector(&connection, Arc::clone(&connector), key.clone(), self.control)?;
        Ok(Reach { connection, connector, key, control })
    }

    /// The schema of the rows.
    pub fn ingestion_config(self, form: IngestionConfigForm) -> StreamConfigBuilder {
        StreamConfigBuilder {
            base: self,
            form,
            run: None,
            asset_tags: Vec::new(),
            asset_metadata: Vec::new(),
            end_stream_on_validation_error: false,
            auto_register_flows: false,
            max_row_size: usize::try_from(4 * MIB).unwrap_or(usize::MAX),
            chosen: BTreeSet::new(),
        }
    }
}

/// The ways to Sift.
struct Reach {
    connection: ConnectionOptions,
    connector: Arc<dyn Connector>,
    key: ApiKeySource,
    control: SiftControl,
}

/// The part of a stream's choices that all transports share.
pub struct StreamConfigBuilder {
    base: SiftStreamBuilder,
    form: IngestionConfigForm,
    run: Option<RunSelector>,
    asset_tags: Vec<String>,
    asset_metadata: Vec<MetadataValue>,
    end_stream_on_validation_error: bool,
    auto_register_flows: bool,
    max_row_size: usize,
    /// The options that the caller chose; the others may be chosen by a slot.
    chosen: BTreeSet<&'static str>,
}

impl StreamConfigBuilder {
    #[cfg(test)]
    fn in_force(&self) -> String {
        format!(
            "{} {} {} {}",
            self.base.in_force(),
            self.end_stream_on_validation_error,
            self.auto_register_flows,
            self.max_row_size
        )
    }

    /// Attaches all rows to the run with this client key, which is created or updated.
    #[must_use]
    pub fn attach_run(mut self, run: RunForm) -> Self {
        self.run = Some(RunSelector::ByForm(run));
        self
    }

    /// Attaches all rows to an existing run.
    #[must_use]
    pub fn attach_run_id(mut self, run_id: &str) -> Self {
        self.run = Some(RunSelector::ById(run_id.to_owned()));
        self
    }

    /// Adds tags to the asset; those it has stay.
    #[must_use]
    pub fn add_asset_tags(mut self, tags: Vec<String>) -> Self {
        self.asset_tags = tags;
        self
    }

    /// Adds metadata to the asset; a key that it has gets the new value.
    #[must_use]
    pub fn add_asset_metadata(mut self, metadata: Vec<MetadataValue>) -> Self {
        self.asset_metadata = metadata;
        self
    }

    /// Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside. Off by default.
    #[must_use]
    pub fn end_stream_on_validation_error(mut self, end: bool) -> Self {
        self.end_stream_on_validation_error = end;
        self.chosen.insert("end_stream_on_validation_error");
        self
    }

    /// Registers a flow that is not part of the schema when its first row is sent: with the config that was staged for it
    /// ([`stage_flow`](SiftStream::stage_flow)), else with the names and types of that row's values. Off by default.
    ///
    /// Holds for rows by name ([`Flow`](crate::Flow)). Senders wait for the registration; `try_send` says that there is no
    /// room meanwhile. If Sift has the flow with other channels, the senders get an error that shows the difference, and
    /// nothing was accepted. A stream with a disk accepts the rows also while Sift cannot be asked: they are sent when
    /// the flow could be registered. Should Sift refuse it then, the stream stops, and the rows stay on disk.
    #[must_use]
    pub fn auto_register_flows(mut self, register: bool) -> Self {
        self.auto_register_flows = register;
        self
    }

    /// The largest encoded row in bytes; 4 MiB by default.
    #[must_use]
    pub fn max_row_size(mut self, bytes: usize) -> Self {
        self.max_row_size = bytes;
        self.chosen.insert("max_row_size");
        self
    }

    /// A stream that keeps every row on disk until Sift has confirmed it.
    pub fn live_with_backups(self) -> LiveWithBackupsBuilder {
        LiveWithBackupsBuilder::new(self)
    }

    /// A stream that writes rows to files only.
    pub fn file_backup(self) -> FileBackupBuilder {
        FileBackupBuilder::new(self)
    }

    /// A stream that keeps unconfirmed rows in memory only.
    pub fn live_only(self) -> LiveOnlyBuilder {
        LiveOnlyBuilder {
            config: self,
            policies: FailurePolicies::default(),
            ingestion_data_channel_capacity: 102_400,
            ingestion_data_channel_bytes: 64 * MIB,
            overflow_policy: OverflowPolicy::default(),
            options: IngestionOptions {
                linger: Duration::from_millis(1),
                checkpoints: CheckpointTriggers {
                    interval: Duration::from_secs(60),
                    rows: None,
                    bytes: None,
                },
                unconfirmed: Unconfirmed::InMemory { window_bytes: 64 * MIB },
                retry_policy: Some(RetryPolicy::default()),
                idle_timeout: Duration::from_secs(60),
                response_timeout: Duration::from_secs(30),
            },
            stream_name: "default".to_owned(),
            checkpoint_store: None,
        }
    }
}

/// The choices of a live-only stream.
pub struct LiveOnlyBuilder {
    config: StreamConfigBuilder,
    policies: FailurePolicies,
    ingestion_data_channel_capacity: u64,
    ingestion_data_channel_bytes: u64,
    overflow_policy: OverflowPolicy,
    options: IngestionOptions,
    stream_name: String,
    checkpoint_store: Option<Arc<dyn CheckpointStore>>,
}

build_methods!(LiveOnlyBuilder, LiveStreamingOnly);

impl LiveOnlyBuilder {
    /// All that is in force, as text.
    #[cfg(test)]
    pub(crate) fn in_force(&self) -> String {
        format!(
            "{} {:?} {} {} {:?} {:?} {}",
            self.config.in_force(),
            self.policies,
            self.ingestion_data_channel_capacity,
            self.ingestion_data_channel_bytes,
            self.overflow_policy,
            self.options,
            self.stream_name
        )
    }

    /// How many rows may wait to be sent; 102,400 by default.
    #[must_use]
    pub fn ingestion_data_channel_capacity(mut self, rows: u64) -> Self {
        self.ingestion_data_channel_capacity = rows;
        self
    }

    /// How much memory rows that wait to be sent may take; 64 MiB by default.
    #[must_use]
    pub fn ingestion_data_channel_bytes(mut self, bytes: u64) -> Self {
        self.ingestion_data_channel_bytes = bytes;
        self
    }

    /// What happens to rows when that channel is full; callers wait by default.
    #[must_use]
    pub fn overflow_policy(mut self, policy: OverflowPolicy) -> Self {
        self.overflow_policy = policy;
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

    /// Where checkpoints of the inputs are kept, so that they survive the process, such as a
    /// [`FileCheckpointStore`](crate::checkpoint::FileCheckpointStore); in memory by default. Not used by two streams
    /// of one name at a time.
    #[must_use]
    pub fn checkpoint_store(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoint_store = Some(store);
        self
    }

    /// The name under which its checkpoints are kept; `default` by default.
    #[must_use]
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.stream_name = name.into();
        self
    }

    /// How much memory unconfirmed rows may take; 64 MiB by default. With 0, rows are not kept once they were sent: what
    /// a failed stream carried is then lost, and reported as dropped.
    #[must_use]
    pub fn replay_window_bytes(mut self, bytes: u64) -> Self {
        self.options.unconfirmed =
            if bytes == 0 { Unconfirmed::NotKept } else { Unconfirmed::InMemory { window_bytes: bytes } };
        self
    }

    /// How failures are retried; `None` ends the stream at the first one.
    #[must_use]
    pub fn retry_policy(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.options.retry_policy = policy.into();
        self
    }

    /// What happens to rows that Sift rejects; [`FailurePolicy::Stop`] by default. Sift tells of such rows only with
    /// `end_stream_on_validation_error`.
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

    /// Where skipped rows are kept. A stream that skips must have it: nothing else of it is on disk.
    #[must_use]
    pub fn quarantine_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.policies.quarantine = Some(Quarantine::new(Arc::new(RealFileSystem), dir.into()));
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

    fn validate(&self) -> Result<()> {
        if self.ingestion_data_channel_capacity == 0 || self.ingestion_data_channel_bytes == 0 {
            let message =
                "ingestion_data_channel_capacity and ingestion_data_channel_bytes must be at least 1";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        if self.policies.skips_any() && self.policies.quarantine.is_none() {
            let message = "rows that are skipped must be kept somewhere: set quarantine_dir";
            return Err(Error::new(ErrorCode::NotConfigured, message));
        }
        if self.options.checkpoints.rows == Some(0) {
            return Err(Error::new(ErrorCode::InvalidArgument, "checkpoint_rows must be at least 1"));
        }
        self.options.retry_policy.as_ref().map_or(Ok(()), RetryPolicy::validate)
    }

    async fn start<T>(self, runtime: StreamRuntime) -> Result<SiftStream<IngestionConfigEncoder, T>>
    where
        T: Transport + From<LiveStreamingOnly>,
    {
        self.validate()?;
        let StreamConfigBuilder {
            base,
            form,
            run,
            asset_tags,
            asset_metadata,
            auto_register_flows,
            max_row_size,
            ..
        } = self.config;
        form.validate()?;
        let Reach { connection, connector, key, control } = base.reach()?;
        control.ping().await?;
        let registered = control.ensure_ingestion_config(&form).await?;
        if !asset_tags.is_empty() {
            control.add_asset_tags(&registered.asset_id, &asset_tags).await?;
        }
        if !asset_metadata.is_empty() {
            control.add_asset_metadata(&registered.asset_id, &asset_metadata).await?;
        }
        let run_id = match run {
            Some(selector) => Some(control.ensure_run(&selector).await?),
            None => None,
        };
        let handle = runtime.handle();
        let form = IngestionConfigForm { flows: registered.flows.clone(), ..form };
        let registrar =
            Arc::new(Registrar::new(control.clone(), handle.clone(), form, true, auto_register_flows));
        let encoder = IngestionConfigEncoder::new(
            registered.ingestion_config_id,
            &registered.flows,
            self.config.end_stream_on_validation_error,
            Arc::clone(&registrar),
        );
        let link = Link::new(connector, handle.clone(), &connection, key.clone(), encoder.method())?;
        let checkpoints = checkpoints(self.stream_name, self.checkpoint_store, &handle).await?;
        let capacity =
            Capacity { rows: self.ingestion_data_channel_capacity, bytes: self.ingestion_data_channel_bytes };
        let rows = IntakeOptions {
            max_row_size,
            suffix: encoder.suffix(run_id.as_deref()),
            overflow: self.overflow_policy,
            flow_names: encoder.flow_names(),
        };
        let (options, policies) = (self.options, self.policies);
        let transport: T =
            LiveStreamingOnly::start(link, capacity, rows, options, policies, checkpoints, Some(registrar))
                .into();
        let registration = Registration::new(control, key, run_id);
        let inner = Arc::new(Inner { encoder, transport, registration, runtime });
        let host = Arc::downgrade(&inner);
        inner.encoder.registrar().works_for(host);
        Ok(SiftStream { inner })
    }
}

/// Looks up what a live-only stream left; in memory, if it was given no other place.
async fn checkpoints(
    stream_name: String,
    store: Option<Arc<dyn CheckpointStore>>,
    runtime: &RuntimeHandle,
) -> Result<Checkpoints> {
    let store = store.unwrap_or_else(|| Arc::new(InMemoryCheckpointStore::new(1)));
    let (found_in, name) = (Arc::clone(&store), stream_name.clone());
    let before = runtime.run_beside(move || Recovery::load(&*found_in, &name)).await?;
    Ok(Checkpoints { stream_name, store, before })
}
