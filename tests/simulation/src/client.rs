//! The simulated host whose process sends rows, and starts again where the last one died.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::spool::RollingFilePolicy;
use siftstream::{
    Credentials, DiskBackupPolicy, FlowBuilder, IngestionConfigEncoder, Level, LiveStreamingWithBackups,
    Report, SiftStream, SiftStreamBuilder, TrySendError,
};
use tokio::time::sleep;

use crate::line::{LineConnector, PORT, Scissors, Sockets};
use crate::promises::Promises;
use crate::rows;
use crate::scenario::{End, Scenario};

/// The stream under test.
pub(crate) type Stream = SiftStream<IngestionConfigEncoder, LiveStreamingWithBackups>;

/// How long a stream that is opened again may take to finish before.
const SHORT: Duration = Duration::from_millis(300);
/// How long the last finish may take.
const LONG: Duration = Duration::from_secs(120);
/// How often the client looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// What the client's host and those who watch it share.
pub(crate) struct Client {
    pub(crate) scenario: Scenario,
    pub(crate) scissors: Scissors,
    pub(crate) sockets: Sockets,
    state: Mutex<State>,
}

/// The state of the client, beyond its process.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) disk: FakeFileSystem,
    pub(crate) disk_works: bool,
    pub(crate) stream: Option<Stream>,
    pub(crate) promises: Promises,
    /// The stream is to be finished and opened again.
    pub(crate) reopen: bool,
    /// Nothing more goes wrong.
    pub(crate) plan_is_over: bool,
    /// How often there was no room for a row.
    pub(crate) times_full: u64,
    /// What the last finish said.
    pub(crate) report: Option<Report>,
    /// Everything was sent, and the last stream is finished.
    pub(crate) done: bool,
}

