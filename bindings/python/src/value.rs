//! One Python value as its channel's type, in a row.
//!
//! Nothing is guessed: a number never becomes a text or a truth, and what a type cannot hold is an error that names flow
//! and channel. What behaves as a number (numpy's scalars, `IntEnum`, `Decimal`) is one.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};
use siftstream::schema::FlowConfig;
use siftstream::{
    ChannelDataType as Type, ChannelIndex, Error, ErrorCode, FlowBuilder, FlowDescriptor, Value,
};

use crate::arguments::kind;
use crate::error::exception;

/// The names of an enum channel's values.
pub(crate) type Names = std::collections::HashMap<String, u32>;

/// The names of each channel's values; none for channels that are no enums.
pub(crate) fn names_of(flow: &FlowConfig) -> Vec<Option<Names>> {
    let names = |channel: &siftstream::ChannelConfig| {
        let types = channel.enum_types.iter().map(|value| (value.name.clone(), value.key));
        (channel.data_type == Type::Enum).then(|| types.collect())
    };
    flow.channels.iter().map(names).collect()
}

/// Why a value does not fit.
pub(crate) enum Misfit {
    /// It is of another kind.
    Kind,
    /// It is of the right kind, and beyond what the type holds.
    Range,
    /// It is no name of a value.
    Name,
    /// Python said something else.
    Raised(PyErr),
}

/// Puts `value` at `index`; the row must have such a channel, of this type.
#[inline]
pub(crate) fn put(
    row: &mut FlowBuilder,
    index: ChannelIndex,
    data_type: Type,
    names: Option<&Names>,
    value: &Bound<'_, PyAny>,
) -> Result<(), Misfit> {
    let set = match data_type {
        Type::Double if value.is_exact_instance_of::<PyFloat>() => {
            row.set_double(index, value.extract().map_err(Misfit::Raised)?)
        }
        _ if value.is_none() => row.set_empty(index),
        Type::Double => row.set_double(index, float(value)?),
        Type::Float => row.set_float(index, single(float(value)?)?),
        Type::Bool => row.set_bool(index, truth(value)?),
        Type::Int32 => row.set_int32(index, integer(value)?),
        Type::Uint32 => row.set_uint32(index, integer(value)?),
        Type::Int64 => row.set_int64(index, integer(value)?),
        Type::Uint64 => row.set_uint64(index, integer(value)?),
        Type::Enum => row.set_enum(index, entry(value, names)?),
        Type::String => row.set_string(index, text(value)?),
        Type::BitField => with_bytes(value, |bytes| row.set_bit_field(index, bytes))?,
        Type::Bytes => with_bytes(value, |bytes| row.set_bytes(index, bytes))?,
        Type::Unspecified => Ok(()),
    };
    set.map_err(|error| Misfit::Raised(exception(value.py(), &error)))
}

/// `value` as the core owns one of this type.
pub(crate) fn owned(
    data_type: Type,
    names: Option<&Names>,
    value: &Bound<'_, PyAny>,
) -> Result<Value, Misfit> {
    Ok(match data_type {
        _ if value.is_none() => Value::Empty,
        Type::Double => Value::Double(float(value)?),
        Type::Float => Value::Float(single(float(value)?)?),
        Type::Bool => Value::Bool(truth(value)?),
        Type::Int32 => Value::Int32(integer(value)?),
        Type::Uint32 => Value::Uint32(integer(value)?),
        Type::Int64 => Value::Int64(integer(value)?),
        Type::Uint64 => Value::Uint64(integer(value)?),
        Type::Enum => Value::Enum(entry(value, names)?),
        Type::String => Value::String(text(value)?.to_owned()),
        Type::BitField => Value::BitField(with_bytes(value, <[u8]>::to_vec)?),
        Type::Bytes => Value::Bytes(with_bytes(value, <[u8]>::to_vec)?),
        Type::Unspecified => Value::Empty,
    })
}

/// The type of channel that a value tells by itself.
pub(crate) fn type_of(value: &Bound<'_, PyAny>) -> Option<Type> {
    if is_truth(value) {
        return Some(Type::Bool);
    }
    let dtype = value.getattr("dtype").and_then(|dtype| dtype.getattr("name"));
    if let Some(name) = dtype.ok().and_then(|name| name.extract::<String>().ok()) {
        return match name.as_str() {
            "float64" => Some(Type::Double),
            "float32" | "float16" => Some(Type::Float),
            "int64" => Some(Type::Int64),
            "int32" | "int16" | "int8" => Some(Type::Int32),
            "uint64" => Some(Type::Uint64),
            "uint32" | "uint16" | "uint8" => Some(Type::Uint32),
            _ => value.is_instance_of::<PyString>().then_some(Type::String),
        };
    }
    if value.is_instance_of::<PyInt>() {
        Some(Type::Int64)
    } else if value.is_instance_of::<PyFloat>() {
        Some(Type::Double)
    } else if value.is_instance_of::<PyString>() {
        Some(Type::String)
    } else {
        PyBuffer::<u8>::get(value).is_ok().then_some(Type::Bytes)
    }
}

