//! The simulated host on which a Sift endpoint listens.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use siftstream_server::Endpoint;
use turmoil::net::TcpListener;

use crate::line::{Line, PORT, Scissors, Sockets};

/// Accepts connections and serves them, until the host crashes. What was received outlives that.
pub(crate) async fn serve(endpoint: Endpoint, scissors: Scissors) -> turmoil::Result {
    let sockets = Sockets::default();
    let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let line = Line::new(tcp, &sockets, scissors.clone(), Duration::ZERO);
        let endpoint = endpoint.clone();
        tokio::task::spawn_local(async move { endpoint.serve(line).await });
    }
}
