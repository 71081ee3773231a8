//! From a schema to a stream that keeps unconfirmed rows in memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::build_methods::build_methods;
use super::{MIB, Reach, StreamConfigBuilder};
use crate::checkpoint::{CheckpointStore, InMemoryCheckpointStore, Recovery};
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::failure_policy::{FailurePolicies, FailurePolicy};
use crate::quarantine::Quarantine;
use crate::registration::Registrar;
use crate::retry::RetryPolicy;
use crate::schema::IngestionConfigForm;
use crate::seams::filesystem::RealFileSystem;
use crate::seams::runtime::{RuntimeHandle, StreamRuntime};
use crate::stream::intake::IntakeOptions;
use crate::stream::lane::Capacity;
use crate::stream::{Inner, OverflowPolicy, Registration, SiftStream};
use crate::tasks::ingestion::{CheckpointTriggers, IngestionOptions, Unconfirmed};
use crate::tasks::link::Link;
use crate::transport::{Checkpoints, LiveStreamingOnly, Transport};

/// The choices of a live-only stream.
pub struct LiveOnlyBuilder {
    pub(super) config: StreamConfigBuilder,
    pub(super) policies: FailurePolicies,
    pub(super) ingestion_data_channel_capacity: u64,
    pub(super) ingestion_data_channel_bytes: u64,
    pub(super) overflow_policy: OverflowPolicy,
    pub(super) options: IngestionOptions,
    pub(super) stream_name: String,
    pub(super) checkpoint_store: Option<Arc<dyn CheckpointStore>>,
}

build_methods!(LiveOnlyBuilder, LiveStreamingOnly);

impl LiveOnlyBuilder {
    pub(super) fn new(config: StreamConfigBuilder) -> Self {
        Self {
            config,
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

    pub(super) fn validate(&self) -> Result<()> {
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
pub(super) async fn checkpoints(
    stream_name: String,
    store: Option<Arc<dyn CheckpointStore>>,
    runtime: &RuntimeHandle,
) -> Result<Checkpoints> {
    let store = store.unwrap_or_else(|| Arc::new(InMemoryCheckpointStore::new(1)));
    let (found_in, name) = (Arc::clone(&store), stream_name.clone());
    let before = runtime.run_beside(move || Recovery::load(&*found_in, &name)).await?;
    Ok(Checkpoints { stream_name, store, before })
}
