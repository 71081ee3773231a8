//! Sending a row whose values are all given with the call.

use super::SiftStream;
use super::intake::Refusal;
use super::overflow::OverflowPolicy;
use super::send_error::{SendError, TrySendError};
use crate::encode::IngestionConfigEncoder;
use crate::error::Error;
use crate::flow::{FlowBuilder, FlowDescriptor, GivenRow, RowValues, TimeValue};
use crate::transport::Transport;

impl<T: Transport> SiftStream<IngestionConfigEncoder, T> {
    /// Sends a row of the flow of `row`, written from where its values are, without ever waiting. When there is no room, `row`
    /// holds `timestamp` and the values afterwards, to be sent later; else it is left as it is.
    #[inline(always)]
    pub fn try_send_values(
        &self,
        row: &mut FlowBuilder,
        timestamp: TimeValue,
        values: &impl RowValues,
    ) -> Result<(), TrySendError<()>> {
        match self.try_push_values(row.descriptor(), timestamp, values) {
            Ok(()) => Ok(()),
            Err(Refusal::Full) => Err(kept_for_later(row, timestamp, values)),
            Err(Refusal::Closed(error) | Refusal::Invalid(error)) => Err(refused(error)),
        }
    }

    #[inline(always)]
    fn try_push_values(
        &self,
        flow: &FlowDescriptor,
        timestamp: TimeValue,
        values: &impl RowValues,
    ) -> Result<(), Refusal> {
        let intake = self.inner.transport.intake();
        let ours = self.check_process().and_then(|()| self.inner.encoder.check_owner(flow));
        // What is dropped before it is written must be looked at all the same.
        let row = ours.and_then(|()| match intake.overflow_policy() {
            OverflowPolicy::DropNewest => GivenRow::checked(flow, timestamp, values),
            OverflowPolicy::Block | OverflowPolicy::DropOldest => GivenRow::new(flow, timestamp, values),
        });
        intake.try_push(&mut row.map_err(Refusal::Invalid)?)
    }
}

/// There is no room for a row: `row` holds it, if it is one that could be sent.
#[cold]
fn kept_for_later(row: &mut FlowBuilder, timestamp: TimeValue, values: &impl RowValues) -> TrySendError<()> {
    let fits = GivenRow::checked(row.descriptor(), timestamp, values).map(drop);
    match fits.and_then(|()| row.set_values(values)) {
        Ok(()) => {
            row.set_timestamp(timestamp);
            TrySendError::Full(())
        }
        Err(error) => refused(error),
    }
}

#[cold]
fn refused(error: Error) -> TrySendError<()> {
    TrySendError::Refused(SendError { data: (), error })
}
