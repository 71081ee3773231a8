//! Rows sent as columns, or with all values in one call, are byte for byte the same rows as those that are set channel by
//! channel.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::backup_files;
use proptest::prelude::*;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::{
    Blobs, ChannelConfig, ChannelDataType, ChannelIndex, Column, Columns, DiskBackupPolicy, FileBackup,
    FlowBuilder, FlowConfig, IngestionConfigEncoder, NonNumber, Number, Result, RowValues, SiftStream,
    TimeValue, TrySendError, Validity,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const TYPES: [ChannelDataType; 11] = [
    ChannelDataType::Double,
    ChannelDataType::Float,
    ChannelDataType::Bool,
    ChannelDataType::Int32,
    ChannelDataType::Uint32,
    ChannelDataType::Int64,
    ChannelDataType::Uint64,
    ChannelDataType::Enum,
    ChannelDataType::String,
    ChannelDataType::BitField,
    ChannelDataType::Bytes,
];

/// A repeatable source of numbers of all magnitudes.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ self.0 >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 32
    }

    /// Each number of bits is as likely as another.
    fn any(&mut self) -> u64 {
        let bits = self.next() % 65;
        self.next().checked_shr(u32::try_from(bits).unwrap()).unwrap_or(0)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.next() % 100 {
            0 => self.next() % 40_000,
            1..10 => self.next() % 300,
            _ => self.next() % 20,
        };
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// The values of one channel, and other ways to see them.
struct Channel {
    data_type: ChannelDataType,
    numbers: Vec<u64>,
    doubles: Vec<f64>,
    floats: Vec<f32>,
    bools: Vec<bool>,
    bool_bytes: Vec<u8>,
    int32: Vec<i32>,
    uint32: Vec<u32>,
    int64: Vec<i64>,
    texts: Vec<String>,
    blobs: Vec<Vec<u8>>,
    joined: Vec<u8>,
    offsets: Vec<i32>,
    large_offsets: Vec<i64>,
    is_set: bool,
    /// Whether it is given in the second of the ways that its type has.
    other_way: bool,
    validity: Option<Vec<bool>>,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "any bits will do"
)]
fn channel(data_type: ChannelDataType, rows: usize, from: &mut Numbers) -> Channel {
    let numbers: Vec<u64> = (0..rows).map(|_| from.any()).collect();
    let has_texts =
        matches!(data_type, ChannelDataType::String | ChannelDataType::BitField | ChannelDataType::Bytes);
    let mut blobs: Vec<Vec<u8>> =
        (0..rows).map(|_| if has_texts { from.bytes() } else { Vec::new() }).collect();
    let texts: Vec<String> = blobs.iter().map(|blob| String::from_utf8_lossy(blob).into_owned()).collect();
    if data_type == ChannelDataType::String {
        blobs = texts.iter().map(|text| text.clone().into_bytes()).collect();
    }
    let joined = blobs.concat();
    let ends = blobs.iter().scan(0_i64, |end, blob| {
        *end += blob.len() as i64;
        Some(*end)
    });
    let large_offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
    Channel {
        data_type,
        doubles: numbers.iter().map(|&n| f64::from_bits(n)).collect(),
        floats: numbers.iter().map(|&n| f32::from_bits(n as u32)).collect(),
        bools: numbers.iter().map(|&n| n % 2 == 1).collect(),
        bool_bytes: numbers.iter().map(|&n| if n % 2 == 1 { (n % 200) as u8 | 1 } else { 0 }).collect(),
        int32: numbers.iter().map(|&n| n as i32).collect(),
        uint32: numbers.iter().map(|&n| n as u32).collect(),
        int64: numbers.iter().map(|&n| n as i64).collect(),
        numbers,
        texts,
        blobs,
        joined,
        offsets: large_offsets.iter().map(|&at| at as i32).collect(),
        large_offsets,
        is_set: !from.next().is_multiple_of(8),
        other_way: from.next().is_multiple_of(2),
        validity: from
            .next()
            .is_multiple_of(3)
            .then(|| (0..rows).map(|_| from.next().is_multiple_of(2)).collect()),
    }
}