impl Client {
    pub(crate) fn new(scenario: Scenario, scissors: Scissors) -> Arc<Self> {
        let state = State { disk_works: true, ..State::default() };
        Arc::new(Self { scenario, scissors, sockets: Sockets::default(), state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the host runs.
    pub(crate) async fn live(self: Arc<Self>) -> turmoil::Result {
        loop {
            let stream = match self.open().await {
                Ok(stream) => stream,
                Err(error) => {
                    self.state().promises.note(now(), format!("cannot open: {error}"));
                    sleep(LOOK).await;
                    continue;
                }
            };
            let epoch = {
                let mut state = self.state();
                state.stream = Some(stream.clone());
                state.promises.begin_epoch()
            };
            let is_last = self.send_rows(&stream, epoch).await?;
            let patience = match self.scenario.ends {
                End::Healed if is_last => {
                    self.wait_for_confirmation(&stream).await;
                    LONG
                }
                End::Unhealed(patience) if is_last => patience,
                _ => SHORT,
            };
            self.finish(&stream, patience).await;
            if is_last && self.is_over() {
                return Ok(());
            }
        }
    }

    /// Whether the last stream left nothing to do.
    fn is_over(&self) -> bool {
        let mut state = self.state();
        let left = files_left(&state.disk);
        state.done = left.is_empty() || self.scenario.ends != End::Healed;
        if !state.done {
            state.promises.note(now(), format!("files are left: {left:?}"));
        }
        state.done
    }

    async fn open(&self) -> siftstream::Result<Stream> {
        let Scenario { latency, tick, timeout, .. } = self.scenario;
        let disk = self.state().disk.clone();
        let connector = LineConnector {
            sockets: self.sockets.clone(),
            scissors: self.scissors.clone(),
            shortest_round_trip: (latency.0 - tick) * 2,
        };
        let policy = DiskBackupPolicy {
            backups_dir: Some(Path::new("/spool").to_owned()),
            max_backup_file_size: self.scenario.max_file_size,
            rolling_file_policy: RollingFilePolicy { max_file_count: self.scenario.max_file_count },
            max_bytes: self.scenario.max_bytes,
            min_free: 0,
            fsync: self.scenario.fsync,
            ..DiskBackupPolicy::default()
        };
        let uri = format!("http://server:{PORT}");
        SiftStreamBuilder::new(Credentials::Config { uri, apikey: "simulated".to_owned() })
            .insecure(true)
            .connector(Arc::new(connector))
            .on_callers_runtime()
            .ingestion_config(rows::form())
            .live_with_backups()
            .filesystem(Arc::new(disk))
            .disk_backup_policy(policy)
            .ingestion_data_channel_capacity(self.scenario.wire_rows)
            .backup_data_channel_capacity(self.scenario.disk_rows)
            .batch_size(self.scenario.batch_size)
            .flush_interval(self.scenario.flush_interval)
            .linger(self.scenario.linger)
            .checkpoint_interval(self.scenario.checkpoint_interval)
            .idle_timeout(timeout)
            .response_timeout(timeout)
            .build()
            .await
    }

    /// Sends until everything is sent and healed, or the stream is to be opened again; true in the first case.
    async fn send_rows(&self, stream: &Stream, epoch: u64) -> siftstream::Result<bool> {
        let mut rng = SmallRng::seed_from_u64(self.scenario.seed ^ epoch << 32);
        let mut builder = FlowBuilder::new(&stream.get_flow_descriptor(rows::FLOW)?);
        loop {
            {
                let mut state = self.state();
                if std::mem::take(&mut state.reopen) {
                    return Ok(false);
                }
                if state.plan_is_over && state.promises.accepted() >= self.scenario.rows {
                    return Ok(true);
                }
            }
            self.send_burst(stream, &mut builder)?;
            if rng.random_ratio(1, self.scenario.flush_one_in) {
                let level = [Level::Written, Level::Durable, Level::Confirmed][rng.random_range(0..3)];
                self.flush(stream, level, Duration::from_millis(rng.random_range(0..2_000))).await;
            }
            sleep(self.scenario.pause).await;
        }
    }

    fn send_burst(&self, stream: &Stream, builder: &mut FlowBuilder) -> siftstream::Result<()> {
        let mut state = self.state();
        for _ in 0..self.scenario.burst {
            let seq = state.promises.accepted();
            if seq >= self.scenario.rows {
                return Ok(());
            }
            rows::fill(builder, seq)?;
            match stream.try_send(&*builder) {
                Ok(()) => state.promises.accept(),
                Err(TrySendError::Full(_)) => {
                    state.times_full += 1;
                    return Ok(());
                }
                Err(TrySendError::Refused(refused)) => {
                    state.promises.violation(format!("row {seq} was refused: {}", refused.error));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn flush(&self, stream: &Stream, level: Level, patience: Duration) {
        let accepted = stream.watermarks().accepted;
        let began = tokio::time::Instant::now();
        let outcome = stream.flush_async(level, patience).await;
        let mut state = self.state();
        if began.elapsed() > patience + Duration::from_millis(250) {
            state.promises.violation(format!("a flush of {patience:?} took {:?}", began.elapsed()));
        }
        match (outcome, level) {
            (Ok(()), Level::Written) => state.promises.are_written_below(accepted),
            (Ok(()), _) => state.promises.are_durable_below(accepted),
            (Err(_), _) => {}
        }
    }

    /// Waits until Sift has everything, for some minutes.
    async fn wait_for_confirmation(&self, stream: &Stream) {
        let patience = tokio::time::Instant::now() + LONG * 2;
        while tokio::time::Instant::now() < patience {
            let marks = stream.watermarks();
            if marks.confirmed == Some(marks.accepted) && files_left(&self.state().disk).is_empty() {
                return;
            }
            // A checkpoint lets the file go that is being written.
            stream.checkpoint().ok();
            sleep(LOOK).await;
        }
    }

    async fn finish(&self, stream: &Stream, patience: Duration) {
        let began = tokio::time::Instant::now();
        let outcome = stream.finish_async(patience).await;
        let mut state = self.state();
        state.stream = None;
        if began.elapsed() > patience + Duration::from_millis(250) {
            state.promises.violation(format!("a finish of {patience:?} took {:?}", began.elapsed()));
        }
        let report = match outcome {
            Ok(report) => report,
            Err(failed) => *failed.report,
        };
        // A disk whose budget is used up takes no more than one that fails; the report says so.
        let disk_works = state.disk_works && self.scenario.max_bytes.is_none();
        state.promises.note(now(), format!("finished: {report}"));
        state.promises.finished(&report, disk_works);
        state.report = Some(report);
    }
}

/// Backup files with something in them. A power loss may leave the mere name of a file, which nobody touches.
fn files_left(disk: &FakeFileSystem) -> Vec<PathBuf> {
    let holds_rows = |path: &PathBuf| {
        let dir = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        matches!(dir, Some("data" | "pending")) && disk.content(path).is_some_and(|bytes| !bytes.is_empty())
    };
    disk.paths().into_iter().filter(holds_rows).collect()
}

/// The simulated time, for notes.
fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
