//! Programs in C and C++ that link the shared library, against the local server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../../tests/fixtures/seen.rs"]
mod seen;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use common::{library, root};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use siftstream_core::proto::sift::ingest::v1::{
    IngestArbitraryProtobufDataStreamRequest as WireMessage, IngestWithConfigDataStreamRequest as WireRow,
    ingest_with_config_data_channel_value::Type,
};
use siftstream_core::spool::pbfs::{Item, PbfsReader};
use siftstream_server::{Code, Effect, Fault, FaultStatus, LocalServer, Times, Value, When};

const KEY: &str = "a-key-for-tests";

/// Compiles a source file with all warnings as errors and links it with the shared library.
fn compile(source: &str, compiler: &str, flags: &[&str], into: &Path) -> PathBuf {
    let program = into.join(format!("{}-{compiler}", source.replace(['/', '.'], "-")));
    // The program asks for the SONAME, which lies beside it.
    let soname = into.join("libsiftstream.so.0");
    if !soname.exists() {
        std::os::unix::fs::symlink(library(), &soname).unwrap();
    }
    let output = Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-I"])
        .arg(root().join("include"))
        .arg("-o")
        .arg(&program)
        .arg(root().join(source))
        .args(["-x", "none"])
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", into.display()))
        .args(["-lpthread"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{source} with {compiler}: {}", String::from_utf8_lossy(&output.stderr));
    program
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {:?}\n{out}\n{err}", program.display(), output.status);
    output
}

/// Runs a program that says on its output what the server must do, and gets a line when that is done.
fn run_with(server: &LocalServer, program: &Path, arguments: &[&str]) -> ExitStatus {
    let mut running =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = running.stdin.take().unwrap();
    for line in BufReader::new(running.stdout.take().unwrap()).lines() {
        match line.unwrap().as_str() {
            "stop" => server.stop(),
            "start" => server.start_again().unwrap(),
            other => panic!("{other}"),
        }
        answers.write_all(b"done\n").unwrap();
    }
    running.wait().unwrap()
}

const C11: (&str, &[&str]) = ("cc", &["-std=c11", "-D_DEFAULT_SOURCE"]);
const CPP17: (&str, &[&str]) = ("c++", &["-std=c++17", "-x", "c++"]);

#[test]
fn every_function_answers_misuse_with_its_code_from_c11_and_from_cpp17() {
    for (compiler, flags) in [C11, CPP17] {
        let dir = tempfile::tempdir().unwrap();
        let server = LocalServer::builder().api_key(Some(KEY)).keep_rows(true).start().unwrap();
        let program = compile("tests/c/abi_test.c", compiler, flags, dir.path());
        run(&program, &[&server.uri(), KEY]);
        assert_eq!(server.state().schema_errors(), []);
    }
}

#[test]
fn rows_of_all_types_arrive_complete_and_valid_from_c() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/stream_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, "10000"]);
    let state = server.state();
    assert_eq!(state.schema_errors(), []);
    let tally = state.flow("all").unwrap();
    assert_eq!((tally.rows, tally.sequence.unwrap().ranges().to_vec()), (10_000, vec![(0, 9_999)]));
}

/// What stands at `path`.
fn entries(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The rows of a slot, as core reads them.
fn rows_in(slot: &Path) -> Vec<WireRow> {
    entries(&slot.join("data")).iter().flat_map(|file| rows_of(file)).collect()
}

/// The rows of a file.
fn rows_of(file: &Path) -> Vec<WireRow> {
    let mut rows = Vec::new();
    let bytes = std::fs::read(file).unwrap();
    let mut reader = PbfsReader::new(bytes.as_slice()).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Chunk(chunk) = item else { panic!("damaged: {item:?}") };
        rows.extend(chunk.messages().map(|message| WireRow::decode(message).unwrap()));
    }
    rows
}

