//! `siftstream backups export`: one table per flow.

mod csv;
mod parquet;
mod schemas;

use self::schemas::Schemas;
use super::backup::Backup;
use super::endpoint::Endpoint;
use super::error::{Failure, Result};
use super::find::backups;
use super::output::{NewFile, json_line, printable};
use super::row::{JsonRow, Row, fits};
use super::{Outcome, complain_of};
use clap::ValueEnum;
use prost::Message;
use siftstream::FlowConfig;
use siftstream::spool::pbfs::Item;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Tables are written out whenever this many bytes of rows were read, so that any number of flows has bounded memory.
const FLUSH_EVERY: usize = 64 << 20;

/// The part of a file name that a flow's name may take.
const MAX_STEM: usize = 120;

/// Where rows go that no table takes.
const UNMATCHED: &str = "unmatched.jsonl";

/// Options of `siftstream backups export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, slots, roots with slots, or any directories with backup files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The directory for the tables; created if needed. Nothing in it is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The format of the tables.
    #[arg(long, value_enum, default_value = "parquet")]
    format: Format,
    /// A TOML or JSON file with flows and channels.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["uri", "profile"])]
    schema: Option<PathBuf>,
    /// Where to ask for flows and channels; not needed for files that are in their slots.
    #[command(flatten)]
    endpoint: Endpoint,
}

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text; times are RFC 3339, bytes are base64.
    Csv,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
}

/// The table of a flow in the making.
trait TableWriter {
    /// Adds a row that fits the table's flow.
    fn add(&mut self, row: &Row) -> Result<()>;
    /// Writes out what is in memory.
    fn flush(&mut self) -> Result<()>;
    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<NewFile>;
}

/// The columns before the channels; a channel of the same name keeps it.
fn own_columns(flow: &FlowConfig) -> [String; 2] {
    ["timestamp", "run"].map(|name| {
        let mut name = name.to_owned();
        while flow.channels.iter().any(|channel| channel.name == name) {
            name.insert(0, '_');
        }
        name
    })
}

struct Table {
    flow: FlowConfig,
    rows: u64,
    writer: Box<dyn TableWriter>,
}

struct Export<'a> {
    args: &'a Args,
    schemas: Schemas,
    /// By schema and flow.
    tables: HashMap<String, HashMap<String, Table>>,
    names: HashSet<PathBuf>,
    unmatched: Option<BufWriter<NewFile>>,
    unmatched_rows: u64,
    unflushed: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let (files, mut outcome) = backups(&args.paths)?;
    let schemas = Schemas::new(args, &files)?;
    std::fs::create_dir_all(&args.out).map_err(Failure::write(&args.out))?;
    let mut export = Export {
        args,
        schemas,
        tables: HashMap::new(),
        names: HashSet::new(),
        unmatched: None,
        unmatched_rows: 0,
        unflushed: 0,
    };
    for file in files {
        outcome = outcome.and(export.file(&file)?);
    }
    outcome = outcome.and(export.finish(out)?);
    Ok(outcome)
}

