//! What callers note of their inputs, and where these resume after a restart.

use super::SiftStream;
use crate::checkpoint::{Mark, Recovery};
use crate::encode::Encoder;
use crate::error::Result;
use crate::flow::TimeValue;
use crate::transport::Transport;

impl<E: Encoder, T: Transport> SiftStream<E, T> {
    /// Notes that everything sent so far covers `source` up to `offset`, the next one to read.
    ///
    /// A checkpoint that says so is stored when the rows sent so far are durable, and another one when they are
    /// confirmed; [`recover`](Self::recover) tells after a restart. It needs a short lock and no I/O, and is not meant for
    /// each row, although it can bear it. Rows that other threads send at the same time may be among those it waits for.
    pub fn mark_offset(&self, source: &str, offset: u64) -> Result<()> {
        self.mark(Mark::new().offset(source, offset))
    }

    /// Notes state of the caller's own, as it is behind the rows sent so far. To have state and offsets come into force
    /// together, put both into one [`mark`](Self::mark).
    pub fn set_state(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.mark(Mark::new().state(name, bytes))
    }

    /// Notes anything else about the rows sent so far.
    pub fn set_metadata(&self, key: &str, value: &str) -> Result<()> {
        self.mark(Mark::new().metadata(key, value))
    }

    /// Notes several things about the rows sent so far, which come into force together. The latest time that a row was
    /// given is noted with each mark.
    ///
    /// All that is noted in a stream must stay small together: at most 1,024 sources, states and entries of metadata each,
    /// and 1 MiB.
    pub fn mark(&self, mark: Mark) -> Result<()> {
        self.check_process()?;
        let transport = &self.inner.transport;
        let holds = transport.marks().make(mark, || {
            let (rows, latest) = transport.intake().accepted();
            (rows, latest.map(TimeValue::timestamp_nanos))
        })?;
        transport.marked(holds)
    }

    /// The newest stored checkpoints: before the first mark those that earlier streams of this name left, from which the
    /// inputs resume.
    pub fn recover(&self) -> Result<Recovery> {
        self.check_process()?;
        Ok(self.inner.transport.marks().recovery())
    }
}
