//! `siftstream serve`: a local Sift endpoint.

use crate::record::Recorder;
use crate::table::Table;
use serde_json::{Map, Value, json};
use siftstream_server::{FaultFlag, LocalServer, State};
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval, sleep_until};

const REDRAW: Duration = Duration::from_secs(1);
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";

/// Options of `siftstream serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Port to listen at; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Key that every call must bear.
    #[arg(long)]
    api_key: Option<String>,
    /// Keep valid rows as PBFS files in this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "count_only")]
    record: Option<PathBuf>,
    /// Only count messages and bytes, as cheaply as possible.
    #[arg(long)]
    count_only: bool,
    /// Most items per page of a list.
    #[arg(long, value_name = "N")]
    page_size: Option<usize>,
    /// Misbehave: KIND[,key=value…], for example `status=UNAVAILABLE,after=1000,times=3`. Repeatable; each applies
    /// to the next ingest stream that is opened.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultFlag>,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    /// Stop when rows have come and then none for this many seconds.
    #[arg(long, value_name = "SECONDS")]
    once_idle_exit: Option<f64>,
    /// Redraw the table even if the output is no terminal.
    #[arg(long)]
    table: bool,
    /// Print the final table even if the output is no terminal.
    #[arg(long)]
    summary: bool,
    /// Print a last line of JSON with rows, flows, schema errors and gaps.
    #[arg(long)]
    summary_json: bool,
    /// Exit with 1 if rows are missing, by the `seq` channel of their flow, or do not fit their schema.
    #[arg(long)]
    expect_complete: bool,
    /// Print nothing but the address and what `--summary` and `--summary-json` ask for.
    #[arg(long)]
    quiet: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match serve(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Without standard error there is nobody to tell.
            writeln!(io::stderr().lock(), "siftstream serve: {error}").ok();
            ExitCode::from(2)
        }
    }
}

/// Serves until told to stop; returns whether all is as expected.
fn serve(args: &Args) -> io::Result<bool> {
    let mut builder = LocalServer::builder()
        .host(args.host)
        .port(args.port)
        .api_key(args.api_key.as_deref())
        .count_only(args.count_only);
    if let Some(limit) = args.page_size {
        builder = builder.page_size(limit);
    }
    let recorder = match &args.record {
        Some(dir) => Some(Arc::new(Mutex::new(Recorder::create(dir)?))),
        None => None,
    };
    if let Some(recorder) = recorder.clone() {
        builder = builder.on_row(move |message| {
            recorder.lock().unwrap_or_else(PoisonError::into_inner).add(message);
        });
    }
    let server = builder.start()?;
    for flag in &args.fault {
        server.inject(flag.fault.clone(), flag.times);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut table = Table::new();
    let state = server.state();
    runtime.block_on(async {
        // Signals are caught before the address is told, so that whoever reads it may send one.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        print(&format!("{}\n", json!({ "uri": server.uri(), "port": server.port() })))?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            result = watch(args, &state, &mut table) => result,
        }
    })?;
    server.shutdown();
    if let Some(recorder) = recorder {
        recorder.lock().unwrap_or_else(PoisonError::into_inner).finish()?;
    }
    let terminal = io::stdout().is_terminal() && !args.quiet;
    if args.summary || args.table || terminal {
        print(&table.render_total(&state))?;
    }
    if args.summary_json {
        print(&format!("{}\n", summary(&state)))?;
    }
    Ok(!args.expect_complete || (state.schema_error_count() == 0 && missing(&state) == 0))
}

/// Redraws the table until a time limit is reached.
async fn watch(args: &Args, state: &State, table: &mut Table) -> io::Result<()> {
    let draw = (args.table || io::stdout().is_terminal()) && !args.quiet;
    let end = args.duration.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.max(0.0)));
    let idle = args.once_idle_exit.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
    let step = idle.map_or(REDRAW, |idle| (idle / 4).clamp(Duration::from_millis(10), REDRAW));
    let mut ticks = interval(step);
    let mut drawn = Instant::now();
    let mut seen = (0, Instant::now());
    loop {
        tokio::select! {
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => return Ok(()),
            now = ticks.tick() => {
                let rows = state.rows();
                if rows != seen.0 {
                    seen = (rows, now);
                } else if rows > 0 && idle.is_some_and(|idle| now - seen.1 >= idle) {
                    return Ok(());
                }
                if draw && now - drawn >= REDRAW {
                    drawn = now;
                    let clear = if io::stdout().is_terminal() { CLEAR_SCREEN } else { "" };
                    print(&format!("{clear}{}", table.render(state)))?;
                }
            }
        }
    }
}

fn missing(state: &State) -> u64 {
    state.flows().iter().filter_map(|flow| flow.sequence.as_ref()).map(|seq| seq.missing()).sum()
}

fn summary(state: &State) -> Value {
    let mut flows = Map::new();
    for flow in state.flows() {
        let sequence = flow.sequence.as_ref();
        flows.insert(
            flow.name.clone(),
            json!({
                "rows": flow.rows,
                "bytes": flow.bytes,
                "schema_errors": flow.schema_errors,
                "first_seq": sequence.and_then(|seq| seq.first()),
                "last_seq": sequence.and_then(|seq| seq.last()),
                "missing": sequence.map(|seq| seq.missing()),
                "duplicates": sequence.map(|seq| seq.duplicates()),
            }),
        );
    }
    json!({
        "rows": state.rows(),
        "bytes": state.bytes(),
        "flows": flows,
        "schema_errors": state.schema_error_count(),
        "gaps": missing(state),
        "streams_opened": state.streams_opened(),
        "streams_confirmed": state.streams_confirmed(),
    })
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever started the server may have read the address and closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
