//! Rows that Sift rejects: found by themselves, kept with the reason, and named; no other row is touched.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{assert_complete, config, row, server};
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::{
    DiskBackupPolicy, Error, ErrorCode, EventKind, FailurePolicy, FinishError, FlowBuilder,
    IngestionConfigEncoder, Level, Report, SiftStream, Transport,
};
use siftstream_server::{LocalServer, Value};

const TIMEOUT: Duration = Duration::from_secs(60);
const ROWS: u64 = 100_000;
const POISON: u64 = 61_803;

/// A server that rejects the rows with these numbers.
fn picky(poison: &'static [u64]) -> LocalServer {
    let server = server();
    server.state().object_to_rows(move |_, values| match values.first() {
        Some(Value::Uint64(seq)) if poison.contains(seq) => Some(format!("row {seq} is poison")),
        _ => None,
    });
    server
}

fn send_all<T: Transport>(stream: &SiftStream<IngestionConfigEncoder, T>, rows: u64) -> Result<(), Error> {
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..rows {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).map_err(|refused| refused.error)?;
    }
    Ok(())
}

/// Everything but the poison arrived; sending again what was rejected may have repeated rows.
fn all_but(server: &LocalServer, rows: u64, poison: &[u64]) {
    let mut seen = vec![false; usize::try_from(rows).unwrap()];
    for row in server.state().kept_rows() {
        let Some(Value::Uint64(seq)) = row.values.first() else { panic!("a row without its number") };
        seen[usize::try_from(*seq).unwrap()] = true;
    }
    let missing: Vec<_> = (0..rows).filter(|seq| !seen[usize::try_from(*seq).unwrap()]).collect();
    assert_eq!(missing, poison);
}

/// The rows in quarantine, and the texts beside them.
fn quarantined(root: &Path) -> (u64, Vec<String>) {
    let (mut rows, mut texts) = (0, Vec::new());
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                dirs.push(path);
            } else if name.starts_with("rejected-") && name.ends_with(".pbfs") {
                let bytes = std::fs::read(&path).unwrap();
                let mut reader = PbfsReader::new(&*bytes).unwrap();
                while let Some(item) = reader.next_item().unwrap() {
                    let Item::Chunk(chunk) = item else { panic!("a damaged quarantine") };
                    rows += chunk.rows();
                }
            } else if name.starts_with("rejected-") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    (rows, texts)
}

fn policy(root: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some(root.to_owned()), min_free: 0, ..DiskBackupPolicy::default() }
}

fn adds_up(report: &Report) {
    let found = report.confirmed + report.on_disk + report.in_memory + report.dropped + report.rejected;
    assert_eq!(report.accepted + report.recovered, found, "{report:?}");
}

fn check_skipped(server: &LocalServer, root: &Path, finished: Result<Report, FinishError>) {
    let failed = finished.unwrap_err();
    assert_eq!(failed.error.code(), ErrorCode::Rejected, "{failed}");
    let report = failed.report;
    adds_up(&report);
    assert_eq!((report.accepted, report.confirmed, report.rejected), (ROWS, ROWS - 1, 1));
    all_but(server, ROWS, &[POISON]);
    let (rows, texts) = quarantined(root);
    assert_eq!((rows, texts.len()), (1, 1));
    for part in [&format!("message ID {POISON}"), "\"bench\"", &format!("row {POISON} is poison")] {
        assert!(texts[0].contains(part), "{part} is not in {texts:?}");
    }
}

#[test]
fn a_live_stream_that_skips_puts_exactly_the_poison_row_in_quarantine() {
    let (server, root) = (picky(&[POISON]), tempfile::tempdir().unwrap());
    let live = config(server.uri()).end_stream_on_validation_error(true).live_only();
    let live = live.failure_policy(FailurePolicy::Skip).quarantine_dir(root.path());
    let stream = live.build_blocking(TIMEOUT).unwrap();
    send_all(&stream, ROWS).unwrap();
    assert_eq!(stream.flush(Level::Confirmed, TIMEOUT).unwrap_err().code(), ErrorCode::Rejected);
    check_skipped(&server, root.path(), stream.finish(TIMEOUT));
    let told = std::iter::from_fn(|| stream.events().poll());
    assert_eq!(told.filter(|event| matches!(event.kind, EventKind::Rejected { .. })).count(), 1);
}

