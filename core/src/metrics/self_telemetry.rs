//! Metrics of a stream as telemetry of their own, for those who watch their rigs in Sift anyway. Off unless it is started.
//!
//! It goes through a stream of its own, so that nothing that befalls it touches the stream it tells of: rows that find no
//! room are left out and counted, and it keeps the watched stream no longer alive than its owner does.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::catalogue::{METRICS, MetricValue};
use crate::encode::{Encoder, IngestionConfigEncoder};
use crate::error::Result;
use crate::flow::{ChannelIndex, FlowBuilder, TimeValue};
use crate::logs::{LogLevel, Logs};
use crate::schema::{ChannelConfig, ChannelDataType, FlowConfig, IngestionConfigForm};
use crate::seams::worker;
use crate::stream::SiftStream;
use crate::transport::Transport;

/// The flow of the metrics: a channel for each, under its name.
const METRICS_FLOW: &str = "siftstream.metrics";
/// The flow of warnings: `level`, `target` and `message`.
const WARNINGS_FLOW: &str = "siftstream.warnings";

/// Sends the metrics of one stream to Sift through another until it is dropped, or the watched stream is gone.
pub struct SelfTelemetry {
    missed: Arc<AtomicU64>,
    /// Closed by the drop, which ends the thread.
    _stop: SyncSender<Infallible>,
}

impl fmt::Debug for SelfTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfTelemetry").field("missed", &self.missed()).finish_non_exhaustive()
    }
}

impl SelfTelemetry {
    /// The schema that the reporting stream must be built with.
    #[must_use]
    pub fn form(asset_name: &str, client_key: &str) -> IngestionConfigForm {
        let snapshot = super::SiftStreamMetricsSnapshot::default();
        let channels = METRICS
            .iter()
            .map(|metric| {
                let data_type = match metric.read(&snapshot) {
                    MetricValue::Count(_) => ChannelDataType::Uint64,
                    MetricValue::Seconds(_) => ChannelDataType::Double,
                    MetricValue::Flag(_) => ChannelDataType::Bool,
                };
                ChannelConfig {
                    description: metric.meaning.to_owned(),
                    ..ChannelConfig::new(metric.name, data_type)
                }
            })
            .collect();
        let text = |name| ChannelConfig::new(name, ChannelDataType::String);
        IngestionConfigForm {
            asset_name: asset_name.to_owned(),
            client_key: client_key.to_owned(),
            flows: vec![
                FlowConfig { name: METRICS_FLOW.to_owned(), channels },
                FlowConfig {
                    name: WARNINGS_FLOW.to_owned(),
                    channels: vec![text("level"), text("target"), text("message")],
                },
            ],
        }
    }

    /// Sends a row of the metrics of `watched` each `interval` through `reporting`, which must have been built with
    /// [`Self::form`]. An error if it was not.
    pub fn start<E: Encoder, T: Transport, R: Transport>(
        watched: &SiftStream<E, T>,
        reporting: SiftStream<IngestionConfigEncoder, R>,
        interval: Duration,
    ) -> Result<Self> {
        let mut row = FlowBuilder::new(&reporting.get_flow_descriptor(METRICS_FLOW)?);
        let watched = Arc::downgrade(&watched.inner);
        let missed = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = sync_channel::<Infallible>(0);
        let counted = Arc::clone(&missed);
        worker::spawn("siftstream-self", move || {
            while waited(&stopped, interval) {
                let Some(inner) = watched.upgrade() else { return };
                let snapshot = SiftStream { inner }.get_metrics_snapshot();
                row.set_timestamp(TimeValue::now());
                let filled = (0..).map(ChannelIndex::new).zip(METRICS).try_for_each(|(index, metric)| {
                    match metric.read(&snapshot) {
                        MetricValue::Count(count) => row.set_uint64(index, count),
                        MetricValue::Seconds(seconds) => row.set_double(index, seconds),
                        MetricValue::Flag(flag) => row.set_bool(index, flag),
                    }
                });
                if filled.is_err() || reporting.try_send(&row).is_err() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        })?;
        Ok(Self { missed, _stop: stop })
    }

    /// Logs that send warnings and errors as rows through `reporting`: build the stream that they are about within them.
    pub fn warnings<R: Transport>(reporting: SiftStream<IngestionConfigEncoder, R>) -> Result<Logs> {
        let mut row = FlowBuilder::new(&reporting.get_flow_descriptor(WARNINGS_FLOW)?);
        Logs::to_callback(LogLevel::Warn, move |record| {
            row.set_timestamp(TimeValue::now());
            let texts = [record.level.name(), record.target, record.message.as_str()];
            let filled = (0..)
                .map(ChannelIndex::new)
                .zip(texts)
                .try_for_each(|(index, text)| row.set_string(index, text));
            if filled.is_ok() {
                // A warning that finds no room is left out: it must not wait.
                reporting.try_send(&row).ok();
            }
        })
    }

    /// How many rows of metrics found no room.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Waits for the next row; false if there shall be none.
fn waited(stopped: &Receiver<Infallible>, interval: Duration) -> bool {
    matches!(stopped.recv_timeout(interval), Err(RecvTimeoutError::Timeout))
}
