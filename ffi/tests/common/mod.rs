//! The shared library as users get it: cargo builds no `cdylib` for tests by itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Builds the library, once, and returns its path.
pub fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            // Tests lie in <target>/<profile>/deps.
            let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
            let output = Command::new(env!("CARGO"))
                .args(["build", "--locked", "-p", "siftstream-ffi", "--target-dir"])
                .arg(&target)
                .current_dir(root())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            target.join("debug/libsiftstream.so")
        })
        .clone()
}
