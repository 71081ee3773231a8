//! A stream that writes files: what it says of its rows is true, with any disk and without a network.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use common::{form, row, server};
use prost::Message;
use siftstream::proto::sift::ingest::v1::{
    IngestWithConfigDataStreamRequest as WireRow, ingest_with_config_data_channel_value::Type,
};
use siftstream::seams::connector::{BoxFuture, BoxIo, Connector};
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::seams::filesystem::{File, FileSystem, Lock, Metadata, ReadAt};
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::spool::pending::is_placeholder;
use siftstream::spool::{DiskBackupPolicy, FsyncPolicy, WhenFull};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelValue, Credentials, DataStatus, ErrorCode, FileBackup,
    FileBackupBuilder, Flow, FlowBuilder, FlowConfig, IngestionConfigEncoder, IngestionConfigForm, Level,
    RunForm, SiftStream, SiftStreamBuilder, TimeValue, Value,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONFIG_ID: &str = "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f";
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

type Stream = SiftStream<IngestionConfigEncoder, FileBackup>;

fn builder_of(uri: &str, form: IngestionConfigForm) -> siftstream::StreamConfigBuilder {
    let credentials = Credentials::Config { uri: uri.to_owned(), apikey: common::KEY.to_owned() };
    SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form)
}

fn policy(dir: &Path) -> DiskBackupPolicy {
    DiskBackupPolicy { backups_dir: Some(dir.to_owned()), min_free: 0, ..DiskBackupPolicy::default() }
}

/// A stream whose config ID is given, so that nobody is asked.
fn given(dir: &Path) -> FileBackupBuilder {
    builder_of(NOWHERE, form()).file_backup().disk_backup_policy(policy(dir)).ingestion_config_id(CONFIG_ID)
}

fn on_fake(fs: &FakeFileSystem, change: impl FnOnce(&mut DiskBackupPolicy)) -> FileBackupBuilder {
    let mut policy = policy(Path::new("/r"));
    change(&mut policy);
    given(Path::new("/r")).disk_backup_policy(policy).filesystem(Arc::new(fs.clone()))
}

fn rows_of(stream: &Stream) -> FlowBuilder {
    FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap())
}

fn send(stream: &Stream, seqs: std::ops::Range<u64>) {
    let mut builder = rows_of(stream);
    for seq in seqs {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
}

/// All files below `dir` in directories named `area`.
fn files(dir: &Path, area: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for slot in std::fs::read_dir(dir).unwrap() {
        let area = slot.unwrap().path().join(area);
        found.extend(std::fs::read_dir(area).unwrap().map(|file| file.unwrap().path()));
    }
    found.sort();
    found
}

fn rows_in(bytes: &[u8]) -> Vec<WireRow> {
    let (mut reader, mut rows) = (PbfsReader::new(bytes).unwrap(), Vec::new());
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Chunk(chunk) = item {
            rows.extend(chunk.messages().map(|message| WireRow::decode(message).unwrap()));
        }
    }
    rows
}

fn rows_on_disk(dir: &Path, area: &str) -> Vec<WireRow> {
    files(dir, area).iter().flat_map(|file| rows_in(&std::fs::read(file).unwrap())).collect()
}

fn seq_of(row: &WireRow) -> u64 {
    match row.channel_values[0].r#type {
        Some(Type::Uint64(seq)) => seq,
        ref other => panic!("a row without its number: {other:?}"),
    }
}

fn seqs(rows: &[WireRow]) -> Vec<u64> {
    rows.iter().map(seq_of).collect()
}

fn fake_seqs(fs: &FakeFileSystem) -> Vec<u64> {
    let data = fs.paths().into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "pbfs"));
    data.flat_map(|path| seqs(&rows_in(&fs.content(&path).unwrap()))).collect()
}

