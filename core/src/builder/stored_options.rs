//! Options that a slot on disk remembers: what was said explicitly wins over what is stored, and that over defaults.
//!
//! Only what somebody once chose is stored, so that later defaults reach slots of today. Where the slot is and who may
//! use it (directory, endpoint, API key) is never among the options.

use std::time::Duration;

use toml::{Table, Value};

use crate::error::{Error, ErrorCode, Result};
use crate::spool::{FsyncPolicy, Slot, WhenFull};
use crate::stream::OverflowPolicy;

/// An option's value, and who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice<T> {
    value: T,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Default,
    Stored,
    Explicit,
}

impl<T: Copy> Choice<T> {
    /// Nobody has chosen yet.
    pub(super) fn default_of(value: T) -> Self {
        Self { value, source: Source::Default }
    }

    /// The caller chooses.
    pub(super) fn set(&mut self, value: T) {
        *self = Self { value, source: Source::Explicit };
    }

    /// A value of which is known whether the caller chose it.
    pub(super) fn known(value: T, is_explicit: bool) -> Self {
        Self { value, source: if is_explicit { Source::Explicit } else { Source::Default } }
    }

    pub(super) fn get(self) -> T {
        self.value
    }
}

/// An option as a slot stores it.
pub(super) trait Storable {
    /// Takes what is stored, unless the caller chose something else. None if it is not a value of this option.
    fn restore(&mut self, stored: &Value) -> Option<()>;
    /// What is to be stored; nothing for a default.
    fn to_store(&self) -> Option<Value>;
}

impl<T: OptionValue> Storable for Choice<T> {
    fn restore(&mut self, stored: &Value) -> Option<()> {
        if self.source != Source::Explicit {
            *self = Self { value: T::from_toml(stored)?, source: Source::Stored };
        }
        Some(())
    }

    fn to_store(&self) -> Option<Value> {
        (self.source != Source::Default).then(|| self.value.to_toml())
    }
}

/// The options of a builder by the names under which a slot stores them.
pub(super) type Named<'a> = Vec<(&'static str, &'a mut dyn Storable)>;

/// Gives the options that nobody chose now the values that the slot has for them; returns what is stored.
pub(super) fn restore(slot: &Slot, options: Named<'_>) -> Result<Table> {
    let stored = slot.load_options()?.unwrap_or_default();
    let mut options = options;
    for (name, value) in &stored {
        let Some((_, option)) = options.iter_mut().find(|(known, _)| known == name) else {
            // Written by a later version, say.
            tracing::warn!(target: "siftstream::stream", name, "a stored option is unknown and has no effect");
            continue;
        };
        option.restore(value).ok_or_else(|| {
            let path = slot.path().join("state/options.toml");
            let line = format!("{name} = {value}");
            let message =
                format!("{} has no use for {line:?}: correct the line, or remove it", path.display());
            Error::new(ErrorCode::Corrupt, message)
        })?;
    }
    Ok(stored)
}

/// Stores what somebody chose, now or before. Call it once the options are known to be valid.
pub(super) fn store(slot: &Slot, stored: &Table, options: Named<'_>) -> Result<()> {
    let mut to_store = stored.clone();
    let chosen = options.into_iter().filter_map(|(name, option)| Some((name.to_owned(), option.to_store()?)));
    to_store.extend(chosen);
    if to_store == *stored { Ok(()) } else { slot.store_options(&to_store) }
}

/// A value that can stand in the file of a slot's options.
pub(super) trait OptionValue: Copy {
    fn to_toml(self) -> Value;
    fn from_toml(value: &Value) -> Option<Self>;
}

/// The largest number of TOML stands for all that are larger.
fn number(value: impl TryInto<i64>) -> Value {
    Value::Integer(value.try_into().unwrap_or(i64::MAX))
}

