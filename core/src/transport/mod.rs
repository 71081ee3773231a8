//! How rows are delivered. One file per transport.

mod live_only;

pub use live_only::LiveStreamingOnly;

use std::time::{Duration, Instant};

use crate::encode::Sealed;
use crate::error::{Error, Result};
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::stream::intake::Intake;
use crate::stream::report::{FinishError, Report};

/// Delivers encoded rows.
#[allow(private_bounds)]
pub trait Transport: Sealed + HasIntake + Send + Sync + 'static {
    /// Waits until all that was accepted so far is confirmed, and makes it happen.
    fn flush_confirmed(&self, deadline: Instant) -> Result<()>;

    /// Takes no more rows, delivers what it can until `deadline` and says what became of all.
    fn finish(&self, deadline: Instant) -> Result<Report, FinishError>;

    /// Ends at once; waiting calls get the reason.
    fn cancel(&self, why: Error);

    /// How many rows, from the first on, are confirmed without a gap.
    fn confirmed_watermark(&self) -> u64;

    /// The counters of this moment.
    fn snapshot(&self) -> SiftStreamMetricsSnapshot;
}

/// Where the rows of a transport enter.
pub(crate) trait HasIntake {
    fn intake(&self) -> &Intake;
}

/// The time in which a finish whose deadline has passed still gets its report together.
pub(crate) const GRACE: Duration = Duration::from_millis(100);
