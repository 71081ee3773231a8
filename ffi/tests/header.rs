//! The committed header, the exported symbols and the C test agree.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use common::{library, root};

fn header_path() -> PathBuf {
    root().join("include/siftstream/siftstream.h")
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("ffi/cbindgen.toml")).unwrap();
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_crate(root().join("ffi"))
        .with_config(config)
        .generate()
        .unwrap()
        .write(&mut text);
    String::from_utf8(text).unwrap()
}

/// All names in `text` that begin with `siftstream_` and are followed by `(`.
fn called(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '('));
    words
        .filter_map(|word| word.split_once('('))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("siftstream_"))
        .collect()
}

fn exported() -> BTreeSet<String> {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().last().map(str::to_owned)).collect()
}

#[test]
fn the_committed_header_is_what_cbindgen_makes_of_the_source() {
    let generated = generated();
    if std::env::var_os("SIFTSTREAM_WRITE_HEADER").is_some() {
        std::fs::write(header_path(), &generated).unwrap();
    }
    let committed = std::fs::read_to_string(header_path()).unwrap_or_default();
    assert!(
        committed == generated,
        "include/siftstream/siftstream.h is out of date: run SIFTSTREAM_WRITE_HEADER=1 cargo test -p siftstream-ffi"
    );
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let mut declared = called(&std::fs::read_to_string(header_path()).unwrap());
    for inline in ["siftstream_str_of", "siftstream_str_of_bytes"] {
        assert!(declared.remove(inline), "{inline}");
    }
    assert_eq!(exported(), declared);
}

#[test]
fn the_c_test_calls_every_exported_function() {
    let test = std::fs::read_to_string(root().join("tests/c/abi_test.c")).unwrap();
    let words: BTreeSet<_> = test.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let missing: Vec<_> = exported().into_iter().filter(|name| !words.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "tests/c/abi_test.c does not call {missing:?}");
}

#[test]
fn the_version_of_the_header_is_that_of_the_library() {
    let header = std::fs::read_to_string(header_path()).unwrap();
    let number = |part: &str| {
        let line =
            header.lines().find_map(|line| line.strip_prefix(&format!("#define SIFTSTREAM_VERSION_{part} ")));
        line.unwrap().to_owned()
    };
    let version = format!("{}.{}.{}", number("MAJOR"), number("MINOR"), number("PATCH"));
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
