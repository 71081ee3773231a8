//! What a slot remembers between starts: the options that somebody chose, and the flows that rows were sent for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{form, row, server};
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::spool::{DiskBackupPolicy, FsyncPolicy, RollingFilePolicy, WhenFull};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelValue, Credentials, ErrorCode, FileBackupBuilder, Flow,
    FlowBuilder, FlowConfig, IngestionConfigForm, SiftStreamBuilder, StreamConfigBuilder, TimeValue, Value,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONFIG_ID: &str = "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f";

fn config_of(uri: &str, form: IngestionConfigForm) -> StreamConfigBuilder {
    let credentials = Credentials::Config { uri: uri.to_owned(), apikey: common::KEY.to_owned() };
    SiftStreamBuilder::new(credentials).insecure(true).ingestion_config(form)
}

/// A stream that says nothing of its options but where its files go.
fn plain(dir: &Path) -> FileBackupBuilder {
    plain_with(dir, |config| config)
}

fn plain_with(
    dir: &Path,
    change: impl FnOnce(StreamConfigBuilder) -> StreamConfigBuilder,
) -> FileBackupBuilder {
    let config = change(config_of("http://127.0.0.1:1", form()));
    config.file_backup().ingestion_config_id(CONFIG_ID).backups_dir(dir)
}

fn options_file(dir: &Path) -> PathBuf {
    std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path().join("state/options.toml")
}

#[test]
fn what_was_chosen_once_is_in_force_at_later_starts_until_something_else_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let defaults = plain(dir.path()).build_blocking(TIMEOUT).unwrap().config().clone();
    assert_eq!(defaults.disk_backup_policy.max_backup_file_size, 500 << 20);
    assert_eq!(defaults.disk_backup_policy.backups_dir.as_deref(), Some(dir.path()));
    assert!(defaults.slot.starts_with(dir.path()) && defaults.slot.join("data").is_dir());
    assert!(!options_file(dir.path()).exists(), "a default is nobody's choice");

    let policy = DiskBackupPolicy {
        max_backup_file_size: 1 << 20,
        max_bytes: Some(1 << 30),
        min_free: 7,
        when_full: WhenFull::DropNewest,
        fsync: FsyncPolicy::Interval(Duration::from_millis(125)),
        ..DiskBackupPolicy::default()
    };
    let chosen =
        plain_with(dir.path(), |config| config.max_row_size(1_000).end_stream_on_validation_error(true))
            .disk_backup_policy(policy)
            .backups_dir(dir.path())
            .batch_size(17)
            .flush_interval(Duration::from_millis(3))
            .backup_data_channel_capacity(1_234)
            .backup_data_channel_bytes(1 << 22)
            .offline_after(Duration::from_millis(750))
            .build_blocking(TIMEOUT)
            .unwrap()
            .config()
            .clone();
    assert_eq!((chosen.batch_size, chosen.max_row_size), (17, 1_000));
    assert_eq!(chosen.disk_backup_policy.when_full, WhenFull::DropNewest);
    assert_ne!(chosen, defaults);

    let restored = plain(dir.path()).build_blocking(TIMEOUT).unwrap().config().clone();
    assert_eq!(restored, chosen, "all that was chosen is in force again");

    let explicit = plain(dir.path()).batch_size(18).build_blocking(TIMEOUT).unwrap().config().clone();
    assert_eq!(explicit.batch_size, 18, "a choice of now wins");
    assert_eq!(explicit.max_row_size, 1_000, "and leaves the others");
    assert_eq!(plain(dir.path()).build_blocking(TIMEOUT).unwrap().config().batch_size, 18, "it is stored");

    let again = plain(dir.path()).disk_backup_policy(DiskBackupPolicy::default()).backups_dir(dir.path());
    let again = again.build_blocking(TIMEOUT).unwrap().config().clone();
    assert_eq!(again.disk_backup_policy, defaults.disk_backup_policy, "a default can be chosen, too");
    assert_eq!(again.batch_size, 18);
}

#[test]
fn a_part_of_the_policy_that_is_chosen_alone_leaves_the_others_as_they_were_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let policy = |builder: FileBackupBuilder| {
        builder.build_blocking(TIMEOUT).unwrap().config().disk_backup_policy.clone()
    };
    let chosen = policy(
        plain(dir.path())
            .max_backup_file_size(1 << 20)
            .max_bytes(Some(1 << 30))
            .min_free(7)
            .when_full(WhenFull::DropNewest)
            .fsync(FsyncPolicy::EveryChunk),
    );
    let expected = DiskBackupPolicy {
        backups_dir: Some(dir.path().to_owned()),
        max_backup_file_size: 1 << 20,
        max_bytes: Some(1 << 30),
        min_free: 7,
        when_full: WhenFull::DropNewest,
        fsync: FsyncPolicy::EveryChunk,
        ..DiskBackupPolicy::default()
    };
    assert_eq!(chosen, expected);
    let later = policy(plain(dir.path()).max_bytes(None));
    assert_eq!(later, DiskBackupPolicy { max_bytes: None, ..expected }, "no limit is a choice, too");
}

#[test]
fn a_restored_option_has_its_effect() {
    let dir = tempfile::tempdir().unwrap();
    let small = || DiskBackupPolicy { max_backup_file_size: 4_096, ..DiskBackupPolicy::default() };
    drop(
        plain(dir.path())
            .disk_backup_policy(small())
            .backups_dir(dir.path())
            .build_blocking(TIMEOUT)
            .unwrap(),
    );
    let stream = plain(dir.path()).batch_size(10).build_blocking(TIMEOUT).unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..1_000 {
        row(&mut builder, seq);
        stream.send_timeout(&builder, TIMEOUT).unwrap();
    }
    stream.finish(TIMEOUT).unwrap();
    let files = std::fs::read_dir(stream.config().slot.join("data")).unwrap();
    let sizes: Vec<_> = files.map(|file| file.unwrap().metadata().unwrap().len()).collect();
    assert!(sizes.len() > 10 && sizes.iter().all(|size| *size <= 4_096), "{sizes:?}");
}

