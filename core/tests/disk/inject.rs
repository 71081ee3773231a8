//! System calls of a child that fail, or kill it, at the k-th call. How it works stands in `inject.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// It fails with this error number.
    Errno(i32),
    /// The process is killed before it.
    Kill,
    /// A write is done by half, then the process is killed; other calls as with `Kill`.
    Tear,
}

/// Which calls of a child are hit.
#[derive(Debug, Clone)]
pub struct Injection<'a> {
    /// The names, separated by commas.
    pub calls: &'a str,
    /// Only on paths that contain this.
    pub matching: &'a str,
    /// The first call that is hit, from 1.
    pub from: u64,
    /// How many are hit; 0 means all from then on.
    pub count: u64,
    pub hit: Hit,
    /// Calls count only while this file exists.
    pub only_while: Option<&'a Path>,
}

/// Every call that changes a disk.
pub const ALL_CALLS: &str = "write,fdatasync,fsync,ftruncate,fallocate,flock,openat,rename,unlink,mkdir";

impl Injection<'_> {
    /// Lets it happen to `child`, on paths under `dir`; returns the log of the calls.
    pub fn apply(&self, child: &mut Command, dir: &Path) -> PathBuf {
        let log = beside(dir, "log");
        let act = match self.hit {
            Hit::Errno(number) => number.to_string(),
            Hit::Kill => "kill".to_owned(),
            Hit::Tear => "tear".to_owned(),
        };
        child
            .env("LD_PRELOAD", library())
            .env("INJECT_UNDER", dir)
            .env("INJECT_CALLS", self.calls)
            .env("INJECT_FROM", self.from.to_string())
            .env("INJECT_COUNT", self.count.to_string())
            .env("INJECT_DO", act)
            .env("INJECT_LOG", &log);
        if !self.matching.is_empty() {
            child.env("INJECT_MATCH", self.matching);
        }
        if let Some(path) = self.only_while {
            child.env("INJECT_WHILE", path);
        }
        log
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub hit: bool,
    pub name: String,
    pub path: String,
}

pub fn read_log(log: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let hit = words.next()? == "hit";
        Some(Call { hit, name: words.next()?.to_owned(), path: words.next()?.to_owned() })
    };
    text.lines().filter_map(call).collect()
}

/// A path next to `dir`, which no injection under `dir` meets.
pub fn beside(dir: &Path, name: &str) -> PathBuf {
    dir.with_file_name(format!("beside.{name}"))
}

/// The compiled `inject.c`.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (new, done) = (dir.join(format!("inject.{}.so", std::process::id())), dir.join("inject.so"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/inject.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", source, "-ldl", "-o"])
            .arg(&new)
            .status();
        assert!(
            compiled.is_ok_and(|status| status.success()),
            "cc must compile {source}: run make bootstrap"
        );
        std::fs::rename(&new, &done).unwrap();
        done
    })
}