#[test]
fn rows_of_all_types_are_read_back_by_us_and_by_the_official_decoder() {
    use ChannelDataType as T;
    let values = [
        (T::Uint64, Value::Uint64(u64::MAX)),
        (T::Double, Value::Double(-0.5)),
        (T::Float, Value::Float(1.25)),
        (T::String, Value::String("π".to_owned())),
        (T::Bool, Value::Bool(true)),
        (T::Int32, Value::Int32(i32::MIN)),
        (T::Uint32, Value::Uint32(7)),
        (T::Int64, Value::Int64(-1)),
        (T::Enum, Value::Enum(3)),
        (T::BitField, Value::BitField(vec![0x5A])),
        (T::Bytes, Value::Bytes(vec![0, 255])),
    ];
    let channels = values.iter().map(|(kind, _)| ChannelConfig::new(kind.as_str(), *kind)).collect();
    let form = IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "types".to_owned(),
        flows: vec![FlowConfig { name: "all".to_owned(), channels }],
    };
    let dir = tempfile::tempdir().unwrap();
    let stream = builder_of(NOWHERE, form)
        .file_backup()
        .disk_backup_policy(policy(dir.path()))
        .ingestion_config_id(CONFIG_ID)
        .build_blocking(TIMEOUT)
        .unwrap();
    for second in 0..3_000_i64 {
        let values = values.iter().map(|(kind, value)| ChannelValue::new(kind.as_str(), value.clone()));
        let time = TimeValue::from_timestamp_nanos(second * 1_000_000_000);
        let row = Flow::new("all", time, &values.collect::<Vec<_>>());
        stream.send_timeout(row, TIMEOUT).unwrap();
    }
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.accepted, report.on_disk, report.in_memory), (3_000, 3_000, 0));

    let ours = rows_on_disk(dir.path(), "data");
    let official: Vec<WireRow> = files(dir.path(), "data")
        .iter()
        .flat_map(|file| {
            let decoder = sift_pbfs::BackupsDecoder::<WireRow, _>::new(std::fs::File::open(file).unwrap());
            decoder.map(|row| row.unwrap()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ours, official);
    assert_eq!(ours.len(), 3_000);
    for (second, row) in ours.iter().enumerate() {
        assert_eq!((row.ingestion_config_id.as_str(), row.flow.as_str()), (CONFIG_ID, "all"));
        assert_eq!(row.timestamp.unwrap().seconds, i64::try_from(second).unwrap());
        let types: BTreeSet<_> =
            row.channel_values.iter().map(|value| format!("{:?}", value.r#type)).collect();
        assert_eq!(types.len(), values.len(), "each type once: {types:?}");
    }
}

#[test]
fn without_a_network_rows_wait_in_pending_and_a_later_start_gives_them_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunForm { name: "flight".to_owned(), client_key: "flight-1".to_owned(), ..RunForm::default() };
    // The address must stay the same, for it is part of what finds the slot again.
    let server = server();
    let uri = server.uri();
    let unreachable: Arc<dyn Connector> = Arc::new(Unreachable);
    let credentials = || Credentials::Config { uri: uri.clone(), apikey: common::KEY.to_owned() };
    let offline = SiftStreamBuilder::new(credentials())
        .insecure(true)
        .connector(unreachable)
        .ingestion_config(form())
        .attach_run(run.clone())
        .file_backup()
        .disk_backup_policy(policy(dir.path()))
        .offline_after(Duration::from_millis(300))
        .build_blocking(TIMEOUT)
        .unwrap();
    assert!(is_placeholder(offline.encoder().ingestion_config_id().as_bytes()));
    send(&offline, 0..5_000);
    assert_eq!(offline.finish(TIMEOUT).unwrap().on_disk, 5_000);
    drop(offline);
    assert_eq!(files(dir.path(), "data"), Vec::<PathBuf>::new(), "data/ never holds a placeholder");
    assert_eq!(rows_on_disk(dir.path(), "pending").len(), 5_000);

    let online = builder_of(&uri, form())
        .attach_run(run)
        .file_backup()
        .disk_backup_policy(policy(dir.path()))
        .build_blocking(TIMEOUT)
        .unwrap();
    let (config_id, run_id) = (online.encoder().ingestion_config_id().to_owned(), online.run_id().unwrap());
    send(&online, 5_000..6_000);
    assert_eq!(online.finish(TIMEOUT).unwrap().on_disk, 1_000);
    assert_eq!(files(dir.path(), "pending"), Vec::<PathBuf>::new());
    let rows = rows_on_disk(dir.path(), "data");
    assert_eq!(seqs(&rows), (0..6_000).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.ingestion_config_id == config_id && row.run_id == run_id));
    assert!(!is_placeholder(config_id.as_bytes()) && !is_placeholder(run_id.as_bytes()));
    drop(online);

    // Schema and IDs are remembered now: no network, no schema even, and straight to data/.
    drop(server);
    let flows = Vec::new();
    let began = Instant::now();
    let cached = builder_of(&uri, IngestionConfigForm { flows, ..form() })
        .file_backup()
        .disk_backup_policy(policy(dir.path()))
        .build_blocking(TIMEOUT)
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(cached.encoder().ingestion_config_id(), config_id);
    send(&cached, 6_000..6_010);
    cached.finish(TIMEOUT).unwrap();
    assert_eq!(rows_on_disk(dir.path(), "data").len(), 6_010);

    let mut changed = form();
    changed.flows[0].channels[1].data_type = ChannelDataType::Bool;
    let refused = builder_of(&uri, changed)
        .file_backup()
        .disk_backup_policy(policy(dir.path()))
        .build_blocking(TIMEOUT)
        .err()
        .unwrap();
    assert_eq!(refused.code(), ErrorCode::SchemaMismatch, "{refused}");
}

/// A network that is down.
struct Unreachable;

impl Connector for Unreachable {
    fn connect(&self) -> BoxFuture<'_, siftstream::Result<BoxIo>> {
        Box::pin(async { Err(siftstream::Error::new(ErrorCode::Unavailable, "the network is down")) })
    }
}

