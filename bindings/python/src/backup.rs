//! What backup files hold, as Arrow tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampNanosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchIterator};
use arrow_schema::{DataType, Field, Schema};
use prost::Message;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use siftstream::proto::sift::ingest::v1::IngestWithConfigDataStreamRequest as Row;
use siftstream::proto::sift::ingest::v1::ingest_with_config_data_channel_value::Type as Value;
use siftstream::seams::filesystem::{FileSystem, RealFileSystem, SharedFileSystem};
use siftstream::spool::SlotView;
use siftstream::spool::pbfs::{Item, PbfsReader};
use siftstream::{ChannelDataType as Type, Error, ErrorCode, FlowConfig, Result};

use crate::error::OrRaise;
use crate::schema;
use crate::wait::wait_for;

const TIME: &str = "timestamp";
const RUN: &str = "run_id";

/// The rows of one flow in backup files: an Arrow table.
#[pyclass(frozen, module = "siftstream", name = "BackupTable")]
pub(crate) struct BackupTable {
    batch: RecordBatch,
}

#[pymethods]
impl BackupTable {
    /// The names of the columns: `timestamp`, `run_id`, and the channels.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.batch.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    /// Arrow's C interface: pyarrow, polars, pandas and DuckDB take the table by this.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A consumer that asks for another schema must take what there is: so says the interface.
        let _ = requested_schema;
        let batches = RecordBatchIterator::new([Ok(self.batch.clone())], self.batch.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn __repr__(&self) -> String {
        let channels = self.batch.num_columns().saturating_sub(2);
        format!("<siftstream.BackupTable with {} rows of {channels} channels>", self.batch.num_rows())
    }
}

/// The tables of a backup, by flow, and how many rows and bytes were left out.
type Found = (BTreeMap<String, BackupTable>, u64, u64);

/// Reads backup files: `path` is one, or a directory that has some below it. `flows` names the channels where no slot
/// remembers them.
#[pyfunction]
pub(crate) fn read_backup(
    py: Python<'_>,
    path: PathBuf,
    flows: Option<&Bound<'_, PyAny>>,
) -> PyResult<Found> {
    let flows = flows.map(schema::flows).transpose()?.unwrap_or_default();
    wait_for(py, move || read(&path, flows))?.or_raise(py)
}

fn read(path: &Path, flows: Vec<FlowConfig>) -> Result<Found> {
    let given = flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect();
    let mut reading = Reading { given, ..Reading::default() };
    for file in files(path)? {
        reading.file(&file)?;
    }
    let (unfit, damaged) = (reading.unfit, reading.damaged);
    let tables = reading.tables.into_iter();
    let tables = tables.map(|(name, table)| Ok((name, BackupTable { batch: table.finish()? })));
    Ok((tables.collect::<Result<_>>()?, unfit, damaged))
}

/// The backup files at or below `path`. One in `data` stands for that of its name in `pending`, which it was made from.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: &std::io::Error| Error::io(path.display(), error);
    if !path.is_dir() {
        std::fs::metadata(path).map_err(|error| failed(path, &error))?;
        return Ok(vec![path.to_owned()]);
    }
    let (mut open, mut found) = (vec![path.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).map_err(|error| failed(&directory, &error))? {
            let entry = entry.map_err(|error| failed(&directory, &error))?;
            let kind = entry.file_type().map_err(|error| failed(&directory, &error))?;
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|suffix| suffix == "pbfs") {
                found.push(path);
            }
        }
    }
    found.sort();
    let all = found.clone();
    found.retain(|file| twin_in_data(file).is_none_or(|twin| !all.contains(&twin)));
    Ok(found)
}

fn twin_in_data(file: &Path) -> Option<PathBuf> {
    let room = file.parent()?;
    let twin = || Some(room.parent()?.join("data").join(file.file_name()?));
    if room.ends_with("pending") { twin() } else { None }
}

#[derive(Default)]
struct Reading {
    given: BTreeMap<String, FlowConfig>,
    slots: BTreeMap<PathBuf, BTreeMap<String, FlowConfig>>,
    tables: BTreeMap<String, TableBuilder>,
    unfit: u64,
    damaged: u64,
}

