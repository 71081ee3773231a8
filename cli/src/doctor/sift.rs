//! Speaks with the endpoint as a stream does at its start: TLS, a ping, the key.

use super::clock;
use super::finding::{Finding, Status};
use super::network::millis;
use siftstream::connect::{ApiKey, ApiKeySource, ConnectionOptions, Endpoint, Scheme, TcpConnector};
use siftstream::control::{ControlOptions, Probe, SiftControl};
use siftstream::retry::RetryPolicy;
use siftstream::seams::connector::Connector;
use siftstream::{Error, ErrorCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TLS: &str = "tls";
const PING: &str = "ping";
const AUTH: &str = "auth";

/// What the checks here need to know.
pub(super) struct Visit<'a> {
    /// Whether no proxy is on the way.
    pub(super) is_direct: bool,
    pub(super) options: &'a ConnectionOptions,
    pub(super) endpoint: &'a Endpoint,
    pub(super) connector: Arc<TcpConnector>,
    pub(super) key: Option<&'a ApiKey>,
    pub(super) patience: Duration,
}

/// Findings on TLS, ping, key and clock, in this order. To be asked when a TCP connection is possible.
pub(super) async fn visit(visit: &Visit<'_>, addresses: &[SocketAddr]) -> Vec<Finding> {
    let tls = match visit.endpoint.scheme() {
        Scheme::Https => handshake(visit).await,
        Scheme::Http => plaintext(visit.is_direct, addresses),
    };
    let skipped = |why: &str| [PING, AUTH, clock::CLOCK].map(|check| Finding::skip(check, why));
    if !tls.is_fine() {
        return std::iter::once(tls).chain(skipped("there is no secure connection")).collect();
    }
    let Some(key) = visit.key else {
        return std::iter::once(tls).chain(skipped("there is no API key")).collect();
    };
    let control = match control(visit, key) {
        Ok(control) => control,
        Err(error) => {
            let ping = Finding::fail(PING, error.message());
            return std::iter::once(tls)
                .chain([ping])
                .chain(skipped("there is no ping").into_iter().skip(1))
                .collect();
        }
    };
    let begin = Instant::now();
    let probe = control.probe().await;
    let silent = begin.elapsed() >= visit.patience;
    // With TLS 1.3 a client certificate is refused after the handshake, and a plaintext client learns from the first
    // answer that it speaks to a TLS port.
    if let Err(error) = &probe.outcome
        && error.code() == ErrorCode::Tls
    {
        let tls = Finding::fail(TLS, error.message());
        return std::iter::once(tls).chain(skipped("there is no secure connection")).collect();
    }
    if !answered(&probe) {
        let ping = no_answer(visit, &probe, silent);
        return [tls, ping].into_iter().chain(skipped("there is no answer").into_iter().skip(1)).collect();
    }
    // The first ping also opened the connection; the second one is as quick as the network.
    let second = control.probe().await;
    let probe = if second.answer.is_some() { second } else { probe };
    let time = probe.answer.and_then(|answer| answer.received.duration_since(answer.sent).ok());
    let time = time.map_or_else(String::new, |time| format!(" ({})", millis(time)));
    let ping = Finding::ok(PING, format!("{} answers{time}", visit.endpoint));
    vec![tls, ping, auth(&probe.outcome), clock::finding(probe.answer.as_ref())]
}

async fn handshake(visit: &Visit<'_>) -> Finding {
    let begin = Instant::now();
    match visit.connector.connect().await {
        Ok(_) => {
            let name = visit.options.server_name.as_deref().unwrap_or(visit.endpoint.host());
            let time = millis(begin.elapsed());
            Finding::ok(
                TLS,
                format!("its certificate is valid for {name} and signed by somebody trusted ({time})"),
            )
        }
        Err(error) => Finding::fail(TLS, error.message()),
    }
}

fn plaintext(is_direct: bool, addresses: &[SocketAddr]) -> Finding {
    if is_direct && addresses.iter().all(|address| address.ip().is_loopback()) {
        return Finding::ok(TLS, "none, by `insecure`; it stays on this machine");
    }
    let message =
        "none, by `insecure`: whoever is on the way can read the API key and all data; use https://";
    Finding::warn(TLS, message)
}

fn control(visit: &Visit<'_>, key: &ApiKey) -> Result<SiftControl, Error> {
    let mut options = ControlOptions::default();
    options.retry_policy = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    options.request_timeout = visit.patience;
    options.overall_timeout = visit.patience;
    let key = ApiKeySource::new(key.clone());
    SiftControl::with_connector(visit.options, visit.connector.clone(), key, options)
}

/// Whether the endpoint said something, be it a refusal of the key.
fn answered(probe: &Probe) -> bool {
    match &probe.outcome {
        Ok(()) => true,
        Err(error) => error.code() == ErrorCode::Auth,
    }
}

fn no_answer(visit: &Visit<'_>, probe: &Probe, silent: bool) -> Finding {
    if silent && probe.answer.is_none() {
        let message = format!(
            "{} takes connections but says nothing within {:?}: check that it is Sift's gRPC endpoint, and that nothing \
             on the way holds HTTP/2 back",
            visit.endpoint, visit.patience
        );
        return Finding::fail(PING, message);
    }
    Finding::fail(PING, probe.outcome.as_ref().err().map_or("", |error| error.message()))
}

fn auth(outcome: &Result<(), Error>) -> Finding {
    match outcome {
        Ok(()) => Finding::ok(AUTH, "the API key is accepted"),
        Err(error) if error.code() == ErrorCode::Auth => Finding::fail(AUTH, error.message()),
        Err(error) => Finding::new(AUTH, Status::Warn, format!("cannot tell: {error}")),
    }
}