fn slot_of(dir: &Path, stream_name: &str) -> PathBuf {
    let named: Vec<_> =
        entries(dir).into_iter().filter(|slot| slot.to_string_lossy().contains(stream_name)).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    named[0].clone()
}

#[test]
fn poison_rows_and_rows_without_room_are_dealt_with_from_c_as_chosen_and_named() {
    const POISON: u64 = 777;
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    server.state().object_to_rows(|_, values| match values.first() {
        Some(Value::Uint64(POISON)) => Some("poison".to_owned()),
        _ => None,
    });
    let program = compile("tests/c/failure_test.c", C11.0, C11.1, dir.path());
    let status = run_with(&server, &program, &[&server.uri(), KEY, dir.path().to_str().unwrap()]);
    assert!(status.success(), "{status}");
    let slot = slot_of(&dir.path().join("backups"), "skip");
    for quarantine in [dir.path().join("quarantine"), slot.join("quarantine")] {
        let files: Vec<_> = entries(&quarantine).into_iter().filter(|path| path.is_file()).collect();
        assert_eq!(files.len(), 2, "one row, and why: {files:?}");
        let [row] = &rows_of(&files[0])[..] else { panic!("{} has other than one row", files[0].display()) };
        assert_eq!(row.channel_values[0].r#type, Some(Type::Uint64(POISON)));
        let why = std::fs::read_to_string(&files[1]).unwrap();
        assert!(why.contains("numbers") && why.contains("777") && why.contains("poison"), "{why}");
    }
}

#[test]
fn rows_of_all_types_are_recorded_from_c_without_a_network_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let (program, backups) =
        (compile("tests/c/file_backup_test.c", C11.0, C11.1, dir.path()), dir.path().join("backups"));
    run(&program, &[backups.to_str().unwrap(), "10000"]);
    assert_all_types(&rows_in(&slot_of(&backups, "recorded")));
    assert!(rows_in(&slot_of(&backups, "budget")).len() < 10_000);
}

/// The rows are those that the C tests make: 10,000, with a value of each type.
fn assert_all_types(rows: &[WireRow]) {
    assert_eq!(rows.len(), 10_000);
    for (seq, row) in (0_u64..).zip(rows) {
        let nanos = i64::try_from(seq).unwrap() * 1000;
        let stamp = row.timestamp.unwrap();
        assert_eq!(stamp.seconds * 1_000_000_000 + i64::from(stamp.nanos), nanos);
        assert_eq!(
            (row.ingestion_config_id.as_str(), row.flow.as_str()),
            ("0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f", "all")
        );
        #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
        let expected = [
            Type::Double(seq as f64 / 3.0),
            Type::String("text".to_owned()),
            Type::Enum(1),
            Type::BitField(vec![0]),
            Type::Bool(seq % 2 == 0),
            Type::Float(0.5),
            Type::Int32(i32::MIN),
            Type::Uint32(u32::MAX),
            Type::Int64(i64::MIN),
            Type::Uint64(seq),
            Type::Bytes(vec![0, 127, 255]),
        ];
        let values: Vec<_> = row.channel_values.iter().map(|value| value.r#type.clone().unwrap()).collect();
        assert_eq!(values, expected);
    }
}

#[test]
fn columns_of_all_types_are_recorded_from_c_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let (program, backups) =
        (compile("tests/c/columns_test.c", C11.0, C11.1, dir.path()), dir.path().join("backups"));
    run(&program, &[backups.to_str().unwrap(), "10000"]);
    assert_all_types(&rows_in(&slot_of(&backups, "columns")));
    assert_all_types(&rows_in(&slot_of(&backups, "piecewise")));
    let sparse = rows_in(&slot_of(&backups, "sparse"));
    assert_eq!(sparse.len(), 10_000);
    for (seq, row) in (0..).zip(&sparse) {
        let value = |at: usize| row.channel_values[at].r#type.clone().unwrap();
        let text = if seq % 2 == 0 { Type::String("text".to_owned()) } else { Type::Empty(()) };
        assert_eq!((value(0), value(1), value(9)), (Type::Empty(()), text, Type::Uint64(seq)));
    }
}