impl Channel {
    fn column<'a>(&'a self, texts: &'a [&'a str], blobs: &'a [&'a [u8]]) -> Column<'a> {
        let way = |slices| match self.other_way {
            true => Blobs::LargeOffsets { offsets: &self.large_offsets, bytes: &self.joined },
            false => Blobs::Slices(slices),
        };
        match self.data_type {
            ChannelDataType::Double => Column::Double(&self.doubles),
            ChannelDataType::Float => Column::Float(&self.floats),
            ChannelDataType::Bool if self.other_way => Column::BoolBytes(&self.bool_bytes),
            ChannelDataType::Bool => Column::Bool(&self.bools),
            ChannelDataType::Int32 => Column::Int32(&self.int32),
            ChannelDataType::Uint32 => Column::Uint32(&self.uint32),
            ChannelDataType::Int64 => Column::Int64(&self.int64),
            ChannelDataType::Uint64 => Column::Uint64(&self.numbers),
            ChannelDataType::Enum => Column::Enum(&self.uint32),
            ChannelDataType::String if self.other_way => {
                Column::Utf8(Blobs::Offsets { offsets: &self.offsets, bytes: &self.joined })
            }
            ChannelDataType::String => Column::String(texts),
            ChannelDataType::BitField => Column::BitField(way(blobs)),
            _ => Column::Bytes(way(blobs)),
        }
    }

    fn has_value(&self, row: usize) -> bool {
        self.is_set && self.validity.as_ref().is_none_or(|validity| validity[row])
    }

    fn set(&self, builder: &mut FlowBuilder, index: ChannelIndex, row: usize) {
        let set = match self.data_type {
            _ if !self.has_value(row) => builder.set_empty(index),
            ChannelDataType::Double => builder.set_double(index, self.doubles[row]),
            ChannelDataType::Float => builder.set_float(index, self.floats[row]),
            ChannelDataType::Bool => builder.set_bool(index, self.bools[row]),
            ChannelDataType::Int32 => builder.set_int32(index, self.int32[row]),
            ChannelDataType::Uint32 => builder.set_uint32(index, self.uint32[row]),
            ChannelDataType::Int64 => builder.set_int64(index, self.int64[row]),
            ChannelDataType::Uint64 => builder.set_uint64(index, self.numbers[row]),
            ChannelDataType::Enum => builder.set_enum(index, self.uint32[row]),
            ChannelDataType::String => builder.set_string(index, &self.texts[row]),
            ChannelDataType::BitField => builder.set_bit_field(index, &self.blobs[row]),
            _ => builder.set_bytes(index, &self.blobs[row]),
        };
        set.unwrap();
    }
}

/// The values of one row.
struct Row<'a> {
    channels: &'a [Channel],
    row: usize,
}

impl RowValues for Row<'_> {
    fn count(&self) -> usize {
        self.channels.len()
    }

    fn number(&self, at: usize) -> Option<Number> {
        let (channel, row) = (&self.channels[at], self.row);
        Some(match channel.data_type {
            _ if !channel.has_value(row) => return None,
            ChannelDataType::Double => Number::double(channel.doubles[row]),
            ChannelDataType::Float => Number::float(channel.floats[row]),
            ChannelDataType::Bool => Number::bool(channel.bools[row]),
            ChannelDataType::Int32 => Number::int32(channel.int32[row]),
            ChannelDataType::Uint32 => Number::uint32(channel.uint32[row]),
            ChannelDataType::Int64 => Number::int64(channel.int64[row]),
            ChannelDataType::Uint64 => Number::uint64(channel.numbers[row]),
            ChannelDataType::Enum => Number::enumeration(channel.uint32[row]),
            _ => return None,
        })
    }

    fn non_number(&self, at: usize) -> Result<NonNumber<'_>> {
        let (channel, row) = (&self.channels[at], self.row);
        Ok(match channel.data_type {
            _ if !channel.has_value(row) => NonNumber::Empty,
            ChannelDataType::String => NonNumber::String(&channel.texts[row]),
            ChannelDataType::BitField => NonNumber::BitField(&channel.blobs[row]),
            _ => NonNumber::Bytes(&channel.blobs[row]),
        })
    }
}

type Stream = SiftStream<IngestionConfigEncoder, FileBackup>;

fn open(dir: &Path, channels: &[Channel], suffix: bool, capacity: u64) -> Stream {
    let mut form = common::form();
    let channel = |(at, channel): (usize, &Channel)| ChannelConfig::new(format!("c{at}"), channel.data_type);
    form.flows = vec![FlowConfig {
        name: "f".to_owned(),
        channels: channels.iter().enumerate().map(channel).collect(),
    }];
    let policy =
        DiskBackupPolicy { backups_dir: Some(dir.to_owned()), min_free: 0, ..DiskBackupPolicy::default() };
    let stream = siftstream::SiftStreamBuilder::new(siftstream::Credentials::Config {
        uri: "http://127.0.0.1:1".to_owned(),
        apikey: common::KEY.to_owned(),
    })
    .insecure(true)
    .ingestion_config(form)
    .end_stream_on_validation_error(suffix)
    .file_backup()
    .disk_backup_policy(policy)
    .ingestion_config_id("0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f")
    .backup_data_channel_capacity(capacity)
    .build_blocking(TIMEOUT)
    .unwrap();
    // Memory that was written to shows what a row leaves as it was.
    stream.prefault(1024 * 1024).unwrap();
    stream
}

