//! Asking Sift again while a stream runs that started without it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::identity::{Answer, Wanted};
use crate::encode::IngestionConfigEncoder;
use crate::error::{Error, ErrorCode};
use crate::remembered::Remembered;
use crate::retry::{Backoff, RetryPolicy};
use crate::schema::RunForm;
use crate::spool::Spool;
use crate::stream::{Inner, SiftStream};
use crate::transport::Transport;

/// How long one attempt may take, at least.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The waits between attempts.
const RETRY: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    initial_backoff: Duration::from_secs(1),
    max_backoff: Duration::from_secs(30),
    backoff_multiplier: 2,
    max_retry_after: Duration::from_secs(60),
};

/// What was asked at the start, without an answer.
pub(super) struct Question {
    pub(super) wanted: Arc<Wanted>,
    pub(super) older_runs: Vec<RunForm>,
    pub(super) spool: Weak<Spool>,
}

impl Question {
    /// Asks until Sift answers, refuses for good, or the stream is gone. Keeps neither stream nor slot.
    pub(super) async fn ask<T: Transport>(self, stream: Weak<Inner<IngestionConfigEncoder, T>>) {
        let Some(control) = stream.upgrade().map(|inner| inner.registration.control.clone()) else { return };
        let mut backoff = Backoff::new(RETRY);
        let mut wait = backoff.next_delay();
        loop {
            tokio::time::sleep(wait).await;
            let within = self.wanted.offline_after.max(ATTEMPT);
            let asked = tokio::time::timeout(within, self.wanted.register(&control, &self.older_runs));
            match asked.await {
                Ok(Ok(answer)) => return self.tell(&stream, answer),
                Ok(Err(error)) if !can_pass(&error) => {
                    tracing::error!(target: "siftstream::stream", %error, "Sift refuses the schema; rows stay in pending");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::debug!(target: "siftstream::stream", %error, "still without Sift");
                    wait = match error.code() {
                        ErrorCode::Auth => backoff.after_auth(),
                        _ => backoff.next_delay(),
                    };
                }
                Err(_) => {
                    tracing::debug!(target: "siftstream::stream", "still no answer from Sift");
                    wait = backoff.next_delay();
                }
            }
        }
    }

    fn tell<T: Transport>(self, stream: &Weak<Inner<IngestionConfigEncoder, T>>, answer: Answer) {
        let Some(inner) = stream.upgrade() else { return };
        tracing::info!(target: "siftstream::stream", "Sift answers; the IDs are known now");
        let stream = SiftStream { inner };
        stream.learn_ids(answer.config_id(), answer.run_id());
        let Self { wanted, spool, .. } = self;
        let write_down = move || {
            let gone = || Error::new(ErrorCode::Closed, "the stream is over");
            let spool = spool.upgrade().ok_or_else(gone)?;
            wanted.settle(&spool, Some(answer.clone()))?;
            Remembered::load(&spool)?.real_ids()
        };
        stream.inner.transport.learn_ids(Arc::new(write_down));
    }
}

/// Whether asking again can help without another schema.
fn can_pass(error: &Error) -> bool {
    !matches!(error.code(), ErrorCode::SchemaMismatch | ErrorCode::InvalidArgument | ErrorCode::Unimplemented)
}
