//! Rows that are ready to be sent, and the memory that they lie in.

use std::marker::PhantomData;
use std::slice;
use std::sync::Arc;

use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use pyo3::buffer::PyUntypedBuffer;
use siftstream::{
    Blobs, ChannelDataType as Type, ChannelIndex, Column as CoreColumn, Columns, Error, ErrorCode, Result,
    Validity,
};

use super::Times;
use crate::flow::FlowPath;

/// Values in one piece of memory.
pub(super) enum Values<T: ArrowNativeType> {
    /// Copied.
    Owned(Vec<T>),
    /// Lent by Arrow.
    Arrow(ScalarBuffer<T>),
    /// Lent by an object with a buffer. Aligned and contiguous.
    Lent(Lent<T>),
}

/// A buffer of a Python object: one aligned piece of `T`s.
pub(super) struct Lent<T> {
    buffer: PyUntypedBuffer,
    of: PhantomData<T>,
}

impl<T: ArrowNativeType> Lent<T> {
    /// The buffer, if it is one aligned piece; else it comes back. Its elements must be `T`s.
    pub(super) fn new(buffer: PyUntypedBuffer) -> Result<Self, PyUntypedBuffer> {
        let is_aligned = buffer.buf_ptr().align_offset(align_of::<T>()) == 0;
        if buffer.is_c_contiguous() && is_aligned && buffer.item_size() == size_of::<T>() {
            Ok(Self { buffer, of: PhantomData })
        } else {
            Err(buffer)
        }
    }

    #[allow(unsafe_code, reason = "the safe way gives one element at a time, with the GIL")]
    fn as_slice(&self) -> &[T] {
        if self.buffer.item_count() == 0 {
            return &[];
        }
        // SAFETY: `new` saw that so many elements of this size lie there in one aligned piece, and each pattern of bits is
        // a number. They stay there as long as the buffer is held. That nobody may write to them during the call is told
        // in the documentation of `send_columns`.
        unsafe { slice::from_raw_parts(self.buffer.buf_ptr().cast::<T>(), self.buffer.item_count()) }
    }
}

impl<T: ArrowNativeType> Values<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            Self::Arrow(values) => values,
            Self::Lent(values) => values.as_slice(),
        }
    }
}

/// Pieces of bytes.
pub(super) enum Pieces {
    Narrow { offsets: ScalarBuffer<i32>, bytes: Buffer },
    Wide { offsets: ScalarBuffer<i64>, bytes: Buffer },
    Owned { offsets: Vec<i64>, bytes: Vec<u8> },
    Fixed { width: usize, bytes: Values<u8> },
}

impl Pieces {
    /// No piece yet.
    pub(super) fn new() -> Self {
        Self::Owned { offsets: vec![0], bytes: Vec::new() }
    }

    /// Adds a piece to owned ones.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if let Self::Owned { offsets, bytes } = self {
            bytes.extend_from_slice(piece);
            offsets.push(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Narrow { offsets, .. } => offsets.len().saturating_sub(1),
            Self::Wide { offsets, .. } => offsets.len().saturating_sub(1),
            Self::Owned { offsets, .. } => offsets.len() - 1,
            Self::Fixed { width, bytes } => bytes.as_slice().len() / (*width).max(1),
        }
    }

    fn blobs(&self) -> Blobs<'_> {
        match self {
            Self::Narrow { offsets, bytes } => Blobs::Offsets { offsets, bytes },
            Self::Wide { offsets, bytes } => Blobs::LargeOffsets { offsets, bytes },
            Self::Owned { offsets, bytes } => Blobs::LargeOffsets { offsets, bytes },
            Self::Fixed { width, bytes } => Blobs::Fixed { width: *width, bytes: bytes.as_slice() },
        }
    }
}

/// The values of one channel, of its type.
pub(super) enum Data {
    Double(Values<f64>),
    Float(Values<f32>),
    Bool(Vec<bool>),
    BoolBytes(Values<u8>),
    Int32(Values<i32>),
    Uint32(Values<u32>),
    Int64(Values<i64>),
    Uint64(Values<u64>),
    Enum(Values<u32>),
    Pieces(Pieces),
    /// Nothing but "no news".
    Nothing(usize),
}