/// A certificate and its key, as PEM, signed by `ca`.
fn signed_by(ca: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

#[test]
fn c_reaches_a_server_with_a_ca_a_name_and_a_client_certificate_of_its_own() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let (server_pem, server_key) = signed_by(&ca, "sift.test");
    let (client_pem, client_key) = signed_by(&ca, "rig.test");
    let server = LocalServer::builder()
        .api_key(Some(KEY))
        .tls(&server_pem, &server_key, Some(&ca.pem()))
        .start()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let files = [file("ca", &ca.pem()), file("certificate", &client_pem), file("key", &client_key)];
    let program = compile("tests/c/tls_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, "sift.test", &files[0], &files[1], &files[2]]);
    assert_eq!(server.state().flow("numbers").unwrap().rows, 1);
}

#[test]
fn a_file_describes_the_same_stream_for_c_as_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let backups = dir.path().join("backups");
    let program = compile("tests/c/config_file_test.c", C11.0, C11.1, dir.path());
    let output = Command::new(program)
        .arg(seen::file())
        .envs(seen::environment(&server, KEY, &backups))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.state().flow("engine").unwrap().rows, 1);
    seen::assert_seen(&server, &backups);
}

#[test]
fn the_recorder_example_keeps_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let (program, backups) =
        (compile("examples/c/recorder.c", C11.0, C11.1, dir.path()), dir.path().join("backups"));
    run(&program, &[backups.to_str().unwrap()]);
    assert_eq!(rows_in(&slot_of(&backups, "rig")).len(), 1000);
}

#[test]
fn a_forked_child_is_told_so_and_the_parent_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let (program, backups) =
        (compile("tests/c/fork_test.c", C11.0, C11.1, dir.path()), dir.path().join("backups"));
    run(&program, &[&server.uri(), KEY, backups.to_str().unwrap(), "200000"]);
    assert_eq!(server.state().flow("numbers").unwrap().rows, 200_000);
    // The parent's place and the child's. The parent had its own again although a child still had its files open.
    let slots = entries(&backups);
    let rows: Vec<_> = slots.iter().map(|slot| rows_in(slot).len()).collect();
    assert_eq!(rows, [200_010, 5], "{slots:?}");
}

#[test]
fn no_row_is_lost_from_c_while_the_server_is_away_or_the_program_is_killed() {
    const SIGKILL: i32 = 9;
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/backups_test.c", C11.0, C11.1, dir.path());
    let (uri, backups) = (server.uri(), dir.path().join("backups"));
    let part = |part| run_with(&server, &program, &[&uri, KEY, backups.to_str().unwrap(), part]);
    assert!(part("outage").success());
    assert_eq!(part("killed").signal(), Some(SIGKILL));
    server.start_again().unwrap();
    assert!(part("left").success());
    assert!(part("recovered").success());
    let state = server.state();
    assert_eq!(state.schema_errors(), []);
    assert_eq!(state.flow("numbers").unwrap().sequence.unwrap().ranges().to_vec(), vec![(0, 20_999)]);
    for slot in entries(&backups) {
        assert_eq!(entries(&slot.join("data")), Vec::<PathBuf>::new());
    }
}

#[test]
fn events_reach_c_on_a_thread_of_the_library_and_none_after_the_stream_is_freed() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/events_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, dir.path().join("backups").to_str().unwrap()]);
}

#[test]
fn the_log_reaches_c_on_a_thread_of_the_library_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/log_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, dir.path().join("backups").to_str().unwrap()]);
}

#[test]
fn a_wait_that_sift_asks_for_is_cut_as_c_says_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let busy = FaultStatus::new(Code::ResourceExhausted).retry_after(std::time::Duration::from_secs(600));
    server.inject(Fault::new(When::EndOfStream, Effect::Status(busy)), Times::N(1));
    let program = compile("tests/c/pauses_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, dir.path().to_str().unwrap()]);
    assert_eq!(server.state().streams_opened(), 2);
}

