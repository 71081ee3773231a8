//! Tries all addresses of a host, so that a dead one costs a moment and not the connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long an attempt runs alone before the next address is tried beside it.
pub const STAGGER: Duration = Duration::from_millis(300);

/// Connects to the first of `addresses` that answers. They are tried in turn, IPv6 and IPv4 alternating; the next one
/// starts when [`STAGGER`] has passed or all before it have failed. If none answers, the first error is returned.
pub async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = alternate_families(addresses).into_iter();
    let mut running = FuturesUnordered::new();
    let mut first_error = None;
    loop {
        match waiting.next() {
            Some(address) => running.push(TcpStream::connect(address)),
            None if running.is_empty() => break,
            None => {}
        }
        let more = waiting.len() > 0;
        let stagger = sleep(STAGGER);
        tokio::pin!(stagger);
        // Whoever fails while others run does not start the next address early: those still have their chance.
        while !running.is_empty() {
            tokio::select! {
                Some(result) = running.next() => match result {
                    Ok(stream) => return Ok(stream),
                    Err(error) => { first_error.get_or_insert(error); }
                },
                () = &mut stagger, if more => break,
            }
        }
    }
    Err(first_error.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address")))
}

/// The resolver's order, but with the families taking turns: if one family does not work here, every second attempt
/// uses the other.
fn alternate_families(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (mut same, mut other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut ordered = Vec::with_capacity(addresses.len());
    same.reverse();
    other.reverse();
    while !same.is_empty() || !other.is_empty() {
        ordered.extend(same.pop());
        ordered.extend(other.pop());
    }
    ordered
}
