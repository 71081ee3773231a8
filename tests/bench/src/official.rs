//! One run of Sift's own client, in the way its documentation calls fastest: by channel index.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args as ClapArgs, ValueEnum};
use sift_connect::{Credentials, SiftChannelBuilder};
use sift_rs::common::r#type::v1::ChannelDataType;
use sift_rs::ingest::v1::IngestWithConfigDataStreamRequest;
use sift_rs::ingestion_configs::v2::{ChannelConfig, FlowConfig};
use sift_stream::stream::Transport;
use sift_stream::{
    ChannelIndex, DiskBackupPolicy, FlowBuilder, IngestionConfigEncoder, IngestionConfigForm, SiftStream,
    SiftStreamBuilder, TimeValue,
};

/// How rows are delivered.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// In memory only.
    Live,
    /// Live, with backups on disk.
    LiveWithBackups,
    /// To files only.
    FileBackup,
}

/// The options of one run.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The endpoint.
    #[arg(long)]
    uri: String,
    /// How rows are delivered.
    #[arg(long, value_enum, default_value = "live")]
    mode: Mode,
    /// Where files go.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// How many rows.
    #[arg(long)]
    messages: u64,
    /// How many double channels beside `seq`.
    #[arg(long)]
    channels: usize,
}

/// Runs and prints one line of JSON.
pub fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(stream(args))
}

fn schema(args: &Args) -> IngestionConfigForm {
    let channel = |name: String, data_type: ChannelDataType| ChannelConfig {
        name,
        data_type: data_type.into(),
        ..ChannelConfig::default()
    };
    let mut channels = vec![channel("seq".to_owned(), ChannelDataType::Uint64)];
    channels.extend((0..args.channels).map(|at| channel(format!("c{at}"), ChannelDataType::Double)));
    IngestionConfigForm {
        asset_name: "bench".to_owned(),
        client_key: format!("bench-{}", args.channels),
        flows: vec![FlowConfig { name: "bench".to_owned(), channels }],
    }
}

async fn stream(args: &Args) -> Result<(), Box<dyn Error>> {
    let credentials = Credentials::Config { uri: args.uri.clone(), apikey: "bench".to_owned() };
    let channel = SiftChannelBuilder::new(credentials).use_tls(false).build()?;
    let config = SiftStreamBuilder::from_channel(channel).ingestion_config(schema(args));
    match args.mode {
        Mode::Live => {
            let live = config.live_only().metrics_streaming_interval(None);
            measure(args, live.build().await?).await
        }
        Mode::LiveWithBackups => {
            let policy = DiskBackupPolicy { backups_dir: args.dir.clone(), ..DiskBackupPolicy::default() };
            let live = config.live_with_backups().metrics_streaming_interval(None).disk_backup_policy(policy);
            measure(args, live.build().await?).await
        }
        Mode::FileBackup => {
            let policy = DiskBackupPolicy { backups_dir: args.dir.clone(), ..DiskBackupPolicy::default() };
            let files = config.file_backup().metrics_streaming_interval(None).disk_backup_policy(policy);
            measure(args, files.build().await?).await
        }
    }
}

async fn measure<T>(
    args: &Args,
    mut stream: SiftStream<IngestionConfigEncoder, T>,
) -> Result<(), Box<dyn Error>>
where
    T: Transport<Encoder = IngestionConfigEncoder, Message = IngestWithConfigDataStreamRequest>,
{
    let descriptor = stream.get_flow_descriptor("bench")?;
    let seq: ChannelIndex = descriptor.mapping()["seq"];
    let doubles: Vec<ChannelIndex> =
        (0..args.channels).map(|at| descriptor.mapping()[&format!("c{at}")]).collect();
    let cpu_before = cpu_time();
    let began = Instant::now();
    for number in 0..args.messages {
        let mut row = FlowBuilder::new(&descriptor);
        row.set(seq, number)?;
        for (at, index) in doubles.iter().enumerate() {
            row.set(*index, number as f64 + at as f64)?;
        }
        stream.send_requests([row.request(TimeValue::now())]).await?;
    }
    stream.finish().await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time().saturating_sub(cpu_before).as_secs_f64();
    let rows = args.messages as f64;
    let line = serde_json::json!({
        "messages": args.messages,
        "rows_per_s": rows / seconds,
        "cpu_us_per_row": cpu * 1e6 / rows,
    });
    writeln!(io::stdout().lock(), "{line}")?;
    Ok(())
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
