//! `siftstream doctor`: finds out why a stream does not, or would not, work here, and says what to do.
//!
//! Each check uses what a stream uses for the same thing, and the checks stand in the order in which a stream would
//! meet a problem. It leaves nothing behind: pings register nothing, and the file that tries the disk is removed.

mod clock;
mod disk;
mod finding;
mod modes;
mod network;
mod settings;
mod sift;

use self::finding::{Finding, Report};
use self::network::Hop;
use self::settings::Settings;
use siftstream::connect::{ConnectionOptions, Endpoint, TcpConnector, proxy_of};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Options of `siftstream doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address of Sift's gRPC endpoint.
    #[arg(long, conflicts_with = "profile")]
    uri: Option<String>,
    /// Take address and key from this table of `sift.toml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The API key; SIFTSTREAM_API_KEY if not given.
    #[arg(long, visible_alias = "apikey", value_name = "KEY", requires = "uri")]
    api_key: Option<String>,
    /// Allow http://: the key travels unencrypted.
    #[arg(long)]
    insecure: bool,
    /// Trust the certificates in this PEM file, too.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Identify with the certificate in this PEM file.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// The name that the endpoint's certificate must hold, if it is not the host of the uri.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Check this configuration file, and go by it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the disk that backups would be on.
    #[arg(long, value_name = "DIR")]
    backups_dir: Option<PathBuf>,
    /// How many bytes of the disk a stream leaves free.
    #[arg(long, value_name = "BYTES")]
    min_free: Option<u64>,
    /// How long each answer may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Print one line of JSON per check.
    #[arg(long)]
    json: bool,
}

/// Runs the command. The exit code is 1 if there is a problem; warnings are none.
pub(crate) fn run(args: &Args) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Without standard error there is nobody to tell.
            writeln!(io::stderr().lock(), "siftstream doctor: cannot start: {error}").ok();
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new(args.json);
    let patience = Duration::from_secs(args.timeout);
    let settings = Settings::gather(args, &mut report);
    check_network(&runtime, &settings, patience, &mut report);
    match &settings.disk {
        Some(plan) => disk::check(plan, patience, |finding| report.add(finding)),
        None => report.add(Finding::skip(
            "disk",
            "the mode is live_only and no directory is named: give --backups-dir to check one",
        )),
    }
    // A resolver that still waits for its answer does not hold up the end.
    runtime.shutdown_background();
    if report.end() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn check_network(runtime: &Runtime, settings: &Settings, patience: Duration, report: &mut Report) {
    let Some(options) = &settings.connection else { return };
    let mut options = options.clone();
    options.connect_timeout = patience;
    options.handshake_timeout = patience;
    let endpoint = match options.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => return report.add(Finding::fail("address", error.to_string())),
    };
    report.add(Finding::ok("address", endpoint.to_string()));
    let skip = |report: &mut Report, checks: &[&'static str], why: &str| {
        checks.iter().for_each(|check| report.add(Finding::skip(check, why)));
    };
    let Some(hop) = first_hop(&options, &endpoint, report) else {
        return skip(
            report,
            &["dns", "tcp", "tls", "ping", "auth", "clock"],
            "there is no way to the endpoint",
        );
    };
    let (dns, addresses) = runtime.block_on(network::dns(&hop, patience));
    let found = dns.is_fine();
    report.add(dns);
    if !found {
        return skip(report, &["tcp", "tls", "ping", "auth", "clock"], "there is no address to connect to");
    }
    let tcp = runtime.block_on(network::tcp(&addresses, patience));
    let reached = tcp.is_fine();
    report.add(tcp);
    if !reached {
        return skip(report, &["tls", "ping", "auth", "clock"], "there is no connection");
    }
    match TcpConnector::new(options.clone()) {
        Ok(connector) => {
            let visit = sift::Visit {
                is_direct: hop.host == endpoint.host() && hop.port == endpoint.port(),
                options: &options,
                endpoint: &endpoint,
                connector: Arc::new(connector),
                key: settings.key.as_ref(),
                patience,
            };
            for finding in runtime.block_on(sift::visit(&visit, &addresses)) {
                report.add(finding);
            }
        }
        Err(error) => {
            report.add(Finding::fail("tls", error.message()));
            skip(report, &["ping", "auth", "clock"], "there is no secure connection");
        }
    }
}

/// Where connections go first: to the endpoint, or to the proxy on the way to it, which is told; none if no such proxy can
/// be used.
fn first_hop(options: &ConnectionOptions, endpoint: &Endpoint, report: &mut Report) -> Option<Hop> {
    match proxy_of(options) {
        Ok(None) => Some(Hop { host: endpoint.host().to_owned(), port: endpoint.port() }),
        Ok(Some((host, port))) => {
            report.add(Finding::ok("proxy", format!("connections go through {host}:{port}")));
            Some(Hop { host, port })
        }
        Err(error) => {
            report.add(Finding::fail("proxy", error.message()));
            None
        }
    }
}