#[test]
fn the_api_key_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let stream = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..100);
    stream.finish(TIMEOUT).unwrap();
    let all = files(dir.path(), "data").into_iter().chain(files(dir.path(), "state"));
    for file in all {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(common::KEY.len()).any(|part| part == common::KEY.as_bytes()), "{file:?}");
    }
}

#[test]
fn what_a_durable_flush_returned_for_survives_every_crash() {
    for seed in 0..200 {
        let fs = FakeFileSystem::new();
        let stream =
            on_fake(&fs, |policy| policy.fsync = FsyncPolicy::Never).build_blocking(TIMEOUT).unwrap();
        send(&stream, 0..100);
        stream.flush(Level::Durable, TIMEOUT).unwrap();
        assert_eq!(stream.watermarks().durable, Some(100));
        send(&stream, 100..150);
        let crashed = fs.crash(seed);
        let survived: BTreeSet<u64> = fake_seqs(&crashed).into_iter().collect();
        assert!((0..100).all(|seq| survived.contains(&seq)), "seed {seed}: {survived:?}");
    }
}

#[test]
fn each_level_is_reached_when_asked_for_and_not_said_before() {
    let fs = FakeFileSystem::new();
    let stream = on_fake(&fs, |policy| policy.fsync = FsyncPolicy::Never).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..10);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    assert_eq!(fake_seqs(&fs), (0..10).collect::<Vec<_>>());
    let marks = stream.watermarks();
    assert_eq!(
        (marks.accepted, marks.written, marks.durable, marks.confirmed),
        (10, Some(10), Some(0), None)
    );
    fs.fail_syncs(Some(libc::EIO));
    let refused = stream.flush(Level::Durable, Duration::from_millis(100)).unwrap_err();
    assert_eq!((refused.code(), refused.data_status()), (ErrorCode::Io, DataStatus::InMemory), "{refused}");
    assert_eq!(stream.watermarks().durable, Some(0));
    fs.fail_syncs(None);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    assert_eq!(stream.watermarks().durable, Some(10));
    assert_eq!(stream.flush_confirmed(TIMEOUT).unwrap_err().code(), ErrorCode::NotConfigured);
    stream.finish(TIMEOUT).unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_a_typed_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in-the-way");
    std::fs::write(&file, "").unwrap();
    let refused = given(&file).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Io, "{refused}");
    for (number, code) in
        [(libc::EROFS, ErrorCode::Io), (libc::EACCES, ErrorCode::Io), (libc::ENOSPC, ErrorCode::DiskFull)]
    {
        let fs = FakeFileSystem::new();
        fs.fail_changes(Some(number));
        let refused = on_fake(&fs, |_| ()).build_blocking(TIMEOUT).err().unwrap();
        assert_eq!(refused.code(), code, "{refused}");
    }
}

#[test]
fn a_failing_disk_is_told_by_finish_and_what_it_says_is_on_disk_is() {
    let fs = FakeFileSystem::new();
    let stream = on_fake(&fs, |_| ()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..1_000);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    fs.fail_changes(Some(libc::EIO));
    send(&stream, 1_000..1_500);
    let began = Instant::now();
    let failed = stream.finish(Duration::from_millis(300)).unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(550), "{:?}", began.elapsed());
    assert_eq!(failed.error.code(), ErrorCode::Io, "{}", failed.error);
    let report = failed.report;
    assert_eq!((report.accepted, report.on_disk, report.in_memory), (1_500, 1_000, 500));
    assert_eq!(report.unconfirmed, vec![1_000..1_500]);
    assert_eq!(fake_seqs(&fs.crash(1)), (0..1_000).collect::<Vec<_>>());
    let metrics = stream.get_metrics_snapshot();
    assert!(metrics.disk_degraded && metrics.disk_errors > 0, "{metrics:?}");
    fs.fail_changes(None);
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!((report.on_disk, report.in_memory), (1_500, 0), "nothing was given up");
    assert_eq!(fake_seqs(&fs).into_iter().collect::<BTreeSet<_>>(), (0..1_500).collect());
}

