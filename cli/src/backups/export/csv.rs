//! A table as CSV.

use super::super::error::{Failure, Result};
use super::super::output::NewFile;
use super::super::row::{Moment, Row, Text};
use super::{TableWriter, own_columns};
use csv::{ByteRecord, Writer};
use siftstream::FlowConfig;
use std::path::PathBuf;

/// A table as CSV: a line with the names, then one line per row. No news is an empty cell.
pub(super) struct CsvTable {
    path: PathBuf,
    writer: Writer<NewFile>,
    record: ByteRecord,
}

impl CsvTable {
    pub(super) fn new(file: NewFile, flow: &FlowConfig) -> Result<Self> {
        let path = file.path().to_owned();
        let mut writer = Writer::from_writer(file);
        let names = own_columns(flow);
        let names = names.iter().chain(flow.channels.iter().map(|channel| &channel.name));
        writer.write_record(names).map_err(failed(&path))?;
        Ok(Self { path, writer, record: ByteRecord::new() })
    }
}

impl TableWriter for CsvTable {
    fn add(&mut self, row: &Row) -> Result<()> {
        self.record.clear();
        let time = row.timestamp.map(|time| Moment::from(time).to_string()).unwrap_or_default();
        self.record.push_field(time.as_bytes());
        self.record.push_field(row.run_id.as_bytes());
        for value in &row.channel_values {
            let text = value.r#type.as_ref().map(|value| Text(value).to_string()).unwrap_or_default();
            self.record.push_field(text.as_bytes());
        }
        self.writer.write_byte_record(&self.record).map_err(failed(&self.path))
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(Failure::write(&self.path))
    }

    fn finish(self: Box<Self>) -> Result<NewFile> {
        self.writer.into_inner().map_err(|error| Failure::write(&self.path)(error.into_error()))
    }
}

fn failed(path: &std::path::Path) -> impl Fn(csv::Error) -> Failure + '_ {
    |error| Failure::write(path)(error.into())
}