fn messages(dir: &Path) -> Vec<Vec<u8>> {
    let mut files = backup_files(dir);
    files.sort();
    let mut messages = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        let mut reader = PbfsReader::new(bytes.as_slice()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Chunk(chunk) = item else { panic!("damaged") };
            messages.extend(chunk.messages().map(<[u8]>::to_vec));
        }
    }
    messages
}

/// Sends as many as there is room for, again and again, or all at once.
fn send(stream: &Stream, columns: &mut Columns<'_>, piecewise: bool) {
    if !piecewise {
        stream.send_columns_timeout(columns, TIMEOUT).unwrap();
        return;
    }
    while !columns.is_empty() {
        let taken = stream.try_send_columns(columns).unwrap();
        columns.skip(taken);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn columns_and_values_at_once_are_the_same_bytes_as_rows_set_channel_by_channel(
        types in prop::collection::vec(0..TYPES.len(), 0..14),
        rows in 0..500_usize,
        seed: u64,
        suffix: bool,
        piecewise: bool,
        capacity in 3..300_u64,
        first_bit in 0..17_usize,
    ) {
        let mut from = Numbers(seed);
        let channels: Vec<Channel> = types.iter().map(|&at| channel(TYPES[at], rows, &mut from)).collect();
        #[allow(clippy::cast_possible_wrap, reason = "any bits will do")]
        let nanos: Vec<i64> = (0..rows).map(|_| from.any() as i64).collect();
        let times: Vec<TimeValue> = nanos.iter().map(|&nanos| TimeValue::from_timestamp_nanos(nanos)).collect();
        let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());

        let by_rows = open(dirs[0].path(), &channels, suffix, 100_000);
        let mut builder = FlowBuilder::new(&by_rows.get_flow_descriptor("f").unwrap());
        for (row, time) in times.iter().enumerate() {
            builder.set_timestamp(*time);
            for (at, channel) in (0..).zip(&channels) {
                channel.set(&mut builder, ChannelIndex::new(at), row);
            }
            by_rows.send_timeout(&builder, TIMEOUT).unwrap();
        }
        prop_assert_eq!(by_rows.finish(TIMEOUT).unwrap().on_disk, rows as u64);

        let by_values = open(dirs[2].path(), &channels, suffix, capacity);
        let mut builder = FlowBuilder::new(&by_values.get_flow_descriptor("f").unwrap());
        for (row, time) in times.iter().enumerate() {
            let values = Row { channels: &channels, row };
            while let Err(refused) = by_values.try_send_values(&mut builder, *time, &values) {
                prop_assert!(matches!(refused, TrySendError::Full(())), "{}", refused.error());
                std::thread::yield_now();
            }
        }
        prop_assert_eq!(by_values.finish(TIMEOUT).unwrap().on_disk, rows as u64);
        prop_assert!(messages(dirs[0].path()) == messages(dirs[2].path()), "the bytes of values at once differ");

        let by_columns = open(dirs[1].path(), &channels, suffix, capacity);
        let descriptor = by_columns.get_flow_descriptor("f").unwrap();
        let texts: Vec<Vec<&str>> =
            channels.iter().map(|channel| channel.texts.iter().map(String::as_str).collect()).collect();
        let blobs: Vec<Vec<&[u8]>> =
            channels.iter().map(|channel| channel.blobs.iter().map(Vec::as_slice).collect()).collect();
        let bits: Vec<Vec<u8>> = channels.iter().map(|channel| {
            let mut bits = vec![0; (first_bit + rows).div_ceil(8)];
            for row in (0..rows).filter(|&row| channel.validity.as_ref().is_some_and(|validity| validity[row])) {
                bits[(first_bit + row) / 8] |= 1 << ((first_bit + row) % 8);
            }
            bits
        }).collect();
        let mut columns = match seed % 2 {
            0 => Columns::new(&descriptor, nanos.as_slice()),
            _ => Columns::new("f", times.as_slice()),
        };
        // Their order makes no difference.
        for (place, channel) in channels.iter().enumerate().rev().filter(|(_, channel)| channel.is_set) {
            let index = ChannelIndex::new(u32::try_from(place).unwrap());
            let column = channel.column(&texts[place], &blobs[place]);
            match &channel.validity {
                None => columns.set(index, column),
                Some(flags) if channel.other_way => columns.set_sparse(index, column, Validity::Flags(flags)),
                Some(_) => {
                    columns.set_sparse(index, column, Validity::Bitmap { bits: &bits[place], first_bit })
                }
            };
        }
        send(&by_columns, &mut columns, piecewise);
        prop_assert_eq!(by_columns.finish(TIMEOUT).unwrap().on_disk, rows as u64);
        prop_assert!(messages(dirs[0].path()) == messages(dirs[1].path()), "the bytes of columns differ");
    }
}
