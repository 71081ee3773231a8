//! Flows that are registered when their first row is sent: online and offline, beside rivals, and refused.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{config, server};
use siftstream::schema::ChannelEnumType;
use siftstream::{
    AnyTransport, ChannelConfig, ChannelDataType, ChannelValue, DataStatus, DiskBackupPolicy, ErrorCode,
    EventKind, Flow, FlowConfig, IngestionConfigEncoder, Level, SiftStream, TimeValue, Value,
};
use siftstream_server::proto::sift::ingestion_configs::v2 as wire;
use siftstream_server::{Code, FaultStatus, LocalServer, Times, UnaryEffect, UnaryFault};

const TIMEOUT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

type Stream = SiftStream<IngestionConfigEncoder, AnyTransport>;

fn policy(root: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some(root.to_owned()), min_free: 0, ..DiskBackupPolicy::default() }
}

fn live_only(uri: String) -> Stream {
    config(uri).auto_register_flows(true).live_only().build_any_blocking(TIMEOUT).unwrap()
}

fn with_backups(uri: String, root: &Path) -> Stream {
    let live = config(uri).auto_register_flows(true).live_with_backups().disk_backup_policy(policy(root));
    live.offline_after(SHORT).build_any_blocking(TIMEOUT).unwrap()
}

fn file_backup(uri: String, root: &Path) -> Stream {
    let files = config(uri).auto_register_flows(true).file_backup().disk_backup_policy(policy(root));
    files.offline_after(SHORT).build_any_blocking(TIMEOUT).unwrap()
}

/// A row of the flow `name`, which nobody has registered.
fn row(name: &str, seq: u64) -> Flow {
    let values = [
        ChannelValue::new("seq", seq),
        ChannelValue::new("hot", seq.is_multiple_of(2)),
        ChannelValue::new("label", format!("row {seq}")),
    ];
    Flow::new(name, TimeValue::from_timestamp_nanos(i64::try_from(seq).unwrap()), &values)
}

/// The flow as the rows of [`row`] tell it.
fn derived(name: &str) -> FlowConfig {
    let channels = [
        ("seq", ChannelDataType::Uint64),
        ("hot", ChannelDataType::Bool),
        ("label", ChannelDataType::String),
    ];
    let channels = channels.map(|(name, data_type)| ChannelConfig::new(name, data_type));
    FlowConfig { name: name.to_owned(), channels: channels.to_vec() }
}

/// The same with another type, as the server's configs have it.
fn clashing(name: &str) -> wire::FlowConfig {
    let mut flow = derived(name);
    flow.channels[1].data_type = ChannelDataType::Double;
    as_wire(&flow)
}

fn as_wire(flow: &FlowConfig) -> wire::FlowConfig {
    let channels = flow.channels.iter().map(|channel| wire::ChannelConfig {
        name: channel.name.clone(),
        data_type: channel.data_type as i32,
        ..wire::ChannelConfig::default()
    });
    wire::FlowConfig { name: flow.name.clone(), channels: channels.collect() }
}

fn registered_events(stream: &Stream) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(event) = stream.events().poll() {
        if let EventKind::FlowRegistered { name } = event.kind {
            names.push(name);
        }
    }
    names
}

/// The rows `0..rows` of the flow arrived, and all of them fit what was registered.
fn assert_arrived(server: &LocalServer, flow: &str, rows: u64) {
    assert_eq!(server.state().schema_errors(), []);
    let tally = server.state().flow(flow).unwrap_or_else(|| panic!("the server has no flow {flow}"));
    assert_eq!(tally.sequence.unwrap().ranges(), [(0, rows - 1)]);
}

fn send(stream: &Stream, flow: &str, rows: std::ops::Range<u64>) {
    for seq in rows {
        stream.send_timeout(row(flow, seq), TIMEOUT).unwrap();
    }
}

#[test]
fn without_the_option_a_row_of_an_unknown_flow_is_an_error_at_the_call() {
    let server = server();
    let stream = config(server.uri()).live_only().build_blocking(TIMEOUT).unwrap();
    let refused = stream.send_timeout(row("new", 0), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::UnknownFlow);
    assert_eq!(stream.stage_flow(derived("new")).unwrap_err().code(), ErrorCode::NotConfigured);
}

#[test]
fn the_first_row_registers_its_flow_in_each_mode() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let streams = [
        ("live", live_only(server.uri())),
        ("backed-up", with_backups(server.uri(), root.path())),
        ("files", file_backup(server.uri(), root.path())),
    ];
    for (name, stream) in &streams {
        send(stream, name, 0..500);
        assert_eq!(registered_events(stream), [*name]);
        assert_eq!(stream.get_flow_descriptor(name).unwrap().channel_count(), 3);
        stream.finish(TIMEOUT).unwrap();
    }
    assert_arrived(&server, "live", 500);
    assert_arrived(&server, "backed-up", 500);
    let flows: Vec<_> = server.state().configs()[0].flows.clone();
    for (name, _) in streams {
        assert!(flows.contains(&as_wire(&derived(name))), "{flows:?}");
    }
}

