//! Streams through a real HTTP proxy: tinyproxy. The test installs it if it may.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{KEY, form, server};
use siftstream::{Error, FlowBuilder, Mode, StreamConfig, TimeValue};
use siftstream_server::LocalServer;

const TIMEOUT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "open-sesame";

/// A tinyproxy of the test's own.
struct Tinyproxy {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Tinyproxy {
    fn start(authorization: &str) -> Self {
        install();
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("tinyproxy.conf");
        let log = dir.path().join("log");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 600\nLogLevel Info\nLogFile \"{}\"\n{authorization}\n",
            log.display()
        );
        std::fs::write(&config, text).unwrap();
        let process =
            Command::new("tinyproxy").arg("-d").arg("-c").arg(&config).stdout(Stdio::null()).spawn().unwrap();
        let proxy = Self { process, port, dir };
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "tinyproxy does not listen: {}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// How often it was asked for a connection to the server.
    fn connects(&self, server: &LocalServer) -> usize {
        self.log().matches(&format!("CONNECT 127.0.0.1:{}", server.port())).count()
    }
}

/// Once for all tests: two at a time would keep each other from it.
fn install() {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock().unwrap();
    if is_installed() {
        return;
    }
    let run = |arguments: &[&str]| Command::new("apt-get").args(arguments).output().is_ok();
    let tried = run(&["update"]) && run(&["install", "-y", "--no-install-recommends", "tinyproxy"]);
    assert!(tried && is_installed(), "this test needs tinyproxy: install it (apt-get install tinyproxy)");
}

fn is_installed() -> bool {
    Command::new("tinyproxy").arg("-v").stdout(Stdio::null()).status().is_ok()
        || Path::new("/usr/sbin/tinyproxy").exists()
}

fn config(server: &LocalServer, proxy: &str) -> StreamConfig {
    let mut config = StreamConfig::new(Mode::LiveOnly);
    for (key, value) in
        [("uri", server.uri().as_str()), ("api_key", KEY), ("insecure", "true"), ("proxy", proxy)]
    {
        config.set(key, value).unwrap();
    }
    let form = form();
    config.set("asset_name", form.asset_name).unwrap();
    config.set("client_key", form.client_key).unwrap();
    form.flows.into_iter().for_each(|flow| config.add_flow(flow).unwrap());
    config
}

/// Sends rows, in two gRPC streams, and has them confirmed.
fn send(config: &StreamConfig) -> Result<u64, Error> {
    let stream = config.open_blocking(TIMEOUT)?;
    let mut row = FlowBuilder::new(&stream.get_flow_descriptor("bench")?);
    for seq in 0..200_u64 {
        row.set_timestamp(TimeValue::now());
        row.set_with_key("seq", seq)?;
        stream.send_timeout(&row, TIMEOUT).map_err(|refused| refused.error)?;
        if seq == 100 {
            stream.flush_confirmed(TIMEOUT)?;
        }
    }
    Ok(stream.finish(TIMEOUT).map_err(|failed| failed.error)?.confirmed)
}

#[test]
fn a_stream_goes_through_a_proxy_without_and_with_a_password() {
    for (authorization, user) in [
        (String::new(), String::new()),
        (format!("BasicAuth flight {PASSWORD}"), format!("flight:{PASSWORD}@")),
    ] {
        let (server, proxy) = (server(), Tinyproxy::start(&authorization));
        let config = config(&server, &format!("http://{user}127.0.0.1:{}", proxy.port));
        assert_eq!(send(&config).unwrap(), 200);
        common::assert_complete(&server, 200, 0);
        assert!(proxy.connects(&server) >= 2, "control and rows did not pass the proxy: {}", proxy.log());
        assert!(!format!("{config:?} {}", config.to_toml()).contains(PASSWORD));
    }
}

#[test]
fn a_wrong_or_missing_password_is_told_without_showing_it() {
    let (server, proxy) = (server(), Tinyproxy::start(&format!("BasicAuth flight {PASSWORD}")));
    for user in ["", "flight:wrong-word@"] {
        let mut config = config(&server, &format!("http://{user}127.0.0.1:{}", proxy.port));
        config.set("control_retry_policy.max_attempts", 2).unwrap();
        let error = send(&config).unwrap_err();
        assert!(error.message().contains("`proxy`") && !error.message().contains("wrong-word"), "{error}");
    }
    assert_eq!(server.state().connections(), 0);
}

#[test]
fn no_proxy_leads_around_a_proxy_and_a_bad_one_is_refused() {
    let server = server();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = config(&server, &format!("http://{nobody}"));
    config.set("control_retry_policy.max_attempts", 1).unwrap();
    let error = send(&config).unwrap_err();
    assert!(error.message().contains(&format!("the proxy {nobody}")), "{error}");
    config.set("no_proxy", "sift.example, 127.0.0.0/8").unwrap();
    assert_eq!(send(&config).unwrap(), 200);
    config.unset("no_proxy").unwrap();
    config.set("proxy", "none").unwrap();
    assert_eq!(send(&config).unwrap(), 200);
    for bad in ["gopher://proxy:1", "socks5://proxy:1", "http://"] {
        config.set("proxy", bad).unwrap();
        let error = send(&config).unwrap_err();
        assert!(error.message().contains("the proxy cannot be used"), "{bad}: {error}");
    }
}
