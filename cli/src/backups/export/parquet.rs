//! A table as Parquet.

use super::super::error::{Failure, Result};
use super::super::output::NewFile;
use super::super::row::{Moment, Row};
use super::{TableWriter, own_columns};
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder, StringBuilder,
    TimestampNanosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use siftstream::proto::sift::ingest::v1::ingest_with_config_data_channel_value::Type;
use siftstream::{ChannelConfig, ChannelDataType, FlowConfig};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows that are turned into columns at once.
const BATCH_ROWS: usize = 1024;

/// A table as Parquet. No news is null; times are nanoseconds in UTC.
pub(super) struct ParquetTable {
    path: PathBuf,
    flow: String,
    schema: SchemaRef,
    writer: ArrowWriter<NewFile>,
    times: TimestampNanosecondBuilder,
    runs: StringBuilder,
    columns: Vec<Column>,
    rows: usize,
}

impl ParquetTable {
    pub(super) fn new(file: NewFile, flow: &FlowConfig) -> Result<Self> {
        let path = file.path().to_owned();
        let [time, run] = own_columns(flow);
        let time_type = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let mut fields = vec![Field::new(time, time_type, true), Field::new(run, DataType::Utf8, true)];
        fields.extend(flow.channels.iter().map(field));
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(|error| Failure::Parquet { path: path.clone(), error })?;
        Ok(Self {
            path,
            flow: flow.name.clone(),
            schema,
            writer,
            times: TimestampNanosecondBuilder::with_capacity(0).with_timezone("UTC"),
            runs: StringBuilder::with_capacity(0, 0),
            columns: flow.channels.iter().map(|channel| Column::new(channel.data_type)).collect(),
            rows: 0,
        })
    }

    /// Hands the gathered rows to the writer.
    fn batch(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.times.finish()), Arc::new(self.runs.finish())];
        arrays.extend(self.columns.iter_mut().map(Column::finish));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| Failure::Table { path: self.path.clone(), error })?;
        self.writer.write(&batch).map_err(|error| Failure::Parquet { path: self.path.clone(), error })
    }
}

impl TableWriter for ParquetTable {
    fn add(&mut self, row: &Row) -> Result<()> {
        let time = row.timestamp.map(Moment::from);
        let nanos = match time {
            None => None,
            Some(time) => Some(time.nanoseconds().ok_or_else(|| Failure::TimeOutOfRange {
                flow: self.flow.clone(),
                time: time.to_string(),
            })?),
        };
        self.times.append_option(nanos);
        self.runs.append_option(Some(&row.run_id).filter(|id| !id.is_empty()));
        for (column, value) in self.columns.iter_mut().zip(&row.channel_values) {
            column.add(value.r#type.as_ref());
        }
        self.rows += 1;
        if self.rows == BATCH_ROWS { self.batch() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.batch()?;
        self.writer.flush().map_err(|error| Failure::Parquet { path: self.path.clone(), error })
    }

    fn finish(mut self: Box<Self>) -> Result<NewFile> {
        self.batch()?;
        let path = self.path;
        self.writer.into_inner().map_err(|error| Failure::Parquet { path, error })
    }
}

/// The column of a channel; its unit and description go with it.
fn field(channel: &ChannelConfig) -> Field {
    let data_type = match channel.data_type {
        ChannelDataType::Double => DataType::Float64,
        ChannelDataType::Float => DataType::Float32,
        ChannelDataType::Bool => DataType::Boolean,
        ChannelDataType::Int32 => DataType::Int32,
        ChannelDataType::Int64 => DataType::Int64,
        ChannelDataType::Uint32 | ChannelDataType::Enum => DataType::UInt32,
        ChannelDataType::Uint64 => DataType::UInt64,
        ChannelDataType::String => DataType::Utf8,
        ChannelDataType::BitField | ChannelDataType::Bytes | ChannelDataType::Unspecified => DataType::Binary,
    };
    let notes = [("unit", &channel.unit), ("description", &channel.description)];
    let notes = notes.into_iter().filter(|(_, text)| !text.is_empty());
    let notes: HashMap<_, _> = notes.map(|(name, text)| (name.to_owned(), text.clone())).collect();
    Field::new(&channel.name, data_type, true).with_metadata(notes)
}

/// The values of a channel since the last batch.
enum Column {
    Double(Float64Builder),
    Float(Float32Builder),
    Bool(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Uint32(UInt32Builder),
    Uint64(UInt64Builder),
    String(StringBuilder),
    Binary(BinaryBuilder),
}

impl Column {
    fn new(data_type: ChannelDataType) -> Self {
        match data_type {
            ChannelDataType::Double => Self::Double(Float64Builder::with_capacity(0)),
            ChannelDataType::Float => Self::Float(Float32Builder::with_capacity(0)),
            ChannelDataType::Bool => Self::Bool(BooleanBuilder::with_capacity(0)),
            ChannelDataType::Int32 => Self::Int32(Int32Builder::with_capacity(0)),
            ChannelDataType::Int64 => Self::Int64(Int64Builder::with_capacity(0)),
            ChannelDataType::Uint32 | ChannelDataType::Enum => Self::Uint32(UInt32Builder::with_capacity(0)),
            ChannelDataType::Uint64 => Self::Uint64(UInt64Builder::with_capacity(0)),
            ChannelDataType::String => Self::String(StringBuilder::with_capacity(0, 0)),
            ChannelDataType::BitField | ChannelDataType::Bytes | ChannelDataType::Unspecified => {
                Self::Binary(BinaryBuilder::with_capacity(0, 0))
            }
        }
    }

    /// Adds a value of the column's type, or null.
    fn add(&mut self, value: Option<&Type>) {
        match (self, value) {
            (Self::Double(column), Some(Type::Double(value))) => column.append_value(*value),
            (Self::Float(column), Some(Type::Float(value))) => column.append_value(*value),
            (Self::Bool(column), Some(Type::Bool(value))) => column.append_value(*value),
            (Self::Int32(column), Some(Type::Int32(value))) => column.append_value(*value),
            (Self::Int64(column), Some(Type::Int64(value))) => column.append_value(*value),
            (Self::Uint32(column), Some(Type::Uint32(value) | Type::Enum(value))) => {
                column.append_value(*value)
            }
            (Self::Uint64(column), Some(Type::Uint64(value))) => column.append_value(*value),
            (Self::String(column), Some(Type::String(value))) => column.append_value(value),
            (Self::Binary(column), Some(Type::BitField(value) | Type::Bytes(value))) => {
                column.append_value(value)
            }
            (Self::Double(column), _) => column.append_null(),
            (Self::Float(column), _) => column.append_null(),
            (Self::Bool(column), _) => column.append_null(),
            (Self::Int32(column), _) => column.append_null(),
            (Self::Int64(column), _) => column.append_null(),
            (Self::Uint32(column), _) => column.append_null(),
            (Self::Uint64(column), _) => column.append_null(),
            (Self::String(column), _) => column.append_null(),
            (Self::Binary(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Double(column) => Arc::new(column.finish()),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Uint32(column) => Arc::new(column.finish()),
            Self::Uint64(column) => Arc::new(column.finish()),
            Self::String(column) => Arc::new(column.finish()),
            Self::Binary(column) => Arc::new(column.finish()),
        }
    }
}
