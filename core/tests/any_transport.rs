//! Streams of all modes have one type for callers who choose at run time, and behave as before.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{config, row, server};
use siftstream::spool::DiskBackupPolicy;
use siftstream::{AnyTransport, ErrorCode, FlowBuilder, IngestionConfigEncoder, Level, SiftStream};

const TIMEOUT: Duration = Duration::from_secs(30);

type Stream = SiftStream<IngestionConfigEncoder, AnyTransport>;

fn send(stream: &Stream, rows: u64) {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

#[test]
fn a_mode_chosen_at_run_time_delivers_as_the_mode_does() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let policy =
        DiskBackupPolicy { backups_dir: Some(dir.path().to_owned()), min_free: 0, ..Default::default() };
    let open = |live: bool| -> Stream {
        let shared = config(server.uri());
        if live {
            shared.live_only().build_any_blocking(TIMEOUT).unwrap()
        } else {
            shared.file_backup().disk_backup_policy(policy.clone()).build_any_blocking(TIMEOUT).unwrap()
        }
    };
    for (live, level, other) in
        [(true, Level::Confirmed, Level::Durable), (false, Level::Durable, Level::Confirmed)]
    {
        let stream = open(live);
        send(&stream, 1_000);
        stream.flush(level, TIMEOUT).unwrap();
        assert_eq!(stream.flush(other, TIMEOUT).unwrap_err().code(), ErrorCode::NotConfigured);
        let marks = stream.watermarks();
        let expected = if live { (Some(1_000), None) } else { (None, Some(1_000)) };
        assert_eq!((marks.accepted, (marks.confirmed, marks.durable)), (1_000, expected));
        assert_eq!(stream.get_metrics_snapshot().rows_accepted, 1_000);
        let report = stream.finish(TIMEOUT).unwrap();
        let expected = if live { (1_000, 0) } else { (0, 1_000) };
        assert_eq!((report.confirmed, report.on_disk), expected);
    }
}
