//! `siftstream bench --burst`: the same rows, whichever way they are sent.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use siftstream_server::LocalServer;

const ROWS: u64 = 1_050;

#[test]
fn bursts_of_rows_and_of_columns_bring_the_same_rows_and_time_their_calls_alone() {
    let mut values = Vec::new();
    for how in [&["--burst", "100"][..], &["--burst", "100", "--columns", "30"]] {
        let server = LocalServer::builder().keep_rows(true).start().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_siftstream"))
            .args(["bench", "--insecure", "--json", "--messages", &ROWS.to_string(), "--uri", &server.uri()])
            .args(how)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["confirmed"], ROWS);
        assert!(told["send_seconds"].as_f64().unwrap() < told["seconds"].as_f64().unwrap());
        let rows = server.state().take_kept_rows();
        assert_eq!(server.state().schema_errors(), vec![]);
        values.push(rows.into_iter().map(|row| row.values).collect::<Vec<_>>());
    }
    assert_eq!(values[0].len() as u64, ROWS);
    assert_eq!(values[0], values[1]);
}
