//! Damage to a file never costs more than the chunks it touches.

#![allow(clippy::unwrap_used)]

use prost::Message;
use siftstream::proto::sift::ingest::v1 as ingest;
use siftstream::spool::pbfs::{ChunkBuilder, DamageReason, Item, PbfsReader};

/// A small generator, so that a failure can be repeated.
fn noise(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Where a chunk starts, and its rows.
type Rows = (usize, Vec<Vec<u8>>);

/// A file of at least `size` bytes: the rows of each chunk, and the bytes.
fn sample(size: usize) -> (Vec<Rows>, Vec<u8>) {
    let (mut seed, mut file, mut chunks) = (0x9E37_79B9_7F4A_7C15, Vec::new(), Vec::new());
    while file.len() < size {
        let mut chunk = ChunkBuilder::default();
        let mut rows = Vec::new();
        for _ in 0..1 + noise(&mut seed) % 9 {
            let len = noise(&mut seed) % 90;
            let row: Vec<u8> = (0..len).map(|_| (noise(&mut seed) % 5) as u8).collect();
            chunk.push(&row).unwrap();
            rows.push(row);
        }
        chunks.push((file.len(), rows));
        file.extend(chunk.finish());
    }
    (chunks, file)
}

/// The chunks that a reader finds, and its damaged stretches; checks that they cover the file.
fn read(file: &[u8]) -> (Vec<Rows>, Vec<(u64, u64)>) {
    let (mut chunks, mut damage, mut at) = (Vec::new(), Vec::new(), 0);
    let mut reader = PbfsReader::new(file).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Chunk(chunk) => {
                assert_eq!(chunk.offset, at);
                at = chunk.end();
                chunks.push((chunk.offset as usize, chunk.messages().map(<[u8]>::to_vec).collect()));
            }
            Item::Damage(found) => {
                assert_eq!(found.offset, at);
                at += found.len;
                assert_eq!(found.at_end, at == file.len() as u64);
                damage.push((found.offset, found.len));
            }
        }
    }
    assert_eq!(at, file.len() as u64);
    (chunks, damage)
}

#[test]
fn an_empty_chunk_after_damage_is_a_chunk() {
    let (chunks, good) = sample(100);
    let empty = ChunkBuilder::default().finish();
    for between in [&b"x"[..], &[0xFF; 40], &[0xFF; 5000]] {
        let file = [between, &empty, &empty, &good, &empty].concat();
        let (found, damage) = read(&file);
        let at = between.len();
        let shifted = chunks.iter().map(|(start, rows)| (at + 24 + start, rows.clone()));
        let ends = [(at, Vec::new()), (at + 12, Vec::new())].into_iter().chain(shifted);
        let expected: Vec<Rows> = ends.chain([(file.len() - 12, Vec::new())]).collect();
        assert_eq!((found, damage), (expected, vec![(0, at as u64)]), "behind {at} bytes");
    }
}

#[test]
fn every_truncation_keeps_all_whole_chunks() {
    let (chunks, file) = sample(64 << 10);
    for cut in 0..=file.len() {
        let (found, damage) = read(&file[..cut]);
        let whole = chunks.iter().enumerate().filter(|(i, _)| {
            let end = chunks.get(i + 1).map_or(file.len(), |next| next.0);
            end <= cut
        });
        assert!(found.iter().eq(whole.map(|(_, chunk)| chunk)), "cut at {cut}");
        assert!(damage.len() <= 1, "cut at {cut}");
    }
}

