//! Choices from a TOML file. Errors name the line, never what stands in it: it may be a key.

mod document;
mod flows;

use std::path::Path;

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use self::document::{Document, Spanned};
use super::keys::{self, KEYS};
use super::{ConfigValue, Source, StreamConfig, schema, unknown};
use crate::error::{Error, Result};
use crate::schema::{MetadataValue, Metadatum};

/// What a file can say beside keys.
const BESIDE_KEYS: [&str; 3] = ["flows", "asset_metadata", "run.metadata"];

impl StreamConfig {
    /// The choices of a TOML text. An unknown key is an error that names its line and the nearest known one.
    pub fn from_toml(text: &str) -> Result<Self> {
        let mut config = Self::default();
        config.load_toml(text)?;
        Ok(config)
    }

    /// The choices of a TOML file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let mut config = Self::default();
        config.load_file(path)?;
        Ok(config)
    }

    /// Adds the choices of a TOML text; what was set explicitly or by the environment stays, and so do flows and
    /// metadata that are there. After an error nothing has changed.
    pub fn load_toml(&mut self, text: &str) -> Result<()> {
        let document = Document::new(text);
        let root = document.parse()?;
        let mut loaded = self.clone();
        Loader { document, config: &mut loaded }.table("", root.get_ref())?;
        *self = loaded;
        Ok(())
    }

    /// Adds the choices of a TOML file in the same way. Paths in it count from the working directory.
    pub fn load_file(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Error::io(format_args!("cannot read the configuration {}", path.display()), &error)
        })?;
        self.load_toml(&text).map_err(|error| error.context(path.display()))
    }
}

struct Loader<'t, 'c> {
    document: Document<'t>,
    config: &'c mut StreamConfig,
}

impl<'t> Loader<'t, '_> {
    fn table(&mut self, group: &str, table: &DeTable<'t>) -> Result<()> {
        for (name, value) in table {
            let path = match group {
                "" => name.get_ref().to_string(),
                group => format!("{group}.{}", name.get_ref()),
            };
            match (path.as_str(), value.get_ref()) {
                ("flows", _) => self.flows(value)?,
                ("asset_metadata", _) => {
                    for metadata in self.metadata(value)? {
                        schema::put(&mut self.config.asset_metadata, metadata, false);
                    }
                }
                ("run.metadata", _) => {
                    for metadata in self.metadata(value)? {
                        schema::put(&mut self.config.run_metadata, metadata, false);
                    }
                }
                (path, DeValue::Table(inner)) if is_group(path) => self.table(path, inner)?,
                (path, value_of) => {
                    let known = KEYS.iter().map(|key| key.name).chain(BESIDE_KEYS);
                    if keys::find(path).is_none() {
                        return Err(self.document.at(name.span(), unknown(path, known)));
                    }
                    self.key(path, value_of).map_err(|error| self.document.at(value.span(), error))?;
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str, value: &DeValue<'_>) -> Result<()> {
        let value =
            plain(value).ok_or_else(|| document::wrong(format!("{key} cannot be a {}", kind(value))))?;
        self.config.set_from(Source::File, key, value)
    }

    fn metadata(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<MetadataValue>> {
        let table = value.get_ref().as_table().ok_or_else(|| {
            self.document.at(value.span(), document::wrong("metadata is a table of names and values"))
        })?;
        let entry = |name: &str, value: &Spanned<DeValue<'_>>| {
            let metadatum = match plain(value.get_ref()) {
                Some(ConfigValue::Text(text)) => Metadatum::String(text),
                Some(ConfigValue::Bool(value)) => Metadatum::Boolean(value),
                Some(ConfigValue::Float(number)) => Metadatum::Number(number),
                Some(ConfigValue::Integer(number)) => Metadatum::Number(number as f64),
                _ => {
                    let message = format!("the metadata {name:?} must be text, a number, true or false");
                    return Err(self.document.at(value.span(), document::wrong(message)));
                }
            };
            Ok(MetadataValue::new(name, metadatum))
        };
        table.iter().map(|(name, value)| entry(name.get_ref(), value)).collect()
    }
}

/// Whether keys begin with `path` and a dot.
fn is_group(path: &str) -> bool {
    let begins = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().map(|key| key.name).any(begins)
}

/// The value as a key can take it; tables and dates are none.
fn plain(value: &DeValue<'_>) -> Option<ConfigValue> {
    Some(match value {
        DeValue::String(text) => ConfigValue::Text(text.to_string()),
        DeValue::Boolean(value) => ConfigValue::Bool(*value),
        DeValue::Integer(_) => ConfigValue::Integer(document::integer(value)?),
        DeValue::Float(number) => ConfigValue::Float(number.as_str().parse().ok()?),
        DeValue::Array(list) => {
            let texts = list.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned));
            ConfigValue::List(texts.collect::<Option<_>>()?)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Datetime(_) => "date",
        DeValue::Table(_) => "table",
        DeValue::Array(_) => "list of other things than texts",
        _ => "number that is so large",
    }
}