#[test]
fn a_staged_config_gives_what_a_row_does_not_tell() {
    let server = server();
    let stream = live_only(server.uri());
    let mut staged = derived("staged");
    staged.channels[0].unit = "rows".to_owned();
    let mut gear = ChannelConfig::new("gear", ChannelDataType::Enum);
    gear.enum_types = vec![ChannelEnumType { name: "up".to_owned(), key: 3, is_signed: false }];
    staged.channels.push(gear);
    stream.stage_flow(staged).unwrap();
    assert_eq!(server.state().configs()[0].flows.len(), 1, "nothing is registered before the first row");
    let values = [ChannelValue::new("gear", Value::Enum(3)), ChannelValue::new("seq", 0_u64)];
    stream.send_timeout(Flow::new("staged", TimeValue::now(), &values), TIMEOUT).unwrap();
    stream.finish(TIMEOUT).unwrap();
    assert_arrived(&server, "staged", 1);
    let flows = server.state().configs()[0].flows.clone();
    let channels = &flows.iter().find(|flow| flow.name == "staged").unwrap().channels;
    assert_eq!((channels.len(), channels[0].unit.as_str()), (4, "rows"));
    assert_eq!(channels[3].enum_types[0].name, "up");
}

#[test]
fn threads_that_meet_an_unknown_flow_register_it_once() {
    let server = server();
    let stream = live_only(server.uri());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let stream = &stream;
            scope.spawn(move || send(stream, "shared", thread * 100..(thread + 1) * 100));
        }
    });
    assert_eq!(registered_events(&stream), ["shared"]);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 800);
    assert_arrived(&server, "shared", 800);
}

#[test]
fn a_rival_can_be_first_if_it_means_the_same() {
    let server = server();
    let stream = live_only(server.uri());
    let rival =
        UnaryFault { method: Some("CreateIngestionConfigFlows".to_owned()), effect: UnaryEffect::RivalFirst };
    server.inject_unary(rival, Times::N(1));
    send(&stream, "raced", 0..100);
    let other = live_only(server.uri());
    send(&other, "raced", 100..200);
    stream.finish(TIMEOUT).unwrap();
    other.finish(TIMEOUT).unwrap();
    assert_arrived(&server, "raced", 200);
}

/// Sift has the flow with another channel type: the sender is told, and nothing of the row was accepted.
fn is_told_the_difference(stream: &Stream) {
    let refused = stream.send_timeout(row("clash", 0), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::SchemaMismatch, "{}", refused.error);
    assert_eq!(refused.error.data_status(), DataStatus::NotAccepted);
    for part in ["clash", "hot", "bool", "double"] {
        assert!(refused.error.message().contains(part), "{}", refused.error);
    }
    assert_eq!(refused.data, row("clash", 0));
    assert_eq!(stream.watermarks().accepted, 0);
    send(stream, "other", 0..10);
}

#[test]
fn a_clash_is_an_error_at_the_call_that_shows_the_difference() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (live, backed_up, files) = (
        live_only(server.uri()),
        with_backups(server.uri(), root.path()),
        file_backup(server.uri(), root.path()),
    );
    server.state().add_flows("rig", "rig-v1", vec![clashing("clash")]).unwrap();
    for stream in [&live, &backed_up, &files] {
        is_told_the_difference(stream);
        stream.finish(TIMEOUT).unwrap();
    }
    drop((live, backed_up, files));
    // Nothing of the clash stayed behind: the next start is not troubled by it.
    with_backups(server.uri(), root.path()).finish(TIMEOUT).unwrap();
    file_backup(server.uri(), root.path()).finish(TIMEOUT).unwrap();
    assert_eq!(server.state().schema_errors(), []);
}

#[test]
fn a_first_row_that_does_not_tell_all_types_is_refused_and_the_next_one_can() {
    let server = server();
    let stream = live_only(server.uri());
    let vague = [ChannelValue::new("seq", 0_u64), ChannelValue::new("hot", ())];
    let refused = stream.send_timeout(Flow::new("vague", TimeValue::now(), &vague), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::UnknownFlow);
    assert!(refused.error.message().contains("hot"), "{}", refused.error);
    send(&stream, "vague", 0..1);
    stream.send_timeout(Flow::new("vague", TimeValue::now(), &vague[1..]), TIMEOUT).unwrap();
    let stranger = [ChannelValue::new("stranger", 1.0)];
    let refused = stream.send_timeout(Flow::new("vague", TimeValue::now(), &stranger), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::UnknownChannel);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 2);
}

