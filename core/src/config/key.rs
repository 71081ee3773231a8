//! A key: its name, what it takes, what it means, and where it goes.

use super::Mode;
use super::units::{bounded, duration_of_seconds, parse_duration, parse_size, show_duration, show_size};
use super::value::ConfigValue;
use crate::builder::{FileBackupBuilder, LiveOnlyBuilder, LiveWithBackupsBuilder, StreamConfigBuilder};
use crate::connect::ConnectionOptions;
use crate::control::ControlOptions;
use crate::error::{Error, ErrorCode, Result};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigType {
    /// True or false.
    Bool,
    /// A whole number from 0 to `most`.
    Integer {
        /// The largest one.
        most: u64,
    },
    /// A whole number, or `none` for no limit.
    Limit,
    /// A number of bytes.
    Bytes,
    /// A number of bytes, or `none` for no limit.
    BytesLimit,
    /// A time.
    Duration,
    /// A time, or one of these words.
    DurationOr(&'static [&'static str]),
    /// Text.
    Text,
    /// Text that is never shown and never written to a file.
    Secret,
    /// Several texts.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Where a value goes.
pub(super) enum Apply {
    /// Read by itself, or together with other keys, in these modes.
    Read(&'static [Mode]),
    Connection(fn(&mut ConnectionOptions, &ConfigValue) -> Result<()>),
    Control(fn(&mut ControlOptions, &ConfigValue) -> Result<()>),
    Shared(Set<StreamConfigBuilder>),
    Modes {
        live_only: Option<Set<LiveOnlyBuilder>>,
        live_with_backups: Option<Set<LiveWithBackupsBuilder>>,
        file_backup: Option<Set<FileBackupBuilder>>,
    },
}

/// Gives a value to a builder.
pub(super) type Set<B> = fn(B, &ConfigValue) -> Result<B>;

/// A key of a stream's configuration.
pub struct ConfigKey {
    /// The name, the same in every language. What belongs together shares what stands before the dot.
    pub name: &'static str,
    /// What it takes.
    pub takes: ConfigType,
    /// What is in force if nothing is set, as text; nothing if there is no default.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
    /// The part of the documentation that it belongs to.
    pub section: &'static str,
    pub(super) apply: Apply,
}

impl std::fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("takes", &self.takes)
            .finish_non_exhaustive()
    }
}

