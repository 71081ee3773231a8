//! Programs in C and C++ that link the shared library, against the local server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{library, root};
use siftstream_server::LocalServer;

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