#[test]
fn options_that_are_refused_are_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    drop(plain(dir.path()).batch_size(5).build_blocking(TIMEOUT).unwrap());
    let refused = plain(dir.path()).batch_size(0).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{refused}");
    assert_eq!(plain(dir.path()).build_blocking(TIMEOUT).unwrap().config().batch_size, 5);
}

#[test]
fn a_stored_option_without_sense_is_an_error_that_says_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    drop(plain(dir.path()).batch_size(5).build_blocking(TIMEOUT).unwrap());
    let file = options_file(dir.path());
    for (line, code) in [
        ("batch_size = 'many'", ErrorCode::Corrupt),
        ("batch_size = -1", ErrorCode::Corrupt),
        ("when_full = 'explode'", ErrorCode::Corrupt),
        ("batch_size =", ErrorCode::Corrupt),
        ("batch_size = 0", ErrorCode::InvalidArgument),
    ] {
        std::fs::write(&file, line).unwrap();
        let refused = plain(dir.path()).build_blocking(TIMEOUT).err().unwrap();
        assert_eq!(refused.code(), code, "{line}: {refused}");
        assert!(code != ErrorCode::Corrupt || refused.to_string().contains("options.toml"), "{refused}");
    }
    std::fs::write(&file, "batch_size = 0").unwrap();
    assert_eq!(plain(dir.path()).batch_size(9).build_blocking(TIMEOUT).unwrap().config().batch_size, 9);
}

#[test]
fn options_of_a_later_version_have_no_effect_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    drop(plain(dir.path()).batch_size(5).build_blocking(TIMEOUT).unwrap());
    let file = options_file(dir.path());
    std::fs::write(&file, "batch_size = 6\nwarp = 9\n").unwrap();
    let stream = plain(dir.path()).offline_after(Duration::ZERO).build_blocking(TIMEOUT).unwrap();
    assert_eq!(stream.config().batch_size, 6);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("warp = 9") && text.contains("offline_after = 0"), "{text}");
}

#[test]
fn a_limit_of_files_is_refused_because_recordings_stay() {
    let dir = tempfile::tempdir().unwrap();
    let policy = DiskBackupPolicy {
        backups_dir: Some(dir.path().to_owned()),
        rolling_file_policy: RollingFilePolicy { max_file_count: Some(3) },
        ..DiskBackupPolicy::default()
    };
    let refused = plain(dir.path()).disk_backup_policy(policy).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert!(refused.to_string().contains("max_file_count"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was begun");
}

fn late_flow(data_type: ChannelDataType) -> FlowConfig {
    FlowConfig { name: "late".to_owned(), channels: vec![ChannelConfig::new("x", data_type)] }
}

#[test]
fn flows_added_at_run_time_are_known_to_a_later_start_without_a_network() {
    let dir = tempfile::tempdir().unwrap();
    let server = server();
    let uri = server.uri();
    let stream =
        config_of(&uri, form()).file_backup().backups_dir(dir.path()).build_blocking(TIMEOUT).unwrap();
    stream.add_new_flows_blocking(&[late_flow(ChannelDataType::Double)], TIMEOUT).unwrap();
    let sent = Flow::new("late", TimeValue::now(), &[ChannelValue::new("x", Value::Double(0.5))]);
    stream.send_timeout(sent, TIMEOUT).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().on_disk, 1);
    drop((stream, server));

    let nothing = IngestionConfigForm { flows: Vec::new(), ..form() };
    let later =
        config_of(&uri, nothing).file_backup().backups_dir(dir.path()).build_blocking(TIMEOUT).unwrap();
    let known = later.encoder().get_flows();
    assert!(known.contains_key("late") && known.contains_key("bench"), "{known:?}");
    drop(later);

    let other = IngestionConfigForm { flows: vec![late_flow(ChannelDataType::Bool)], ..form() };
    let refused =
        config_of(&uri, other).file_backup().backups_dir(dir.path()).build_blocking(TIMEOUT).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::SchemaMismatch, "{refused}");
}

#[test]
fn a_flow_that_the_slot_could_not_remember_takes_no_rows() {
    let fs = FakeFileSystem::new();
    let server = server();
    let stream = config_of(&server.uri(), form())
        .file_backup()
        .backups_dir("/r")
        .filesystem(Arc::new(fs.clone()))
        .build_blocking(TIMEOUT)
        .unwrap();
    fs.fail_changes(Some(libc::EIO));
    let flow = late_flow(ChannelDataType::Double);
    let refused = stream.add_new_flows_blocking(std::slice::from_ref(&flow), TIMEOUT).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Io, "{refused}");
    assert_eq!(stream.get_flow_descriptor("late").err().unwrap().code(), ErrorCode::UnknownFlow);
    fs.fail_changes(None);
    stream.add_new_flows_blocking(std::slice::from_ref(&flow), TIMEOUT).unwrap();
    stream.get_flow_descriptor("late").unwrap();
    stream.finish(TIMEOUT).unwrap();
    let refused = stream.add_new_flows_blocking(&[flow], TIMEOUT).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Closed, "nobody keeps the slot any more: {refused}");
}
