//! Numbers of one type as a channel of another takes them.
//!
//! Nothing is rounded silently and nothing wraps: whole numbers fit where their values do, floats only where every float of
//! their type does. (Every whole number may become a double, as numpy has it.)

use siftstream::{ChannelDataType as Type, Result};

use super::Place;
use super::held::{Data, Values};

/// A type of numbers in arrays.
pub(super) trait Number: Copy + std::fmt::Display {
    /// What numpy calls it.
    const NAME: &'static str;
    /// Whether it has fractions.
    const IS_FLOAT: bool;
    /// How many bits it needs to be told exactly by a float.
    const BITS: u32;

    fn as_f64(self) -> f64;
    fn as_i128(self) -> i128;
}

macro_rules! numbers {
    ($($type:ty: $name:literal, $is_float:literal, $bits:literal;)*) => {
        $(impl Number for $type {
            const NAME: &'static str = $name;
            const IS_FLOAT: bool = $is_float;
            const BITS: u32 = $bits;

            fn as_f64(self) -> f64 {
                self as f64
            }

            fn as_i128(self) -> i128 {
                self as i128
            }
        })*
    };
}

numbers! {
    f64: "float64", true, 53;
    f32: "float32", true, 24;
    i8: "int8", false, 8;
    i16: "int16", false, 16;
    i32: "int32", false, 32;
    i64: "int64", false, 64;
    u8: "uint8", false, 8;
    u16: "uint16", false, 16;
    u32: "uint32", false, 32;
    u64: "uint64", false, 64;
}

/// The numbers as the channel takes them, copied. Those that `has` no value are not looked at.
pub(super) fn convert<N: Number>(
    place: &Place<'_>,
    numbers: impl Iterator<Item = N>,
    has: impl Fn(usize) -> bool,
) -> Result<Data> {
    Ok(match place.data_type() {
        Type::Double => Data::Double(Values::Owned(numbers.map(Number::as_f64).collect())),
        Type::Float if N::BITS <= 24 => {
            Data::Float(Values::Owned(numbers.map(|number| number.as_f64() as f32).collect()))
        }
        Type::Float if N::IS_FLOAT => {
            return Err(place.wrong(N::NAME, "to round its values, give array.astype('float32')"));
        }
        Type::Int32 => Data::Int32(whole(place, numbers, has)?),
        Type::Uint32 => Data::Uint32(whole(place, numbers, has)?),
        Type::Int64 => Data::Int64(whole(place, numbers, has)?),
        Type::Uint64 => Data::Uint64(whole(place, numbers, has)?),
        Type::Enum => Data::Enum(whole(place, numbers, has)?),
        _ => return Err(place.wrong(N::NAME, hint(place.data_type()))),
    })
}

fn whole<N: Number, T: TryFrom<i128> + Default + arrow_buffer::ArrowNativeType>(
    place: &Place<'_>,
    numbers: impl Iterator<Item = N>,
    has: impl Fn(usize) -> bool,
) -> Result<Values<T>> {
    if N::IS_FLOAT {
        return Err(place.wrong(N::NAME, hint(place.data_type())));
    }
    let checked = numbers.enumerate().map(|(row, number)| match T::try_from(number.as_i128()) {
        Ok(value) => Ok(value),
        Err(_) if !has(row) => Ok(T::default()),
        Err(_) => Err(place.beyond(row, number)),
    });
    checked.collect::<Result<Vec<T>>>().map(Values::Owned)
}

/// What to give to a channel.
pub(super) fn hint(data_type: Type) -> &'static str {
    match data_type {
        Type::Double => "give numbers",
        Type::Float => "give float32",
        Type::Bool => "give booleans",
        Type::Int32 | Type::Uint32 | Type::Int64 | Type::Uint64 => "give whole numbers",
        Type::Enum => "give names or whole numbers",
        Type::String => "give texts",
        Type::BitField | Type::Bytes => "give bytes, or uint8 with a row of them for each row",
        Type::Unspecified => "give nothing",
    }
}