/// A number; no text, and no truth.
#[inline]
pub(crate) fn float(value: &Bound<'_, PyAny>) -> Result<f64, Misfit> {
    if !value.is_exact_instance_of::<PyFloat>()
        && !value.is_exact_instance_of::<PyInt>()
        && (is_truth(value) || value.is_instance_of::<PyString>())
    {
        return Err(Misfit::Kind);
    }
    value.extract().map_err(|error| misfit(value.py(), error))
}

/// The nearest number of 32 bits; what is beyond them does not become infinite.
pub(crate) fn single(value: f64) -> Result<f32, Misfit> {
    let single = value as f32;
    if single.is_infinite() && value.is_finite() { Err(Misfit::Range) } else { Ok(single) }
}

/// A whole number; no truth, and no float, even one without a fraction.
#[inline]
pub(crate) fn integer<'py, T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
    value: &Bound<'py, PyAny>,
) -> Result<T, Misfit> {
    if !value.is_exact_instance_of::<PyInt>() && is_truth(value) {
        return Err(Misfit::Kind);
    }
    value.extract().map_err(|error| misfit(value.py(), error))
}

/// True or false, of Python or of numpy.
pub(crate) fn truth(value: &Bound<'_, PyAny>) -> Result<bool, Misfit> {
    if is_truth(value) { value.is_truthy().map_err(Misfit::Raised) } else { Err(Misfit::Kind) }
}

fn is_truth(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBool>()
        || value
            .get_type()
            .fully_qualified_name()
            .is_ok_and(|name| name == "numpy.bool" || name == "numpy.bool_")
}

/// The number of an enum's value, of its number or its name.
pub(crate) fn entry(value: &Bound<'_, PyAny>, names: Option<&Names>) -> Result<u32, Misfit> {
    match value.cast::<PyString>() {
        Ok(name) => {
            let name = name.to_str().map_err(Misfit::Raised)?;
            names.and_then(|names| names.get(name)).copied().ok_or(Misfit::Name)
        }
        Err(_) => integer(value),
    }
}

pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>) -> Result<&'a str, Misfit> {
    let text = value.cast::<PyString>().map_err(|_| Misfit::Kind)?;
    text.to_str().map_err(Misfit::Raised)
}

/// Lets `then` see the bytes of anything that has some.
pub(crate) fn with_bytes<R>(value: &Bound<'_, PyAny>, then: impl FnOnce(&[u8]) -> R) -> Result<R, Misfit> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(then(bytes.as_bytes()));
    }
    let buffer = PyBuffer::<u8>::get(value).map_err(|_| Misfit::Kind)?;
    let bytes = buffer.to_vec(value.py()).map_err(Misfit::Raised)?;
    Ok(then(&bytes))
}

fn misfit(py: Python<'_>, error: PyErr) -> Misfit {
    if error.is_instance_of::<PyTypeError>(py) {
        Misfit::Kind
    } else if error.is_instance_of::<PyOverflowError>(py) {
        Misfit::Range
    } else {
        Misfit::Raised(error)
    }
}

/// The exception that says which value of which channel does not fit, and what would.
#[cold]
pub(crate) fn refuse(
    misfit: Misfit,
    descriptor: &FlowDescriptor,
    index: ChannelIndex,
    value: &Bound<'_, PyAny>,
    row: Option<usize>,
) -> PyErr {
    let channel = descriptor.channel_name(index).unwrap_or_default();
    let at = row.map_or_else(String::new, |row| format!(", row {row}"));
    let place = format!("channel '{channel}' of flow '{}'{at}", descriptor.name());
    refuse_at(misfit, &place, descriptor.data_type(index).unwrap_or_default(), value)
}

/// The same for a channel of any flow.
#[cold]
pub(crate) fn refuse_at(misfit: Misfit, place: &str, data_type: Type, value: &Bound<'_, PyAny>) -> PyErr {
    let py = value.py();
    let shown = value.repr().map_or_else(|_| kind(value), |text| shortened(&text.to_string_lossy()));
    let (code, message) = match misfit {
        Misfit::Kind => {
            let kind = kind(value);
            let hint = takes(data_type);
            (
                ErrorCode::WrongType,
                format!("{place} is of type {data_type}, not {kind} ({shown}): give {hint}"),
            )
        }
        Misfit::Range => {
            (ErrorCode::InvalidArgument, format!("{place} is of type {data_type}, which cannot hold {shown}"))
        }
        Misfit::Name => {
            let message = format!("{place} has no value named {shown}: use one of its names, or a number");
            (ErrorCode::InvalidArgument, message)
        }
        Misfit::Raised(error) => {
            let raised = exception(py, &Error::new(ErrorCode::InvalidArgument, format!("{place}: {error}")));
            raised.set_cause(py, Some(error));
            return raised;
        }
    };
    exception(py, &Error::new(code, message))
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// What a channel of a type takes, in Python's words.
fn takes(data_type: Type) -> &'static str {
    match data_type {
        Type::Double | Type::Float => "a number",
        Type::Bool => "True or False",
        Type::Int32 | Type::Uint32 | Type::Int64 | Type::Uint64 => "an int",
        Type::Enum => "a name or an int",
        Type::String => "a str",
        Type::BitField | Type::Bytes => "bytes",
        Type::Unspecified => "None",
    }
}
