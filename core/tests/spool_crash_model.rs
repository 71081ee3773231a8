//! No crash costs a row that was said to be durable, nor brings back or alters one.
//!
//! Each row carries its ID. A random workload runs on the fake disk until it dies at a random call; the disk is then
//! crashed in many possible ways, recovered (dying again during some recoveries), and all rows are accounted for: each
//! is in a file, or the journal that is left says that it was confirmed. So a file that went before its confirmations
//! were durable is found out.
//! `SIFTSTREAM_CRASH_IMAGES` sets how many images are made.

#![allow(clippy::unwrap_used)]

use siftstream::seams::clock::ManualClock;
use siftstream::seams::filesystem::SharedFileSystem;
use siftstream::seams::filesystem::fake::{FakeFileSystem, Fault};
use siftstream::spool::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

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
    let mut row = id.to_le_bytes().to_vec();
    row.extend((0..id % 40).map(|i| (id + i) as u8));
    row
}

fn id_of(message: &[u8]) -> u64 {
    let id = u64::from_le_bytes(message[..8].try_into().unwrap());
    assert_eq!(message, row(id), "a row was altered");
    id
}

fn segment(first: u64, rows: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for row in (first..first + rows).map(row) {
        out.push(0);
        out.extend((row.len() as u32).to_be_bytes());
        out.extend(row);
    }
    out
}

/// What the caller may rely on.
#[derive(Default, Clone)]
struct Promise {
    durable: u64,
    accepted: u64,
    confirmed: BTreeSet<u64>,
    /// A full disk may keep the journal from being synced, and confirmed files are removed all the same to make room.
    journal_may_forget: bool,
}

/// What recovery finds.
struct Recovered {
    rows: Vec<u64>,
    unconfirmed: BTreeSet<u64>,
    /// Confirmed in the first epoch, as the journal says.
    confirmed: BTreeSet<u64>,
}

fn open(fs: &FakeFileSystem) -> siftstream::Result<Arc<Spool>> {
    let shared: SharedFileSystem = Arc::new(fs.clone());
    Spool::open(Slot::open(shared, Path::new("/r"), &key())?)
}

/// Writes, syncs, confirms, rotates and removes until the disk dies or the steps are over.
fn work(fs: &FakeFileSystem, rng: &mut Rng) -> Promise {
    let mut promise = Promise::default();
    let Ok(spool) = open(fs) else { return promise };
    let clock = Arc::new(ManualClock::new());
    let fsync =
        [FsyncPolicy::Never, FsyncPolicy::Interval(Duration::from_millis(20)), FsyncPolicy::EveryChunk]
            [rng.below(3) as usize];
    let policy =
        DiskBackupPolicy { fsync, min_free: 0, max_backup_file_size: 3000, ..DiskBackupPolicy::default() };
    let options = WriterOptions {
        policy,
        batch_size: 1 + rng.below(20) as u32,
        chunk_bytes: 700,
        flush_interval: Duration::from_millis(5),
        unsynced_window: 900,
        preallocate: 1000 * rng.below(2),
    };
    let mut writer = SpoolWriter::new(spool.clone(), Area::Data, clock.clone(), options);
    for _ in 0..60 {
        match rng.below(16) {
            0 => drop(writer.sync()),
            1 => drop(writer.flush()),
            2 => drop(writer.rotate()),
            3 => {
                let start = rng.below(promise.accepted + 1);
                let end = (start + rng.below(40)).min(writer.watermarks().written.max(start));
                promise.confirmed.extend(start..end);
                drop(spool.confirm(spool.epoch(), std::slice::from_ref(&(start..end))));
            }
            4 => drop(spool.remove_confirmed()),
            5 => clock.advance(Duration::from_millis(rng.below(30))),
            6 => drop(writer.poll()),
            7 => fs.fail_syncs((rng.below(3) == 0).then_some(libc::EIO)),
            8 => {
                if let Some(file) = spool.finished_files().first() {
                    drop(spool.remove_if_confirmed(*file));
                }
            }
            _ => {
                let rows = 1 + rng.below(12);
                if writer.append(&segment(promise.accepted, rows), promise.accepted, rows as u32).is_ok() {
                    promise.accepted += rows;
                }
            }
        }
        promise.durable = writer.watermarks().durable;
    }
    promise
}

