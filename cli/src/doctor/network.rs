//! From the name of the host to connections with each of its addresses.

use super::finding::Finding;
use serde_json::json;
use siftstream::connect::{connect_any, resolve_host};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const DNS: &str = "dns";
const TCP: &str = "tcp";

/// Where connections go first.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Looks the host up, as each connection does.
pub(super) async fn dns(hop: &Hop, patience: Duration) -> (Finding, Vec<SocketAddr>) {
    let host = &hop.host;
    let begin = Instant::now();
    let addresses = match timeout(patience, resolve_host(host, hop.port)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return (Finding::fail(DNS, error.message()), Vec::new()),
        Err(_) => {
            let message = format!(
                "nothing answered within {patience:?} where {host:?} is: check the network and this machine's DNS \
                 servers"
            );
            return (Finding::fail(DNS, message), Vec::new());
        }
    };
    let ips: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let finding = if ips.is_empty() {
        Finding::fail(DNS, format!("the host {host:?} has no address: check the uri"))
    } else if host.parse::<IpAddr>().is_ok() {
        Finding::ok(DNS, format!("{host} is an address, nothing to look up"))
    } else {
        let message = format!("{host} is {} ({})", ips.join(", "), millis(begin.elapsed()));
        Finding::ok(DNS, message).with(json!({ "addresses": ips }))
    };
    (finding, addresses)
}

/// Connects to every address. A stream uses the first that answers.
pub(super) async fn tcp(addresses: &[SocketAddr], patience: Duration) -> Finding {
    let attempts: Vec<_> = addresses
        .iter()
        .map(|&address| {
            tokio::spawn(async move {
                let begin = Instant::now();
                let reached = timeout(patience, connect_any(&[address])).await;
                reached.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(|_| begin.elapsed())
            })
        })
        .collect();
    let mut told = Vec::new();
    let (mut reached, mut failed, mut refused) = (0, 0, 0);
    for (address, attempt) in addresses.iter().zip(attempts) {
        let result = attempt.await.unwrap_or_else(|died| Err(io::Error::other(died)));
        told.push(match &result {
            Ok(time) => format!("{address} answers ({})", millis(*time)),
            Err(error) => format!("{address} {}", why_not(error, patience)),
        });
        match result {
            Ok(_) => reached += 1,
            // A machine without IPv6 is common, and finds the other addresses at once.
            Err(error) if address.is_ipv6() && is_without_route(&error) => {}
            Err(error) => {
                failed += 1;
                refused += usize::from(error.kind() == io::ErrorKind::ConnectionRefused);
            }
        }
    }
    let told = told.join(", ");
    if reached == 0 {
        let advice = if refused > 0 {
            "check the port, and that the endpoint runs"
        } else {
            "check the network and the firewall"
        };
        Finding::fail(TCP, format!("{told}: {advice}"))
    } else if failed > 0 {
        Finding::warn(
            TCP,
            format!("{told}: streams use an address that answers; tell the operator of the others"),
        )
    } else {
        Finding::ok(TCP, told)
    }
}

fn is_without_route(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), NetworkUnreachable | HostUnreachable | AddrNotAvailable)
}

fn why_not(error: &io::Error, patience: Duration) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses, nothing listens there".to_owned(),
        io::ErrorKind::TimedOut => format!("does not answer within {patience:?}"),
        _ => format!("cannot be reached ({error})"),
    }
}

/// A time as people read it.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
