//! Values one by one: lists and tuples, and arrays of objects.

use arrow_buffer::ArrowNativeType;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use siftstream::ChannelDataType as Type;

use super::Place;
use super::held::{Column, Data, Pieces, Valid, Values};
use crate::arguments::kind;
use crate::error::exception;
use crate::value::{self, Misfit, refuse};

/// The values of anything that can be iterated over; `None` is "no news".
pub(super) fn column(place: &Place<'_>, given: &Bound<'_, PyAny>) -> PyResult<Column> {
    let given = &listed(place, given)?;
    match place.data_type() {
        Type::Double => each(place, given, value::float, |values| Data::Double(Values::Owned(values))),
        Type::Float => {
            let single = |value: &Bound<'_, PyAny>| value::single(value::float(value)?);
            each(place, given, single, |values| Data::Float(Values::Owned(values)))
        }
        Type::Bool => each(place, given, value::truth, Data::Bool),
        Type::Int32 => whole(place, given, |values| Data::Int32(Values::Owned(values))),
        Type::Uint32 => whole(place, given, |values| Data::Uint32(Values::Owned(values))),
        Type::Int64 => whole(place, given, |values| Data::Int64(Values::Owned(values))),
        Type::Uint64 => whole(place, given, |values| Data::Uint64(Values::Owned(values))),
        Type::Enum => {
            let entry = |value: &Bound<'_, PyAny>| value::entry(value, place.names());
            each(place, given, entry, |values| Data::Enum(Values::Owned(values)))
        }
        Type::String | Type::BitField | Type::Bytes => pieces(place, given),
        Type::Unspecified => Ok(Data::Nothing(given.len()).into()),
    }
}

/// The elements. What is one value by itself is not taken for many.
fn listed<'py>(place: &Place<'_>, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = given.py();
    if let Ok(list) = given.cast::<PyList>() {
        return Ok(list.clone());
    }
    let is_one = given.is_instance_of::<PyString>()
        || given.is_instance_of::<PyBytes>()
        || given.is_instance_of::<PyDict>();
    let elements = match given.getattr_opt("tolist")? {
        Some(tolist) => tolist.call0()?,
        None => given.clone(),
    };
    if is_one || elements.try_iter().is_err() {
        return Err(exception(
            py,
            &place.wrong(kind(given), "give an array or a list with one value for each row"),
        ));
    }
    Ok(py.get_type::<PyList>().call1((elements,))?.cast_into::<PyList>()?)
}

fn whole<'py, T>(
    place: &Place<'_>,
    given: &Bound<'py, PyList>,
    made: impl FnOnce(Vec<T>) -> Data,
) -> PyResult<Column>
where
    T: ArrowNativeType + for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    each(place, given, value::integer::<T>, made)
}

fn each<'py, T: Default>(
    place: &Place<'_>,
    given: &Bound<'py, PyList>,
    read: impl Fn(&Bound<'py, PyAny>) -> Result<T, Misfit>,
    made: impl FnOnce(Vec<T>) -> Data,
) -> PyResult<Column> {
    let mut values = Vec::with_capacity(given.len());
    let mut flags = Vec::with_capacity(given.len());
    for (row, value) in given.iter().enumerate() {
        flags.push(!value.is_none());
        values.push(if value.is_none() {
            T::default()
        } else {
            read(&value)
                .map_err(|misfit| refuse(misfit, &place.path.descriptor, place.index, &value, Some(row)))?
        });
    }
    Ok(Column { data: made(values), valid: Valid::of(flags) })
}

fn pieces(place: &Place<'_>, given: &Bound<'_, PyList>) -> PyResult<Column> {
    let mut pieces = Pieces::new();
    let mut flags = Vec::with_capacity(given.len());
    for (row, value) in given.iter().enumerate() {
        flags.push(!value.is_none());
        let pushed = if value.is_none() {
            pieces.push(&[]);
            Ok(())
        } else if place.data_type() == Type::String {
            value::text(&value).map(|text| pieces.push(text.as_bytes()))
        } else {
            value::with_bytes(&value, |bytes| pieces.push(bytes))
        };
        pushed.map_err(|misfit| refuse(misfit, &place.path.descriptor, place.index, &value, Some(row)))?;
    }
    Ok(Column { data: Data::Pieces(pieces), valid: Valid::of(flags) })
}
