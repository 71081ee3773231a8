//! What the server guarantees about the rows it receives.

mod common;

use common::{LONG, connect, flow, open, ready, row, stream};
use siftstream_server::{LocalServer, StreamEnd, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::Code;

#[tokio::test]
async fn every_row_of_a_confirmed_stream_is_counted_and_kept_in_order() {
    let (server, channel, id) = ready();
    stream(&channel, &id, 0..1_000).await.unwrap();
    let state = server.state();
    assert_eq!(state.rows(), 1_000);
    let numbers: Vec<_> = state.kept_rows().into_iter().map(|row| row.values[0].clone()).collect();
    assert_eq!(numbers, (0..1_000).map(Value::Uint64).collect::<Vec<_>>());
    let record = &state.streams()[0];
    assert!(record.is_confirmed());
    assert_eq!(record.rows_taken, 1_000);
    let tally = state.flow("f").unwrap();
    assert_eq!((tally.rows, tally.last_values[0].clone()), (1_000, Value::Uint64(999)));
    assert_eq!(tally.sequence.unwrap().ranges(), [(0, 999)]);
}

#[tokio::test]
async fn a_bad_row_is_an_error_and_not_a_row() {
    let (server, channel, id) = ready();
    let mut bad = vec![row("no such config", 0)];
    let mut add =
        |change: fn(&mut siftstream_server::proto::sift::ingest::v1::IngestWithConfigDataStreamRequest)| {
            let mut row = row(&id, 0);
            change(&mut row);
            bad.push(row);
        };
    add(|row| row.flow = "g".to_owned());
    add(|row| row.channel_values.truncate(1));
    add(|row| row.channel_values.swap(0, 1));
    add(|row| row.channel_values[0].r#type = None);
    add(|row| row.timestamp = None);
    add(|row| row.timestamp.as_mut().unwrap().nanos = 1_000_000_000);
    add(|row| row.run_id = "no such run".to_owned());
    let count = bad.len() as u64;
    let (rows, call) = open(&channel);
    for row in bad {
        rows.send(row).await.unwrap();
    }
    let mut empty = row(&id, 1);
    empty.channel_values[1].r#type = Some(Value::Empty(()));
    rows.send(empty).await.unwrap();
    drop(rows);
    call.await.unwrap().unwrap();
    assert_eq!(server.state().schema_error_count(), count);
    assert_eq!(server.state().rows(), 1);
    assert_eq!(server.state().flow("f").unwrap().schema_errors, 5);
}

#[tokio::test]
async fn a_bad_row_that_asks_for_it_ends_the_stream() {
    let (server, channel, id) = ready();
    let (rows, call) = open(&channel);
    rows.send(row(&id, 0)).await.unwrap();
    let mut bad = row(&id, 1);
    bad.channel_values.clear();
    bad.end_stream_on_validation_error = true;
    rows.send(bad).await.unwrap();
    let status = tokio::time::timeout(LONG, call).await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(server.state().rows(), 1);
    assert_eq!(server.state().streams()[0].end, StreamEnd::Status(Code::InvalidArgument));
}

#[tokio::test]
async fn count_only_counts_every_message_and_still_answers_unary_calls() {
    let server = LocalServer::builder().count_only(true).start().unwrap();
    let id = server.state().create_config("asset", "key", vec![flow("f")]).unwrap();
    let channel = connect(&server);
    stream(&channel, &id, 0..5_000).await.unwrap();
    assert_eq!(server.state().rows(), 5_000);
    assert_eq!(server.state().streams_confirmed(), 1);
    assert_eq!(server.state().flow("f").unwrap().rows, 0);
}

#[tokio::test]
async fn the_row_listener_sees_each_valid_row_once() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let server = LocalServer::builder()
        .on_row(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .start()
        .unwrap();
    let id = server.state().create_config("asset", "key", vec![flow("f")]).unwrap();
    stream(&connect(&server), &id, 0..100).await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn a_restarted_server_has_the_same_port_and_the_same_state() {
    let (server, channel, id) = ready();
    stream(&channel, &id, 0..10).await.unwrap();
    let port = server.port();
    server.stop();
    stream(&channel, &id, 10..20).await.unwrap_err();
    server.start_again().unwrap();
    stream(&connect(&server), &id, 10..20).await.unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(server.state().rows(), 20);
}
