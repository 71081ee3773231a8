//! Columns of Arrow as a channel takes them.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use siftstream::{ChannelDataType as Type, Error, ErrorCode, Result};

use super::Place;
use super::convert::{Number, convert, hint};
use super::held::{Column, Data, Pieces, Valid, Values};

/// The values of a column, which may come in pieces; nulls are "no news".
pub(super) fn column(place: &Place<'_>, chunks: &[ArrayRef]) -> Result<Column> {
    match chunks {
        [] => Ok(Data::Nothing(0).into()),
        [array] => one(place, array),
        several => {
            let several: Vec<&dyn Array> = several.iter().map(|array| &**array).collect();
            let joined = arrow_select::concat::concat(&several).map_err(|error| {
                Error::new(
                    ErrorCode::InvalidArgument,
                    format!("{place}: its pieces cannot be joined: {error}"),
                )
            })?;
            one(place, &joined)
        }
    }
}

fn one(place: &Place<'_>, array: &ArrayRef) -> Result<Column> {
    let data = data(place, array)?;
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    Ok(Column { data, valid: nulls.map(Valid::Bits) })
}

fn data(place: &Place<'_>, array: &ArrayRef) -> Result<Data> {
    let wanted = place.data_type();
    Ok(match (array.data_type(), wanted) {
        (DataType::Null, _) => Data::Nothing(array.len()),
        (DataType::Float64, Type::Double) => Data::Double(lent::<Float64Type>(array)),
        (DataType::Float32, Type::Float) => Data::Float(lent::<Float32Type>(array)),
        (DataType::Int32, Type::Int32) => Data::Int32(lent::<Int32Type>(array)),
        (DataType::UInt32, Type::Uint32) => Data::Uint32(lent::<UInt32Type>(array)),
        (DataType::UInt32, Type::Enum) => Data::Enum(lent::<UInt32Type>(array)),
        (DataType::Int64, Type::Int64) => Data::Int64(lent::<Int64Type>(array)),
        (DataType::UInt64, Type::Uint64) => Data::Uint64(lent::<UInt64Type>(array)),
        (DataType::UInt8, Type::BitField | Type::Bytes) => {
            Data::Pieces(Pieces::Fixed { width: 1, bytes: lent::<UInt8Type>(array) })
        }
        (DataType::Boolean, Type::Bool) => Data::Bool(array.as_boolean().values().iter().collect()),
        (DataType::Float64, _) => other::<Float64Type>(place, array)?,
        (DataType::Float32, _) => other::<Float32Type>(place, array)?,
        (DataType::Int8, _) => other::<Int8Type>(place, array)?,
        (DataType::Int16, _) => other::<Int16Type>(place, array)?,
        (DataType::Int32, _) => other::<Int32Type>(place, array)?,
        (DataType::Int64, _) => other::<Int64Type>(place, array)?,
        (DataType::UInt8, _) => other::<UInt8Type>(place, array)?,
        (DataType::UInt16, _) => other::<UInt16Type>(place, array)?,
        (DataType::UInt32, _) => other::<UInt32Type>(place, array)?,
        (DataType::UInt64, _) => other::<UInt64Type>(place, array)?,
        (DataType::Utf8, Type::String) => {
            let texts = array.as_string::<i32>();
            narrow(texts.offsets().inner().clone(), texts.values().clone())
        }
        (DataType::LargeUtf8, Type::String) => {
            let texts = array.as_string::<i64>();
            wide(texts.offsets().inner().clone(), texts.values().clone())
        }
        (DataType::Utf8View, Type::String) => {
            owned(array.as_string_view().iter().map(|text| text.unwrap_or_default().as_bytes()))
        }
        (DataType::Binary, Type::Bytes | Type::BitField) => {
            let pieces = array.as_binary::<i32>();
            narrow(pieces.offsets().inner().clone(), pieces.values().clone())
        }
        (DataType::LargeBinary, Type::Bytes | Type::BitField) => {
            let pieces = array.as_binary::<i64>();
            wide(pieces.offsets().inner().clone(), pieces.values().clone())
        }
        (DataType::BinaryView, Type::Bytes | Type::BitField) => {
            owned(array.as_binary_view().iter().map(Option::unwrap_or_default))
        }
        (DataType::FixedSizeBinary(width), Type::Bytes | Type::BitField) if *width > 0 => {
            let bytes = Values::Arrow(array.as_fixed_size_binary().values().clone().into());
            Data::Pieces(Pieces::Fixed { width: usize::try_from(*width).unwrap_or(1), bytes })
        }
        (DataType::Dictionary(..), Type::String) => {
            let texts = texts_of_dictionary(place, array)?;
            owned(texts.iter().map(|text| text.unwrap_or_default().as_bytes()))
        }
        (DataType::Dictionary(..), Type::Enum) => named(place, texts_of_dictionary(place, array)?)?,
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Type::Enum) => {
            named(place, texts(array))?
        }
        (given, _) => return Err(place.wrong(given, hint(wanted))),
    })
}

fn lent<T: ArrowPrimitiveType>(array: &ArrayRef) -> Values<T::Native> {
    Values::Arrow(array.as_primitive::<T>().values().clone())
}

fn other<T: ArrowPrimitiveType<Native: Number>>(place: &Place<'_>, array: &ArrayRef) -> Result<Data> {
    let numbers = array.as_primitive::<T>().values();
    convert(place, numbers.iter().copied(), |row| array.is_valid(row))
}

fn narrow(offsets: arrow_buffer::ScalarBuffer<i32>, bytes: arrow_buffer::Buffer) -> Data {
    Data::Pieces(Pieces::Narrow { offsets, bytes })
}

fn wide(offsets: arrow_buffer::ScalarBuffer<i64>, bytes: arrow_buffer::Buffer) -> Data {
    Data::Pieces(Pieces::Wide { offsets, bytes })
}

fn owned<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Data {
    let mut pieces = Pieces::new();
    texts.for_each(|text| pieces.push(text));
    Data::Pieces(pieces)
}

/// The texts of an array of any kind of text.
fn texts(array: &dyn Array) -> Vec<Option<&str>> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().collect(),
        DataType::Utf8View => array.as_string_view().iter().collect(),
        _ => Vec::new(),
    }
}

/// The texts of categories: one for each row.
fn texts_of_dictionary<'a>(place: &Place<'_>, array: &'a ArrayRef) -> Result<Vec<Option<&'a str>>> {
    let dictionary = array.as_any_dictionary_opt();
    let categories = dictionary.map(|dictionary| texts(&**dictionary.values())).unwrap_or_default();
    let Some(dictionary) = dictionary.filter(|dictionary| dictionary.values().len() == categories.len())
    else {
        return Err(place.wrong(array.data_type(), hint(place.data_type())));
    };
    if categories.is_empty() {
        return Ok(vec![None; dictionary.len()]);
    }
    let keys = dictionary.normalized_keys();
    let text = |(row, key): (usize, usize)| categories[key].filter(|_| dictionary.is_valid(row));
    Ok(keys.into_iter().enumerate().map(text).collect())
}

/// The numbers of an enum's values, of their names.
fn named(place: &Place<'_>, texts: Vec<Option<&str>>) -> Result<Data> {
    let names = place.names();
    let number = |(row, text): (usize, Option<&str>)| match text {
        None => Ok(0),
        Some(name) => {
            names.and_then(|names| names.get(name)).copied().ok_or_else(|| place.nameless(row, name))
        }
    };
    let numbers = texts.into_iter().enumerate().map(number).collect::<Result<Vec<u32>>>()?;
    Ok(Data::Enum(Values::Owned(numbers)))
}
