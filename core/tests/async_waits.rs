//! `flush_async` and `finish_async` do what their blocking twins do, and leave the thread to others meanwhile.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{backed_up, backup_files, row, server, stream};
use siftstream::{ErrorCode, FlowBuilder, Level};
use siftstream_server::{Effect, Fault, Times, When};

const TIMEOUT: Duration = Duration::from_secs(30);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn rows_are_flushed_and_the_stream_finished_within_a_runtime_of_one_thread() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let stream = backed_up(server.uri(), root.path());
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    block_on(async {
        for level in [Level::Written, Level::Durable, Level::Confirmed] {
            for seq in 0..500 {
                row(&mut builder, seq);
                stream.send(&builder).await.unwrap();
            }
            stream.flush_async(level, TIMEOUT).await.unwrap();
        }
        assert_eq!(stream.watermarks().confirmed, Some(1_500));
        let report = stream.finish_async(TIMEOUT).await.unwrap();
        assert_eq!((report.accepted, report.confirmed), (1_500, 1_500));
    });
    assert!(backup_files(root.path()).is_empty());
}

#[test]
fn a_silent_server_ends_an_async_wait_at_its_deadline() {
    let server = server();
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let stream = stream(&server);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    stream.try_send(&builder).unwrap();
    block_on(async {
        let soon = Duration::from_millis(50);
        let late = stream.flush_async(Level::Confirmed, soon).await.unwrap_err();
        assert_eq!(late.code(), ErrorCode::Timeout);
        let untold = stream.flush_async(Level::Durable, soon).await.unwrap_err();
        assert_eq!(untold.code(), ErrorCode::NotConfigured);
        let unfinished = stream.finish_async(soon).await.unwrap_err();
        assert_eq!((unfinished.report.accepted, unfinished.report.in_memory), (1, 1));
    });
}
