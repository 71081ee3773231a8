//! A transport that is chosen at run time.

use std::sync::Arc;
use std::time::Instant;

use super::{FileBackup, HasIntake, LiveStreamingOnly, LiveStreamingWithBackups, Transport};
use crate::checkpoint::Marks;
use crate::encode::Sealed;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::schema::FlowConfig;
use crate::seams::connector::BoxFuture;
use crate::spool::Spool;
use crate::stream::intake::Intake;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::late_ids::WriteDown;

/// One of the transports, for callers who know only at run time which: the other languages.
#[non_exhaustive]
pub enum AnyTransport {
    /// Streams to Sift; unconfirmed rows stay in memory.
    LiveOnly(LiveStreamingOnly),
    /// Streams to Sift and keeps unconfirmed rows on disk.
    LiveWithBackups(LiveStreamingWithBackups),
    /// Writes files.
    FileBackup(FileBackup),
}

impl AnyTransport {
    fn chosen(&self) -> &dyn Transport {
        match self {
            Self::LiveOnly(transport) => transport,
            Self::LiveWithBackups(transport) => transport,
            Self::FileBackup(transport) => transport,
        }
    }
}

impl From<LiveStreamingOnly> for AnyTransport {
    fn from(transport: LiveStreamingOnly) -> Self {
        Self::LiveOnly(transport)
    }
}

impl From<LiveStreamingWithBackups> for AnyTransport {
    fn from(transport: LiveStreamingWithBackups) -> Self {
        Self::LiveWithBackups(transport)
    }
}

impl From<FileBackup> for AnyTransport {
    fn from(transport: FileBackup) -> Self {
        Self::FileBackup(transport)
    }
}

impl Sealed for AnyTransport {}

impl HasIntake for AnyTransport {
    /// Each row passes here: a match costs less than a call through a table.
    fn intake(&self) -> &Intake {
        match self {
            Self::LiveOnly(transport) => transport.intake(),
            Self::LiveWithBackups(transport) => transport.intake(),
            Self::FileBackup(transport) => transport.intake(),
        }
    }

    fn admit(&self, flows: &[FlowConfig]) -> Result<()> {
        self.chosen().admit(flows)
    }

    fn slot(&self) -> Option<Result<Arc<Spool>>> {
        self.chosen().slot()
    }

    fn hold(&self, holds: bool) {
        self.chosen().hold(holds);
    }

    fn break_with(&self, why: Error) {
        self.chosen().break_with(why);
    }

    fn marks(&self) -> &Marks {
        self.chosen().marks()
    }

    fn marked(&self, holds: bool) -> Result<()> {
        self.chosen().marked(holds)
    }

    fn learn_ids(&self, write_down: WriteDown) {
        self.chosen().learn_ids(write_down);
    }
}

impl Transport for AnyTransport {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        self.chosen().flush(level, deadline)
    }

    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.chosen().finish(deadline)
    }

    fn flush_async(&self, level: Level, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<()>> {
        self.chosen().flush_async(level, deadline)
    }

    fn finish_async(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<Report, FinishError>> {
        self.chosen().finish_async(deadline)
    }

    fn cancel(&self, why: Error) {
        self.chosen().cancel(why);
    }

    fn watermarks(&self) -> Watermarks {
        self.chosen().watermarks()
    }

    fn checkpoint(&self) -> Result<()> {
        self.chosen().checkpoint()
    }

    fn events(&self) -> &Arc<Events> {
        self.chosen().events()
    }

    fn trouble(&self) -> Option<Error> {
        self.chosen().trouble()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.chosen().snapshot()
    }
}
