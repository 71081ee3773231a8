//! The rows of the benchmark and the threads that send them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, DiskBackupPolicy, Error, ErrorCode,
    FlowBuilder, FlowConfig, IngestionConfigEncoder, IngestionConfigForm, Result, SiftStream,
    SiftStreamBuilder, StreamConfigBuilder, TimeValue, Transport,
};

use super::columns::Arrays;
use super::latency::Latencies;
use super::result::BenchResult;
use super::{Args, Mode, allocations, configured, millis, usage};

const FLOW: &str = "bench";
/// How many numbers a thread takes at a time.
const BLOCK: u64 = 64;
/// How long one row may wait for room. A stream that takes nothing for so long will not recover.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(600);
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What one sending thread brings back.
#[derive(Default)]
struct Sent {
    latencies: Latencies,
    /// Allocations of the process when the first half was sent, and at the end.
    allocations: (u64, u64),
    /// CPU time of the sending thread.
    caller_cpu: Duration,
    /// How long it was sending, if it also did something else.
    sending: Option<Duration>,
    failure: Option<Error>,
}

pub(crate) fn run(args: &Args) -> Result<BenchResult> {
    if args.threads == 0 {
        return Err(Error::new(ErrorCode::InvalidArgument, "--threads must be at least 1"));
    }
    if let Some(file) = &args.config {
        return configured::run(args, file);
    }
    match args.mode.unwrap_or_default() {
        Mode::Live => {
            let mut live = config(args).live_only();
            if let Some(interval) = args.checkpoint_ms {
                live = live.checkpoint_interval(millis(interval));
            }
            measure_bench(args, &live.build_blocking(START_TIMEOUT)?)
        }
        Mode::LiveWithBackups => {
            let mut live = config(args).live_with_backups().disk_backup_policy(policy(args));
            if let Some(interval) = args.checkpoint_ms {
                live = live.checkpoint_interval(millis(interval));
            }
            measure_bench(args, &live.build_blocking(START_TIMEOUT)?)
        }
        Mode::FileBackup => {
            let files = config(args).file_backup().disk_backup_policy(policy(args));
            measure_bench(args, &files.build_blocking(START_TIMEOUT)?)
        }
    }
}

fn policy(args: &Args) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: args.dir.clone(), ..DiskBackupPolicy::default() }
}

/// The rows that are sent.
pub(super) struct Rows<'a, F> {
    pub(super) flow: &'a str,
    pub(super) channels: u32,
    /// Fills a row with what belongs to its number.
    pub(super) fill: F,
}

fn measure_bench<T: Transport>(
    args: &Args,
    stream: &SiftStream<IngestionConfigEncoder, T>,
) -> Result<BenchResult> {
    let channels = args.channels;
    measure(args, stream, &Rows { flow: FLOW, channels, fill: |row: &mut _, seq| fill(row, seq, channels) })
}

pub(super) fn measure<T, F>(
    args: &Args,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    rows: &Rows<'_, F>,
) -> Result<BenchResult>
where
    T: Transport,
    F: Fn(&mut FlowBuilder, u64) -> Result<()> + Sync,
{
    let next = AtomicU64::new(0);
    let cpu_before = usage::cpu_time();
    let began = Instant::now();
    let sent: Vec<Sent> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..args.threads).map(|_| scope.spawn(|| send_timed(args, stream, rows, &next))).collect();
        threads
            .into_iter()
            .map(|thread| {
                let died = |_| Err(Error::new(ErrorCode::WorkerDied, "a sending thread died"));
                thread.join().unwrap_or_else(died)
            })
            .collect::<Result<_>>()
    })?;
    let send = sent.iter().filter_map(|thread| thread.sending).max().unwrap_or_else(|| began.elapsed());
    if let Some(wait) = args.wait_confirmed_ms {
        // Whether everything was confirmed is in the report.
        stream.flush_confirmed(millis(wait)).ok();
    }
    let (report, finish) = match stream.finish(millis(args.finish_timeout_ms)) {
        Ok(report) => (report, "ok".to_owned()),
        Err(failed) => (*failed.report, failed.error.to_string()),
    };
    let all = began.elapsed();
    let cpu = usage::cpu_time().saturating_sub(cpu_before);
    let mut latencies = Latencies::default();
    sent.iter().for_each(|thread| latencies.add(&thread.latencies));
    let failure = sent.iter().find_map(|thread| thread.failure.as_ref());
    let half = args.messages - args.messages / 2;
    let allocations: u64 =
        sent.iter().map(|thread| thread.allocations.1 - thread.allocations.0).max().unwrap_or(0);
    Ok(BenchResult {
        messages: args.messages,
        channels: rows.channels,
        send,
        all,
        cpu,
        caller_cpu: sent.iter().map(|thread| thread.caller_cpu).sum(),
        bytes: stream.get_metrics_snapshot().bytes_accepted,
        peak_rss_kib: usage::peak_rss_kib(),
        latencies,
        allocations_per_row: if half == 0 { 0.0 } else { allocations as f64 / half as f64 },
        report,
        finish: failure.map_or(finish, ToString::to_string),
    })
}

