//! A ping that also tells what its answer says about the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tonic::metadata::MetadataMap;

use super::SiftControl;
use crate::Result;
use crate::proto::sift::ping::v1::{PingRequest, ping_service_client::PingServiceClient};

/// What became of a ping, for those who look for what is wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// Whether the endpoint took it, and else why not.
    pub outcome: Result<()>,
    /// The answer, if one came; a refusal is an answer, too.
    pub answer: Option<ProbeAnswer>,
}

/// When an answer came, by both clocks.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ProbeAnswer {
    /// When the request left, by the clock of this machine.
    pub sent: SystemTime,
    /// When the answer was there, by the clock of this machine.
    pub received: SystemTime,
    /// The second in which it was given, by the clock of the endpoint; none if the answer has no valid `date`.
    pub date: Option<SystemTime>,
}

impl SiftControl {
    /// Pings the endpoint, and says what its answer tells. The first ping of a handle also opens the connection.
    pub async fn probe(&self) -> Probe {
        let limit = self.options.max_decoding_message_size;
        let answer = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&answer);
        let outcome = self
            .call("Ping", PingRequest {}, move |channel, request| {
                let seen = Arc::clone(&seen);
                Box::pin(async move {
                    let sent = SystemTime::now();
                    let result =
                        PingServiceClient::new(channel).max_decoding_message_size(limit).ping(request).await;
                    let headers = match &result {
                        Ok(response) => Some(response.metadata()),
                        // A status that was made here, not there, has no headers.
                        Err(status) => Some(status.metadata()).filter(|headers| !headers.is_empty()),
                    };
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = headers.map(|headers| {
                        ProbeAnswer { sent, received: SystemTime::now(), date: date(headers) }
                    });
                    result
                })
            })
            .await;
        let answer = *answer.lock().unwrap_or_else(PoisonError::into_inner);
        Probe { outcome: outcome.map(drop).map_err(Into::into), answer }
    }
}

fn date(headers: &MetadataMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()
}