/// Which rows have a value.
pub(super) enum Valid {
    Bits(NullBuffer),
    Flags(Vec<bool>),
}

impl Valid {
    /// Flags, unless all rows have a value.
    pub(super) fn of(flags: Vec<bool>) -> Option<Self> {
        flags.contains(&false).then_some(Self::Flags(flags))
    }

    fn as_core(&self) -> Validity<'_> {
        match self {
            Self::Bits(bits) => Validity::Bitmap { bits: bits.validity(), first_bit: bits.offset() },
            Self::Flags(flags) => Validity::Flags(flags),
        }
    }
}

/// The values of one channel, and which rows have one.
pub(super) struct Column {
    pub(super) data: Data,
    pub(super) valid: Option<Valid>,
}

impl From<Data> for Column {
    fn from(data: Data) -> Self {
        Self { data, valid: None }
    }
}

impl Column {
    fn len(&self) -> usize {
        match &self.data {
            Data::Double(values) => values.as_slice().len(),
            Data::Float(values) => values.as_slice().len(),
            Data::Bool(values) => values.len(),
            Data::BoolBytes(values) => values.as_slice().len(),
            Data::Int32(values) => values.as_slice().len(),
            Data::Uint32(values) | Data::Enum(values) => values.as_slice().len(),
            Data::Int64(values) => values.as_slice().len(),
            Data::Uint64(values) => values.as_slice().len(),
            Data::Pieces(pieces) => pieces.len(),
            Data::Nothing(rows) => *rows,
        }
    }

    fn as_core(&self, data_type: Type) -> Option<CoreColumn<'_>> {
        Some(match &self.data {
            Data::Double(values) => CoreColumn::Double(values.as_slice()),
            Data::Float(values) => CoreColumn::Float(values.as_slice()),
            Data::Bool(values) => CoreColumn::Bool(values),
            Data::BoolBytes(values) => CoreColumn::BoolBytes(values.as_slice()),
            Data::Int32(values) => CoreColumn::Int32(values.as_slice()),
            Data::Uint32(values) => CoreColumn::Uint32(values.as_slice()),
            Data::Int64(values) => CoreColumn::Int64(values.as_slice()),
            Data::Uint64(values) => CoreColumn::Uint64(values.as_slice()),
            Data::Enum(values) => CoreColumn::Enum(values.as_slice()),
            Data::Pieces(pieces) => match data_type {
                Type::BitField => CoreColumn::BitField(pieces.blobs()),
                Type::Bytes => CoreColumn::Bytes(pieces.blobs()),
                _ => CoreColumn::Utf8(pieces.blobs()),
            },
            Data::Nothing(_) => return None,
        })
    }
}

/// Rows of one flow.
pub(super) struct Rows {
    path: Arc<FlowPath>,
    times: Times,
    columns: Vec<(ChannelIndex, Column)>,
}

impl Rows {
    pub(super) fn new(path: Arc<FlowPath>, times: Times) -> Self {
        Self { path, times, columns: Vec::new() }
    }

    /// Adds a channel's values, one for each timestamp.
    pub(super) fn add(&mut self, index: ChannelIndex, column: Column) -> Result<()> {
        let (values, times) = (column.len(), self.times.len());
        if values != times {
            let descriptor = &self.path.descriptor;
            let channel = descriptor.channel_name(index).unwrap_or_default();
            let message = format!(
                "channel '{channel}' of flow '{}' has {values} values for {times} timestamps: give one for each",
                descriptor.name()
            );
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        self.columns.push((index, column));
        Ok(())
    }

    /// The rows as the core takes them.
    pub(super) fn as_core(&self) -> Columns<'_> {
        let descriptor = &self.path.descriptor;
        let mut columns = Columns::new(descriptor, self.times.as_core());
        for (index, column) in &self.columns {
            let data_type = descriptor.data_type(*index).unwrap_or_default();
            match (column.as_core(data_type), &column.valid) {
                (Some(values), None) => columns.set(*index, values),
                (Some(values), Some(valid)) => columns.set_sparse(*index, values, valid.as_core()),
                (None, _) => &mut columns,
            };
        }
        columns
    }
}
