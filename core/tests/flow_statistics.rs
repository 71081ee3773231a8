//! Each confirmation says how many rows of each flow it confirmed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{KEY, server};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Columns, Credentials, DiskBackupPolicy, EventKind,
    FailurePolicy, FlowBuilder, FlowConfig, IngestionConfigEncoder, IngestionConfigForm, SiftStream,
    SiftStreamBuilder, StreamConfigBuilder, Transport,
};
use siftstream_server::{Code, Fault, LocalServer, Times, Value};

const TIMEOUT: Duration = Duration::from_secs(60);
const FLOWS: [&str; 3] = ["engine", "gps", "log"];

fn config(server: &LocalServer) -> StreamConfigBuilder {
    let flow = |name: &&str| FlowConfig {
        name: (*name).to_owned(),
        channels: vec![ChannelConfig::new(format!("{name}.seq"), ChannelDataType::Uint64)],
    };
    let form = IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "rig-v1".to_owned(),
        flows: FLOWS.iter().map(flow).collect(),
    };
    let credentials = Credentials::Config { uri: server.uri(), apikey: KEY.to_owned() };
    SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form)
}

type Counts = BTreeMap<String, u64>;

/// Sends rows of the flows by turns, in batches of lengths that vary; returns how many of each.
fn send<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>, rows: u64) -> Counts {
    let mut builders: Vec<_> =
        FLOWS.iter().map(|flow| FlowBuilder::new(&stream.get_flow_descriptor(flow).unwrap())).collect();
    let mut counts = Counts::new();
    for seq in 0..rows {
        let at = match seq % 1_000 {
            run @ 500.. => usize::try_from(run / 300).unwrap() % 3,
            turn => usize::try_from(turn % 3).unwrap(),
        };
        builders[at].set_uint64(ChannelIndex::new(0), seq).unwrap();
        stream.send_timeout(&builders[at], TIMEOUT).unwrap();
        *counts.entry(FLOWS[at].to_owned()).or_default() += 1;
    }
    counts
}

/// What the events of checkpoints say together.
fn told<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>) -> Counts {
    let mut counts = Counts::new();
    while let Some(event) = stream.events().poll() {
        if let EventKind::Checkpoint { ranges, rows, flows, .. } = event.kind {
            assert_eq!(ranges.iter().map(|ids| ids.end - ids.start).sum::<u64>(), rows);
            assert_eq!(flows.iter().map(|flow| flow.rows).sum::<u64>(), rows, "{flows:?}");
            flows.iter().for_each(|flow| *counts.entry(flow.flow.to_string()).or_default() += flow.rows);
        }
    }
    counts
}

#[test]
fn a_confirmation_counts_the_rows_of_each_flow() {
    let server = server();
    let stream = config(&server).live_only().checkpoint_rows(700).build_blocking(TIMEOUT).unwrap();
    let mut sent = send(&stream, 20_000);
    let descriptor = stream.get_flow_descriptor("gps").unwrap();
    let (times, seqs) = ([1_i64; 3_000], [7_u64; 3_000]);
    let mut columns = Columns::new(&descriptor, &times[..]);
    columns.set(ChannelIndex::new(0), &seqs[..]);
    stream.send_columns_timeout(&columns, TIMEOUT).unwrap();
    *sent.entry("gps".to_owned()).or_default() += 3_000;
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(told(&stream), sent);
}

#[test]
fn rows_that_are_sent_again_are_counted_by_the_confirmation_alone() {
    let server = server();
    server.inject(Fault::status(Code::Unavailable, 900), Times::N(3));
    let stream = config(&server).live_only().build_blocking(TIMEOUT).unwrap();
    let sent = send(&stream, 10_000);
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(told(&stream), sent);
}

#[test]
fn rows_of_a_batch_that_was_halved_for_a_poison_row_are_counted_right() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.state().object_to_rows(|_, values| match values.first() {
        Some(Value::Uint64(4_321)) => Some("poison".to_owned()),
        _ => None,
    });
    let live = config(&server).end_stream_on_validation_error(true).live_only();
    let live = live.failure_policy(FailurePolicy::Skip).quarantine_dir(root.path());
    let stream = live.build_blocking(TIMEOUT).unwrap();
    let mut sent = send(&stream, 10_000);
    assert_eq!(stream.finish(TIMEOUT).unwrap_err().report.rejected, 1);
    let poisoned = FLOWS[4_321 % 1_000 % 3];
    *sent.entry(poisoned.to_owned()).or_default() -= 1;
    assert_eq!(told(&stream), sent);
}

#[test]
fn a_stream_with_backups_counts_them_too() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let policy = DiskBackupPolicy {
        backups_dir: Some(root.path().to_owned()),
        min_free: 0,
        ..DiskBackupPolicy::default()
    };
    let stream =
        config(&server).live_with_backups().disk_backup_policy(policy).build_blocking(TIMEOUT).unwrap();
    let sent = send(&stream, 5_000);
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(told(&stream), sent);
}
