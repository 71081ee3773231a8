//! The examples that read a file are killed again and again, and the server has every line.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{library, root};
use siftstream_server::{LocalServer, Value};

const KEY: &str = "a-key-for-tests";
const LINES: u64 = 300_000;
const KILLS: u64 = 8;

fn compile(into: &Path) -> std::path::PathBuf {
    let program = into.join("resume_file");
    std::os::unix::fs::symlink(library(), into.join("libsiftstream.so.0")).unwrap();
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-I"])
        .arg(root().join("include"))
        .arg("-o")
        .arg(&program)
        .arg(root().join("examples/c/resume_file.c"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", into.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

#[test]
fn the_c_example_that_reads_a_file_is_killed_again_and_again_and_no_line_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let program = compile(dir.path());
    let server = LocalServer::builder().api_key(Some(KEY)).keep_rows(true).start().unwrap();
    let (file, place) = (dir.path().join("lines"), dir.path().join("checkpoints"));
    let lines: String = (0..LINES).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, &lines).unwrap();

    let mut resumed = Vec::new();
    for life in 0..=KILLS {
        let mut running = Command::new(&program)
            .args([&server.uri(), KEY])
            .args([&file, &place])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(running.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let at = said.trim().rsplit(' ').next().unwrap().parse::<usize>().unwrap();
        assert!(at == 0 || lines.as_bytes()[at - 1] == b'\n', "resumed within a line: {at}");
        resumed.push(at);
        if life < KILLS {
            std::thread::sleep(Duration::from_millis(life * 83 % 400));
            // It may have come to the end before.
            running.kill().ok();
            running.wait().unwrap();
        } else {
            assert!(running.wait().unwrap().success());
        }
    }
    assert!(resumed.is_sorted(), "{resumed:?}");
    assert!(resumed[resumed.len() - 1] > 0, "no process came to a checkpoint: {resumed:?}");
    let number = |value: Option<&Value>| match value {
        Some(Value::Uint64(number)) => *number,
        other => panic!("a row without its number: {other:?}"),
    };
    let arrived: BTreeSet<_> =
        server.state().kept_rows().iter().map(|row| number(row.values.first())).collect();
    assert_eq!((arrived.len() as u64, arrived.last()), (LINES, Some(&(LINES - 1))));
}
