//! How rows are delivered. One file per transport.

mod any;
mod file_backup;
mod file_backup_config;
mod live_only;
mod live_with_backups;

pub use any::AnyTransport;
pub use file_backup::FileBackup;
pub(crate) use file_backup::FileBackupStart;
pub use file_backup_config::FileBackupConfig;
pub(crate) use live_only::Checkpoints;
pub use live_only::LiveStreamingOnly;
pub use live_with_backups::LiveStreamingWithBackups;
pub(crate) use live_with_backups::Parts;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checkpoint::Marks;
use crate::encode::Sealed;
use crate::error::{Error, ErrorCode, Result};
use crate::events::Events;
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::schema::FlowConfig;
use crate::seams::connector::BoxFuture;
use crate::spool::Spool;
use crate::stream::intake::Intake;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::late_ids::WriteDown;

/// Delivers encoded rows.
#[allow(private_bounds)]
pub trait Transport: Sealed + HasIntake + Send + Sync + 'static {
    /// Waits until all that was accepted so far is at `level`, and makes it happen.
    fn flush(&self, level: Level, deadline: Instant) -> Result<()>;

    /// Takes no more rows, delivers what it can until `deadline` and says what became of all.
    fn finish(&self, deadline: Instant) -> Result<Report, FinishError>;

    /// The same as [`Transport::flush`] for callers in a tokio runtime.
    fn flush_async(&self, level: Level, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<()>>;

    /// The same as [`Transport::finish`] for callers in a tokio runtime.
    fn finish_async(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<Report, FinishError>>;

    /// Asks for a checkpoint of what was accepted so far, and waits for nothing.
    fn checkpoint(&self) -> Result<()>;

    /// What happened to the stream.
    fn events(&self) -> &Arc<Events>;

    /// Ends at once; waiting calls get the reason.
    fn cancel(&self, why: Error);

    /// How far the rows have come.
    fn watermarks(&self) -> Watermarks;

    /// What keeps rows from being delivered at this moment, if anything is known to.
    fn trouble(&self) -> Option<Error>;

    /// The counters of this moment.
    fn snapshot(&self) -> SiftStreamMetricsSnapshot;
}

/// Where the rows of a transport enter.
pub(crate) trait HasIntake {
    fn intake(&self) -> &Intake;

    /// Takes note of flows whose rows may come once this returned. Not called on an async worker.
    fn admit(&self, _flows: &[FlowConfig]) -> Result<()> {
        Ok(())
    }

    /// Where the schema is remembered; none without a disk, an error if the stream has let go of it.
    fn slot(&self) -> Option<Result<Arc<Spool>>> {
        None
    }

    /// Keeps rows from the wire as often as it is not let go again.
    fn hold(&self, _holds: bool) {}

    /// Nothing more can be delivered; what is on disk stays there.
    fn break_with(&self, _why: Error) {}

    /// What callers noted of their inputs.
    fn marks(&self) -> &Marks;

    /// A mark was made; it `holds` if the rows before it have come far enough already.
    fn marked(&self, _holds: bool) -> Result<()> {
        Ok(())
    }

    /// Sift has told the IDs that were missing at the start.
    fn learn_ids(&self, _write_down: WriteDown) {}
}

/// The time in which a finish whose deadline has passed still gets its report together.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// What a stream that was finished answers.
pub(crate) fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the stream is finished: create another one to send more")
}
