//! All choices of a stream, made at run time: one set of keys for every language, for files and for the environment.
//!
//! [`keys`](StreamConfig::keys) lists them. A value that is set explicitly wins over the environment, that over a file,
//! and that over the default, in whatever order they come. Modes with a disk remember what was chosen: there, what was
//! remembered wins over the default.

mod convert;
mod environment;
mod file;
mod key;
mod keys;
mod mode;
mod nearest;
mod open;
mod reference;
mod schema;
mod to_file;
mod units;
mod value;

pub use key::{ConfigKey, ConfigType};
pub use mode::Mode;
pub use reference::reference;
pub use value::ConfigValue;

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use self::convert::{FromValue, take};
use self::keys::KEYS;
use crate::error::{Error, ErrorCode, Result};
use crate::failure_policy::FailurePolicy;
use crate::schema::{FlowConfig, MetadataValue};

/// Who chose a value; those below win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    File,
    Environment,
    Explicit,
}

/// A value that somebody chose.
#[derive(Clone)]
struct Held {
    source: Source,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Plain(ConfigValue),
    Secret(Zeroizing<String>),
}

/// All choices of a stream. What is not chosen is left to the defaults.
#[derive(Clone, Default)]
pub struct StreamConfig {
    chosen: BTreeMap<&'static str, Held>,
    flows: Vec<FlowConfig>,
    flow_failure_policies: BTreeMap<String, FailurePolicy>,
    asset_metadata: Vec<MetadataValue>,
    run_metadata: Vec<MetadataValue>,
    language: Option<String>,
}

impl StreamConfig {
    /// No choice but the mode.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let mut config = Self::default();
        config.hold("mode", Source::Explicit, Content::Plain(mode.as_str().into()));
        config
    }

    /// Every key.
    #[must_use]
    pub fn keys() -> &'static [ConfigKey] {
        KEYS
    }

    /// Chooses a value. An unknown key is an error that names the nearest known one.
    pub fn set(&mut self, key: &str, value: impl Into<ConfigValue>) -> Result<()> {
        self.set_from(Source::Explicit, key, value.into())
    }

    /// The value in force: what was chosen, or the default; `None` where there is neither, or no limit. A secret is
    /// `***`.
    pub fn get(&self, key: &str) -> Result<ConfigValue> {
        let known = key_of(key)?;
        Ok(match self.chosen.get(known.name).map(|held| &held.content) {
            Some(Content::Plain(value)) => value.clone(),
            Some(Content::Secret(_)) => "***".into(),
            None => known.default_value(),
        })
    }

    /// Whether a value was chosen, by anybody.
    pub fn is_set(&self, key: &str) -> Result<bool> {
        Ok(self.chosen.contains_key(key_of(key)?.name))
    }

    /// Leaves the choice to the default again.
    pub fn unset(&mut self, key: &str) -> Result<()> {
        self.chosen.remove(key_of(key)?.name);
        Ok(())
    }

    /// Where the rows go.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let chosen: Option<String> = self.read("mode").ok();
        chosen.and_then(|name| Mode::from_name(&name)).unwrap_or_default()
    }

    /// The language that the library is used from, which Sift sees in the user agent; `rust` by default. For bindings.
    pub fn set_language(&mut self, language: &str) {
        self.language = Some(language.to_owned());
    }

    fn set_from(&mut self, source: Source, key: &str, value: ConfigValue) -> Result<()> {
        let known = key_of(key)?;
        let content = match known.normal(value)? {
            ConfigValue::Text(text) if known.is_secret() => Content::Secret(text.into()),
            value => Content::Plain(value),
        };
        self.hold(known.name, source, content);
        Ok(())
    }

    fn hold(&mut self, name: &'static str, source: Source, content: Content) {
        if self.chosen.get(name).is_none_or(|held| held.source <= source) {
            self.chosen.insert(name, Held { source, content });
        }
    }

    /// What is in force for a key that is none of the secrets.
    fn read<T: FromValue>(&self, key: &str) -> Result<T> {
        take(&self.get(key)?)
    }

    fn secret(&self, key: &str) -> Option<&Zeroizing<String>> {
        match &self.chosen.get(key)?.content {
            Content::Secret(text) => Some(text),
            Content::Plain(_) => None,
        }
    }

    fn source_of(&self, key: &str) -> Option<Source> {
        self.chosen.get(key).map(|held| held.source)
    }
}

/// The key of this name, or an error that names the nearest one.
fn key_of(name: &str) -> Result<&'static ConfigKey> {
    keys::find(name).ok_or_else(|| unknown(name, KEYS.iter().map(|key| key.name)))
}

/// The error for a name that is none of the known ones.
fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let shown: String = name.chars().take(128).collect();
    let meant = nearest::nearest(name, known)
        .map_or_else(String::new, |nearest| format!(": did you mean {nearest:?}?"));
    Error::new(ErrorCode::InvalidArgument, format!("there is no key {shown:?}{meant}"))
}

impl fmt::Debug for StreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        for (name, held) in &self.chosen {
            match &held.content {
                Content::Plain(ConfigValue::Text(uri)) if *name == "uri" && uri.contains('@') => {
                    shown.entry(name, &"***")
                }
                Content::Plain(value) => shown.entry(name, value),
                Content::Secret(_) => shown.entry(name, &"***"),
            };
        }
        shown.entry(&"flows", &self.flows.iter().map(|flow| &flow.name).collect::<Vec<_>>()).finish()
    }
}
