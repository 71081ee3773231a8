//! What `siftstream backups send` brings to Sift, and what it says of it.

#![allow(clippy::unwrap_used)]

mod backups_common;

use backups_common::*;
use prost::Message;
use serde_json::{Value as Json, json};
use siftstream::spool::Area;
use siftstream::spool::pending::placeholder;
use siftstream_server::{Code, Effect, Fault, LocalServer, Times, When};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const RECORDING: &str = "file_backup";

fn server() -> LocalServer {
    LocalServer::builder().api_key(Some(KEY)).keep_rows(true).start().unwrap()
}

/// The row `number` as the server takes it.
fn row_of(config: &str) -> impl Fn(u64) -> Row + use<> {
    let config = config.to_owned();
    move |number| Row { ingestion_config_id: config.clone(), run_id: String::new(), ..row(number) }
}

fn command(server: &LocalServer, args: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siftstream"));
    command.args(["backups", "send", "--json", "--insecure", "--uri", &server.uri()]).args(args).args(paths);
    command.env("SIFTSTREAM_API_KEY", KEY);
    command
}

fn send(server: &LocalServer, args: &[&str], paths: &[&Path]) -> Output {
    command(server, args, paths).output().unwrap()
}

fn report(output: &Output) -> Json {
    json_lines(output).remove(0)
}

/// A recording under `root`, and the paths of its files.
fn recording(root: &Path, server: &LocalServer, files: u64, rows: u64) -> Vec<PathBuf> {
    let spool = spool_of(root, "default", &server.uri(), RECORDING);
    write_rows(&spool, Area::Data, files, rows, row_of(&register(server)))
}

/// How often the server took each of these rows; nothing else may have arrived.
fn arrivals(server: &LocalServer, rows: impl Iterator<Item = Row>) -> Vec<u64> {
    let mut times: HashMap<Vec<u8>, u64> = HashMap::new();
    for kept in server.state().kept_rows() {
        *times.entry(kept.raw.to_vec()).or_default() += 1;
    }
    let counted = rows.map(|row| times.remove(&row.encode_to_vec()).unwrap_or(0)).collect();
    assert!(times.is_empty(), "{} rows arrived that are in no file", times.len());
    assert_eq!(server.state().schema_error_count(), 0);
    counted
}

