//! What a key can be given, whatever it is given by: Rust, another language, a file, the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The value of a key. Each key takes every form that makes sense for it: a duration is a [`Duration`], a number of
/// seconds or a text such as `250ms`; a size is a number or a text such as `64MiB`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConfigValue {
    /// No limit, for keys that have one.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that is not negative.
    Unsigned(u64),
    /// A number.
    Float(f64),
    /// A time.
    Duration(Duration),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

macro_rules! from {
    ($($given:ty => $form:ident($convert:expr)),* $(,)?) => {$(
        impl From<$given> for ConfigValue {
            fn from(value: $given) -> Self {
                Self::$form($convert(value))
            }
        }
    )*};
}

from! {
    bool => Bool(|value| value),
    i32 => Integer(i64::from),
    i64 => Integer(|value| value),
    u32 => Unsigned(u64::from),
    u64 => Unsigned(|value| value),
    usize => Unsigned(|value| value as u64),
    f64 => Float(|value| value),
    Duration => Duration(|value| value),
    &str => Text(str::to_owned),
    String => Text(|value| value),
    &Path => Text(|path: &Path| path.to_string_lossy().into_owned()),
    PathBuf => Text(|path: PathBuf| path.to_string_lossy().into_owned()),
    Vec<String> => List(|value| value),
}

impl<T: Into<ConfigValue>> From<Option<T>> for ConfigValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