#[test]
fn protobuf_messages_of_its_own_arrive_from_c_in_each_mode() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).keep_rows(true).start().unwrap();
    let program = compile("tests/c/messages_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, dir.path().join("backups").to_str().unwrap()]);
    let mut expected: Vec<_> = (0..300).map(note).collect();
    expected.extend_from_within(..);
    let kept = server.state().kept_messages();
    let mut arrived: Vec<_> = kept.iter().map(|raw| WireMessage::decode(&raw[..]).unwrap()).collect();
    let time = |message: &WireMessage| message.timestamp.map_or(0, |time| time.nanos);
    arrived.sort_by_key(time);
    expected.sort_by_key(time);
    assert_eq!(arrived, expected);
}

/// What the C test sends as its message `nanos`.
fn note(nanos: i32) -> WireMessage {
    let even = nanos % 2 == 0;
    WireMessage {
        message_type_identifier: "rig.v1.Note".to_owned(),
        message_type_display_name: even.then(|| "Note".to_owned()),
        asset_name: "rig".to_owned(),
        timestamp: Some(prost_types::Timestamp { seconds: 0, nanos }),
        value: vec![0x0a, 0x01, if even { b'a' } else { b'b' }],
        namespace: "tests".to_owned(),
        ..WireMessage::default()
    }
}

#[test]
fn flows_are_registered_by_their_first_row_from_c() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/new_flows_test.c", C11.0, C11.1, dir.path());
    let state = server.state();
    run(&program, &[&server.uri(), KEY, dir.path().join("backups").to_str().unwrap()]);
    assert_eq!(state.schema_errors(), []);
    for flow in ["derived-live", "derived-backed", "staged-live", "staged-backed"] {
        assert_eq!(state.flow(flow).unwrap().sequence.unwrap().ranges(), [(0, 99)], "{flow}");
    }
    let configs = state.configs();
    let staged = configs[0].flows.iter().find(|flow| flow.name == "staged-live").unwrap();
    assert_eq!((staged.channels[0].unit.as_str(), staged.channels[2].enum_types[0].key), ("rows", 3));
}

#[test]
fn threads_that_use_finish_and_free_one_handle_get_answers() {
    let dir = tempfile::tempdir().unwrap();
    let program = compile("tests/c/threads_test.c", C11.0, C11.1, dir.path());
    run(&program, &[dir.path().join("backups").to_str().unwrap()]);
}

#[test]
fn memory_is_warm_events_can_be_polled_for_and_threads_are_where_they_were_put() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/realtime_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY]);
}

#[test]
fn rows_that_sixteen_threads_send_on_one_stream_all_arrive() {
    let rows: u64 = std::env::var("SIFTSTREAM_THREAD_ROWS").map_or(10_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("tests/c/many_threads_test.c", C11.0, C11.1, dir.path());
    run(&program, &[&server.uri(), KEY, &rows.to_string()]);
    let tally = server.state().flow("numbers").unwrap();
    assert_eq!(
        (tally.rows, tally.sequence.unwrap().ranges().to_vec()),
        (16 * rows, vec![(0, 16 * rows - 1)])
    );
}

#[test]
fn the_host_telemetry_example_delivers_every_flow() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let program = compile("examples/c/host_telemetry.c", C11.0, C11.1, dir.path());
    let arguments =
        ["--uri", &server.uri(), "--api-key", KEY, "--insecure", "--rate", "50", "--seconds", "1"];
    run(&program, &arguments);
    let state = server.state();
    assert_eq!(state.schema_errors(), []);
    for flow in ["cpu", "memory", "disk", "network", "system"] {
        let tally = state.flow(flow).unwrap();
        assert!(tally.rows >= 40, "{flow}: {}", tally.rows);
        assert_eq!(tally.sequence.unwrap().ranges().len(), 1, "{flow} has gaps");
    }
}
