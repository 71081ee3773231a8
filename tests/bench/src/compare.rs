//! Alternates the two clients against one counting server and prints medians and ratios.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use clap::Args as ClapArgs;

/// The options of a comparison.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Rows of each run of siftstream.
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Rows of each run of Sift's own client.
    #[arg(long, default_value_t = 1_000_000)]
    official_messages: u64,
    /// Double channels beside `seq`.
    #[arg(long, default_value_t = 9)]
    channels: usize,
    /// Pairs of runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// One run's figures.
#[derive(Debug, Clone, Copy)]
struct Figures {
    rows_per_s: f64,
    cpu_us_per_row: f64,
}

/// The counting server, stopped when it is dropped.
struct Server {
    child: Child,
    uri: String,
}

impl Server {
    fn start() -> Result<Self, Box<dyn Error>> {
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

/// Measures and prints.
pub fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut out = io::stdout().lock();
    let channels = args.channels.to_string();
    let bytes = 1 + args.channels;
    writeln!(out, "live, {bytes} channels a row; rows/s and CPU µs per row of the client process")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let ours_now = figures(
            Command::new(sibling("siftstream")?)
                .args(["bench", "--uri", &server.uri, "--insecure", "--json", "--channels", &channels])
                .args(["--messages", &args.messages.to_string()]),
        )?;
        let theirs_now = figures(
            Command::new(std::env::current_exe()?)
                .args(["official", "--uri", &server.uri, "--channels", &channels])
                .args(["--messages", &args.official_messages.to_string()]),
        )?;
        writeln!(
            out,
            "round {round}: siftstream {:>10.0} rows/s {:.4} µs | sift_stream 0.14 {:>8.0} rows/s {:.4} µs",
            ours_now.rows_per_s, ours_now.cpu_us_per_row, theirs_now.rows_per_s, theirs_now.cpu_us_per_row
        )?;
        ours.push(ours_now);
        theirs.push(theirs_now);
    }
    let ratio = |figure: fn(&Figures) -> f64| {
        median(ours.iter().zip(&theirs).map(|(ours, theirs)| figure(ours) / figure(theirs)).collect())
    };
    let rows = ratio(|figures| figures.rows_per_s);
    let cpu = ratio(|figures| figures.cpu_us_per_row);
    writeln!(out, "median of the pairs: {rows:.1} times the rows/s, 1/{:.1} of the CPU per row", 1.0 / cpu)?;
    Ok(())
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is not built: run make bench", path.display()).into())
    }
}

fn figures(command: &mut Command) -> Result<Figures, Box<dyn Error>> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stdout)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("no figures were printed")?;
    let line: serde_json::Value = serde_json::from_str(line)?;
    let figure = |name: &str| line[name].as_f64().ok_or_else(|| format!("no figure {name} in {line}"));
    Ok(Figures { rows_per_s: figure("rows_per_s")?, cpu_us_per_row: figure("cpu_us_per_row")? })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
