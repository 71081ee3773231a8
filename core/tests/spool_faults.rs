//! A failing disk never costs a row that was taken, and never passes for a working one.

#![allow(clippy::unwrap_used)]

use siftstream::checkpoint::{CheckpointState, CheckpointStore};
use siftstream::seams::clock::ManualClock;
use siftstream::seams::filesystem::fake::{FakeFileSystem, Fault};
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::pending::{RealIds, is_placeholder, placeholder};
use siftstream::spool::*;
use siftstream::{DataStatus, ErrorCode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn key() -> SlotKey {
    let text = str::to_owned;
    SlotKey {
        endpoint: text("e"),
        asset: text("a"),
        client_key: text("k"),
        stream: text("s"),
        mode: text("m"),
    }
}

fn row(id: u64) -> Vec<u8> {
    id.to_le_bytes().repeat(10)
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend((message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed
}

fn options(policy: DiskBackupPolicy) -> WriterOptions {
    WriterOptions { policy, batch_size: 4, ..WriterOptions::default() }
}

fn no_reserve() -> DiskBackupPolicy {
    DiskBackupPolicy { min_free: 0, ..DiskBackupPolicy::default() }
}

struct Rig {
    fs: FakeFileSystem,
    spool: Arc<Spool>,
    clock: Arc<ManualClock>,
    writer: SpoolWriter,
    next: u64,
}

impl Rig {
    fn new(policy: DiskBackupPolicy) -> Self {
        let fs = FakeFileSystem::new();
        let spool = open(&fs);
        let clock = Arc::new(ManualClock::new());
        let writer = SpoolWriter::new(spool.clone(), Area::Data, clock.clone(), options(policy));
        Self { fs, spool, clock, writer, next: 0 }
    }

    fn add(&mut self) -> siftstream::Result<()> {
        self.writer.append(&frame(&row(self.next)), self.next, 1)?;
        self.next += 1;
        Ok(())
    }

    /// The IDs of all rows on disk, after closing everything.
    fn reopened(self) -> Vec<u64> {
        let fs = self.fs.clone();
        drop(self);
        all_rows(&open(&fs))
    }
}

fn open(fs: &FakeFileSystem) -> Arc<Spool> {
    let fs: SharedFileSystem = Arc::new(fs.clone());
    Spool::open(Slot::open(fs, Path::new("/r"), &key()).unwrap()).unwrap()
}

fn all_rows(spool: &Arc<Spool>) -> Vec<u64> {
    let (mut ids, mut scanner) = (Vec::new(), spool.scanner());
    while let Some(inventory) = scanner.scan_next() {
        let mut rows = spool.unconfirmed_rows(&inventory.unwrap()).unwrap();
        while let Some(chunk) = rows.next_chunk().unwrap() {
            ids.extend(chunk.rows().map(|(_, message)| u64::from_le_bytes(message[..8].try_into().unwrap())));
        }
    }
    ids.sort_unstable();
    ids
}

#[test]
fn errors_are_told_and_when_they_end_every_row_is_written() {
    for number in [libc::ENOSPC, libc::EIO, libc::EROFS] {
        let mut rig = Rig::new(no_reserve());
        (0..10).for_each(|_| rig.add().unwrap());
        rig.fs.fail_changes(Some(number));
        let refused = (0..100).find_map(|_| rig.add().err()).unwrap();
        let expected = if number == libc::ENOSPC { ErrorCode::DiskFull } else { ErrorCode::Io };
        assert_eq!((refused.code(), refused.data_status()), (expected, DataStatus::InMemory));
        assert!(rig.writer.rows_in_memory() <= 8, "memory is bounded");
        assert!(rig.writer.sync().is_err() && rig.writer.flush().is_err() && rig.writer.rotate().is_err());
        rig.fs.fail_changes(None);
        let marks = rig.writer.sync().unwrap();
        assert_eq!((marks.written, marks.durable), (rig.next, rig.next));
        let taken = rig.next;
        assert_eq!(rig.reopened(), (0..taken).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_disk_is_felt_mid_chunk_and_left_behind() {
    let mut rig = Rig::new(no_reserve());
    rig.fs.set_capacity(Some(5000));
    while rig.add().is_ok() {}
    assert_eq!(rig.writer.sync().unwrap_err().code(), ErrorCode::DiskFull);
    rig.fs.set_capacity(Some(1 << 20));
    (0..50).for_each(|_| rig.add().unwrap());
    rig.writer.sync().unwrap();
    let taken = rig.next;
    assert_eq!(rig.reopened(), (0..taken).collect::<Vec<_>>());
}

#[test]
fn after_a_failed_fsync_the_rows_are_in_another_file() {
    for fsync in [FsyncPolicy::Never, FsyncPolicy::EveryChunk, FsyncPolicy::default()] {
        let mut rig = Rig::new(DiskBackupPolicy { fsync, ..no_reserve() });
        (0..20).for_each(|_| rig.add().unwrap());
        rig.writer.sync().unwrap();
        (0..20).for_each(|_| rig.add().unwrap());
        rig.fs.fail_syncs(Some(libc::EIO));
        assert!(rig.writer.sync().is_err());
        assert!(rig.writer.watermarks().durable <= 20);
        rig.fs.fail_syncs(None);
        assert_eq!(rig.writer.sync().unwrap().durable, 40);
        for seed in 0..50 {
            assert_eq!(all_rows(&open(&rig.fs.crash(seed))), (0..40).collect::<Vec<_>>(), "each row once");
        }
    }
}

#[test]
fn a_file_whose_fsync_failed_no_longer_claims_the_rows_that_moved() {
    let mut rig = Rig::new(no_reserve());
    (0..8).for_each(|_| rig.add().unwrap());
    rig.writer.sync().unwrap();
    (0..8).for_each(|_| rig.add().unwrap());
    rig.writer.flush().unwrap();
    rig.fs.fail_syncs(Some(libc::EIO));
    assert!(rig.writer.sync().is_err());
    rig.fs.fail_syncs(None);
    rig.writer.rotate().unwrap();
    let held = |file: &StoredFile| rig.spool.entry(file.number).runs;
    let runs: Vec<_> = rig.spool.finished_files().iter().flat_map(held).map(|run| run.ids()).collect();
    assert_eq!(runs, [0..8, 8..16], "each row is in one file, and the journal says in which");
    let wanted = std::iter::once(8..16).collect();
    let file = rig.spool.finished_file_with(&wanted, &std::collections::BTreeMap::new()).unwrap().unwrap();
    assert_eq!(rig.spool.inspect(file).unwrap().unconfirmed(), 8, "and looks for them there");
}

#[test]
fn what_exceeds_the_window_is_read_back_verified_and_else_counted_as_lost() {
    for damaged in [false, true] {
        let policy = DiskBackupPolicy { fsync: FsyncPolicy::Never, ..no_reserve() };
        let mut rig = Rig::new(policy.clone());
        let options = WriterOptions { unsynced_window: 700, ..options(policy) };
        rig.writer = SpoolWriter::new(rig.spool.clone(), Area::Data, rig.clock.clone(), options);
        (0..40).for_each(|_| rig.add().unwrap());
        if damaged {
            let path = rig.spool.path_of(Area::Data, rig.spool.files()[0].number);
            let mut bytes = rig.fs.content(&path).unwrap();
            bytes[400] ^= 1;
            rig.fs.overwrite(&path, &bytes);
        }
        rig.fs.fail_syncs(Some(libc::EIO));
        assert!(rig.writer.sync().is_err() && rig.writer.sync().is_err());
        rig.fs.fail_syncs(None);
        assert_eq!(rig.writer.sync().unwrap().durable, 40);
        let dropped: u64 = rig.writer.take_dropped().iter().map(|dropped| dropped.rows).sum();
        assert_eq!(dropped, if damaged { 4 } else { 0 });
        let image = rig.fs.crash(3);
        assert_eq!(all_rows(&open(&image)).len(), if damaged { 36 } else { 40 });
    }
}

#[test]
fn a_removed_directory_is_noticed_and_its_open_file_saved() {
    let mut rig = Rig::new(no_reserve());
    (0..20).for_each(|_| rig.add().unwrap());
    rig.writer.sync().unwrap();
    (0..9).for_each(|_| rig.add().unwrap());
    rig.fs.remove_tree(&rig.spool.slot().path().join("data"));
    assert_eq!(rig.writer.sync().unwrap().durable, 29);
    assert_eq!(rig.reopened(), (0..29).collect::<Vec<_>>());
}

#[test]
fn drop_oldest_and_drop_newest_count_and_name_what_they_drop() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        let policy =
            DiskBackupPolicy { max_bytes: Some(4000), max_backup_file_size: 1000, when_full, ..no_reserve() };
        let mut rig = Rig::new(policy);
        (0..200).for_each(|_| rig.add().unwrap());
        rig.writer.sync().unwrap();
        let dropped = rig.writer.take_dropped();
        let mut gone: Vec<u64> = dropped.iter().flat_map(|drop| drop.ids.clone()).flatten().collect();
        gone.sort_unstable();
        assert_eq!(dropped.iter().map(|drop| drop.rows).sum::<u64>(), gone.len() as u64);
        assert!(rig.spool.bytes() <= 4000 && !gone.is_empty());
        assert_eq!(rig.spool.with_index(|index| index.dropped), gone.len() as u64);
        let oldest_kept = gone.first() != Some(&0);
        assert_eq!(oldest_kept, when_full == WhenFull::DropNewest);
        gone.extend(rig.reopened());
        gone.sort_unstable();
        assert_eq!(gone, (0..200).collect::<Vec<_>>(), "each row is on disk or reported, once");
    }
}

#[test]
fn block_and_error_take_nothing_and_the_budget_counts_earlier_files() {
    let policy = DiskBackupPolicy { max_bytes: Some(4000), ..no_reserve() };
    let mut rig = Rig::new(policy.clone());
    while rig.add().is_ok() {}
    let taken = rig.next;
    assert!(rig.spool.bytes() <= 4000);
    drop(rig.writer);
    drop(rig.spool);
    let spool = open(&rig.fs);
    let mut writer = SpoolWriter::new(spool.clone(), Area::Data, rig.clock, options(policy));
    writer.append(&frame(&row(0)).repeat(4), 0, 4).unwrap();
    assert_eq!(writer.flush().unwrap_err().code(), ErrorCode::DiskFull);
    assert_eq!(writer.rows_in_memory(), 4);
    let epoch = spool.epoch() - 1;
    spool.confirm(epoch, std::slice::from_ref(&(0..taken))).unwrap();
    assert_eq!(spool.remove_confirmed().unwrap().len(), 1);
    assert_eq!(writer.flush().unwrap().written, 4);
}

#[test]
fn chunks_close_by_time_and_syncs_follow_the_policy() {
    let mut rig = Rig::new(no_reserve());
    rig.add().unwrap();
    assert_eq!(rig.writer.next_deadline(), Some(Duration::from_millis(50)));
    assert_eq!(rig.writer.poll().unwrap().written, 0);
    rig.clock.advance(Duration::from_millis(50));
    let marks = rig.writer.poll().unwrap();
    assert_eq!((marks.written, marks.durable), (1, 0));
    assert_eq!(rig.writer.next_deadline(), Some(Duration::from_millis(550)));
    rig.clock.advance(Duration::from_millis(500));
    assert_eq!(rig.writer.poll().unwrap().durable, 1);
    assert_eq!(rig.writer.next_deadline(), None);
}

#[test]
fn confirmed_rows_are_not_sent_again_and_their_files_go() {
    let mut rig = Rig::new(no_reserve());
    (0..40).for_each(|_| rig.add().unwrap());
    rig.writer.sync().unwrap();
    let epoch = rig.spool.epoch();
    rig.spool.confirm(epoch, &[0..13, 20..30]).unwrap();
    assert!(rig.spool.remove_confirmed().unwrap().is_empty(), "a file that is being written stays");
    rig.writer.rotate().unwrap();
    assert!(rig.spool.remove_confirmed().unwrap().is_empty());
    let fs = rig.fs.clone();
    assert_eq!(rig.reopened(), (13..20).chain(30..40).collect::<Vec<_>>());
    let spool = open(&fs);
    spool.confirm(epoch, std::slice::from_ref(&(13..20))).unwrap();
    let file = spool.files()[0];
    let mut rows = spool.unconfirmed_rows(&spool.inspect(file).unwrap()).unwrap();
    let mut extents = Vec::new();
    while let Some(chunk) = rows.next_chunk().unwrap() {
        extents.push(chunk.extent());
    }
    spool.confirm_extents(file.number, &extents).unwrap();
    assert!(spool.remove_confirmed().unwrap().is_empty(), "half by ID, half by place: needs a look");
    assert!(spool.remove_if_confirmed(file).unwrap());
    assert!(spool.files().is_empty());
}

#[test]
fn damage_goes_to_quarantine_once_and_costs_only_its_chunk() {
    let mut rig = Rig::new(no_reserve());
    (0..40).for_each(|_| rig.add().unwrap());
    rig.writer.rotate().unwrap();
    let path = rig.spool.path_of(Area::Data, rig.spool.files()[0].number);
    let mut bytes = rig.fs.content(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes.truncate(bytes.len() - 3);
    rig.fs.overwrite(&path, &bytes);
    let fs = rig.fs.clone();
    let rows = rig.reopened();
    assert_eq!(rows.len(), 32);
    let quarantined = |fs: &FakeFileSystem| {
        fs.paths().iter().filter(|path| path.to_string_lossy().contains("/quarantine/")).count()
    };
    assert_eq!(quarantined(&fs), 2);
    assert_eq!(all_rows(&open(&fs)), rows);
    assert_eq!(quarantined(&fs), 2);
}

/// Killed at each call until the first row is written: whatever stands in `data/` then, nothing empty stays.
#[test]
fn a_file_that_was_created_and_not_yet_written_to_goes_at_the_next_start() {
    let data_files = |fs: &FakeFileSystem| -> Vec<PathBuf> {
        fs.paths().into_iter().filter(|path| path.extension().is_some_and(|is| is == "pbfs")).collect()
    };
    let mut empty = 0;
    for ahead in 0..8 {
        let mut rig = Rig::new(no_reserve());
        rig.fs.fail_in(ahead, Fault::Die);
        rig.add().ok();
        rig.writer.flush().ok();
        let killed = rig.fs.killed();
        let is_empty = |path: &PathBuf| killed.content(path).is_some_and(|bytes| bytes.is_empty());
        empty += data_files(&killed).iter().filter(|path| is_empty(path)).count();
        let again = open(&killed);
        assert_eq!(again.strangers(), [], "killed at call {ahead}");
        assert!(!data_files(&killed).iter().any(is_empty), "killed at call {ahead}");
    }
    assert!(empty > 0, "no kill left an empty file");
}

#[test]
fn links_fifos_empty_and_foreign_files_are_left_alone_and_reported() {
    let root = tempfile::tempdir().unwrap();
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    let data = {
        let slot = Slot::open(fs.clone(), root.path(), &key()).unwrap();
        slot.path().join("data")
    };
    let at = |n: u64| data.join(format!("{n:020}.pbfs"));
    let target = root.path().join("target");
    std::fs::write(&target, b"precious").unwrap();
    std::os::unix::fs::symlink(&target, at(1)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at(2), rustix::fs::Mode::RUSR).unwrap();
    std::fs::write(at(3), b"").unwrap();
    std::fs::write(data.join("notes.txt"), b"mine").unwrap();
    std::fs::write(at(4), vec![0; 100_000]).unwrap();
    let mut bomb = vec![1, 2, 3, 4];
    bomb.extend(u64::MAX.to_le_bytes());
    std::fs::write(at(5), &bomb).unwrap();
    assert!(fs.open_read(&at(1)).is_err() && fs.open_read(&at(2)).is_err());
    let spool = Spool::open(Slot::open(fs, root.path(), &key()).unwrap()).unwrap();
    let mut strangers: Vec<(PathBuf, _)> =
        spool.strangers().iter().map(|found| (found.path.clone(), found.kind)).collect();
    strangers.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        (at(1), StrangerKind::NotAFile),
        (at(2), StrangerKind::NotAFile),
        (at(3), StrangerKind::Empty),
        (data.join("notes.txt"), StrangerKind::Foreign),
    ];
    assert_eq!(strangers, expected);
    assert!(all_rows(&spool).is_empty());
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    assert_eq!(std::fs::read(data.join("notes.txt")).unwrap(), b"mine");
    let kept = spool.slot().path().join("quarantine/00000000000000000005-0-12.length");
    assert_eq!(std::fs::read(kept).unwrap(), bomb);
}

#[test]
fn pending_rows_reach_data_with_their_real_ids_whatever_interrupts() {
    use siftstream::proto::sift::ingest::v1::IngestWithConfigDataStreamRequest as Request;
    let real = ["0b7e1f7a-7a52-4c0e-9f0e-5c9a3d2b1a00", "1c7e1f7a-7a52-4c0e-9f0e-5c9a3d2b1a11"];
    let text = |n| String::from_utf8(placeholder(n).to_vec()).unwrap();
    let request = |i: u64, config: &str, run: &str| Request {
        ingestion_config_id: config.to_owned(),
        flow: format!("flow {i}"),
        run_id: run.to_owned(),
        ..Request::default()
    };
    let mut rig = Rig::new(no_reserve());
    rig.writer = SpoolWriter::new(rig.spool.clone(), Area::Pending, rig.clock.clone(), options(no_reserve()));
    for i in 0..20 {
        let message = prost::Message::encode_to_vec(&request(i, &text(0), &text(1)));
        rig.writer.append(&frame(&message), i, 1).unwrap();
    }
    rig.writer.rotate().unwrap();
    let mut ids = RealIds::new();
    ids.insert(placeholder(0), real[0]).unwrap();
    assert!(rig.spool.patch_pending(&ids).unwrap().is_empty(), "an unknown run ID keeps the file pending");
    ids.insert(placeholder(1), real[1]).unwrap();
    let fs = rig.fs.clone();
    drop(rig);
    for step in 0..60 {
        let image = fs.crash(0);
        let spool = open(&image);
        image.fail_in(step, Fault::Die);
        drop(spool.patch_pending(&ids));
        drop(spool);
        let image = image.crash(step);
        let spool = open(&image);
        spool.patch_pending(&ids).unwrap();
        drop(spool);
        let spool = open(&image);
        assert_eq!(
            spool.files().iter().map(|file| file.area).collect::<Vec<_>>(),
            [Area::Data],
            "step {step}"
        );
        let inventory = spool.scanner().scan_next().unwrap().unwrap();
        let mut rows = spool.unconfirmed_rows(&inventory).unwrap();
        let mut i = 0;
        while let Some(chunk) = rows.next_chunk().unwrap() {
            for (id, message) in chunk.rows() {
                assert_eq!(id, Some(i), "the IDs of the rows stay known");
                assert!(!message.windows(36).any(is_placeholder));
                let decoded: Request = prost::Message::decode(message).unwrap();
                assert_eq!(decoded, request(i, real[0], real[1]));
                i += 1;
            }
        }
        assert_eq!(i, 20, "step {step}");
    }
}

#[test]
fn checkpoints_and_schema_survive_reopening_and_stay_bounded() {
    let rig = Rig::new(no_reserve());
    let state = |sequence| CheckpointState { stream: "in".into(), sequence, ..CheckpointState::default() };
    for sequence in 0..40 {
        rig.spool.put(state(sequence)).unwrap();
    }
    rig.spool.put_blob("schema", b"flows").unwrap();
    let fs = rig.fs.clone();
    drop(rig);
    let spool = open(&fs);
    assert_eq!(spool.latest("in").unwrap(), Some(state(39)));
    assert_eq!(spool.count("in").unwrap(), 16);
    assert_eq!(spool.delete_before("in", 38).unwrap(), 14);
    assert_eq!(spool.list("in").unwrap(), [state(38), state(39)]);
    assert_eq!(spool.blob("schema").unwrap(), b"flows");
}

#[test]
fn every_truncation_and_byte_flip_of_the_journal_only_causes_resending() {
    let mut rig = Rig::new(no_reserve());
    (0..40).for_each(|_| rig.add().unwrap());
    rig.writer.rotate().unwrap();
    rig.spool.confirm(rig.spool.epoch(), std::slice::from_ref(&(0..11))).unwrap();
    let path = rig.spool.slot().path().join("state/journal");
    let whole = rig.fs.content(&path).unwrap();
    let fs = rig.fs.crash(0);
    drop(rig);
    for at in 0..whole.len() * 2 {
        let mut bytes = whole.clone();
        if at < whole.len() {
            bytes.truncate(at)
        } else {
            bytes[at - whole.len()] ^= 0x41
        }
        let image = fs.crash(0);
        image.overwrite(&path, &bytes);
        let rows = all_rows(&open(&image));
        assert!((11..40).all(|id| rows.contains(&id)), "at {at}");
    }
}
