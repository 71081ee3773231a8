//! A ping that also tells what its answer says about the time.

use std::time::SystemTime;

use http::{HeaderMap, header};

use super::{SiftControl, methods};
use crate::Result;
use crate::proto::sift::ping::v1::PingRequest;

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
        let mut answer = None;
        let mut witness = |sent, headers: &HeaderMap| {
            answer = Some(ProbeAnswer { sent, received: SystemTime::now(), date: date(headers) });
        };
        let outcome = self.call_before(&mut witness, methods::PING, PingRequest {}).await;
        Probe { outcome: outcome.map(drop).map_err(Into::into), answer }
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}
