//! From credentials to a stream of rows that are encoded already.

use std::sync::Arc;
use std::time::Duration;

use super::live_only::checkpoints;
use super::{LiveOnlyBuilder, Reach, SiftStreamBuilder};
use crate::encode::{Encoder, RawEncoder};
use crate::error::Result;
use crate::schema::IngestionConfigForm;
use crate::seams::runtime::StreamRuntime;
use crate::stream::intake::IntakeOptions;
use crate::stream::lane::Capacity;
use crate::stream::{Inner, Registration, SiftStream};
use crate::tasks::link::Link;
use crate::transport::{LiveStreamingOnly, Transport};

/// The choices of a stream of encoded rows: those of a live-only stream, without a schema.
pub struct EncodedRowsBuilder {
    live: LiveOnlyBuilder,
}

impl SiftStreamBuilder {
    /// A live-only stream of rows that are encoded already, such as those of backup files. They name their ingestion
    /// config and run themselves; nothing is registered.
    pub fn encoded_rows(self) -> EncodedRowsBuilder {
        EncodedRowsBuilder { live: self.ingestion_config(IngestionConfigForm::default()).live_only() }
    }
}

impl EncodedRowsBuilder {
    /// The largest row in bytes; 4 MiB by default.
    #[must_use]
    pub fn max_row_size(mut self, bytes: usize) -> Self {
        self.live.config.max_row_size = bytes;
        self
    }

    /// Changes how rows wait, are confirmed and are sent again.
    #[must_use]
    pub fn live(mut self, change: impl FnOnce(LiveOnlyBuilder) -> LiveOnlyBuilder) -> Self {
        self.live = change(self.live);
        self
    }

    /// Starts the stream once Sift has answered.
    pub async fn build(self) -> Result<SiftStream<RawEncoder, LiveStreamingOnly>> {
        let runtime = StreamRuntime::start(self.live.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run(self.start(runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(self, timeout: Duration) -> Result<SiftStream<RawEncoder, LiveStreamingOnly>> {
        let runtime = StreamRuntime::start(self.live.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    async fn start(self, runtime: StreamRuntime) -> Result<SiftStream<RawEncoder, LiveStreamingOnly>> {
        start_unregistered(self.live, RawEncoder, runtime).await
    }
}

/// Starts a live stream of rows that have no schema, attached to the run that was chosen.
pub(super) async fn start_unregistered<E: Encoder, T: Transport + From<LiveStreamingOnly>>(
    live: LiveOnlyBuilder,
    encoder: E,
    runtime: StreamRuntime,
) -> Result<SiftStream<E, T>> {
    live.validate()?;
    let Reach { connection, connector, key, control } = live.config.base.reach()?;
    control.ping().await?;
    let run_id = match &live.config.run {
        Some(selector) => Some(control.ensure_run(selector).await?),
        None => None,
    };
    let link = Link::new(connector, runtime.handle(), &connection, key.clone(), encoder.method())?;
    let (rows, bytes) = (live.ingestion_data_channel_capacity, live.ingestion_data_channel_bytes);
    let intake = IntakeOptions {
        max_row_size: live.config.max_row_size,
        suffix: encoder.suffix(run_id.as_deref()),
        overflow: live.overflow_policy,
        ..IntakeOptions::default()
    };
    let checkpoints = checkpoints(live.stream_name, live.checkpoint_store, &runtime.handle()).await?;
    let transport = LiveStreamingOnly::start(
        link,
        Capacity { rows, bytes },
        intake,
        live.options,
        live.policies,
        checkpoints,
        None,
    );
    let registration = Registration::new(control, key, run_id);
    Ok(SiftStream { inner: Arc::new(Inner { encoder, transport: transport.into(), registration, runtime }) })
}
