//! The C++ header: compiles clean in every way that users compile it, and does what it says against the local server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{library, root};
use siftstream_server::LocalServer;

const KEY: &str = "a-key-for-tests";
const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow"];

/// The ways to compile: each is a line of flags.
const WAYS: [&str; 3] = ["-std=c++17", "-std=c++20", "-std=c++17 -fno-exceptions -fno-rtti"];

fn has(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn command(compiler: &str, way: &str) -> Command {
    let mut command = Command::new(compiler);
    command.args(way.split(' ')).args(WARNINGS).arg("-I").arg(root().join("include"));
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {:?}\n{out}\n{err}", output.status);
}

/// Builds the test program, of two files that both include the header.
fn program(compiler: &str, way: &str, into: &Path) -> PathBuf {
    let program = into.join("program");
    let soname = into.join("libsiftstream.so.0");
    if !soname.exists() {
        std::os::unix::fs::symlink(library(), &soname).unwrap();
    }
    succeed(
        command(compiler, way)
            .arg("-O1")
            .arg(root().join("tests/cpp/cpp_test.cpp"))
            .arg(root().join("tests/cpp/other_file.cpp"))
            .arg(library())
            .arg(format!("-Wl,-rpath,{}", into.display()))
            .arg("-o")
            .arg(&program),
    );
    program
}

#[test]
fn rows_of_all_types_and_columns_arrive_from_cpp_however_it_is_compiled() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
        succeed(Command::new(program("c++", way, dir.path())).args([&server.uri(), KEY]));
        let state = server.state();
        assert_eq!(state.schema_errors(), [], "{way}");
        assert_eq!(state.flow("all").unwrap().rows, 2004, "{way}");
    }
}

#[test]
fn the_header_is_clean_with_clang_too_where_it_is_at_hand() {
    if !has("clang++") {
        return;
    }
    for way in WAYS {
        let source = root().join("tests/cpp/cpp_test.cpp");
        succeed(command("clang++", way).arg("-fsyntax-only").arg(source));
    }
}

#[test]
fn the_c_header_can_be_included_twice_as_c11_and_as_cpp17() {
    let dir = tempfile::tempdir().unwrap();
    let twice = "#include <siftstream/siftstream.h>\n#include <siftstream/siftstream.h>\nint answer(void);\n\
                 int answer(void) { return (int)siftstream_str_of(\"text\").len; }\n";
    for (name, compiler, way) in [("twice.c", "cc", "-std=c11"), ("twice.cpp", "c++", "-std=c++17")] {
        std::fs::write(dir.path().join(name), twice).unwrap();
        succeed(command(compiler, way).arg("-fsyntax-only").arg(dir.path().join(name)));
    }
}

/// What the compiler says of a function with this body.
fn compiles(body: &str, dir: &Path) -> bool {
    let source = dir.join("snippet.cpp");
    let text = format!(
        "#include <siftstream/siftstream.hpp>\n#include <vector>\n\
         siftstream::result<void> go(siftstream::row& row, siftstream::channel<double> speed);\n\
         siftstream::result<void> go(siftstream::row& row, siftstream::channel<double> speed) {{ (void)row; (void)speed; {body} }}\n"
    );
    std::fs::write(&source, text).unwrap();
    let output = command("c++", "-std=c++17").arg("-fsyntax-only").arg(source).output().unwrap();
    output.status.success()
}

#[test]
fn the_compiler_refuses_values_that_no_channel_takes_and_results_that_nobody_looks_at() {
    let dir = tempfile::tempdir().unwrap();
    for (right, wrong) in [
        ("return row.set(speed, 1.0);", "return row.set(speed, \"fast\");"),
        ("return row.set(0, 5);", "return row.set(0, 'c');"),
        ("return row.set(0, 5LL);", "short few = 5; return row.set(0, few);"),
        ("return row.set<double>(0, 1);", "return row.set<long double>(0, 1);"),
        ("return row.clear();", "row.clear(); return {};"),
        (
            "std::vector<double> v; siftstream::column c(speed, v); return row.set_empty(c.get().channel);",
            "std::vector<float> v; siftstream::column c(speed, v); return row.set_empty(c.get().channel);",
        ),
        (
            "siftstream::row other = std::move(row); return other.clear();",
            "siftstream::row other = row; return other.clear();",
        ),
    ] {
        assert!(compiles(right, dir.path()), "{right}");
        assert!(!compiles(wrong, dir.path()), "{wrong}");
    }
}