#[test]
fn every_row_of_a_slot_and_of_an_official_file_arrives_once_as_it_stands_in_the_file() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let files = recording(root.path(), &server, 3, 500);
    let row = row_of(&register(&server));
    let theirs = root.path().join("rig/run/key-1767225600000000");
    std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    std::fs::write(&theirs, official(&(1500..1700).map(&row).collect::<Vec<_>>())).unwrap();
    let before = image(root.path());
    let state = tempfile::tempdir().unwrap();
    let state = state.path().join("state");
    let args = ["--state", state.to_str().unwrap()];
    // A file that is named twice is sent once.
    let output = send(&server, &args, &[root.path(), &files[1]]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    assert_eq!(arrivals(&server, (0..1700).map(&row)), [1; 1700]);
    let said = report(&output);
    assert_eq!((&said["files"], &said["rows"], &said["confirmed"]), (&json!(4), &json!(1700), &json!(1700)));
    assert_eq!((&said["flows"], &said["damaged_bytes"]), (&json!({ "imu": 1700 }), &json!(0)));
    assert_eq!(image(root.path()), before, "sending changed something");
    assert!(!std::fs::read_to_string(&state).unwrap().contains(KEY));
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_connects_to_nobody() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    recording(root.path(), &server, 2, 100);
    let (connections, before) = (server.state().connections(), image(root.path()));
    let output = send(&server, &["--dry-run"], &[root.path()]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    let said = report(&output);
    assert_eq!((&said["files"], &said["rows"], &said["confirmed"]), (&json!(2), &json!(200), &Json::Null));
    assert_eq!(said["flows"], json!({ "imu": 200 }));
    assert_eq!(said["first"], "2026-01-01T00:00:00.000000005Z");
    assert_eq!(said["last"], "2026-01-01T00:03:19.000000005Z");
    let row = row_of(&register(&server));
    let bytes: usize = (0..200).map(|number| row(number).encoded_len()).sum();
    assert_eq!(said["bytes"], bytes);
    // To know what is there, nobody needs to know where to send it.
    let nowhere = backups([Path::new("send"), Path::new("--dry-run"), root.path()]);
    assert_eq!(code(&nowhere), 0);
    assert!(String::from_utf8_lossy(&nowhere.stdout).contains("would send 200 rows"));
    assert_eq!(server.state().connections(), connections + 1, "only the registration of this test connects");
    assert_eq!(image(root.path()), before);
    assert!(!memory_of(root.path()).exists());
}

/// Where a send of `path` remembers what was confirmed.
fn memory_of(path: &Path) -> PathBuf {
    let mut name = path.canonicalize().unwrap().into_os_string();
    name.push(".siftstream-sent");
    PathBuf::from(name)
}

/// What a send has remembered: by file, up to which offset.
fn remembered(path: &Path) -> HashMap<PathBuf, u64> {
    let Ok(bytes) = std::fs::read(memory_of(path)) else { return HashMap::new() };
    let stored: Json = serde_json::from_slice(&bytes).unwrap();
    let files = stored["files"].as_object().unwrap();
    files.iter().map(|(path, sent)| (PathBuf::from(path), sent["offset"].as_u64().unwrap())).collect()
}

fn is_whole(file: &Path, memory: &HashMap<PathBuf, u64>) -> bool {
    memory.get(&file.canonicalize().unwrap()) == Some(&std::fs::metadata(file).unwrap().len())
}

/// Waits until a send has remembered that `files` of its files are wholly confirmed.
fn wait_for_files(root: &Path, paths: &[PathBuf], files: usize, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let memory = remembered(root);
        if paths.iter().filter(|path| is_whole(path, &memory)).count() >= files {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the command ended before it could be killed");
        assert!(Instant::now() < deadline, "nothing was remembered");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_that_is_killed_and_resumed_sends_everything_and_no_confirmed_file_twice() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let files = recording(&root, &server, 60, 200);
    // The first stream is confirmed; of the second one nothing is read, so all that it carries is lost with the sender.
    server.inject(Fault::none(), Times::N(1));
    server.inject(Fault::new(When::AtOnce, Effect::Silence), Times::Always);
    let mut child = command(&server, &["--rate", "800"], &[&root]).stdout(Stdio::null()).spawn().unwrap();
    wait_for_files(&root, &files, 2, &mut child);
    // Time for the sender to claim more than it may.
    std::thread::sleep(Duration::from_millis(2_500));
    child.kill().unwrap();
    child.wait().unwrap();
    server.clear_faults();
    let memory = remembered(&root);
    let whole: Vec<_> = files.iter().map(|file| is_whole(file, &memory)).collect();
    assert!(whole.contains(&true) && whole.contains(&false));
    // Without a word on whether to repeat, nothing is sent.
    let rows = server.state().rows();
    let refused = send(&server, &[], &[&root]);
    assert_eq!((code(&refused), server.state().rows()), (2, rows));
    assert!(errors(&refused).contains("--resume"));
    let resumed = send(&server, &["--resume"], &[&root]);
    assert_eq!((code(&resumed), errors(&resumed)), (0, String::new()));
    let row = row_of(&register(&server));
    for (number, times) in (0..).zip(arrivals(&server, (0..12_000).map(row))) {
        assert!(times >= 1, "row {number} was lost");
        assert!(times == 1 || !whole[number / 200], "row {number} of a confirmed file was sent again");
    }
    let rows = server.state().rows();
    let again = send(&server, &["--resume"], &[&root]);
    assert_eq!((code(&again), &report(&again)["rows"]), (0, &json!(0)));
    assert_eq!(server.state().rows(), rows, "a second resume sent something");
}

#[test]
fn a_server_that_fails_midway_gets_every_row_in_the_end() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    recording(root.path(), &server, 2, 2_000);
    server.inject(Fault::status(Code::Unavailable, 700), Times::N(2));
    server.inject(Fault::early_ok(100, Duration::ZERO), Times::N(2));
    let output = send(&server, &[], &[root.path()]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    assert_eq!(report(&output)["confirmed"], 4_000);
    let times = arrivals(&server, (0..4_000).map(row_of(&register(&server))));
    assert!(times.iter().all(|times| (1..=5).contains(times)));
}

#[test]
fn what_a_server_refuses_is_not_claimed_and_can_be_sent_later() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let files = recording(&root, &server, 2, 300);
    server.inject(Fault::status(Code::InvalidArgument, 0), Times::Always);
    let refused = send(&server, &[], &[&root]);
    assert_eq!((code(&refused), &report(&refused)["confirmed"]), (2, &json!(0)));
    assert!(errors(&refused).contains("injected InvalidArgument"), "{}", errors(&refused));
    assert!(errors(&refused).contains("--resume"));
    assert!(remembered(&root).is_empty());
    assert!(files.iter().all(|file| file.exists()));
    server.clear_faults();
    let resumed = send(&server, &["--resume"], &[&root]);
    assert_eq!((code(&resumed), &report(&resumed)["confirmed"]), (0, &json!(600)));
    let times = arrivals(&server, (0..600).map(row_of(&register(&server))));
    assert!(times.iter().all(|times| *times >= 1));
}

#[test]
fn a_server_that_never_confirms_is_given_up_with_the_truth() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    recording(root.path(), &server, 1, 100);
    server.inject(Fault::no_response(), Times::Always);
    let silent = send(&server, &["--timeout", "3"], &[root.path()]);
    assert_eq!((code(&silent), &report(&silent)["confirmed"]), (2, &json!(0)));
    assert!(errors(&silent).contains("nothing was confirmed for 3s"), "{}", errors(&silent));
    assert!(errors(&silent).contains("not confirmed from offset 0 on"));
    server.clear_faults();
    server.set_api_key(Some("another key"));
    let shut_out = send(&server, &["--timeout", "3"], &[root.path()]);
    assert_eq!(code(&shut_out), 2);
    assert!(!errors(&shut_out).contains(KEY));
    server.stop();
    assert_eq!(code(&send(&server, &["--timeout", "1"], &[root.path()])), 2);
}

