//! Protobuf messages of the caller's own types have the same guarantees as rows, over the same transports, and files of
//! their own.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{KEY, backup_files, server};
use prost::Message;
use siftstream::proto::sift::ingest::v1::IngestArbitraryProtobufDataStreamRequest as Wire;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::{
    Credentials, ErrorCode, Level, ProtobufEncoder, ProtobufMessage, ProtobufStreamBuilder, SiftStream,
    SiftStreamBuilder, TimeValue, Transport,
};
use siftstream_server::{Code, Effect, Fault, IngestKind, LocalServer, StreamReset, Times, When};

const TIMEOUT: Duration = Duration::from_secs(60);
const TYPE: &str = "rig.v1.Telemetry";

fn config(uri: String) -> ProtobufStreamBuilder {
    SiftStreamBuilder::new(Credentials::Config { uri, apikey: KEY.to_owned() })
        .insecure(true)
        .arbitrary_protobuf("rig")
        .namespace("tests")
}

/// The content of message `seq`: its number, and what makes it longer.
fn content(seq: u64) -> Vec<u8> {
    let padding = usize::try_from(seq % 100).unwrap();
    [&seq.to_le_bytes()[..], &vec![0xa5; padding]].concat()
}

fn send<T: Transport>(stream: &SiftStream<ProtobufEncoder, T>, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        let (value, time) =
            (content(seq), TimeValue::from_timestamp_nanos(i64::try_from(seq).unwrap() * 1_000_003));
        let message = ProtobufMessage::new(TYPE, time, &value).display_name("Telemetry");
        stream.send_timeout(message, TIMEOUT).unwrap();
    }
}

/// Reads a message, which must be what was sent under its number.
fn number_of(raw: &[u8]) -> u64 {
    let found = Wire::decode(raw).unwrap();
    let seq = u64::from_le_bytes(found.value[..8].try_into().unwrap());
    let nanos = i64::try_from(seq).unwrap() * 1_000_003;
    let expected = Wire {
        message_type_identifier: TYPE.to_owned(),
        message_type_display_name: Some("Telemetry".to_owned()),
        asset_name: "rig".to_owned(),
        timestamp: Some(prost_types::Timestamp {
            seconds: nanos / 1_000_000_000,
            nanos: i32::try_from(nanos % 1_000_000_000).unwrap(),
        }),
        value: content(seq),
        namespace: "tests".to_owned(),
        ..Wire::default()
    };
    assert_eq!(found, expected);
    assert_eq!(raw, expected.encode_to_vec(), "the bytes are those that prost writes");
    seq
}

/// The messages `0..count` arrived, unaltered, on the call that is for them.
fn assert_complete(server: &LocalServer, count: u64, most_duplicates: u64) {
    let state = server.state();
    let numbers: Vec<_> = state.kept_messages().iter().map(|raw| number_of(raw)).collect();
    let different: BTreeSet<_> = numbers.iter().copied().collect();
    assert!(different.iter().copied().eq(0..count), "{} of {count} messages", different.len());
    let duplicates = numbers.len() as u64 - count;
    assert!(duplicates <= most_duplicates, "{duplicates} came more than once");
    assert!(state.streams().iter().all(|stream| stream.kind == IngestKind::ArbitraryProtobuf));
    assert_eq!(state.schema_errors(), []);
    assert_eq!(state.configs().len(), 0, "nothing is registered");
}

/// The messages in the files below `root`.
fn on_disk(root: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for file in backup_files(root) {
        assert!(file.starts_with(root.join("arbitrary-protobuf")), "{}", file.display());
        let bytes = std::fs::read(file).unwrap();
        let mut reader = PbfsReader::new(&*bytes).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Chunk(chunk) = item else { continue };
            found.extend(chunk.messages().map(number_of));
        }
    }
    found
}

fn faults() -> [Fault; 6] {
    [
        Fault::status(Code::Unavailable, 0),
        Fault::status(Code::Internal, 700),
        Fault::new(When::Rows(500), Effect::TcpReset),
        Fault::new(When::Bytes(10_000), Effect::StreamReset(StreamReset::RefusedStream)),
        Fault::early_ok(300, Duration::ZERO),
        Fault::status(Code::ResourceExhausted, 1),
    ]
}

#[test]
fn every_message_arrives_whatever_fails_on_the_way() {
    let server = server();
    for fault in faults() {
        server.inject(fault, Times::N(1));
    }
    let stream = config(server.uri()).live_only().build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..5_000);
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (5_000, 5_000));
    assert_complete(&server, 5_000, 6 * 5_000);
}