#[test]
fn a_disk_that_hangs_keeps_no_caller_longer_than_it_asked_for() {
    let fs = HangingDisk { disk: FakeFileSystem::new(), hangs: Arc::default() };
    let stream = on_fake(&fs.disk, |_| ()).filesystem(Arc::new(fs.clone())).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..100);
    stream.flush(Level::Durable, TIMEOUT).unwrap();
    fs.hang(true);
    send(&stream, 100..200);
    let wait = Duration::from_millis(200);
    let within = |began: Instant| assert!(began.elapsed() < wait + Duration::from_millis(250));
    let began = Instant::now();
    let refused = stream.flush(Level::Durable, wait).unwrap_err();
    within(began);
    assert_eq!((refused.code(), refused.data_status()), (ErrorCode::Timeout, DataStatus::InMemory));
    let began = Instant::now();
    let failed = stream.finish(wait).unwrap_err();
    within(began);
    assert_eq!((failed.report.on_disk, failed.report.in_memory), (100, 100));
    fs.hang(false);
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 200);
}

/// A disk whose syncs return only when it is let go.
#[derive(Debug, Clone)]
struct HangingDisk {
    disk: FakeFileSystem,
    hangs: Arc<(Mutex<bool>, Condvar)>,
}

#[derive(Debug)]
struct HangingFile {
    file: Box<dyn File>,
    disk: HangingDisk,
}

impl HangingDisk {
    fn hang(&self, hangs: bool) {
        *self.hangs.0.lock().unwrap() = hangs;
        self.hangs.1.notify_all();
    }

    fn wait(&self) {
        drop(self.hangs.1.wait_while(self.hangs.0.lock().unwrap(), |hangs| *hangs).unwrap());
    }

    fn hanging(&self, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(HangingFile { file, disk: self.clone() })
    }
}

impl ReadAt for HangingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}

impl File for HangingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.wait();
        self.file.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }

    fn inode(&self) -> io::Result<u64> {
        self.file.inode()
    }
}

impl FileSystem for HangingDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.hanging(self.disk.create_new(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk.open_read(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.hanging(self.disk.open_append(path)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        self.disk.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.disk.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.disk.unlink(path)
    }

    fn fsync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.fsync_dir(path)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_space(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.disk.lock(path)
    }
}

#[test]
fn an_error_that_lasts_is_told_to_senders_and_ends_with_its_cause() {
    let fs = FakeFileSystem::new();
    let stream = on_fake(&fs, |_| ()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..10);
    stream.flush(Level::Written, TIMEOUT).unwrap();
    fs.fail_changes(Some(libc::EIO));
    let mut builder = rows_of(&stream);
    let (mut accepted, deadline) = (10_u64, Instant::now() + TIMEOUT);
    let refused = loop {
        row(&mut builder, accepted);
        match stream.send_timeout(&builder, TIMEOUT) {
            Ok(()) => accepted += 1,
            Err(refused) => break refused.error,
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!((refused.code(), refused.data_status()), (ErrorCode::Io, DataStatus::NotAccepted));
    fs.fail_changes(None);
    while stream.try_send(&builder).is_err() {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, accepted + 1);
}

/// Sends until refused; the number of the accepted rows, and why.
fn send_until_refused(stream: &Stream, wait: Duration) -> (u64, siftstream::Error) {
    let mut builder = rows_of(stream);
    for seq in 0..10_000_000 {
        row(&mut builder, seq);
        if let Err(refused) = stream.send_timeout(&builder, wait) {
            return (seq, refused.error);
        }
    }
    panic!("never refused")
}

#[test]
fn a_full_disk_makes_senders_wait_or_fail_as_the_policy_says_and_goes_on_with_room() {
    for (when_full, code) in [(WhenFull::Block, ErrorCode::Timeout), (WhenFull::Error, ErrorCode::DiskFull)] {
        let fs = FakeFileSystem::new();
        let stream = on_fake(&fs, |policy| policy.when_full = when_full)
            .backup_data_channel_bytes(256 * 1024)
            .build_blocking(TIMEOUT)
            .unwrap();
        fs.set_capacity(Some(300_000));
        let (accepted, refused) = send_until_refused(&stream, Duration::from_millis(300));
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains("disk") || refused.message().contains("write"), "{refused}");
        assert!(stream.get_metrics_snapshot().ingestion_channel_bytes <= 300 * 1024);
        let failed = stream.finish(Duration::from_millis(100)).unwrap_err();
        assert_eq!(failed.error.code(), ErrorCode::DiskFull);
        assert_eq!(failed.report.on_disk + failed.report.in_memory, accepted);
        fs.set_capacity(None);
        assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, accepted);
        assert_eq!(fake_seqs(&fs).into_iter().collect::<BTreeSet<_>>(), (0..accepted).collect());
    }
}

#[test]
fn rows_that_a_policy_drops_are_counted_and_finish_is_not_ok() {
    for when_full in [WhenFull::DropNewest, WhenFull::DropOldest] {
        let fs = FakeFileSystem::new();
        let stream = on_fake(&fs, |policy| {
            policy.when_full = when_full;
            policy.max_bytes = Some(200_000);
            policy.max_backup_file_size = 70_000;
        })
        .build_blocking(TIMEOUT)
        .unwrap();
        send(&stream, 0..20_000);
        let failed = stream.finish(TIMEOUT).unwrap_err();
        assert_eq!(failed.error.code(), ErrorCode::Dropped);
        let report = failed.report;
        assert_eq!((report.on_disk + report.dropped, report.in_memory), (20_000, 0), "{report}");
        assert_eq!(fake_seqs(&fs).len() as u64, report.on_disk, "{when_full:?}");
        assert_eq!(stream.get_metrics_snapshot().rows_dropped, report.dropped);
    }
}

#[test]
fn a_stream_that_is_dropped_without_finish_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let stream = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..10_000);
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    assert_eq!(seqs(&rows_on_disk(dir.path(), "data")), (0..10_000).collect::<Vec<_>>());
}

