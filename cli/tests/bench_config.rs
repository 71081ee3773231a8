//! `siftstream bench` with a configuration file.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/fixtures/seen.rs"]
mod seen;

use std::path::Path;
use std::process::{Command, Output};

use siftstream_server::LocalServer;

const KEY: &str = "a-key-for-tests";

fn bench(file: &Path, server: &LocalServer, dir: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_siftstream"))
        .args(["bench", "--messages", "200", "--config"])
        .arg(file)
        .args(more)
        .envs(seen::environment(server, KEY, dir))
        .output()
        .unwrap()
}

fn server() -> LocalServer {
    LocalServer::builder().api_key(Some(KEY)).start().unwrap()
}

#[test]
fn a_file_describes_the_same_stream_for_the_command_as_for_everybody() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let output = bench(&seen::file(), &server, dir.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let state = server.state();
    assert_eq!((state.flow("engine").unwrap().rows, state.schema_errors()), (200, vec![]));
    seen::assert_seen(&server, dir.path());
}

#[test]
fn every_type_of_channel_gets_values_that_fit() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let file = dir.path().join("config.toml");
    let text = std::fs::read_to_string(seen::file()).unwrap();
    let (keys, _) = text.split_once("[[flows]]").unwrap();
    let (_, system) = text.rsplit_once("[[flows]]").unwrap();
    std::fs::write(&file, format!("{keys}[[flows]]{system}")).unwrap();
    let output = bench(&file, &server, &dir.path().join("backups"), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let state = server.state();
    assert_eq!((state.flow("system").unwrap().rows, state.schema_errors()), (200, vec![]));
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "uri = \"http://a\"\nlingr = 1\n").unwrap();
    let output = bench(&file, &server, dir.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("line 2:") && told.contains("\"linger\""), "{told}");
}
