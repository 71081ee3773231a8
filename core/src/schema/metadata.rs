//! Key and value pairs that can be put on assets and runs.

/// A value of metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadatum {
    /// Text.
    String(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

/// One pair of metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataValue {
    /// The key, unique on its asset or run.
    pub key: String,
    /// The value.
    pub value: Metadatum,
}

impl MetadataValue {
    /// A pair.
    pub fn new(key: impl Into<String>, value: impl Into<Metadatum>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl From<&str> for Metadatum {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Metadatum {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<f64> for Metadatum {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Metadatum {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
