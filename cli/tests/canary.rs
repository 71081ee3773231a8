//! The API key is in no output of the command and in no file that it leaves, whatever goes wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod backups_common;

use backups_common::{official, register, row};
use siftstream_server::{Code, FaultStatus, LocalServer, Times, UnaryEffect, UnaryFault};
use std::path::Path;
use std::process::{Command, Output};

/// What nobody may see; also the key that `register` uses.
const KEY: &str = backups_common::KEY;

fn holds_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

/// Runs the command where every log is wanted. Whether it was content.
fn run(home: &Path, args: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siftstream"));
    command.args(args).env("SIFTSTREAM_API_KEY", KEY).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_DATA_HOME", home);
    let Output { stdout, stderr, status } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(!holds_key(&stdout) && !holds_key(&stderr), "{args:?} shows the key: {out}{err}");
    status.success()
}

fn assert_in_no_file(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_in_no_file(&path);
        } else {
            assert!(!holds_key(&std::fs::read(&path).unwrap()), "{}", path.display());
        }
    }
}

/// Has the server refuse each call and repeat the key.
fn refuse(server: &LocalServer) {
    let status =
        FaultStatus { message: format!("{KEY} was revoked"), ..FaultStatus::new(Code::Unauthenticated) };
    server.inject_unary(UnaryFault { method: None, effect: UnaryEffect::Status(status) }, Times::Always);
}

#[test]
fn the_key_is_in_no_output_and_no_file_of_any_command() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let uri = server.uri();
    let dir = home.path().join("backups");
    let dir = dir.to_str().unwrap();
    let config = register(&server);
    let rows: Vec<_> = (0..50)
        .map(|number| backups_common::Row {
            ingestion_config_id: config.clone(),
            run_id: String::new(),
            ..row(number)
        })
        .collect();
    let file = home.path().join("key-1767225600000000");
    std::fs::write(&file, official(&rows)).unwrap();
    let file = file.to_str().unwrap();
    let bench = ["bench", "--uri", &uri, "--insecure", "--api-key", KEY, "--messages", "200"];
    let backed = [&bench[..], &["--mode", "live-with-backups", "--dir", dir]].concat();
    let send = ["backups", "send", "--insecure", "--uri", &uri, file];
    let doctor =
        ["doctor", "--insecure", "--uri", &uri, "--api-key", KEY, "--backups-dir", dir, "--min-free", "1"];
    let recorded = home.path().join("recorded");
    let serve = ["serve", "--api-key", KEY, "--duration", "0.2", "--summary", "--summary-json", "--record"];
    let serve = [&serve[..], &[recorded.to_str().unwrap()]].concat();
    let content = [&bench[..], &backed, &send, &doctor, &serve];
    for args in content {
        assert!(run(home.path(), args), "{args:?} failed");
    }
    for reader in ["ls", "verify", "cat"] {
        run(home.path(), &["backups", reader, dir]);
    }
    refuse(&server);
    // This one knows its schema from before, and needs no call.
    run(home.path(), &backed);
    for args in [&bench[..], &send, &doctor] {
        assert!(!run(home.path(), args), "{args:?} was not refused");
    }
    let broken = home.path().join("broken.toml");
    for text in
        [format!("api_key = \"{KEY}"), format!("api_kez = \"{KEY}\""), format!("[api_key]\nx = \"{KEY}\"")]
    {
        std::fs::write(&broken, text).unwrap();
        let broken = broken.to_str().unwrap();
        assert!(!run(home.path(), &["bench", "--config", broken]));
        assert!(!run(home.path(), &["doctor", "--config", broken]));
    }
    std::fs::remove_file(&broken).unwrap();
    assert_in_no_file(home.path());
}