#[test]
fn with_backups_every_message_arrives_whatever_fails_and_no_file_is_left() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    for fault in faults() {
        server.inject(fault, Times::N(1));
    }
    let stream = config(server.uri())
        .live_with_backups()
        .with(|live| live.backups_dir(root.path()).min_free(0))
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&stream, 0..5_000);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.confirmed), (5_000, 5_000));
    drop(stream);
    assert_complete(&server, 5_000, 6 * 5_000);
    assert_eq!(backup_files(root.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_a_killed_process_left_is_sent_by_the_next_start() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sends_until_it_is_killed", "--ignored", "--nocapture"])
        .env("SIFTSTREAM_TEST_URI", server.uri())
        .env("SIFTSTREAM_TEST_DIR", root.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("written")), "the child ended early");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(on_disk(root.path()).into_iter().eq(0..2_000));
    server.heal();
    let next = config(server.uri())
        .live_with_backups()
        .with(|live| live.backups_dir(root.path()).min_free(0))
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&next, 2_000..2_500);
    next.flush(Level::Confirmed, TIMEOUT).unwrap();
    assert!(server.state().wait_for(TIMEOUT, |state| state.rows() >= 2_500));
    let report = next.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.recovered, report.confirmed), (500, 2_000, 2_500));
    drop(next);
    assert_complete(&server, 2_500, 2_000);
    assert_eq!(backup_files(root.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
#[ignore = "the other half of the test above"]
fn sends_until_it_is_killed() {
    let (uri, dir) = (std::env::var("SIFTSTREAM_TEST_URI"), std::env::var_os("SIFTSTREAM_TEST_DIR"));
    let (Ok(uri), Some(dir)) = (uri, dir) else { return };
    let stream = config(uri)
        .live_with_backups()
        .with(|live| live.backups_dir(dir).min_free(0))
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&stream, 0..2_000);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    writeln!(std::io::stdout(), "written").unwrap();
    std::thread::sleep(TIMEOUT);
}

#[test]
fn files_need_no_network_and_hold_every_message() {
    let root = tempfile::tempdir().unwrap();
    let stream = config("http://127.0.0.1:1".to_owned())
        .file_backup()
        .with(|files| files.backups_dir(root.path()).min_free(0))
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&stream, 0..5_000);
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.on_disk), (5_000, 5_000));
    drop(stream);
    assert!(on_disk(root.path()).into_iter().eq(0..5_000));
}

#[test]
fn messages_and_rows_of_one_root_and_name_are_kept_apart() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let messages = config(server.uri())
        .file_backup()
        .with(|files| files.backups_dir(root.path()).min_free(0))
        .build_blocking(TIMEOUT)
        .unwrap();
    let rows = common::config(server.uri())
        .file_backup()
        .backups_dir(root.path())
        .min_free(0)
        .build_blocking(TIMEOUT)
        .unwrap();
    send(&messages, 0..100);
    let mut row = siftstream::FlowBuilder::new(&rows.get_flow_descriptor("bench").unwrap());
    common::row(&mut row, 0);
    rows.send_timeout(&row, TIMEOUT).unwrap();
    messages.finish(TIMEOUT).unwrap();
    rows.finish(TIMEOUT).unwrap();
    let (apart, shared): (Vec<_>, Vec<_>) = backup_files(root.path())
        .into_iter()
        .partition(|file| file.starts_with(root.path().join("arbitrary-protobuf")));
    assert_eq!((apart.len(), shared.len()), (1, 1));
    assert_ne!(apart[0].parent(), shared[0].parent());
}

#[test]
fn a_run_is_attached_and_what_cannot_be_sent_is_an_error_at_the_call() {
    let server = server();
    let stream = config(server.uri()).live_only().build_blocking(TIMEOUT).unwrap();
    let nameless = ProtobufMessage::new("", TimeValue::now(), b"");
    assert_eq!(stream.try_send(nameless).unwrap_err().error().code(), ErrorCode::InvalidArgument);
    let huge = vec![0; 5 << 20];
    let huge = ProtobufMessage::new(TYPE, TimeValue::now(), &huge);
    assert_eq!(stream.try_send(huge).unwrap_err().error().code(), ErrorCode::RowTooLarge);
    let run = siftstream::RunForm {
        name: "run".to_owned(),
        client_key: "run-key".to_owned(),
        ..siftstream::RunForm::default()
    };
    stream.attach_run_blocking(siftstream::RunSelector::ByForm(run), TIMEOUT).unwrap();
    stream.send_timeout(ProtobufMessage::new(TYPE, TimeValue::now(), b""), TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    let found = Wire::decode(&server.state().kept_messages()[0][..]).unwrap();
    assert_eq!(Some(found.run_id), stream.run_id());
    assert_eq!(server.state().arbitrary_rows()[TYPE], 1);
}