#[test]
fn the_good_rows_of_a_damaged_file_are_sent_and_the_rest_is_told_each_time() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let file = recording(&root, &server, 1, 50).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let chunk = 12 + u64::from_le_bytes(bytes[4..12].try_into().unwrap()) as usize;
    bytes[chunk + 100] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let output = send(&server, &[], &[&root]);
    assert_eq!((code(&output), &report(&output)["confirmed"]), (1, &json!(40)));
    let told = format!("not sent: offset {chunk}, length ");
    assert!(errors(&output).contains(&told) && errors(&output).contains("checksum"), "{}", errors(&output));
    let times = arrivals(&server, (0..50).map(row_of(&register(&server))));
    assert!((0..50).all(|number| times[number] == u64::from(!(10..20).contains(&number))));
    let again = send(&server, &["--resume"], &[&root]);
    assert_eq!((code(&again), &report(&again)["rows"]), (1, &json!(0)));
    assert!(report(&again)["bytes_left_out_before"].as_u64().unwrap() > 0);
}

#[test]
fn rows_without_their_ids_are_refused_wherever_they_lie() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let unknown = String::from_utf8(placeholder(0).to_vec()).unwrap();
    let spool = spool_of(&root, "default", &server.uri(), RECORDING);
    let pending = write_rows(&spool, Area::Pending, 1, 10, row_of(&unknown)).remove(0);
    let row = row_of(&register(&server));
    write_rows(&spool, Area::Data, 1, 10, &row);
    let copy = dir.path().join("copy");
    let mixed = [row_of(&unknown)(20), row(10)];
    std::fs::write(&copy, official(&mixed)).unwrap();
    let output = send(&server, &[], &[&root, &copy]);
    assert_eq!(code(&output), 2);
    let said = report(&output);
    assert_eq!((&said["files_refused"], &said["placeholder_rows"]), (&json!(1), &json!(1)));
    let told = errors(&output);
    assert!(told.contains(pending.to_str().unwrap()) && told.contains("with a network"), "{told}");
    assert_eq!(arrivals(&server, (0..11).map(row)), [1; 11]);
}

#[test]
fn what_is_remembered_counts_only_for_the_same_sift_and_the_same_file() {
    let (server, elsewhere, dir) = (server(), server(), tempfile::tempdir().unwrap());
    let file = dir.path().join("file");
    let row = row_of(&register(&server));
    let rows = |range: std::ops::Range<u64>| range.map(&row).collect::<Vec<_>>();
    std::fs::write(&file, official(&rows(0..10))).unwrap();
    assert_eq!(code(&send(&server, &[], &[&file])), 0);
    let other = send(&elsewhere, &["--resume"], &[&file]);
    assert_eq!(code(&other), 2);
    assert!(errors(&other).contains("it is about"), "{}", errors(&other));
    // More of the same file: only that is sent.
    std::fs::write(&file, official(&rows(0..15))).unwrap();
    assert_eq!(report(&send(&server, &["--resume"], &[&file]))["rows"], 5);
    // Another file under its name: all of it is.
    std::fs::write(&file, official(&rows(100..130))).unwrap();
    let replaced = send(&server, &["--resume"], &[&file]);
    assert_eq!((code(&replaced), &report(&replaced)["rows"]), (0, &json!(30)));
    assert!(errors(&replaced).contains("not the file that was sent before"));
    assert_eq!(arrivals(&server, rows(0..15).into_iter().chain(rows(100..130))), [1; 45]);
}