#[test]
fn try_send_never_waits_for_a_registration() {
    let server = server();
    let stream = live_only(server.uri());
    let slow = UnaryFault {
        method: Some("CreateIngestionConfigFlows".to_owned()),
        effect: UnaryEffect::Delay(SHORT),
    };
    server.inject_unary(slow, Times::N(1));
    assert!(stream.try_send(row("slow", 0)).unwrap_err().is_full());
    let late = stream.send_timeout(row("slow", 0), Duration::from_millis(1)).unwrap_err();
    assert_eq!(late.error.code(), ErrorCode::Timeout);
    let deadline = Instant::now() + TIMEOUT;
    while let Err(refused) = stream.try_send(row("slow", 0)) {
        assert!(refused.is_full() && Instant::now() < deadline, "{refused:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(registered_events(&stream), ["slow"]);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
}

#[test]
fn try_send_tells_that_a_registration_failed() {
    let server = server();
    let stream = live_only(server.uri());
    server.state().add_flows("rig", "rig-v1", vec![clashing("clash")]).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let told = loop {
        let refused = stream.try_send(row("clash", 0)).unwrap_err();
        if !refused.is_full() {
            break refused.error();
        }
        assert!(Instant::now() < deadline, "nobody told");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(told.code(), ErrorCode::SchemaMismatch, "{told}");
    assert_eq!(stream.watermarks().accepted, 0);
}

#[test]
fn without_a_disk_nothing_is_accepted_that_cannot_be_registered() {
    let server = server();
    let stream = live_only(server.uri());
    let gone =
        UnaryFault { method: None, effect: UnaryEffect::Status(FaultStatus::new(Code::Unimplemented)) };
    server.inject_unary(gone, Times::N(1));
    let refused = stream.send_timeout(row("new", 0), TIMEOUT).unwrap_err();
    assert_eq!(refused.error.code(), ErrorCode::Unimplemented);
    assert_eq!(stream.watermarks().accepted, 0);
    send(&stream, "new", 0..10);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 10);
}

#[test]
fn with_a_disk_rows_of_a_new_flow_are_accepted_while_sift_is_away_and_sent_when_it_is_back() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = with_backups(server.uri(), root.path());
    send(&stream, "before", 0..100);
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    server.stop();
    send(&stream, "during", 0..1_000);
    send(&stream, "before", 100..200);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(registered_events(&stream), ["before"]);
    server.start_again().unwrap();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    assert_eq!(registered_events(&stream), ["during"]);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1_200);
    assert_arrived(&server, "before", 200);
    assert_arrived(&server, "during", 1_000);
}

#[test]
fn a_flow_that_was_new_while_sift_was_away_is_registered_by_the_next_start() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    drop(with_backups(server.uri(), root.path()).finish(TIMEOUT).unwrap());
    server.stop();
    let offline = with_backups(server.uri(), root.path());
    send(&offline, "late", 0..1_000);
    let report = offline.finish(SHORT).unwrap();
    assert_eq!((report.accepted, report.on_disk), (1_000, 1_000));
    drop(offline);
    server.start_again().unwrap();
    let next = with_backups(server.uri(), root.path());
    assert_eq!(next.get_flow_descriptor("late").unwrap().channel_count(), 3);
    send(&next, "late", 1_000..1_100);
    next.flush(Level::Confirmed, TIMEOUT).unwrap();
    assert!(server.state().wait_for(TIMEOUT, |state| state.rows() >= 1_100));
    next.finish(TIMEOUT).unwrap();
    assert_arrived(&server, "late", 1_100);
}

#[test]
fn a_stream_that_starts_without_sift_takes_new_flows_too() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.stop();
    let stream = with_backups(server.uri(), root.path());
    send(&stream, "first", 0..500);
    server.start_again().unwrap();
    stream.flush(Level::Confirmed, TIMEOUT).unwrap();
    send(&stream, "first", 500..600);
    send(&stream, "second", 0..100);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 700);
    assert_arrived(&server, "first", 600);
    assert_arrived(&server, "second", 100);
}

#[test]
fn a_clash_that_shows_only_when_sift_is_back_stops_the_stream_with_its_rows_on_disk() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = with_backups(server.uri(), root.path());
    server.stop();
    send(&stream, "clash", 0..100);
    server.state().add_flows("rig", "rig-v1", vec![clashing("clash")]).unwrap();
    server.start_again().unwrap();
    let why = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
    assert_eq!(why.code(), ErrorCode::SchemaMismatch, "{why}");
    let failed = stream.finish(TIMEOUT).unwrap_err();
    assert_eq!((failed.error.code(), failed.report.on_disk), (ErrorCode::SchemaMismatch, 100));
    assert_eq!((server.state().rows(), server.state().schema_error_count()), (0, 0), "nothing half sent");
}