fn config(args: &Args) -> StreamConfigBuilder {
    let mut channels = vec![ChannelConfig::new("seq", ChannelDataType::Uint64)];
    channels
        .extend((0..args.channels).map(|at| ChannelConfig::new(format!("c{at}"), ChannelDataType::Double)));
    let form = IngestionConfigForm {
        asset_name: FLOW.to_owned(),
        client_key: format!("bench-{}", args.channels),
        flows: vec![FlowConfig { name: FLOW.to_owned(), channels }],
    };
    let (uri, key) = (args.uri.clone().unwrap_or_default(), args.api_key.as_deref().unwrap_or("bench"));
    let credentials = Credentials::Config { uri, apikey: key.to_owned() };
    SiftStreamBuilder::new(credentials).insecure(args.insecure).ingestion_config(form)
}

fn send_timed<T, F>(
    args: &Args,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    rows: &Rows<'_, F>,
    next: &AtomicU64,
) -> Result<Sent>
where
    T: Transport,
    F: Fn(&mut FlowBuilder, u64) -> Result<()>,
{
    let before = usage::thread_cpu_time();
    let sent = send(args, stream, rows, next)?;
    Ok(Sent { caller_cpu: usage::thread_cpu_time().saturating_sub(before), ..sent })
}

fn send<T, F>(
    args: &Args,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    rows: &Rows<'_, F>,
    next: &AtomicU64,
) -> Result<Sent>
where
    T: Transport,
    F: Fn(&mut FlowBuilder, u64) -> Result<()>,
{
    let descriptor = stream.get_flow_descriptor(rows.flow)?;
    let mut sent = Sent::default();
    let warm = args.messages / 2;
    let block = args.burst.or(args.columns).map_or(BLOCK, |rows| u64::from(rows.get()));
    let blocks = std::iter::from_fn(|| {
        let first = next.fetch_add(block, Ordering::Relaxed);
        (first < args.messages).then(|| first..args.messages.min(first + block))
    });
    if args.columns.is_some() || args.burst.is_some() {
        let arrays = Arrays::new(descriptor, args.channels);
        return Ok(send_arrays(args, stream, arrays, blocks, warm));
    }
    let mut row = FlowBuilder::new(&descriptor);
    let mut pace = args.rate.map(Pace::new);
    for seq in blocks.flatten() {
        if seq <= warm {
            sent.allocations.0 = allocations::count();
        }
        if let Some(pace) = &mut pace {
            pace.wait();
        }
        (rows.fill)(&mut row, seq)?;
        let began = args.latency.then(Instant::now);
        if let Err(failed) = stream.send_timeout(&row, SEND_TIMEOUT) {
            sent.failure = Some(failed.error);
            break;
        }
        if let Some(began) = began {
            sent.latencies.record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }
    sent.allocations.1 = allocations::count();
    Ok(sent)
}

fn send_arrays<T: Transport>(
    args: &Args,
    stream: &SiftStream<IngestionConfigEncoder, T>,
    mut arrays: Arrays,
    blocks: impl Iterator<Item = Range<u64>>,
    warm: u64,
) -> Sent {
    let mut sent = Sent::default();
    let mut sending = Duration::ZERO;
    for seqs in blocks {
        if seqs.start <= warm {
            sent.allocations.0 = allocations::count();
        }
        arrays.fill(seqs);
        let began = Instant::now();
        let outcome = match args.columns {
            Some(rows) => arrays.send_columns(stream, rows.get() as usize),
            None => arrays.send_rows(stream),
        };
        sending += began.elapsed();
        let confirmed = if args.burst.is_some() { stream.flush_confirmed(SEND_TIMEOUT) } else { Ok(()) };
        if let Err(failed) = outcome.and(confirmed) {
            sent.failure = Some(failed);
            break;
        }
    }
    sent.allocations.1 = allocations::count();
    sent.sending = args.burst.map(|_| sending);
    sent
}

fn fill(row: &mut FlowBuilder, seq: u64, channels: u32) -> Result<()> {
    row.set_timestamp(TimeValue::now());
    row.set_uint64(ChannelIndex::new(0), seq)?;
    for at in 0..channels {
        row.set_double(ChannelIndex::new(at + 1), seq as f64 + f64::from(at))?;
    }
    Ok(())
}

/// Lets a thread go on at even intervals.
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    fn new(rate: u64) -> Self {
        Self {
            interval: Duration::from_secs(1) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX),
            next: Instant::now(),
        }
    }

    fn wait(&mut self) {
        let left = self.next.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        self.next += self.interval;
    }
}