#[test]
fn rows_that_their_slot_knows_to_be_confirmed_by_this_sift_are_left_out() {
    let (server, elsewhere, dir) = (server(), server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let config = register(&server);
    assert_ne!(server.uri(), elsewhere.uri());
    let spool = spool_of(&root, "default", &server.uri(), "live_with_backups");
    write_rows(&spool, Area::Data, 2, 50, row_of(&config));
    spool.confirm(spool.epoch(), std::slice::from_ref(&(0..50))).unwrap();
    spool.sync_journal().unwrap();
    let busy = send(&server, &[], &[&root]);
    assert_eq!((code(&busy), server.state().rows()), (2, 0));
    assert!(errors(&busy).contains("is running and sends these rows itself"), "{}", errors(&busy));
    drop(spool);
    let output = send(&server, &[], &[&root]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    assert_eq!(report(&output)["rows_confirmed_by_slot"], 50);
    let expected: Vec<_> = (0..100).map(|number| u64::from(number >= 50)).collect();
    assert_eq!(arrivals(&server, (0..100).map(row_of(&config))), expected);
    let state = dir.path().join("state");
    let there = send(&elsewhere, &["--dry-run", "--state", state.to_str().unwrap()], &[&root]);
    assert_eq!(report(&there)["rows"], 100, "another Sift has none of them");
}

#[test]
fn a_rate_is_kept() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    recording(root.path(), &server, 1, 300);
    let began = Instant::now();
    assert_eq!(code(&send(&server, &["--rate", "300rows/s"], &[root.path()])), 0);
    // What may be made up for after a pause is a fifth of a second's rows.
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(code(&send(&server, &["--rate", "fast"], &[root.path()])), 2);
}

#[test]
fn what_the_benchmark_writes_verifies_and_arrives_without_a_gap() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let bench = Command::new(env!("CARGO_BIN_EXE_siftstream"))
        .args(["bench", "--mode", "file-backup", "--messages", "20000", "--insecure", "--json"])
        .args(["--api-key", KEY, "--uri", &server.uri(), "--dir"])
        .arg(&root)
        .output()
        .unwrap();
    assert!(bench.status.success(), "{}", errors(&bench));
    let verified = backups([Path::new("verify"), Path::new("--json"), &root]);
    assert_eq!(code(&verified), 0);
    let rows: u64 = json_lines(&verified).iter().map(|file| file["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 20_000);
    assert_eq!(code(&send(&server, &[], &[&root])), 0);
    let sequence = server.state().flow("bench").unwrap().sequence.unwrap();
    assert_eq!((sequence.missing(), sequence.duplicates(), sequence.last()), (0, 0, Some(19_999)));
}

#[test]
fn what_is_remembered_lies_beside_a_slot_and_is_no_backup() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    let files = recording(&root, &server, 2, 30);
    let slot = files[0].ancestors().nth(2).unwrap();
    assert_eq!(code(&send(&server, &[], &[&files[0]])), 0);
    assert_eq!(std::fs::read_dir(slot.join("data")).unwrap().count(), 2);
    assert_eq!(remembered(slot).len(), 1);
    for path in [&slot.join("data"), slot] {
        assert_eq!(code(&send(&server, &["--resume"], &[path])), 0);
    }
    assert_eq!(arrivals(&server, (0..60).map(row_of(&register(&server)))), [1; 60]);
    assert_eq!(json_lines(&backups([Path::new("ls"), Path::new("--json"), &root])).len(), 2);
}

#[test]
fn address_and_key_can_come_from_a_profile() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    recording(&root, &server, 1, 10);
    let profile =
        |name: &str, key: &str| format!("{name}\nuri = \"{}\"\napi_key = \"{key}\"\n", server.uri());
    std::fs::write(dir.path().join("sift.toml"), profile("", KEY) + &profile("[wrong]", "another key"))
        .unwrap();
    let send = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siftstream"));
        command.args(["backups", "send", "--insecure"]).args(args).arg(&root);
        command.env("XDG_CONFIG_HOME", dir.path()).output().unwrap()
    };
    let refused = send(&["--profile", "wrong"]);
    assert_eq!((code(&refused), server.state().rows()), (2, 0));
    assert!(!errors(&refused).contains("another key"));
    assert_eq!(code(&send(&[])), 0);
    assert_eq!(server.state().rows(), 10);
}

#[test]
fn nothing_is_sent_while_it_cannot_be_remembered() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let root = dir.path().join("root");
    recording(&root, &server, 1, 10);
    let (nowhere, garbage) = (dir.path().join("missing/state"), dir.path().join("garbage"));
    std::fs::write(&garbage, b"{\"version\":1").unwrap();
    for (state, why) in [(&nowhere, "cannot write"), (&garbage, "does not fit")] {
        let output = send(&server, &["--resume", "--state", state.to_str().unwrap()], &[&root]);
        assert_eq!(code(&output), 2);
        assert!(errors(&output).contains(why), "{}", errors(&output));
    }
    assert_eq!(server.state().rows(), 0);
    assert_eq!(std::fs::read(&garbage).unwrap(), b"{\"version\":1", "what was not understood was replaced");
}
