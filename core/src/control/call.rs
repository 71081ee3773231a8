//! One unary call: key, time limits, retries, errors.

use std::time::SystemTime;

use http::HeaderMap;
use prost::Message;
use tokio::time::{Instant, sleep, timeout};

use super::SiftControl;
use super::methods::Method;
use super::status::{RetryClass, classify, to_error};
use crate::connect::ApiKey;
use crate::grpc::{Code, GrpcStatus, time_limit, unary};
use crate::retry::Backoff;
use crate::{Error, ErrorCode};

/// Why a call failed. The code tells callers apart what they can mend themselves.
pub(super) struct CallError {
    pub(super) code: Code,
    error: Error,
    /// Whether and when it is worth another try.
    class: RetryClass,
}

impl From<CallError> for Error {
    fn from(failure: CallError) -> Self {
        failure.error
    }
}

/// Gets to know when an attempt began, and the headers of its answer.
pub(super) type Witness<'a> = &'a mut (dyn FnMut(SystemTime, &HeaderMap) + Send);

impl SiftControl {
    /// Makes the call until it succeeds, fails for good, or its attempts or its time are used up.
    pub(super) async fn call<Q, R>(&self, method: Method<Q, R>, message: Q) -> Result<R, CallError>
    where
        Q: Message,
        R: Message + Default,
    {
        self.call_before(&mut |_, _| {}, method, message).await
    }

    /// The same before a witness.
    pub(super) async fn call_before<Q, R>(
        &self,
        witness: Witness<'_>,
        method: Method<Q, R>,
        message: Q,
    ) -> Result<R, CallError>
    where
        Q: Message,
        R: Message + Default,
    {
        let (what, path) = (method.name(), method.path());
        let answer = self.exchange(what, path, message.encode_to_vec(), witness).await?;
        R::decode(answer.as_slice()).map_err(|error| self.not_understood(what, &error))
    }

    async fn exchange(
        &self,
        what: &str,
        path: &'static str,
        message: Vec<u8>,
        witness: Witness<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let deadline = Instant::now() + self.options.overall_timeout;
        let mut backoff = Backoff::new(self.options.retry_policy);
        let mut attempt = 1;
        loop {
            let key = self.key.current();
            let left = deadline.saturating_duration_since(Instant::now()).min(self.options.request_timeout);
            let mut request = self.caller.request(path, key.authorization());
            request.headers_mut().insert("grpc-timeout", time_limit(left));
            let answer = timeout(left, self.attempt(what, &key, request, &message, witness)).await;
            let failure = match answer {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let message = format!("no answer within {left:?}");
                    self.failure(what, &GrpcStatus::new(Code::DeadlineExceeded, message), &key)
                }
            };
            let RetryClass::Transient { retry_after } = failure.class else { return Err(failure) };
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

    async fn attempt(
        &self,
        what: &str,
        key: &ApiKey,
        request: http::Request<()>,
        message: &[u8],
        witness: Witness<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let unconnected = |error: Error| CallError {
            code: Code::Unavailable,
            error: error.context(format_args!("{what} failed")),
            class: RetryClass::Transient { retry_after: None },
        };
        let connection = self.line.connection().await.map_err(unconnected)?;
        let began = SystemTime::now();
        let reply = unary(&connection, request, message, self.options.max_decoding_message_size).await;
        if let Some(headers) = &reply.headers {
            witness(began, headers);
        }
        match reply.outcome {
            Ok(answer) => Ok(answer),
            // The connection's own error says more than the status that was made from it.
            Err(status) if reply.headers.is_none() => Err(match self.line.give_up(&connection).await {
                Some(error) => unconnected(error),
                None => self.failure(what, &status, key),
            }),
            Err(status) => Err(self.failure(what, &status, key)),
        }
    }

    fn failure(&self, what: &str, status: &GrpcStatus, key: &ApiKey) -> CallError {
        CallError {
            code: Code::from_number(status.code),
            error: to_error(what, &self.place, status.code, &status.message, key),
            class: classify(status.code, &status.details),
        }
    }

    fn not_understood(&self, what: &str, error: &prost::DecodeError) -> CallError {
        let message = format!(
            "{what}: the answer of {} is not understood ({error}): check that it is Sift's gRPC endpoint",
            self.place
        );
        CallError {
            code: Code::Internal,
            error: Error::new(ErrorCode::Internal, message),
            class: RetryClass::Fatal,
        }
    }
}