#[test]
fn every_bit_flip_costs_only_the_touched_chunk() {
    let (chunks, mut file) = sample(16 << 10);
    for bit in 0..file.len() * 8 {
        let at = bit / 8;
        file[at] ^= 1 << (bit % 8);
        let (found, damage) = read(&file);
        let touched = chunks.iter().rposition(|chunk| chunk.0 <= at).unwrap();
        let others = chunks.iter().enumerate().filter(|(i, _)| *i != touched).map(|(_, chunk)| chunk);
        assert!(found.iter().eq(others), "bit {bit}");
        let end = chunks.get(touched + 1).map_or(file.len(), |next| next.0);
        assert_eq!(damage, [(chunks[touched].0 as u64, (end - chunks[touched].0) as u64)], "bit {bit}");
        file[at] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_length_bomb_costs_no_memory_and_hides_no_row_after_it() {
    let (_, good) = sample(1000);
    for length in [u64::MAX, 1 << 62, 1 << 40, u64::from(u32::MAX), 64 << 20, 2000] {
        let mut file = vec![0xAA; 4];
        file.extend(length.to_le_bytes());
        file.extend(&good);
        assert_eq!(read(&file).0.len(), read(&good).0.len(), "length {length}");
    }
}

#[test]
fn zeros_are_damage_and_the_search_through_them_is_linear() {
    let (_, good) = sample(1000);
    let mut file = good.clone();
    file.resize(32 << 20, 0);
    let hole_end = file.len();
    file.extend(&good);
    let mut reader = PbfsReader::new(&file[..]).unwrap();
    let mut zeros = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Damage(damage) = item {
            zeros.push(damage);
        }
    }
    assert_eq!(zeros.len(), 1);
    assert_eq!(zeros[0].reason, DamageReason::Zeros);
    assert_eq!(zeros[0].offset + zeros[0].len, hole_end as u64);
}

#[test]
fn a_hostile_file_costs_linear_time() {
    let mut file = Vec::new();
    for i in 0..200_000_u64 {
        file.extend([1, 2, 3, 4]);
        file.extend((8_000_000 + i * 16).to_le_bytes());
        file.extend([0; 4]);
    }
    file.resize(file.len() + (16 << 20), 0);
    let start = std::time::Instant::now();
    let (found, _) = read(&file);
    assert!(found.is_empty());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

fn row(i: u64) -> ingest::IngestWithConfigDataStreamRequest {
    ingest::IngestWithConfigDataStreamRequest {
        ingestion_config_id: "7f5f1b9e-6c1c-4b3d-9d6c-8e4ed1f4f0aa".into(),
        flow: format!("flow-{i}"),
        run_id: "run".into(),
        ..Default::default()
    }
}

#[test]
fn the_official_decoder_reads_all_of_our_rows() {
    let rows: Vec<_> = (0..500).map(row).collect();
    let mut file = Vec::new();
    for group in rows.chunks(64) {
        let mut chunk = ChunkBuilder::default();
        for row in group {
            let bytes = row.encode_to_vec();
            let mut framed = vec![0];
            framed.extend((bytes.len() as u32).to_be_bytes());
            framed.extend(bytes);
            assert_eq!(chunk.push_grpc(&framed).unwrap(), 1);
        }
        file.extend(chunk.finish());
    }
    let decoder = sift_pbfs::BackupsDecoder::<ingest::IngestWithConfigDataStreamRequest, _>::new(&file[..]);
    let decoded: Vec<_> = decoder.map(|row| row.unwrap()).collect();
    assert_eq!(decoded, rows);
}

#[test]
fn we_read_all_rows_of_the_official_encoder() {
    let rows: Vec<_> = (0..500).map(row).collect();
    let (mut file, mut buffer) = (Vec::new(), Vec::new());
    for (i, group) in rows.chunks(3).enumerate() {
        let group = if i % 2 == 0 { group.iter().take(1).cloned().collect() } else { group.to_vec() };
        file.extend(sift_pbfs::chunk::PbfsChunk::encode_into(&group, &mut buffer).unwrap());
        buffer.clear();
    }
    let (chunks, damage) = read(&file);
    assert!(damage.is_empty());
    let decoded = chunks.iter().flat_map(|chunk| &chunk.1);
    let decoded: Vec<_> =
        decoded.map(|row| ingest::IngestWithConfigDataStreamRequest::decode(&row[..]).unwrap()).collect();
    let expected = rows.chunks(3).enumerate();
    let expected: Vec<_> =
        expected.flat_map(|(i, group)| group[..if i % 2 == 0 { 1 } else { group.len() }].to_vec()).collect();
    assert_eq!(decoded, expected);
}
