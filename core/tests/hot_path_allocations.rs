//! A warm stream allocates nothing on the thread that sends.

#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use common::{config, form, row, stream_with};
use siftstream::schema::{ChannelConfig, ChannelDataType, FlowConfig};
use siftstream::{ChannelIndex, Columns, DiskBackupPolicy, FlowBuilder};
use siftstream_server::LocalServer;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct CountingAllocator;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_warm_row_builder_sends_a_million_rows_without_an_allocation() {
    let server = LocalServer::builder().count_only(true).start().unwrap();
    // What is outstanding is bounded by these, so a warm stream has met its most.
    let stream = stream_with(&server, |live| {
        live.replay_window_bytes(2 * 1024 * 1024).ingestion_data_channel_bytes(1024 * 1024)
    });
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    let mut send = |from: u64, to: u64| {
        for seq in from..to {
            row(&mut builder, seq);
            stream.send_timeout(&builder, TIMEOUT).unwrap();
        }
    };
    send(0, 1_000_000);
    stream.flush_confirmed(TIMEOUT).unwrap();
    let before = ALLOCATIONS.with(Cell::get);
    for seq in 1_000_000..2_000_000_u64 {
        row(&mut builder, seq);
        while stream.try_send(&builder).is_err() {
            std::thread::yield_now();
        }
    }
    let allocated = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!(allocated, 0, "allocations on the sending thread");
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 2_000_000);
}

#[test]
fn rows_of_many_flows_by_turns_are_sent_without_an_allocation() {
    let mut form = form();
    let flow = |number: u32| FlowConfig {
        name: format!("flow-{number}"),
        channels: vec![ChannelConfig::new("seq", ChannelDataType::Uint64)],
    };
    form.flows = (0..50).map(flow).collect();
    let server = LocalServer::builder().count_only(true).start().unwrap();
    let credentials = siftstream::Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let stream = siftstream::SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form)
        .live_only()
        .replay_window_bytes(2 * 1024 * 1024)
        .ingestion_data_channel_bytes(1024 * 1024)
        .build_blocking(TIMEOUT)
        .unwrap();
    let descriptor = |number: u32| stream.get_flow_descriptor(&format!("flow-{number}")).unwrap();
    let mut builders: Vec<_> = (0..50).map(|number| FlowBuilder::new(&descriptor(number))).collect();
    let mut send = |rows: usize| {
        for seq in 0..rows {
            let builder = &mut builders[seq % 50];
            builder.set_uint64(ChannelIndex::new(0), seq as u64).unwrap();
            while stream.try_send(&*builder).is_err() {
                std::thread::yield_now();
            }
        }
    };
    let mut sent = 0;
    let mut allocations_of = |rows: usize| {
        let before = ALLOCATIONS.with(Cell::get);
        send(rows);
        sent += rows as u64;
        ALLOCATIONS.with(Cell::get) - before
    };
    allocations_of(1_000_000);
    stream.flush_confirmed(TIMEOUT).unwrap();
    // A stream is warm when more rows than ever were under way at once: a busy machine may come to that late.
    let rounds: Vec<_> = (0..4).map(|_| allocations_of(500_000)).collect();
    assert!(rounds.contains(&0), "allocations on the sending thread: {rounds:?}");
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, sent);
}

#[test]
fn a_warm_file_backup_sends_a_million_rows_without_an_allocation() {
    let dir = tempfile::tempdir().unwrap();
    let policy = DiskBackupPolicy {
        backups_dir: Some(dir.path().to_owned()),
        min_free: 0,
        ..DiskBackupPolicy::default()
    };
    let stream = config("http://127.0.0.1:1".to_owned())
        .file_backup()
        .disk_backup_policy(policy)
        .ingestion_config_id("0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f")
        .backup_data_channel_bytes(1024 * 1024)
        .build_blocking(TIMEOUT)
        .unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..1_000_000 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    let before = ALLOCATIONS.with(Cell::get);
    for seq in 1_000_000..2_000_000_u64 {
        row(&mut builder, seq);
        while stream.try_send(&builder).is_err() {
            std::thread::yield_now();
        }
    }
    let allocated = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 2_000_000);
    assert_eq!(allocated, 0, "allocations on the sending thread");
}

#[test]
fn a_call_with_columns_allocates_as_often_for_many_rows_as_for_few() {
    let server = LocalServer::builder().count_only(true).start().unwrap();
    let stream = stream_with(&server, |live| {
        live.replay_window_bytes(2 * 1024 * 1024).ingestion_data_channel_bytes(1024 * 1024)
    });
    let descriptor = stream.get_flow_descriptor("bench").unwrap();
    let (times, seqs, values) = (vec![1_i64; 100_000], vec![7_u64; 100_000], vec![0.5_f64; 100_000]);
    let send = |rows: usize| {
        let before = ALLOCATIONS.with(Cell::get);
        let mut columns = Columns::new(&descriptor, &times[..rows]);
        columns.set(ChannelIndex::new(0), &seqs[..rows]).set(ChannelIndex::new(1), &values[..rows]);
        while !columns.is_empty() {
            let taken = stream.try_send_columns(&columns).unwrap();
            if taken < columns.len() {
                std::thread::yield_now();
            }
            columns.skip(taken);
        }
        ALLOCATIONS.with(Cell::get) - before
    };
    for _ in 0..20 {
        send(100_000);
    }
    stream.flush_confirmed(TIMEOUT).unwrap();
    let few = send(100);
    let many = send(1_000);
    assert!(few > 0 && many == few, "{few} allocations for 100 rows, {many} for 1,000");
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 2_001_100);
}

#[test]
fn texts_that_change_are_kept_without_an_allocation() {
    let mut form = form();
    form.flows = vec![FlowConfig {
        name: "log".to_owned(),
        channels: vec![ChannelConfig::new("text", ChannelDataType::String)],
    }];
    let server = LocalServer::builder().count_only(true).start().unwrap();
    let credentials = siftstream::Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
    let stream = siftstream::SiftStreamBuilder::new(credentials)
        .insecure(true)
        .ingestion_config(form)
        .live_only()
        .build_blocking(TIMEOUT)
        .unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("log").unwrap());
    let texts = ["a longer text, to begin with", "short", ""];
    let mut before = 0;
    for number in 0..200_000 {
        if number == 100_000 {
            stream.flush_confirmed(TIMEOUT).unwrap();
            before = ALLOCATIONS.with(Cell::get);
        }
        builder.set_string(ChannelIndex::new(0), texts[number % 3]).unwrap();
        while stream.try_send(&builder).is_err() {
            std::thread::yield_now();
        }
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}
