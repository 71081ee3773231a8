//! The API key: it changes while a stream runs, and it is nowhere to be seen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fmt::{Debug, Write as _};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::{KEY, form, row, server};
use siftstream::connect::{ApiKeySource, Credentials};
use siftstream::{FlowBuilder, MetricsServer, Mode, SiftStreamBuilder, StreamConfig, TimeValue};
use siftstream_server::{Code, FaultStatus, LocalServer};

const TIMEOUT: Duration = Duration::from_secs(60);
const CANARY: &str = "canary-4711-secret";

/// Writes down everything that anybody in this process logs, at every level.
#[derive(Default)]
struct Everything {
    text: Mutex<String>,
    spans: AtomicU64,
}

impl Everything {
    fn installed() -> &'static Arc<Self> {
        static INSTALLED: OnceLock<Arc<Everything>> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            let all = Arc::new(Everything::default());
            tracing::subscriber::set_global_default(Arc::clone(&all)).unwrap();
            all
        })
    }
}

struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Everything {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Fields(&mut self.text.lock().unwrap()));
        tracing::span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Fields(&mut self.text.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = self.text.lock().unwrap();
        write!(text, "\n{}", event.metadata().target()).unwrap();
        event.record(&mut Fields(&mut text));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

fn assert_nowhere_below(dir: &Path) {
    let mut files = 0;
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()),
                "{}",
                path.display()
            );
        }
    }
    assert!(files >= 4, "the stream left no files");
}

#[test]
fn the_key_is_in_no_log_no_error_no_event_no_metric_and_no_file() {
    let logs = Everything::installed();
    let metrics = MetricsServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let (server, dir) =
        (LocalServer::builder().api_key(Some(CANARY)).start().unwrap(), tempfile::tempdir().unwrap());
    let mut config = StreamConfig::new(Mode::LiveWithBackups);
    config.set("uri", server.uri()).unwrap();
    config.set("insecure", true).unwrap();
    config.set("api_key", CANARY).unwrap();
    config.set("disk_backup_policy.backups_dir", dir.path()).unwrap();
    config.set("disk_backup_policy.retain_backups", true).unwrap();
    config.set("asset_name", "rig").unwrap();
    config.set("client_key", "canary").unwrap();
    form().flows.into_iter().for_each(|flow| config.add_flow(flow).unwrap());
    let mut told = format!("{config:?} {:?} {:?}", config.credentials(), config.connection());
    let stream = config.open_blocking(TIMEOUT).unwrap();
    metrics.watch("rig", &stream);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..50 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    stream.flush_confirmed(TIMEOUT).unwrap();
    // The endpoint refuses the key and repeats it.
    server.set_api_key(Some("another"));
    let message = format!("the key {CANARY} is revoked");
    server.end_streams(FaultStatus { message, ..FaultStatus::new(Code::Unauthenticated) });
    row(&mut builder, 50);
    stream.send_timeout(&builder, TIMEOUT).unwrap();
    told += &format!("{:?}", stream.flush_confirmed(Duration::from_secs(2)).unwrap_err());
    let pages = ["/metrics", "/metrics.json", "/healthz"].map(|path| page(&metrics, path));
    assert!(pages[0].contains("siftstream_") && pages[1].contains("rows_accepted"), "{pages:?}");
    told += &pages.concat();
    server.set_api_key(Some(CANARY));
    told += &format!("{:?} {:?}", stream.finish(TIMEOUT), stream.get_metrics_snapshot());
    while let Some(event) = stream.events().poll() {
        told += &format!("{event:?} {event}");
    }
    drop(stream);
    server.set_api_key(Some("another"));
    config.set("disk_backup_policy.backups_dir", dir.path().join("elsewhere")).unwrap();
    told +=
        &config.open_blocking(TIMEOUT).err().map_or_else(String::new, |error| format!("{error} {error:?}"));
    for bad in [format!("{CANARY}\r\nx: y"), format!("{CANARY}\0"), CANARY.repeat(1000)] {
        config.set("api_key", bad).unwrap();
        let error = config.open_blocking(TIMEOUT).err().unwrap();
        assert_eq!(error.code(), siftstream::ErrorCode::InvalidArgument);
        told += &format!("{error} {error:?} {config:?}");
    }
    assert!(!told.contains(CANARY), "{told}");
    let logs = logs.text.lock().unwrap();
    assert!(logs.contains("h2") && logs.contains("siftstream::"), "nothing was logged");
    let hit = logs.lines().find(|line| line.contains(CANARY));
    assert_eq!(hit, None);
    assert_nowhere_below(dir.path());
}

/// What the metrics server answers.
fn page(metrics: &MetricsServer, path: &str) -> String {
    let mut socket = TcpStream::connect(metrics.address()).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a row and waits until it is confirmed.
fn confirm_one<T: siftstream::Transport>(
    stream: &siftstream::SiftStream<siftstream::IngestionConfigEncoder, T>,
) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    builder.set_timestamp(TimeValue::now());
    builder.set_with_key("seq", 1_u64).unwrap();
    stream.send_timeout(&builder, TIMEOUT).unwrap();
    stream.flush_confirmed(TIMEOUT).unwrap();
}

#[test]
fn a_new_key_in_the_file_heals_a_stream_without_the_programs_doing() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let file = dir.path().join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let mut config = StreamConfig::new(Mode::LiveOnly);
    config.set("uri", server.uri()).unwrap();
    config.set("insecure", true).unwrap();
    config.set("api_key_file", file.as_path()).unwrap();
    config.set("asset_name", "rig").unwrap();
    config.set("client_key", "rotation").unwrap();
    form().flows.into_iter().for_each(|flow| config.add_flow(flow).unwrap());
    let stream = config.open_blocking(TIMEOUT).unwrap();
    confirm_one(&stream);
    server.set_api_key(Some("the-next-key"));
    server.end_streams(FaultStatus::new(Code::Unauthenticated));
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "the-next-key").unwrap();
    confirm_one(&stream);
    stream.finish(TIMEOUT).unwrap();
}

#[test]
fn a_callback_tells_the_key_and_while_it_fails_the_last_one_stays() {
    let server = server();
    let key: Arc<Mutex<Option<String>>> = Arc::new(Mutex::new(Some(KEY.to_owned())));
    let told = Arc::clone(&key);
    let provider = Arc::new(move || {
        let missing = || siftstream::Error::new(siftstream::ErrorCode::NotFound, "no key now");
        told.lock().unwrap().clone().ok_or_else(missing)
    });
    let credentials = Credentials::Provider { uri: server.uri(), provider };
    assert!(!format!("{credentials:?}").contains(KEY));
    let live = SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form()).live_only();
    let stream = live.build_blocking(TIMEOUT).unwrap();
    confirm_one(&stream);
    *key.lock().unwrap() = None;
    std::thread::sleep(Duration::from_millis(1100));
    confirm_one(&stream);
    server.set_api_key(Some("the-next-key"));
    server.end_streams(FaultStatus::new(Code::Unauthenticated));
    *key.lock().unwrap() = Some("the-next-key".to_owned());
    confirm_one(&stream);
    stream.finish(TIMEOUT).unwrap();
    assert!(ApiKeySource::provided(Arc::new(|| Ok("two words".to_owned()))).is_err());
}
