//! Arrays of objects with a buffer: numpy, `array.array`, `memoryview`.

use std::ffi::CStr;

use arrow_buffer::ArrowNativeType;
use pyo3::buffer::{ElementType, PyUntypedBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use siftstream::{ChannelDataType as Type, Error, ErrorCode, Result};

use super::Place;
use super::convert::{Number, convert, hint};
use super::held::{Column, Data, Lent, Pieces, Values};
use crate::error::OrRaise;

/// The values of an array; none if it is no array of numbers or truths: its elements are objects.
pub(super) fn column(place: &Place<'_>, given: &Bound<'_, PyAny>) -> PyResult<Option<Column>> {
    if given.is_instance_of::<PyBytes>() || given.is_instance_of::<PyByteArray>() {
        return Ok(None);
    }
    let Ok(buffer) = PyUntypedBuffer::get(given) else { return Ok(None) };
    let data = of_buffer(place, buffer).or_raise(given.py())?;
    Ok(data.map(Column::from))
}

/// The type of the elements, if they are numbers or truths in the order of bytes that this machine has.
pub(super) fn element(format: &CStr) -> ElementType {
    let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
    match format.to_bytes() {
        [order, _] if foreign.contains(order) => ElementType::Unknown,
        _ => ElementType::from_format(format),
    }
}

fn of_buffer(place: &Place<'_>, buffer: PyUntypedBuffer) -> Result<Option<Data>> {
    use ElementType::{Bool, Float, SignedInteger as Signed, UnsignedInteger as Unsigned};
    let element = element(buffer.format());
    let wanted = place.data_type();
    if matches!(wanted, Type::BitField | Type::Bytes) && matches!(element, Unsigned { bytes: 1 }) {
        return pieces(place, buffer).map(|pieces| Some(Data::Pieces(pieces)));
    }
    if buffer.dimensions() != 1 || buffer.suboffsets().is_some() {
        let dimensions = buffer.dimensions();
        return Err(invalid(format!(
            "{place}: the array has {dimensions} dimensions: give a plain one with 1"
        )));
    }
    Ok(Some(match (element, wanted) {
        (Bool, Type::Bool) => Data::BoolBytes(same(buffer)),
        (Bool, _) => return Err(place.wrong("bool", hint(wanted))),
        (Float { bytes: 8 }, Type::Double) => Data::Double(same(buffer)),
        (Float { bytes: 4 }, Type::Float) => Data::Float(same(buffer)),
        (Signed { bytes: 4 }, Type::Int32) => Data::Int32(same(buffer)),
        (Unsigned { bytes: 4 }, Type::Uint32) => Data::Uint32(same(buffer)),
        (Unsigned { bytes: 4 }, Type::Enum) => Data::Enum(same(buffer)),
        (Signed { bytes: 8 }, Type::Int64) => Data::Int64(same(buffer)),
        (Unsigned { bytes: 8 }, Type::Uint64) => Data::Uint64(same(buffer)),
        (Float { bytes: 8 }, _) => other::<f64>(place, buffer)?,
        (Float { bytes: 4 }, _) => other::<f32>(place, buffer)?,
        (Signed { bytes: 1 }, _) => other::<i8>(place, buffer)?,
        (Signed { bytes: 2 }, _) => other::<i16>(place, buffer)?,
        (Signed { bytes: 4 }, _) => other::<i32>(place, buffer)?,
        (Signed { bytes: 8 }, _) => other::<i64>(place, buffer)?,
        (Unsigned { bytes: 1 }, _) => other::<u8>(place, buffer)?,
        (Unsigned { bytes: 2 }, _) => other::<u16>(place, buffer)?,
        (Unsigned { bytes: 4 }, _) => other::<u32>(place, buffer)?,
        (Unsigned { bytes: 8 }, _) => other::<u64>(place, buffer)?,
        _ => return Ok(None),
    }))
}

/// One-dimensional values of the channel's own type: lent if they lie in one piece, else copied into one.
pub(super) fn same<T: ArrowNativeType>(buffer: PyUntypedBuffer) -> Values<T> {
    match Lent::new(buffer) {
        Ok(lent) => Values::Lent(lent),
        Err(buffer) => Values::Owned(elements(buffer).collect()),
    }
}

/// Values of another type, as the channel takes them.
fn other<N: Number + ArrowNativeType>(place: &Place<'_>, buffer: PyUntypedBuffer) -> Result<Data> {
    convert(place, elements::<N>(buffer), |_| true)
}

/// The elements of a one-dimensional buffer, wherever they lie.
#[allow(unsafe_code, reason = "the safe ways need aligned elements")]
pub(super) fn elements<N: ArrowNativeType>(buffer: PyUntypedBuffer) -> impl Iterator<Item = N> {
    let is_known = buffer.dimensions() == 1 && buffer.item_size() == size_of::<N>();
    let (rows, stride) = if is_known { (buffer.shape()[0], buffer.strides()[0]) } else { (0, 0) };
    (0..rows).map(move |row| {
        let distance = row.cast_signed() * stride;
        // SAFETY: the buffer, which the closure keeps, has `rows` elements at this stride, each of the size of `N`, and
        // each pattern of bits is a number. They need not be aligned.
        unsafe { buffer.buf_ptr().cast::<u8>().offset(distance).cast::<N>().read_unaligned() }
    })
}

/// Bytes: one a row, or a row of them for each row.
fn pieces(place: &Place<'_>, buffer: PyUntypedBuffer) -> Result<Pieces> {
    let width = match buffer.shape() {
        [_] => 1,
        [_, width] if *width > 0 => *width,
        _ => return Err(invalid(format!("{place}: give uint8 with one row of bytes for each row"))),
    };
    if buffer.dimensions() == 1 {
        return Ok(Pieces::Fixed { width, bytes: same(buffer) });
    }
    match Lent::new(buffer) {
        Ok(lent) => Ok(Pieces::Fixed { width, bytes: Values::Lent(lent) }),
        Err(_) => {
            Err(invalid(format!("{place}: the bytes lie scattered: give numpy.ascontiguousarray of them")))
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}
