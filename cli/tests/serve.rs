//! `siftstream serve` as a program sees it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

#[test]
fn the_first_line_is_the_address_and_the_last_the_summary() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_siftstream"))
        .args(["serve", "--duration", "0.2", "--summary-json", "--expect-complete"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address: serde_json::Value = serde_json::from_str(&line).unwrap();
    let port = address["port"].as_u64().unwrap();
    assert_eq!(address["uri"], format!("http://127.0.0.1:{port}"));
    std::net::TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let summary: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((summary["rows"].as_u64(), summary["gaps"].as_u64()), (Some(0), Some(0)));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bad_fault_is_refused_before_anything_starts() {
    let out = Command::new(env!("CARGO_BIN_EXE_siftstream"))
        .args(["serve", "--fault", "no-such-fault"])
        .output()
        .unwrap();
    assert!(!out.status.success());
    assert!(out.stdout.is_empty());
    assert!(String::from_utf8_lossy(&out.stderr).contains("unknown fault"));
}