fn recovered(fs: &FakeFileSystem) -> siftstream::Result<Recovered> {
    let spool = open(fs)?;
    let confirmed = spool.with_index(|index| {
        index.confirmed.get(&1).map(|ids| ids.iter().flatten().collect()).unwrap_or_default()
    });
    let (mut all, mut unconfirmed) = (Vec::new(), BTreeSet::new());
    let mut scanner = spool.scanner();
    while let Some(inventory) = scanner.scan_next() {
        let inventory = inventory?;
        let mut rows = spool.unconfirmed_rows(&inventory)?;
        let mut extents = Vec::new();
        while let Some(chunk) = rows.next_chunk()? {
            for (known, message) in chunk.rows() {
                let id = id_of(message);
                assert!(known.is_none_or(|known| known == id), "the journal gave row {id} the ID {known:?}");
                unconfirmed.insert(id);
                all.push(id);
            }
            extents.push(chunk.extent());
        }
        assert!(inventory.unconfirmed() <= inventory.rows());
    }
    Ok(Recovered { rows: all, unconfirmed, confirmed })
}

fn check(promise: &Promise, found: &Recovered, what: &str) {
    for id in 0..promise.durable {
        let is_confirmed = promise.confirmed.contains(&id);
        assert!(found.unconfirmed.contains(&id) || is_confirmed, "{what}: durable row {id} is lost");
        let is_known = found.confirmed.contains(&id) || promise.journal_may_forget;
        assert!(
            found.unconfirmed.contains(&id) || is_known,
            "{what}: row {id} went before the journal's word that it was confirmed was durable"
        );
    }
    assert!(found.confirmed.is_subset(&promise.confirmed), "{what}: a row counts as confirmed that was not");
    let last = found.rows.iter().max().copied();
    assert!(
        last.is_none_or(|last| last < promise.accepted + 12),
        "{what}: a row that was never sent: {last:?}"
    );
}

#[test]
fn no_crash_image_loses_a_durable_row() {
    let images: u64 =
        std::env::var("SIFTSTREAM_CRASH_IMAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let mut made = 0;
    let mut seed = 1;
    while made < images {
        seed += 1;
        let mut rng = Rng(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15) | 1);
        let fs = FakeFileSystem::new();
        let fatal = rng.below(260);
        let mut full = false;
        for _ in 0..rng.below(4) {
            let fault = [
                Fault::Errno(libc::EIO),
                Fault::Errno(libc::ENOSPC),
                Fault::Short(rng.below(50) as usize),
                Fault::Torn(rng.below(50) as usize),
            ][rng.below(4) as usize];
            full |= fault == Fault::Errno(libc::ENOSPC);
            fs.fail_in(rng.below(260), fault);
        }
        fs.fail_in(fatal, Fault::Die);
        let promise = Promise { journal_may_forget: full, ..work(&fs, &mut rng) };
        for crash in 0..40 {
            made += 1;
            let what = format!("workload {seed}, crash {crash}");
            let image = fs.crash(crash);
            if crash % 3 == 0 {
                image.fail_in(rng.below(60), Fault::Die);
                drop(recovered(&image));
                let again = image.crash(crash + 1000);
                check(&promise, &recovered(&again).unwrap(), &format!("{what}, and again during recovery"));
            } else {
                let first = recovered(&image).unwrap();
                check(&promise, &first, &what);
                let second = recovered(&image).unwrap();
                assert_eq!(first.unconfirmed, second.unconfirmed, "{what}: recovery is not repeatable");
            }
        }
    }
}

#[test]
fn a_journal_whose_sync_failed_is_written_anew_before_a_file_goes() {
    let fs = FakeFileSystem::new();
    let spool = open(&fs).unwrap();
    let policy = DiskBackupPolicy { min_free: 0, ..DiskBackupPolicy::default() };
    let options = WriterOptions { policy, ..WriterOptions::default() };
    let mut writer = SpoolWriter::new(spool.clone(), Area::Data, Arc::new(ManualClock::new()), options);
    writer.append(&segment(0, 40), 0, 40).unwrap();
    writer.rotate().unwrap();
    spool.confirm(spool.epoch(), std::slice::from_ref(&(0..40))).unwrap();
    fs.fail_syncs(Some(libc::EIO));
    assert!(spool.remove_confirmed().is_err());
    fs.fail_syncs(None);
    assert_eq!(spool.remove_confirmed().unwrap().len(), 1);
    for seed in 0..50 {
        let found = recovered(&fs.crash(seed)).unwrap();
        let is_known = |id| found.unconfirmed.contains(&id) || found.confirmed.contains(&id);
        assert!((0..40).all(is_known), "seed {seed}: rows are neither there nor confirmed");
    }
}
