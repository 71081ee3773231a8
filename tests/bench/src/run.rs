//! Running a program for its figures.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// One run's figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) rows_per_s: f64,
    /// Of the sends alone; 0 if the program does not tell.
    pub(crate) accepted_rows_per_s: f64,
    pub(crate) cpu_us_per_row: f64,
    /// Of the sending thread alone; 0 if the program does not tell.
    pub(crate) caller_cpu_us_per_row: f64,
    /// With the gRPC prefix; 0 if the program does not tell.
    pub(crate) bytes_per_row: f64,
}

impl Figures {
    /// Runs a program that ends its output with a line of JSON.
    pub(crate) fn of(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stdout)).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().last().ok_or("no figures were printed")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        let figure = |name: &str| line[name].as_f64().ok_or_else(|| format!("no figure {name} in {line}"));
        let sends = line["messages"].as_f64().zip(line["send_seconds"].as_f64());
        Ok(Self {
            rows_per_s: figure("rows_per_s")?,
            accepted_rows_per_s: sends.map_or(0.0, |(rows, seconds)| rows / seconds),
            cpu_us_per_row: figure("cpu_us_per_row")?,
            caller_cpu_us_per_row: line["caller_cpu_us_per_row"].as_f64().unwrap_or(0.0),
            bytes_per_row: line["bytes_per_row"].as_f64().unwrap_or(0.0),
        })
    }
}

/// The counting server, stopped when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) uri: String,
}

impl Server {
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(sibling("siftstream")?)
            .args(["serve", "--port", "0", "--count-only", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address: serde_json::Value = serde_json::from_str(&line)?;
        let uri = address["uri"].as_str().ok_or("the server named no address")?.to_owned();
        Ok(Self { child, uri })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is gone already needs no stopping.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A run of `siftstream bench` in `mode`, with `channels` double channels.
pub(crate) fn ours(uri: &str, mode: &str, channels: usize, messages: u64) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(sibling("siftstream")?);
    command.args(["bench", "--uri", uri, "--insecure", "--json", "--mode", mode]);
    command.args(["--channels", &channels.to_string(), "--messages", &messages.to_string()]);
    Ok(command)
}

/// The same of Sift's own client, whose modes have the same names.
pub(crate) fn theirs(
    uri: &str,
    mode: &str,
    channels: usize,
    messages: u64,
) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["official", "--uri", uri, "--mode", mode]);
    command.args(["--channels", &channels.to_string(), "--messages", &messages.to_string()]);
    Ok(command)
}

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is not built: run make bench", path.display()).into())
    }
}

/// The median of `ours / theirs` over the pairs.
pub(crate) fn median_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let mut ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}
