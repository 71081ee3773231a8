//! Killed at random while faults run, and started again: what was on disk arrives.
//!
//! `SIFTSTREAM_KILLS` sets how many children are killed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a helper that fails fails its test")]

use siftstream::ledger::RangeSet;
use siftstream::{FlowBuilder, Report};
use siftstream_faults::disk;
use siftstream_faults::mode::{KEY, Mode, Setup};
use siftstream_faults::oracle::{self, Received};
use siftstream_faults::rows::Shape;
use siftstream_server::{
    Blackhole, Code, ConnectionFault, Effect, Fault, GoAway, LocalServer, StreamReset, Times, When,
};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHAPE: Shape = Shape { stream: 7, padding: 40 };
const PATIENCE: Duration = Duration::from_secs(60);
/// Children that share a directory, one after the other.
const LIVES: u64 = 5;
/// The numbers that the rows of one child come from.
const ROWS_OF_A_LIFE: u64 = 10_000_000;

#[test]
fn what_was_written_before_a_kill_arrives_after_it() {
    let kills: u64 = std::env::var("SIFTSTREAM_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut promised = 0;
    for first in (0..kills).step_by(usize::try_from(LIVES).unwrap()) {
        promised += kill_and_recover(first..kills.min(first + LIVES));
    }
    println!("{kills} children killed, {promised} rows promised and received");
    assert!(promised > 0, "no child came far enough to promise anything");
}

/// Lets children live and die over one directory, then recovers; returns how many rows they said were on disk.
fn kill_and_recover(lives: std::ops::Range<u64>) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let received = Arc::new(Received::new(SHAPE));
    let log = Arc::clone(&received);
    let server = LocalServer::builder()
        .api_key(Some(KEY))
        .on_row_of_stream(move |stream, raw| log.note(stream, raw))
        .start()
        .unwrap();
    let mut promised = RangeSet::new();
    for (turn, life) in lives.clone().enumerate() {
        let first = u64::try_from(turn).unwrap() * ROWS_OF_A_LIFE;
        let written = live_and_die(&server, dir.path(), life, first);
        promised.insert(first..first + written);
    }
    server.heal();
    server.start_again().unwrap();
    let last = Mode::LiveWithBackups.open(&Setup::new(server.uri(), dir.path().to_owned())).unwrap();
    wait_until(|| received.has_all(&promised) && disk::files(dir.path()).is_empty());
    let report = last.finish(PATIENCE).unwrap_or_else(|failed| panic!("{lives:?}: {failed}"));
    let Report { recovered, confirmed, on_disk, .. } = report;
    assert_eq!((confirmed, on_disk), (recovered, 0), "{lives:?}: {report}");
    drop(last);
    assert_eq!(disk::files(dir.path()), Vec::<PathBuf>::new(), "{lives:?}: files are left");
    let complaints = oracle::judge_promises(&received, &server.state(), &promised);
    assert!(complaints.is_empty(), "{lives:?}: {complaints:?}");
    promised.len()
}

/// Waits for what must come; what did not is told by those who look.
fn wait_until(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One child sends rows from `first` on until it is killed; returns how many it last said were on disk.
fn live_and_die(server: &LocalServer, dir: &Path, life: u64, first: u64) -> u64 {
    inject(server, life);
    let mut child = spawn_child(server, dir, first);
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
    let half = Duration::from_millis(20 + life * 41 % 110);
    std::thread::sleep(half);
    disturb(server, life);
    std::thread::sleep(half);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = reader.join().unwrap();
    let mut numbers =
        said.lines().filter_map(|line| line.strip_prefix("written ")?.strip_suffix('.')?.parse().ok());
    numbers.next_back().unwrap_or(0)
}

/// The faults that the next streams and connections meet.
fn inject(server: &LocalServer, life: u64) {
    let faults = [
        Fault::status(Code::Unavailable, 300),
        Fault::early_ok(0, Duration::ZERO),
        Fault::new(When::Rows(700), Effect::TcpReset),
        Fault::early_ok(1_000, Duration::from_millis(2)),
        Fault::new(When::Rows(100), Effect::Silence),
        Fault::new(When::EndOfStream, Effect::TcpReset),
        Fault::new(When::AtOnce, Effect::StreamReset(StreamReset::RefusedStream)),
        Fault::new(When::EndOfStream, Effect::OkThenTcpReset(Duration::ZERO)),
        Fault::no_response(),
        Fault::delayed_ok(Duration::from_millis(40)),
        Fault::new(When::Rows(400), Effect::GoAway(GoAway::EnhanceYourCalm)),
    ];
    for turn in 0..3 {
        let at = usize::try_from(life * 3 + turn).unwrap() % faults.len();
        server.inject(faults[at].clone(), Times::N(1 + turn));
        server.inject(Fault::none(), Times::N(1));
    }
    if life % 4 == 3 {
        server.inject_connection(ConnectionFault::ResetAfterBytes(20_000), Times::N(2));
    }
}

/// What happens to the server in the middle of a life; some of it lasts into the next one.
fn disturb(server: &LocalServer, life: u64) {
    match life % 7 {
        0 => server.reset_connections(),
        1 => server.restart().unwrap(),
        2 => server.blackhole(Blackhole::FromClients),
        3 => server.heal(),
        4 => server.stop(),
        5 => server.start_again().unwrap(),
        _ => server.go_away(GoAway::Graceful),
    }
}

fn spawn_child(server: &LocalServer, dir: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child_that_sends_until_killed", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("SIFTSTREAM_CHILD_DIR", dir)
        .env("SIFTSTREAM_CHILD_URI", server.uri())
        .env("SIFTSTREAM_CHILD_FIRST", first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "killed by another test"]
fn child_that_sends_until_killed() {
    let Ok(dir) = std::env::var("SIFTSTREAM_CHILD_DIR") else { return };
    let first: u64 = std::env::var("SIFTSTREAM_CHILD_FIRST").unwrap().parse().unwrap();
    let mut setup = Setup::new(std::env::var("SIFTSTREAM_CHILD_URI").unwrap(), PathBuf::from(dir));
    setup.checkpoint_interval = Duration::from_millis(20);
    setup.offline_after = Duration::from_millis(10);
    println!();
    let stream = Mode::LiveWithBackups.open(&setup).unwrap();
    let mut row = FlowBuilder::new(&stream.descriptor());
    let began = Instant::now();
    let mut seqs = first..first + ROWS_OF_A_LIFE;
    while began.elapsed() < PATIENCE {
        for seq in seqs.by_ref().take(200) {
            SHAPE.fill(&mut row, seq);
            stream.send(&row, PATIENCE).unwrap();
        }
        println!("written {}.", stream.watermarks().written.unwrap());
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nobody killed it");
}