impl ConfigKey {
    /// The modes that look at it.
    #[must_use]
    pub fn modes(&self) -> Vec<Mode> {
        match &self.apply {
            Apply::Read(modes) => modes.to_vec(),
            Apply::Connection(_) | Apply::Control(_) | Apply::Shared(_) => Mode::ALL.to_vec(),
            Apply::Modes { live_only, live_with_backups, file_backup } => [
                live_only.map(|_| Mode::LiveOnly),
                live_with_backups.map(|_| Mode::LiveWithBackups),
                file_backup.map(|_| Mode::FileBackup),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    /// The name of the environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SIFTSTREAM_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Whether its value is never shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.takes == ConfigType::Secret
    }

    /// The value in the one form that this key keeps, whatever form it was given in.
    pub(super) fn normal(&self, value: ConfigValue) -> Result<ConfigValue> {
        let shown = match &value {
            _ if self.is_secret() => "***".to_owned(),
            ConfigValue::Text(text) => format!("{:?}", text.chars().take(256).collect::<String>()),
            ConfigValue::None => "none".to_owned(),
            ConfigValue::Bool(value) => value.to_string(),
            ConfigValue::Integer(value) => value.to_string(),
            ConfigValue::Unsigned(value) => value.to_string(),
            ConfigValue::Float(value) => value.to_string(),
            ConfigValue::Duration(value) => show_duration(*value),
            ConfigValue::List(_) => "a list".to_owned(),
        };
        self.takes.normal(value).ok_or_else(|| {
            let message = format!("{} cannot be {shown}: give {}", self.name, self.takes.described());
            Error::new(ErrorCode::InvalidArgument, message)
        })
    }

    /// The default in its normal form.
    pub(super) fn default_value(&self) -> ConfigValue {
        self.default.and_then(|text| self.takes.normal(text.into())).unwrap_or(ConfigValue::None)
    }
}

impl ConfigType {
    /// In words.
    #[must_use]
    pub fn described(self) -> String {
        let words =
            |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer { most: u64::MAX } => "a whole number that is not negative".to_owned(),
            Self::Integer { most } => format!("a whole number from 0 to {most}"),
            Self::Limit => "a whole number, or `none`".to_owned(),
            Self::Bytes => "bytes, such as 67108864 or `64MiB`".to_owned(),
            Self::BytesLimit => "bytes, such as 67108864 or `64MiB`, or `none`".to_owned(),
            Self::Duration => "seconds, or a text such as `250ms`".to_owned(),
            Self::DurationOr(others) => format!("seconds, a text such as `250ms`, or {}", words(others)),
            Self::Text | Self::Secret => "text".to_owned(),
            Self::List => "a list of texts".to_owned(),
            Self::Choice(choices) => format!("one of {}", words(choices)),
        }
    }

    fn normal(self, value: ConfigValue) -> Option<ConfigValue> {
        match self {
            Self::Bool => bool_of(&value).map(ConfigValue::Bool),
            Self::Integer { most } => {
                whole(&value).filter(|number| *number <= most).map(ConfigValue::Unsigned)
            }
            Self::Limit | Self::BytesLimit if is_none(&value) => Some(ConfigValue::None),
            Self::Limit => whole(&value).map(ConfigValue::Unsigned),
            Self::Bytes | Self::BytesLimit => match &value {
                ConfigValue::Text(text) => parse_size(text.trim()),
                other => whole(other),
            }
            .map(ConfigValue::Unsigned),
            Self::Duration => duration_of(&value).map(ConfigValue::Duration),
            Self::DurationOr(words) => {
                word_of(&value, words).or_else(|| duration_of(&value).map(ConfigValue::Duration))
            }
            Self::Text | Self::Secret => match value {
                ConfigValue::Text(text) => Some(ConfigValue::Text(text)),
                _ => None,
            },
            Self::List => match value {
                ConfigValue::List(list) => Some(ConfigValue::List(list)),
                ConfigValue::Text(text) => {
                    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                    Some(ConfigValue::List(parts.map(str::to_owned).collect()))
                }
                _ => None,
            },
            Self::Choice(choices) => word_of(&value, choices),
        }
    }

    /// How a value of this type stands in a file.
    pub(super) fn to_toml(self, value: &ConfigValue) -> toml::Value {
        let number = |number: u64| {
            i64::try_from(number).map_or_else(|_| toml::Value::from(number.to_string()), toml::Value::from)
        };
        match value {
            ConfigValue::None => "none".into(),
            ConfigValue::Bool(value) => (*value).into(),
            ConfigValue::Integer(value) => (*value).into(),
            ConfigValue::Unsigned(bytes) if matches!(self, Self::Bytes | Self::BytesLimit) => {
                show_size(*bytes).map_or_else(|| number(*bytes), Into::into)
            }
            ConfigValue::Unsigned(value) => number(*value),
            ConfigValue::Float(value) => (*value).into(),
            ConfigValue::Duration(value) => show_duration(*value).into(),
            ConfigValue::Text(text) => text.as_str().into(),
            ConfigValue::List(list) => list.clone().into(),
        }
    }
}

fn is_none(value: &ConfigValue) -> bool {
    match value {
        ConfigValue::None => true,
        ConfigValue::Text(text) => text.trim() == "none",
        _ => false,
    }
}

fn bool_of(value: &ConfigValue) -> Option<bool> {
    match value {
        ConfigValue::Bool(value) => Some(*value),
        ConfigValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Other languages have one type for all numbers.
fn whole(value: &ConfigValue) -> Option<u64> {
    match value {
        ConfigValue::Unsigned(number) => Some(*number),
        ConfigValue::Integer(number) => u64::try_from(*number).ok(),
        ConfigValue::Float(number) if number.fract() == 0.0 && (0.0..9e15).contains(number) => {
            Some(*number as u64)
        }
        ConfigValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn duration_of(value: &ConfigValue) -> Option<std::time::Duration> {
    match value {
        ConfigValue::Duration(duration) => Some(bounded(*duration)),
        ConfigValue::Float(seconds) => duration_of_seconds(*seconds),
        ConfigValue::Text(text) => parse_duration(text.trim()),
        other => whole(other).map(|seconds| bounded(std::time::Duration::from_secs(seconds))),
    }
}

fn word_of(value: &ConfigValue, words: &[&'static str]) -> Option<ConfigValue> {
    let ConfigValue::Text(text) = value else { return None };
    words.iter().find(|word| **word == text.trim()).map(|word| ConfigValue::from(*word))
}
