//! From credentials and a schema to a running stream.

mod build_methods;
mod disk_choices;
mod encoded_rows;
mod file_backup;
mod identity;
mod late;
mod live_only;
mod live_with_backups;
mod on_disk;
mod protobuf;
mod stored_options;

pub use encoded_rows::EncodedRowsBuilder;
pub use file_backup::FileBackupBuilder;
pub use live_only::LiveOnlyBuilder;
pub use live_with_backups::LiveWithBackupsBuilder;
pub use on_disk::default_backups_dir;
pub use protobuf::{ProtobufBuilder, ProtobufStreamBuilder};

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::connect::{ApiKeySource, ConnectionOptions, Credentials, TcpConnector};
use crate::control::{ControlOptions, SiftControl};
use crate::error::Result;
use crate::schema::{IngestionConfigForm, MetadataValue, RunForm, RunSelector};
use crate::seams::connector::Connector;
use crate::seams::runtime::RunsOn;
use crate::seams::threads::ThreadOptions;

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
    /// ([`stage_flow`](crate::SiftStream::stage_flow)), else with the names and types of that row's values. Off by default.
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
        LiveOnlyBuilder::new(self)
    }
}