#[test]
fn a_cancelled_stream_leaves_its_rows_on_disk_and_tells_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let stream = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..1_000);
    stream.cancel("the countdown was stopped");
    let mut builder = rows_of(&stream);
    row(&mut builder, 1_000);
    let refused = stream.try_send(&builder).unwrap_err().error();
    assert_eq!(refused.code(), ErrorCode::Cancelled);
    assert!(refused.message().contains("the countdown was stopped"));
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 1_000);
    assert_eq!(rows_on_disk(dir.path(), "data").len(), 1_000);
}

#[test]
fn a_full_lane_gives_the_row_back_at_once() {
    let fs = FakeFileSystem::new();
    let stream = on_fake(&fs, |_| ()).backup_data_channel_capacity(100).build_blocking(TIMEOUT).unwrap();
    fs.set_capacity(Some(0));
    let mut builder = rows_of(&stream);
    let mut accepted = 0_u64;
    let refused = loop {
        row(&mut builder, accepted);
        let began = Instant::now();
        match stream.try_send(&builder) {
            Ok(()) => accepted += 1,
            Err(refused) => {
                assert!(began.elapsed() < Duration::from_millis(100));
                if accepted > 10_000 || stream.get_metrics_snapshot().disk_degraded {
                    break refused;
                }
            }
        }
    };
    assert!(refused.is_full());
    assert_eq!(refused.error().code(), ErrorCode::Full);
    fs.set_capacity(None);
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, accepted);
}

#[test]
fn two_streams_on_one_key_have_directories_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let first = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    let second = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    send(&first, 0..100);
    send(&second, 100..300);
    first.finish(TIMEOUT).unwrap();
    second.finish(TIMEOUT).unwrap();
    let written: Vec<usize> =
        files(dir.path(), "data").iter().map(|file| rows_in(&std::fs::read(file).unwrap()).len()).collect();
    assert_eq!(written, vec![100, 200]);
    let third = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    third.finish(TIMEOUT).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "a finished stream leaves its slot free");
}

#[test]
fn a_torn_tail_of_the_last_start_is_cut_off_and_kept_in_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    let stream = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    send(&stream, 0..1_000);
    stream.finish(TIMEOUT).unwrap();
    drop(stream);
    let file = files(dir.path(), "data").pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let torn: Vec<u8> = whole.iter().chain(&whole[..500]).copied().collect();
    std::fs::write(&file, torn).unwrap();
    let stream = given(dir.path()).build_blocking(TIMEOUT).unwrap();
    let event = stream.events().wait(TIMEOUT).unwrap();
    assert_eq!(event.kind.name(), "quarantined", "{event}");
    stream.finish(TIMEOUT).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), whole, "good rows stay, the tail is gone");
    let quarantine = file.parent().unwrap().parent().unwrap().join("quarantine");
    let kept = std::fs::read_dir(quarantine).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read(kept).unwrap(), &whole[..500]);
}
