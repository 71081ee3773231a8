//! From the one form in which a key keeps its value to what core's own options take.

use std::path::PathBuf;
use std::time::Duration;

use super::value::ConfigValue;
use crate::connect::TlsVersion;
use crate::error::{Error, ErrorCode, Result};
use crate::failure_policy::FailurePolicy;
use crate::spool::{FsyncPolicy, WhenFull};
use crate::stream::OverflowPolicy;

/// What can be made of a value in its normal form.
pub(super) trait FromValue: Sized {
    fn from_value(value: &ConfigValue) -> Option<Self>;
}

/// The value as a `T`. The table of keys would be wrong if it were none.
pub(super) fn take<T: FromValue>(value: &ConfigValue) -> Result<T> {
    T::from_value(value).ok_or_else(|| {
        let message = format!("{value:?} is not what its key takes; this is a defect: please report it");
        Error::new(ErrorCode::Internal, message)
    })
}

impl FromValue for bool {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        if let ConfigValue::Bool(value) = value { Some(*value) } else { None }
    }
}

/// The largest number stands for the lack of a limit.
impl FromValue for u64 {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match value {
            ConfigValue::Unsigned(number) => Some(*number),
            ConfigValue::None => Some(Self::MAX),
            _ => None,
        }
    }
}

impl FromValue for u32 {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        u64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for usize {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        u64::from_value(value).map(|number| number.try_into().unwrap_or(Self::MAX))
    }
}

impl FromValue for Option<u64> {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match value {
            ConfigValue::None => Some(None),
            other => u64::from_value(other).map(Some),
        }
    }
}

impl FromValue for Duration {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        if let ConfigValue::Duration(duration) = value { Some(*duration) } else { None }
    }
}

impl FromValue for String {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        if let ConfigValue::Text(text) = value { Some(text.clone()) } else { None }
    }
}

/// Where a text may be left out.
impl FromValue for Option<String> {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match value {
            ConfigValue::None => Some(None),
            other => String::from_value(other).map(Some),
        }
    }
}

impl FromValue for Option<Vec<u8>> {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        Option::<String>::from_value(value).map(|text| text.map(String::into_bytes))
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match value {
            ConfigValue::List(list) => Some(list.clone()),
            ConfigValue::None => Some(Self::new()),
            _ => None,
        }
    }
}

/// The word of a choice.
fn word(value: &ConfigValue) -> Option<&str> {
    if let ConfigValue::Text(text) = value { Some(text) } else { None }
}

impl FromValue for TlsVersion {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match word(value)? {
            "1.2" => Some(Self::Tls12),
            "1.3" => Some(Self::Tls13),
            _ => None,
        }
    }
}

impl FromValue for WhenFull {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match word(value)? {
            "block" => Some(Self::Block),
            "error" => Some(Self::Error),
            "drop_oldest" => Some(Self::DropOldest),
            "drop_newest" => Some(Self::DropNewest),
            _ => None,
        }
    }
}

impl FromValue for FailurePolicy {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match word(value)? {
            "stop" => Some(Self::Stop),
            "skip" => Some(Self::Skip),
            _ => None,
        }
    }
}

impl FromValue for OverflowPolicy {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match word(value)? {
            "block" => Some(Self::Block),
            "drop_newest" => Some(Self::DropNewest),
            "drop_oldest" => Some(Self::DropOldest),
            _ => None,
        }
    }
}

impl FromValue for FsyncPolicy {
    fn from_value(value: &ConfigValue) -> Option<Self> {
        match value {
            ConfigValue::Duration(interval) => Some(Self::Interval(*interval)),
            other => match word(other)? {
                "never" => Some(Self::Never),
                "every_chunk" => Some(Self::EveryChunk),
                _ => None,
            },
        }
    }
}