impl Reading {
    fn file(&mut self, path: &Path) -> Result<()> {
        let known = self.slot_flows(path)?;
        let file = RealFileSystem.open_read(path).map_err(|error| Error::io(path.display(), &error))?;
        let mut reader = PbfsReader::new(file)?;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Damage(damage) => self.damaged += damage.len,
                Item::Chunk(chunk) => {
                    for message in chunk.messages() {
                        match Row::decode(message) {
                            Ok(row) => self.row(row, &known, path)?,
                            Err(_) => self.unfit += 1,
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The flows that the slot of a file remembers; none if it is in no slot.
    fn slot_flows(&mut self, path: &Path) -> Result<BTreeMap<String, FlowConfig>> {
        let whole = path.canonicalize().map_err(|error| Error::io(path.display(), &error))?;
        let Some(slot) = whole.parent().and_then(Path::parent) else { return Ok(BTreeMap::new()) };
        if let Some(known) = self.slots.get(slot) {
            return Ok(known.clone());
        }
        let filesystem: SharedFileSystem = Arc::new(RealFileSystem);
        let flows = match SlotView::read(&filesystem, slot)? {
            Some(view) => view.flows()?,
            None => Vec::new(),
        };
        let flows: BTreeMap<_, _> = flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect();
        self.slots.insert(slot.to_owned(), flows.clone());
        Ok(flows)
    }

    fn row(&mut self, row: Row, known: &BTreeMap<String, FlowConfig>, path: &Path) -> Result<()> {
        if !self.tables.contains_key(&row.flow) {
            let Some(flow) = self.given.get(&row.flow).or_else(|| known.get(&row.flow)) else {
                let message = format!(
                    "{}: the channels of flow '{}' are not known here: give the ingestion config",
                    path.display(),
                    row.flow
                );
                return Err(Error::new(ErrorCode::UnknownFlow, message));
            };
            self.tables.insert(row.flow.clone(), TableBuilder::new(flow));
        }
        if let Some(table) = self.tables.get_mut(&row.flow)
            && !table.push(row)
        {
            self.unfit += 1;
        }
        Ok(())
    }
}

/// A table that grows row by row.
struct TableBuilder {
    times: TimestampNanosecondBuilder,
    runs: StringBuilder,
    columns: Vec<(String, Column)>,
}

/// Writes [`Column`]: for each type of channel, a builder and the values that it takes.
macro_rules! columns {
    ($($name:ident: $builder:ident, $($value:ident)|+, $data_type:expr;)*) => {
        enum Column {
            $($name($builder),)*
        }

        impl Column {
            fn data_type(&self) -> DataType {
                match self {
                    $(Self::$name(_) => $data_type,)*
                }
            }

            /// Whether the value is one for this column.
            fn takes(&self, value: &Value) -> bool {
                match (self, value) {
                    (_, Value::Empty(())) => true,
                    $((Self::$name(_), $(Value::$value(_))|+) => true,)*
                    _ => false,
                }
            }

            /// Adds a value; one that it does not take counts as none.
            fn push(&mut self, value: Value) {
                match (self, value) {
                    $($((Self::$name(builder), Value::$value(value)) => builder.append_value(value),)+)*
                    $((Self::$name(builder), _) => builder.append_null(),)*
                }
            }

            fn finish(&mut self) -> ArrayRef {
                match self {
                    $(Self::$name(builder) => ArrayBuilder::finish(builder),)*
                }
            }
        }
    };
}

columns! {
    Double: Float64Builder, Double, DataType::Float64;
    Float: Float32Builder, Float, DataType::Float32;
    Bool: BooleanBuilder, Bool, DataType::Boolean;
    Int32: Int32Builder, Int32, DataType::Int32;
    Int64: Int64Builder, Int64, DataType::Int64;
    Uint32: UInt32Builder, Uint32, DataType::UInt32;
    Enum: UInt32Builder, Enum, DataType::UInt32;
    Uint64: UInt64Builder, Uint64, DataType::UInt64;
    Text: StringBuilder, String, DataType::Utf8;
    Bytes: BinaryBuilder, Bytes, DataType::Binary;
    BitField: BinaryBuilder, BitField, DataType::Binary;
}

impl Column {
    fn new(data_type: Type) -> Self {
        match data_type {
            Type::Double | Type::Unspecified => Self::Double(Float64Builder::new()),
            Type::Float => Self::Float(Float32Builder::new()),
            Type::Bool => Self::Bool(BooleanBuilder::new()),
            Type::Int32 => Self::Int32(Int32Builder::new()),
            Type::Int64 => Self::Int64(Int64Builder::new()),
            Type::Uint32 => Self::Uint32(UInt32Builder::new()),
            Type::Enum => Self::Enum(UInt32Builder::new()),
            Type::Uint64 => Self::Uint64(UInt64Builder::new()),
            Type::String => Self::Text(StringBuilder::new()),
            Type::Bytes => Self::Bytes(BinaryBuilder::new()),
            Type::BitField => Self::BitField(BinaryBuilder::new()),
        }
    }
}

impl TableBuilder {
    fn new(flow: &FlowConfig) -> Self {
        let column =
            |channel: &siftstream::ChannelConfig| (channel.name.clone(), Column::new(channel.data_type));
        Self {
            times: TimestampNanosecondBuilder::new(),
            runs: StringBuilder::new(),
            columns: flow.channels.iter().map(column).collect(),
        }
    }

    /// Adds a row, if it is one of this flow.
    fn push(&mut self, row: Row) -> bool {
        let time = row.timestamp.and_then(|time| {
            let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
            i64::try_from(nanos).ok()
        });
        let values: Vec<_> =
            row.channel_values.into_iter().map(|value| value.r#type.unwrap_or(Value::Empty(()))).collect();
        let fits = values.len() == self.columns.len()
            && self.columns.iter().zip(&values).all(|((_, column), value)| column.takes(value));
        if !fits {
            return false;
        }
        self.times.append_option(time);
        self.runs.append_option(Some(row.run_id).filter(|id| !id.is_empty()));
        for ((_, column), value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
        true
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let utc = DataType::Timestamp(arrow_schema::TimeUnit::Nanosecond, Some("UTC".into()));
        let mut fields = vec![Field::new(TIME, utc, true), Field::new(RUN, DataType::Utf8, true)];
        let times = self.times.finish().with_timezone("UTC");
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(self.runs.finish())];
        for (name, mut column) in self.columns {
            fields.push(Field::new(name, column.data_type(), true));
            arrays.push(column.finish());
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| {
            Error::new(ErrorCode::Internal, format!("a table cannot be made of a backup: {error}"))
        })
    }
}
