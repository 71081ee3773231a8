//! How rows are delivered. One file per transport.

mod any;
mod file_backup;
mod live_only;

pub use any::AnyTransport;
pub use file_backup::FileBackup;
pub use live_only::LiveStreamingOnly;

use std::time::{Duration, Instant};

use crate::encode::Sealed;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::stream::intake::Intake;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};

/// Delivers encoded rows.
#[allow(private_bounds)]
pub trait Transport: Sealed + HasIntake + Send + Sync + 'static {
    /// Waits until all that was accepted so far is at `level`, and makes it happen.
    fn flush(&self, level: Level, deadline: Instant) -> Result<()>;

    /// Takes no more rows, delivers what it can until `deadline` and says what became of all.
    fn finish(&self, deadline: Instant) -> Result<Report, FinishError>;

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
}

/// The time in which a finish whose deadline has passed still gets its report together.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// What a stream that was finished answers.
pub(crate) fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the stream is finished: create another one to send more")
}
