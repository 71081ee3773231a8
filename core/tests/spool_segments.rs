//! Whatever the sizes of the segments, each row comes to disk once, in chunks within their bounds; a segment that is
//! refused leaves no trace.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use siftstream::ErrorCode;
use siftstream::seams::clock::ManualClock;
use siftstream::seams::filesystem::fake::FakeFileSystem;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::spool::{Area, DiskBackupPolicy, Slot, SlotKey, Spool, SpoolWriter, WriterOptions};

fn writer(fs: &FakeFileSystem, batch_size: u32, chunk_bytes: usize) -> SpoolWriter {
    let text = str::to_owned;
    let key = SlotKey {
        endpoint: text("e"),
        asset: text("a"),
        client_key: text("k"),
        stream: text("s"),
        mode: text("m"),
    };
    let slot = Slot::open(Arc::new(fs.clone()), Path::new("/r"), &key).unwrap();
    let policy = DiskBackupPolicy { min_free: 0, ..DiskBackupPolicy::default() };
    let options = WriterOptions { policy, batch_size, chunk_bytes, ..WriterOptions::default() };
    SpoolWriter::new(Spool::open(slot).unwrap(), Area::Data, Arc::new(ManualClock::new()), options)
}

/// The row of an ID, of a length that depends on it.
fn row(id: u64, longest: u64) -> Vec<u8> {
    let mut row = id.to_le_bytes().to_vec();
    row.resize(8 + usize::try_from(id.wrapping_mul(0x9E37_79B9) % longest).unwrap(), 0x5A);
    row
}

fn segment(ids: Range<u64>, longest: u64) -> Vec<u8> {
    let frame = |id| {
        let row = row(id, longest);
        [&[0][..], &u32::try_from(row.len()).unwrap().to_be_bytes(), &row].concat()
    };
    ids.flat_map(frame).collect()
}

/// The rows of each chunk on disk, and its length.
fn chunks(fs: &FakeFileSystem) -> Vec<(Vec<Vec<u8>>, usize)> {
    let mut found = Vec::new();
    for path in fs.paths().iter().filter(|path| path.extension().is_some_and(|end| end == "pbfs")) {
        let bytes = fs.content(path).unwrap();
        let mut reader = PbfsReader::new(bytes.as_slice()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Chunk(chunk) = item else { panic!("{path:?} is damaged: {item:?}") };
            found.push((chunk.messages().map(<[u8]>::to_vec).collect(), chunk.bytes.len()));
        }
    }
    found
}

proptest! {
    #[test]
    fn each_row_is_in_one_chunk_and_no_chunk_is_too_large(
        sizes in prop::collection::vec(0_u32..40, 0..40),
        batch_size in 1_u32..50,
        chunk_bytes in 20_usize..2_000,
        longest in 1_u64..200,
    ) {
        let fs = FakeFileSystem::new();
        let mut writer = writer(&fs, batch_size, chunk_bytes);
        let mut next = 0;
        for rows in sizes {
            let ids = next..next + u64::from(rows);
            writer.append(&segment(ids.clone(), longest), next, rows).unwrap();
            next = ids.end;
        }
        let marks = writer.sync().unwrap();
        prop_assert_eq!((marks.written, marks.durable), (next, next));
        let chunks = chunks(&fs);
        for (rows, bytes) in &chunks {
            prop_assert!(rows.len() <= batch_size as usize);
            prop_assert!(*bytes <= chunk_bytes || rows.len() == 1, "{} bytes, {} rows", bytes, rows.len());
        }
        let rows: Vec<_> = chunks.into_iter().flat_map(|(rows, _)| rows).collect();
        prop_assert!(rows.into_iter().eq((0..next).map(|id| row(id, longest))));
    }
}

#[test]
fn a_segment_that_is_refused_leaves_no_trace() {
    for (batch_size, chunk_bytes) in [(1_000, 64 << 10), (3, 64 << 10), (1_000, 100)] {
        let fs = FakeFileSystem::new();
        let mut writer = writer(&fs, batch_size, chunk_bytes);
        writer.append(&segment(0..2, 30), 0, 2).unwrap();
        let whole = segment(2..8, 30);
        let cut = &whole[..whole.len() - 1];
        let compressed = [&[1][..], &whole[1..]].concat();
        for (bytes, first_id, rows) in [
            (&whole[..], 2, 5),
            (&whole, 2, 7),
            (&whole, 2, u32::MAX),
            (&whole, 1, 6),
            (&[], 2, 1),
            (cut, 2, 6),
            (cut, 50, 6),
            (&compressed, 2, 6),
        ] {
            let refused = writer.append(bytes, first_id, rows).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{refused}");
        }
        assert_eq!(writer.watermarks().written.max(2), 2, "no mark runs ahead");
        writer.append(&whole, 2, 6).unwrap();
        assert_eq!(writer.sync().unwrap().durable, 8);
        let rows: Vec<_> = chunks(&fs).into_iter().flat_map(|(rows, _)| rows).collect();
        assert!(rows.into_iter().eq((0..8).map(|id| row(id, 30))));
    }
}
