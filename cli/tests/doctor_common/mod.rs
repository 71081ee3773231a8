//! The doctor at work, certificates good and bad, and disks of its own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;
use siftstream_server::LocalServer;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The key of every server here. No output may show it.
pub const KEY: &str = "canary-4711-doctor";

/// What the doctor said.
#[derive(Debug)]
pub struct Verdict {
    pub code: i32,
    pub findings: Vec<Value>,
}

impl Verdict {
    fn of(output: &Output) -> Self {
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(!stdout.contains(KEY) && !stderr.contains(KEY), "the key is shown: {stdout}{stderr}");
        assert!(stderr.is_empty(), "{stderr}");
        let findings = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { code: output.status.code().unwrap(), findings }
    }

    /// The one finding of a check.
    pub fn finding(&self, check: &str) -> &Value {
        let mut all = self.findings.iter().filter(|finding| finding["check"] == check);
        let finding = all.next().unwrap_or_else(|| panic!("no {check} in {self:#?}"));
        assert!(all.next().is_none(), "{check} twice in {self:#?}");
        finding
    }

    pub fn status(&self, check: &str) -> &str {
        self.finding(check)["status"].as_str().unwrap()
    }

    pub fn message(&self, check: &str) -> &str {
        self.finding(check)["message"].as_str().unwrap()
    }

    /// All checks with this status.
    pub fn checks(&self, status: &str) -> Vec<&str> {
        let all = self.findings.iter().filter(|finding| finding["status"] == status);
        all.map(|finding| finding["check"].as_str().unwrap()).collect()
    }

    /// The doctor found this problem, in these words, and no other.
    pub fn assert_problem(&self, check: &str, words: &str) {
        assert_eq!((self.code, self.checks("fail")), (1, vec![check]), "{self:#?}");
        assert!(self.message(check).contains(words), "{words:?} is not in {self:#?}");
    }

    pub fn assert_healthy(&self) {
        assert_eq!((self.code, self.checks("fail")), (0, vec![]), "{self:#?}");
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `siftstream doctor` as a user without files and variables of their own runs it, but for the key.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siftstream"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SIFT")) {
        command.env_remove(name);
    }
    command
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"));
    command.env("SIFTSTREAM_API_KEY", KEY).arg("doctor");
    command
}

pub fn run(command: &mut Command) -> Verdict {
    Verdict::of(&command.arg("--json").output().unwrap())
}

/// Runs the doctor with these arguments.
pub fn doctor<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Verdict {
    let home = tempfile::tempdir().unwrap();
    run(command(home.path()).args(args))
}

/// Runs the doctor on a server without TLS.
pub fn doctor_of(server: &LocalServer) -> Verdict {
    doctor(["--uri", &server.uri(), "--insecure"])
}

pub fn server() -> LocalServer {
    LocalServer::builder().api_key(Some(KEY)).start().unwrap()
}

/// A port at which nobody listens.
pub fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes a `sift.toml` where the doctor looks for it.
pub fn write_sift_toml(home: &Path, content: &str) -> PathBuf {
    std::fs::create_dir_all(home.join("config")).unwrap();
    let path = home.join("config/sift.toml");
    std::fs::write(&path, content).unwrap();
    path
}

/// Somebody who signs certificates.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Ca {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// The file with its certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate and its key for `name`, valid to the beginning of a year.
    pub fn leaf(&self, name: &str, last_year: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The same in files.
    pub fn leaf_files(&self, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.leaf(name, 2100);
        let paths = (self.dir.path().join("leaf.pem"), self.dir.path().join("leaf-key.pem"));
        std::fs::write(&paths.0, certificate).unwrap();
        std::fs::write(&paths.1, key).unwrap();
        paths
    }

    /// A server with a certificate of this one.
    pub fn server(&self, name: &str, last_year: i32) -> LocalServer {
        let (certificate, key) = self.leaf(name, last_year);
        LocalServer::builder().api_key(Some(KEY)).tls(&certificate, &key, None).start().unwrap()
    }

    /// Runs the doctor on a server whose certificate is to be of this one.
    pub fn doctor_of(&self, server: &LocalServer, more: &[&str]) -> Verdict {
        let uri = format!("https://127.0.0.1:{}", server.port());
        let ca = self.file();
        let args = ["--uri", &uri, "--ca", ca.to_str().unwrap()];
        doctor(args.iter().chain(more))
    }
}

/// Runs the doctor on the directory, with a disk of its own mounted there and `prepare` done to it; none where this
/// machine does not allow that, which is then said past the capture of the test runner.
pub fn doctor_on_own_disk(dir: &Path, options: &str, prepare: &str) -> Option<Verdict> {
    let home = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.arg(if rustix::process::getuid().is_root() { "-m" } else { "-rm" });
    let script = format!("mount -t tmpfs -o {options} none \"$1\"; {prepare}; shift; exec \"$@\"");
    let inner = command(home.path());
    unshare.args(["sh", "-ec", &script, "sh"]).arg(dir).arg(inner.get_program()).args(inner.get_args());
    unshare.env("HOME", home.path()).env("SIFTSTREAM_API_KEY", KEY);
    let uri = server();
    unshare.args(["--uri", &uri.uri(), "--insecure", "--json", "--min-free", "0", "--backups-dir"]).arg(dir);
    let output = unshare.output().unwrap();
    if output.stdout.is_empty() {
        use std::io::Write;
        let why = text(&output.stderr);
        writeln!(std::io::stderr().lock(), "no disk of its own here: {}", why.trim()).unwrap();
        return None;
    }
    Some(Verdict::of(&output))
}
