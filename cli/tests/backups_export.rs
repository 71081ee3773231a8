//! What `siftstream backups export` writes can be read back, value for value.

#![allow(clippy::unwrap_used)]

mod backups_common;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use backups_common::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use siftstream::proto::sift::ingest::v1::ingest_with_config_data_channel_value::Type;
use siftstream_server::LocalServer;
use std::path::Path;

fn parquet(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn rows_of_several_files_come_back_from_parquet_as_they_were() {
    let root = tempfile::tempdir().unwrap();
    let (backup, out, schema) =
        (root.path().join("backup"), root.path().join("out"), root.path().join("schema.toml"));
    write_files(&spool(&backup, "default"), 3, 1000);
    std::fs::write(&schema, SCHEMA).unwrap();
    let before = image(&backup);
    let output =
        backups([Path::new("export"), &backup, Path::new("--out"), &out, Path::new("--schema"), &schema]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    let mut number = 0;
    for batch in parquet(&out.join("imu.parquet")) {
        let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["timestamp", "run", "count", "x", "label"]);
        assert_eq!(batch.schema().field(2).metadata()["unit"], "1");
        let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
        let (runs, labels) = (batch.column(1).as_string::<i32>(), batch.column(4).as_string::<i32>());
        for at in 0..batch.num_rows() {
            let row = row(number);
            assert_eq!(times.value(at), (START + number as i64) * 1_000_000_000 + 5);
            assert_eq!(runs.is_null(at), row.run_id.is_empty());
            assert_eq!(runs.value(at), row.run_id);
            assert_eq!(batch.column(2).as_primitive::<UInt64Type>().value(at), u64::MAX - number);
            assert_eq!(batch.column(3).as_primitive::<Float64Type>().value(at), number as f64 / 4.0);
            let label = labels.is_valid(at).then(|| Type::String(labels.value(at).to_owned()));
            assert_eq!(Some(label.unwrap_or(Type::Empty(()))), row.channel_values[2].r#type);
            number += 1;
        }
    }
    assert_eq!(number, 3000);
    assert_eq!(image(&backup), before);
    let again =
        backups([Path::new("export"), &backup, Path::new("--out"), &out, Path::new("--schema"), &schema]);
    assert_eq!(code(&again), 2);
    assert!(errors(&again).contains("exists and is not overwritten"));
}

#[test]
fn every_type_of_channel_survives_parquet_and_csv() {
    let root = tempfile::tempdir().unwrap();
    let (file, schema) = (root.path().join("file"), root.path().join("schema.json"));
    let channels = [
        ("double", Type::Double(f64::NEG_INFINITY)),
        ("float", Type::Float(0.1)),
        ("bool", Type::Bool(true)),
        ("int32", Type::Int32(i32::MIN)),
        ("int64", Type::Int64(i64::MIN)),
        ("uint32", Type::Uint32(u32::MAX)),
        ("uint64", Type::Uint64(u64::MAX)),
        ("string", Type::String("a,\"b\"\n".into())),
        ("enum", Type::Enum(7)),
        ("bit_field", Type::BitField(vec![1, 2])),
        ("bytes", Type::Bytes(vec![0, 255])),
    ];
    let mut full = row(0);
    full.flow = "all/types".into();
    full.channel_values = channels.iter().map(|(_, content)| value(content.clone())).collect();
    let mut empty = full.clone();
    empty.channel_values = channels.iter().map(|_| value(Type::Empty(()))).collect();
    std::fs::write(&file, official(&[full, empty])).unwrap();
    let listed: Vec<_> =
        channels.iter().map(|(t, _)| serde_json::json!({ "name": t, "data_type": t })).collect();
    let flows = serde_json::json!({ "flows": [{ "name": "all/types", "channels": listed }] });
    std::fs::write(&schema, flows.to_string()).unwrap();
    let export = |format: &str| {
        let out = root.path().join(format);
        let args = [Path::new("export"), &file, Path::new("--out"), &out, Path::new("--schema"), &schema];
        let output = backups(args.into_iter().chain([Path::new("--format"), Path::new(format)]));
        assert_eq!((code(&output), errors(&output)), (0, String::new()));
        out.join(format!("all%2Ftypes.{format}"))
    };
    let batch = &parquet(&export("parquet"))[0];
    assert!((2..13).all(|column| batch.column(column).is_valid(0) && batch.column(column).is_null(1)));
    assert_eq!(batch.column(2).as_primitive::<Float64Type>().value(0), f64::NEG_INFINITY);
    assert_eq!(batch.column(3).as_primitive::<Float32Type>().value(0), 0.1);
    assert!(batch.column(4).as_boolean().value(0));
    assert_eq!(batch.column(5).as_primitive::<Int32Type>().value(0), i32::MIN);
    assert_eq!(batch.column(6).as_primitive::<Int64Type>().value(0), i64::MIN);
    assert_eq!(batch.column(7).as_primitive::<UInt32Type>().value(0), u32::MAX);
    assert_eq!(batch.column(8).as_primitive::<UInt64Type>().value(0), u64::MAX);
    assert_eq!(batch.column(9).as_string::<i32>().value(0), "a,\"b\"\n");
    assert_eq!(batch.column(10).as_primitive::<UInt32Type>().value(0), 7);
    assert_eq!(batch.column(11).as_binary::<i32>().value(0), [1, 2]);
    assert_eq!(batch.column(12).as_binary::<i32>().value(0), [0, 255]);
    let mut table = csv::Reader::from_path(export("csv")).unwrap();
    assert_eq!(table.headers().unwrap().iter().nth(2), Some("double"));
    let records: Vec<_> = table.records().map(Result::unwrap).collect();
    let expected = [
        "2026-01-01T00:00:00.000000005Z",
        "run-1",
        "-Infinity",
        "0.1",
        "true",
        "-2147483648",
        "-9223372036854775808",
        "4294967295",
        "18446744073709551615",
        "a,\"b\"\n",
        "7",
        "AQI=",
        "AP8=",
    ];
    assert_eq!(records[0].iter().collect::<Vec<_>>(), expected);
    assert!(records[1].iter().skip(2).all(str::is_empty));
}

#[test]
fn rows_that_no_table_takes_are_set_aside_and_without_a_schema_no_name_is_guessed() {
    let root = tempfile::tempdir().unwrap();
    let (file, out, schema) =
        (root.path().join("file"), root.path().join("out"), root.path().join("schema.toml"));
    let mut unknown = row(1);
    unknown.flow = "other".into();
    let mut short = row(2);
    short.channel_values.pop();
    std::fs::write(&file, official(&[unknown, row(0), short, row(3)])).unwrap();
    std::fs::write(&schema, SCHEMA).unwrap();
    let output = backups([Path::new("export"), &file, Path::new("--out"), &out]);
    assert_eq!((code(&output), out.exists()), (2, false));
    assert!(errors(&output).contains("--schema"));
    let output =
        backups([Path::new("export"), &file, Path::new("--out"), &out, Path::new("--schema"), &schema]);
    assert_eq!(code(&output), 1);
    assert_eq!(parquet(&out.join("imu.parquet")).iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    let aside = std::fs::read_to_string(out.join("unmatched.jsonl")).unwrap();
    assert_eq!(aside.lines().count(), 2);
    assert!(aside.starts_with("{\"flow\":\"other\""));
}

#[test]
fn what_is_whole_in_a_damaged_file_is_exported_and_the_damage_is_told() {
    let root = tempfile::tempdir().unwrap();
    let (file, out, schema) =
        (root.path().join("file"), root.path().join("out"), root.path().join("schema.toml"));
    let mut bytes = official(&[row(0), row(1), row(2)]);
    let second = official(&[row(0)]).len();
    bytes[second + 30] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::write(&schema, SCHEMA).unwrap();
    let output =
        backups([Path::new("export"), &file, Path::new("--out"), &out, Path::new("--schema"), &schema]);
    let lost = official(&[row(1)]).len();
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains(&format!("{lost} damaged bytes left out")), "{}", errors(&output));
    let batch = &parquet(&out.join("imu.parquet"))[0];
    assert_eq!(batch.column(2).as_primitive::<UInt64Type>().values(), &[u64::MAX, u64::MAX - 2]);
}

#[test]
fn a_time_that_parquet_cannot_hold_is_an_error_and_leaves_no_file() {
    let root = tempfile::tempdir().unwrap();
    let (file, out, schema) =
        (root.path().join("file"), root.path().join("out"), root.path().join("schema.toml"));
    let mut far = row(0);
    far.timestamp = Some(prost_types::Timestamp { seconds: 20_000_000_000, nanos: 0 });
    std::fs::write(&file, official(&[row(0), far])).unwrap();
    std::fs::write(&schema, SCHEMA).unwrap();
    let output =
        backups([Path::new("export"), &file, Path::new("--out"), &out, Path::new("--schema"), &schema]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("2603-10-11"), "{}", errors(&output));
    assert!(image(&out).is_empty());
}

#[test]
fn names_come_from_sift_by_the_id_in_the_rows() {
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let id = register(&server);
    let root = tempfile::tempdir().unwrap();
    let (file, out) = (root.path().join("file"), root.path().join("out"));
    let mut known = row(4);
    known.ingestion_config_id = id;
    std::fs::write(&file, official(&[known])).unwrap();
    let export = |key: &str| {
        let uri = server.uri().to_string();
        let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
        backups(["export", file, "--out", out, "--uri", &uri, "--insecure", "--api-key", key])
    };
    let refused = export("wrong-key");
    assert_eq!(code(&refused), 2);
    assert!(errors(&refused).contains("cannot get the schema") && !errors(&refused).contains("wrong-key"));
    let output = export(KEY);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    let batch = &parquet(&out.join("imu.parquet"))[0];
    assert_eq!(batch.schema().field(3).name(), "x");
    assert_eq!(batch.column(3).as_primitive::<Float64Type>().value(0), 1.0);
}