#[test]
fn a_stream_with_backups_that_skips_puts_exactly_the_poison_row_in_quarantine() {
    let (server, root) = (picky(&[POISON]), tempfile::tempdir().unwrap());
    let live = config(server.uri()).end_stream_on_validation_error(true).live_with_backups();
    let live = live.failure_policy(FailurePolicy::Skip).disk_backup_policy(policy(root.path()));
    let stream = live.build_blocking(TIMEOUT).unwrap();
    send_all(&stream, ROWS).unwrap();
    assert_eq!(stream.flush(Level::Confirmed, TIMEOUT).unwrap_err().code(), ErrorCode::Rejected);
    check_skipped(&server, root.path(), stream.finish(TIMEOUT));
}

#[test]
fn a_live_stream_that_stops_names_flow_row_and_reason() {
    let server = picky(&[777]);
    let live = config(server.uri()).end_stream_on_validation_error(true).live_only();
    let stream = live.build_blocking(TIMEOUT).unwrap();
    send_all(&stream, 2_000).unwrap();
    let failed = stream.finish(TIMEOUT).unwrap_err();
    adds_up(&failed.report);
    assert_eq!(failed.error.code(), ErrorCode::Rejected);
    for part in ["message ID 777", "\"bench\"", "row 777 is poison"] {
        assert!(failed.error.to_string().contains(part), "{part} is not in {}", failed.error);
    }
}

#[test]
fn a_stream_with_backups_that_stops_names_flow_row_and_reason_and_keeps_everything() {
    let (server, root) = (picky(&[777]), tempfile::tempdir().unwrap());
    let open = || {
        let live = config(server.uri()).end_stream_on_validation_error(true).live_with_backups();
        live.disk_backup_policy(policy(root.path())).build_blocking(TIMEOUT).unwrap()
    };
    let stream = open();
    send_all(&stream, 2_000).unwrap();
    let refused = stream.flush(Level::Confirmed, TIMEOUT).unwrap_err();
    for part in ["message ID 777", "\"bench\"", "row 777 is poison"] {
        assert!(refused.to_string().contains(part), "{part} is not in {refused}");
    }
    let failed = stream.finish(TIMEOUT).unwrap_err();
    adds_up(&failed.report);
    assert_eq!((failed.report.in_memory, failed.report.dropped, failed.report.rejected), (0, 0, 0));
    drop(stream);
    server.state().object_to_rows(|_, _| None);
    let stream = open();
    while stream.get_metrics_snapshot().recovered_rows_confirmed < failed.report.on_disk {
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.finish(TIMEOUT).unwrap();
    assert_complete(&server, 2_000, 20_000);
}

#[test]
fn each_flow_has_its_own_policy_and_many_poison_rows_are_found() {
    let (server, root) = (picky(&[0, 1, 500, 4_998, 4_999]), tempfile::tempdir().unwrap());
    let live = config(server.uri()).end_stream_on_validation_error(true).live_only();
    let live = live.flow_failure_policy("bench", FailurePolicy::Skip).quarantine_dir(root.path());
    let stream = live.build_blocking(TIMEOUT).unwrap();
    send_all(&stream, 5_000).unwrap();
    let report = stream.finish(TIMEOUT).unwrap_err().report;
    assert_eq!((report.confirmed, report.rejected), (4_995, 5));
    all_but(&server, 5_000, &[0, 1, 500, 4_998, 4_999]);
    assert_eq!(quarantined(root.path()).0, 5);
}

#[test]
fn a_live_stream_that_skips_must_say_where_skipped_rows_go() {
    let server = server();
    let live = config(server.uri()).live_only().failure_policy(FailurePolicy::Skip);
    assert_eq!(live.build_blocking(TIMEOUT).err().unwrap().code(), ErrorCode::NotConfigured);
}
