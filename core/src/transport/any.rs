//! A transport that is chosen at run time.

use std::sync::Arc;
use std::time::Instant;

use super::{FileBackup, HasIntake, LiveStreamingOnly, Transport};
use crate::encode::{Encoder, Sealed};
use crate::error::{Error, Result};
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::stream::intake::Intake;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Inner, Level, SiftStream, Watermarks};

/// One of the transports, for callers who know only at run time which: the other languages.
#[non_exhaustive]
pub enum AnyTransport {
    /// Streams to Sift; unconfirmed rows stay in memory.
    LiveOnly(LiveStreamingOnly),
    /// Writes files.
    FileBackup(FileBackup),
}

impl AnyTransport {
    fn chosen(&self) -> &dyn Transport {
        match self {
            Self::LiveOnly(transport) => transport,
            Self::FileBackup(transport) => transport,
        }
    }
}

impl From<LiveStreamingOnly> for AnyTransport {
    fn from(transport: LiveStreamingOnly) -> Self {
        Self::LiveOnly(transport)
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
            Self::FileBackup(transport) => transport.intake(),
        }
    }
}

impl Transport for AnyTransport {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        self.chosen().flush(level, deadline)
    }

    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.chosen().finish(deadline)
    }

    fn cancel(&self, why: Error) {
        self.chosen().cancel(why);
    }

    fn watermarks(&self) -> Watermarks {
        self.chosen().watermarks()
    }

    fn trouble(&self) -> Option<Error> {
        self.chosen().trouble()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.chosen().snapshot()
    }
}

impl<E: Encoder, T: Transport> SiftStream<E, T>
where
    AnyTransport: From<T>,
{
    /// The same stream in the type that streams of all modes share, for callers who choose the mode at run time. A
    /// stream that has clones comes back as it is.
    pub fn into_any(self) -> Result<SiftStream<E, AnyTransport>, Self> {
        let inner = Arc::clone(&self.inner);
        drop(self);
        let Inner { encoder, transport, registration, runtime } =
            Arc::try_unwrap(inner).map_err(|inner| Self { inner })?;
        let transport = transport.into();
        Ok(SiftStream { inner: Arc::new(Inner { encoder, transport, registration, runtime }) })
    }
}