impl OptionValue for u64 {
    fn to_toml(self) -> Value {
        number(self)
    }

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl OptionValue for u32 {
    fn to_toml(self) -> Value {
        number(self)
    }

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl OptionValue for usize {
    fn to_toml(self) -> Value {
        number(self)
    }

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl OptionValue for bool {
    fn to_toml(self) -> Value {
        Value::Boolean(self)
    }

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

/// In microseconds.
impl OptionValue for Duration {
    fn to_toml(self) -> Value {
        number(self.as_micros())
    }

    fn from_toml(value: &Value) -> Option<Self> {
        u64::from_toml(value).map(Self::from_micros)
    }
}

/// A limit; the word `none` stands for the lack of one, which can be a choice, too.
impl OptionValue for Option<u64> {
    fn to_toml(self) -> Value {
        self.map_or_else(|| Value::from("none"), number)
    }

    fn from_toml(value: &Value) -> Option<Self> {
        if value.as_str() == Some("none") { Some(None) } else { u64::from_toml(value).map(Some) }
    }
}

impl OptionValue for WhenFull {
    fn to_toml(self) -> Value {
        Value::from(match self {
            Self::Block => "block",
            Self::Error => "error",
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
        })
    }

    fn from_toml(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "block" => Some(Self::Block),
            "error" => Some(Self::Error),
            "drop_oldest" => Some(Self::DropOldest),
            "drop_newest" => Some(Self::DropNewest),
            _ => None,
        }
    }
}

impl OptionValue for OverflowPolicy {
    fn to_toml(self) -> Value {
        Value::from(self.as_str())
    }

    fn from_toml(value: &Value) -> Option<Self> {
        let name = value.as_str()?;
        [Self::Block, Self::DropNewest, Self::DropOldest].into_iter().find(|policy| policy.as_str() == name)
    }
}

/// A word, or the microseconds of the interval.
impl OptionValue for FsyncPolicy {
    fn to_toml(self) -> Value {
        match self {
            Self::Never => Value::from("never"),
            Self::EveryChunk => Value::from("every_chunk"),
            Self::Interval(interval) => interval.to_toml(),
        }
    }

    fn from_toml(value: &Value) -> Option<Self> {
        match value.as_str() {
            Some("never") => Some(Self::Never),
            Some("every_chunk") => Some(Self::EveryChunk),
            Some(_) => None,
            None => Duration::from_toml(value).map(Self::Interval),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn comes_back<T: OptionValue + PartialEq + std::fmt::Debug>(value: T) {
        let text = Table::from_iter([("x".to_owned(), value.to_toml())]).to_string();
        let read: Table = text.parse().unwrap();
        assert_eq!(T::from_toml(&read["x"]), Some(value), "{text}");
    }

    #[test]
    fn every_value_comes_back_as_it_was_stored() {
        comes_back(0_u64);
        comes_back(u32::MAX);
        comes_back(7_usize);
        comes_back(true);
        comes_back(Duration::from_micros(1_500));
        [None, Some(0), Some(500 << 20)].into_iter().for_each(comes_back::<Option<u64>>);
        [WhenFull::Block, WhenFull::Error, WhenFull::DropOldest, WhenFull::DropNewest]
            .into_iter()
            .for_each(comes_back);
        [OverflowPolicy::Block, OverflowPolicy::DropNewest, OverflowPolicy::DropOldest]
            .into_iter()
            .for_each(comes_back);
        [FsyncPolicy::Never, FsyncPolicy::EveryChunk, FsyncPolicy::default()]
            .into_iter()
            .for_each(comes_back);
    }

    #[test]
    fn a_value_of_another_kind_is_not_taken() {
        for wrong in [Value::Integer(-1), Value::from("no such word"), Value::Boolean(true)] {
            assert_eq!(u64::from_toml(&wrong), None);
            assert_eq!(Option::<u64>::from_toml(&wrong), None);
            assert_eq!(WhenFull::from_toml(&wrong), None);
            assert_eq!(FsyncPolicy::from_toml(&wrong), None);
        }
    }
}
