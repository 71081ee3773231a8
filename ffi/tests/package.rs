//! The package as users get it: installed, moved, found by pkg-config and by CMake, and the examples built with it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use common::{library, root};
use siftstream_server::LocalServer;
use tempfile::TempDir;

const KEY: &str = "a-key-for-tests";
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {:?}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A prefix that was installed and then moved; shared by all tests.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, prefix) = PACKAGE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let (first, moved) = (dir.path().join("first"), dir.path().join("moved to/prefix"));
        let built = library().parent().unwrap().to_owned();
        succeed(Command::new(root().join("scripts/install.sh")).arg(built).arg(&first));
        std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
        std::fs::rename(first, &moved).unwrap();
        (dir, moved)
    });
    prefix
}

/// The flags that pkg-config gives for a package.
fn flags(package_name: &str) -> Vec<String> {
    let out =
        succeed(Command::new("pkg-config").env("PKG_CONFIG_PATH", package().join("lib/pkgconfig")).args([
            "--cflags",
            "--libs",
            package_name,
        ]));
    // Spaces within a path are escaped.
    let marked = out.trim().replace("\\ ", "\0");
    marked.split_whitespace().map(|flag| flag.replace('\0', " ")).collect()
}

/// Compiles an example with what pkg-config says.
fn compile(source: &str, package_name: &str, into: &Path) -> PathBuf {
    let (compiler, standard) =
        if source.ends_with(".c") { ("cc", ["-std=c11", "-O1"]) } else { ("c++", ["-std=c++17", "-O1"]) };
    let program = into.join(source.replace(['/', '.'], "-"));
    succeed(
        Command::new(compiler)
            .args(standard)
            .args(WARNINGS)
            .arg(root().join("examples").join(source))
            .arg("-o")
            .arg(&program)
            .args(flags(package_name))
            .arg("-lm"),
    );
    program
}

/// Runs a program that was linked with the shared library of the package.
fn run(program: &Path, arguments: &[&str]) -> String {
    succeed(Command::new(program).env("LD_LIBRARY_PATH", package().join("lib")).args(arguments))
}

fn server() -> LocalServer {
    LocalServer::builder().api_key(Some(KEY)).start().unwrap()
}

fn rows(server: &LocalServer, flow: &str) -> u64 {
    let state = server.state();
    assert_eq!(state.schema_errors(), []);
    state.flow(flow).map_or(0, |tally| tally.rows)
}

#[test]
fn the_quickstarts_deliver_their_row_when_built_from_the_moved_package() {
    let dir = tempfile::tempdir().unwrap();
    for (source, package_name) in [
        ("c/quickstart.c", "siftstream"),
        ("c/quickstart.c", "siftstream-static"),
        ("cpp/quickstart.cpp", "siftstream"),
    ] {
        let server = server();
        run(&compile(source, package_name, dir.path()), &[&server.uri(), KEY]);
        assert_eq!(rows(&server, "motor"), 1, "{source} with {package_name}");
    }
}

#[test]
fn a_program_that_is_linked_statically_needs_no_library_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let program = compile("c/quickstart.c", "siftstream-static", dir.path());
    let needed = succeed(Command::new("readelf").arg("-d").arg(&program));
    assert!(!needed.contains("libsiftstream"), "{needed}");
    let program = compile("cpp/quickstart.cpp", "siftstream", dir.path());
    let needed = succeed(Command::new("readelf").arg("-d").arg(&program));
    assert!(needed.contains("[libsiftstream.so.0]"), "{needed}");
}

#[test]
fn the_columns_example_delivers_every_row() {
    let (dir, server) = (tempfile::tempdir().unwrap(), server());
    let out = run(&compile("cpp/columns.cpp", "siftstream", dir.path()), &[&server.uri(), KEY]);
    assert_eq!((out.as_str(), rows(&server, "tank")), ("100000 rows confirmed\n", 100_000));
}

#[test]
fn the_flight_loop_loses_no_row_and_allocates_nothing_while_the_network_is_cut() {
    let seconds = std::env::var("SIFTSTREAM_FLIGHT_SECONDS").map_or(3, |text| text.parse().unwrap());
    let (dir, server) = (tempfile::tempdir().unwrap(), server());
    let program = compile("c/flight_loop.c", "siftstream", dir.path());
    let running = Command::new(program)
        .env("LD_LIBRARY_PATH", package().join("lib"))
        .args([&server.uri(), KEY])
        .arg(dir.path().join("backups"))
        .arg(seconds.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while rows(&server, "attitude") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let third = Duration::from_secs(seconds) / 3;
    std::thread::sleep(third);
    server.stop();
    std::thread::sleep(third);
    server.start_again().unwrap();
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // Seen with --nocapture.
    std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
    let sent: u64 = said.lines().nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let state = server.state();
    assert_eq!(state.flow("attitude").unwrap().sequence.unwrap().ranges().to_vec(), vec![(0, sent - 1)]);
}

#[test]
fn a_project_of_a_user_finds_the_moved_package_with_cmake() {
    let (dir, server) = (tempfile::tempdir().unwrap(), server());
    let build = dir.path().join("build");
    let definition = |name: &str, path: &Path| format!("-D{name}={}", path.display());
    std::fs::copy(root().join("tests/package/CMakeLists.txt"), dir.path().join("CMakeLists.txt")).unwrap();
    succeed(
        Command::new("cmake")
            .arg("-S")
            .arg(dir.path())
            .arg("-B")
            .arg(&build)
            .arg(definition("CMAKE_PREFIX_PATH", package()))
            .arg(definition("EXAMPLES", &root().join("examples"))),
    );
    succeed(Command::new("cmake").arg("--build").arg(&build));
    succeed(Command::new(build.join("c_shared")).args([&server.uri(), KEY]));
    succeed(Command::new(build.join("c_static")).args([&server.uri(), KEY]));
    succeed(Command::new(build.join("cpp_shared")).args([&server.uri(), KEY]));
    assert_eq!((rows(&server, "motor"), rows(&server, "tank")), (2, 100_000));
}