impl Export<'_> {
    /// Exports one file. One that cannot be read is named and left out; an error of writing ends the command.
    fn file(&mut self, file: &Backup) -> Result<Outcome> {
        let unreadable = |error: &dyn std::fmt::Display| {
            complain_of(&file.path, error);
            Ok(Outcome::Incomplete)
        };
        let mut opened = match file.open() {
            Ok(opened) => opened,
            Err(error) => return unreadable(&error),
        };
        let mut lost = 0;
        loop {
            let chunk = match opened.reader.next_item() {
                Ok(None) => break,
                Ok(Some(Item::Chunk(chunk))) => chunk,
                Ok(Some(Item::Damage(damage))) => {
                    lost += damage.len;
                    continue;
                }
                Err(error) => return unreadable(&error),
            };
            for message in chunk.messages() {
                match Row::decode(message) {
                    Ok(row) => self.row(file, &row, message.len())?,
                    Err(_) => lost += message.len() as u64,
                }
            }
        }
        if lost == 0 {
            return Ok(Outcome::Whole);
        }
        complain_of(&file.path, &format_args!("{lost} damaged bytes left out; see `verify`"));
        Ok(Outcome::Imperfect)
    }

    fn row(&mut self, file: &Backup, row: &Row, len: usize) -> Result<()> {
        let schema = schemas::name(file, row);
        let known = self.tables.get(&*schema).is_some_and(|tables| tables.contains_key(&row.flow));
        if !known {
            self.open(file, row, &schema)?;
        }
        let tables = self.tables.get_mut(&*schema);
        match tables.and_then(|tables| tables.get_mut(&row.flow)).filter(|table| fits(row, &table.flow)) {
            Some(table) => {
                table.writer.add(row)?;
                table.rows += 1;
            }
            None => self.set_aside(row)?,
        }
        self.unflushed += len;
        if self.unflushed >= FLUSH_EVERY {
            self.unflushed = 0;
            let mut tables = self.tables.values_mut().flat_map(HashMap::values_mut);
            tables.try_for_each(|table| table.writer.flush())?;
        }
        Ok(())
    }

    /// Begins the table of a row's flow, if the row fits what is known of it.
    fn open(&mut self, file: &Backup, row: &Row, schema: &str) -> Result<()> {
        let Some(flow) = self.schemas.flow(file, row)?.filter(|flow| fits(row, flow)).cloned() else {
            return Ok(());
        };
        let (stem, extension) = (
            file_stem(&flow.name),
            match self.args.format {
                Format::Csv => "csv",
                Format::Parquet => "parquet",
            },
        );
        let mut path = self.args.out.join(format!("{stem}.{extension}"));
        if !self.names.insert(path.clone()) {
            let schema = file_stem(schema);
            path = self.args.out.join(format!("{stem}.{schema}.{extension}"));
        }
        let file = NewFile::create(path)?;
        let writer: Box<dyn TableWriter> = match self.args.format {
            Format::Csv => Box::new(csv::CsvTable::new(file, &flow)?),
            Format::Parquet => Box::new(parquet::ParquetTable::new(file, &flow)?),
        };
        let tables = self.tables.entry(schema.to_owned()).or_default();
        tables.insert(row.flow.clone(), Table { flow, rows: 0, writer });
        Ok(())
    }

    /// Keeps a row that no table takes, as `cat` would print it.
    fn set_aside(&mut self, row: &Row) -> Result<()> {
        let path = self.args.out.join(UNMATCHED);
        let file = match &mut self.unmatched {
            Some(file) => file,
            none => none.insert(BufWriter::new(NewFile::create(path.clone())?)),
        };
        self.unmatched_rows += 1;
        json_line(file, &JsonRow { row, flow: None }).map_err(Failure::write(&path))
    }

    fn finish(self, out: &mut dyn Write) -> Result<Outcome> {
        let mut report = |rows, path: &Path| {
            writeln!(out, "{rows} rows: {}", printable(&path.to_string_lossy())).map_err(Failure::Stdout)
        };
        let mut files = Vec::new();
        for table in self.tables.into_values().flat_map(HashMap::into_values) {
            files.push((table.writer.finish()?, table.rows));
        }
        files.sort_by(|(a, _), (b, _)| a.path().cmp(b.path()));
        for (file, rows) in files {
            let path = file.path().to_owned();
            file.publish()?;
            report(rows, &path)?;
        }
        let Some(file) = self.unmatched else { return Ok(Outcome::Whole) };
        let path = self.args.out.join(UNMATCHED);
        file.into_inner().map_err(|error| Failure::write(&path)(error.into_error()))?.publish()?;
        report(self.unmatched_rows, &path)?;
        complain_of(&path, &"holds the rows that do not fit the schema");
        Ok(Outcome::Imperfect)
    }
}

/// A file name for a name of somebody else's: harmless, readable, and different for different names.
fn file_stem(name: &str) -> String {
    let mut stem = String::new();
    for (at, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && at > 0) {
            stem.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(stem, "%{byte:02X}").ok();
        }
    }
    if stem.len() > MAX_STEM {
        stem.truncate(MAX_STEM);
        write!(stem, "-{:08x}", crc32fast::hash(name.as_bytes())).ok();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flow_name_leaves_the_directory() {
        assert_eq!(file_stem("imu.raw"), "imu.raw");
        assert_eq!(file_stem("../etc/passwd"), "%2E.%2Fetc%2Fpasswd");
        assert_eq!(file_stem("ü\0"), "%C3%BC%00");
        assert_ne!(file_stem(&"a".repeat(1000)), file_stem(&"a".repeat(1001)));
        assert!(file_stem(&"/".repeat(1000)).len() < 200);
    }

    #[test]
    fn a_channel_called_timestamp_keeps_its_name() {
        let channel = |name: &str| siftstream::ChannelConfig::new(name, siftstream::ChannelDataType::Double);
        let flow =
            FlowConfig { name: "f".into(), channels: vec![channel("timestamp"), channel("_timestamp")] };
        assert_eq!(own_columns(&flow), ["__timestamp", "run"]);
    }
}
