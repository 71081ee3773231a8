//! One unary call: key, time limits, retries, errors.

use std::error::Error as StdError;

use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::SiftControl;
use super::status::{RetryClass, classify, to_error};
use crate::Error;
use crate::connect::ApiKey;
use crate::retry::Backoff;
use crate::seams::connector::BoxFuture;

/// Why a call failed. The code tells callers apart what they can mend themselves.
pub(super) struct CallError {
    pub(super) code: Code,
    error: Error,
}

impl From<CallError> for Error {
    fn from(failure: CallError) -> Self {
        failure.error
    }
}

impl SiftControl {
    /// Makes the call `what` until it succeeds, fails for good, or its attempts or its time are used up.
    pub(super) async fn call<Q, R>(
        &self,
        what: &str,
        message: Q,
        send: impl Fn(Channel, Request<Q>) -> BoxFuture<'static, Result<Response<R>, Status>>,
    ) -> Result<R, CallError>
    where
        Q: Clone,
    {
        let deadline = Instant::now() + self.options.overall_timeout;
        let mut backoff = Backoff::new(self.options.retry_policy);
        let mut attempt = 1;
        loop {
            let key = self.key.current();
            let left = deadline.saturating_duration_since(Instant::now()).min(self.options.request_timeout);
            let mut request = Request::new(message.clone());
            request.metadata_mut().insert("authorization", authorization(&key));
            request.set_timeout(left);
            let status = match timeout(left, send(self.channel.clone(), request)).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("no answer within {left:?}")),
            };
            let failure = self.failure(what, &status, &key);
            let RetryClass::Transient { retry_after } = classify(status.code() as i32, status.details())
            else {
                return Err(failure);
            };
            let wait = match retry_after {
                Some(asked) => backoff.after(asked),
                None => backoff.next_delay(),
            };
            let out_of_time = Instant::now() + wait >= deadline;
            if !failure.error.is_retryable()
                || attempt >= self.options.retry_policy.max_attempts
                || out_of_time
            {
                return Err(failure);
            }
            tracing::debug!(target: "siftstream::control", call = what, attempt, ?wait, error = %failure.error, "trying again");
            attempt += 1;
            sleep(wait).await;
        }
    }

    fn failure(&self, what: &str, status: &Status, key: &ApiKey) -> CallError {
        // A status with headers came from the endpoint, over a connection that works.
        let broken = || self.last_words.take().filter(|_| status.metadata().is_empty());
        let error = match connect_error(status).cloned().or_else(broken) {
            Some(error) => error.context(format_args!("{what} failed")),
            None => to_error(what, &self.place, status.code() as i32, status.message(), key),
        };
        CallError { code: status.code(), error }
    }
}

fn authorization(key: &ApiKey) -> tonic::metadata::AsciiMetadataValue {
    let mut value = MetadataValue::try_from(key.authorization().as_bytes())
        .unwrap_or_else(|_| unreachable!("a header value of visible ASCII is a metadata value"));
    value.set_sensitive(true);
    value
}

/// The connector's own error, if the call failed because there is no connection: it says more than the status made
/// from it.
fn connect_error(status: &Status) -> Option<&Error> {
    let mut next = StdError::source(status);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        next = error.source();
    }
    None
}
