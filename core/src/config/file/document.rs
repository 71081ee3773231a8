//! A TOML text whose places are known, so that errors can name the line.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::config::unknown;
use crate::error::{Error, ErrorCode, Result};

pub(super) use toml::Spanned;

/// The text.
#[derive(Clone, Copy)]
pub(super) struct Document<'t> {
    text: &'t str,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text }
    }

    pub(super) fn parse(self) -> Result<Spanned<DeTable<'t>>> {
        DeTable::parse(self.text).map_err(|error| {
            // The parser's own message quotes the text.
            let wrong = wrong("this is not valid TOML: correct it");
            error.span().map_or_else(|| wrong.clone(), |span| self.at(span, wrong.clone()))
        })
    }

    /// The error, with the line it is about.
    pub(super) fn at(self, span: Range<usize>, error: Error) -> Error {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        error.context(format_args!("line {line}"))
    }

    /// The tables of a list, each of which may have these fields.
    pub(super) fn tables<'v>(
        self,
        value: &'v Spanned<DeValue<'t>>,
        what: &'static str,
        known: &'static [&'static str],
    ) -> Result<Vec<Fields<'t, 'v>>> {
        let list = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.at(value.span(), wrong(format!("{what}s are a list of tables"))))?;
        let fields = |entry: &'v Spanned<DeValue<'t>>| {
            let table = entry
                .get_ref()
                .as_table()
                .ok_or_else(|| self.at(entry.span(), wrong(format!("a {what} is a table"))))?;
            if let Some((name, _)) = table.iter().find(|(name, _)| !known.contains(&&**name.get_ref())) {
                let error = unknown(name.get_ref(), known.iter().copied());
                return Err(self.at(name.span(), error.context(format_args!("in a {what}"))));
            }
            Ok(Fields { document: self, what, place: entry.span(), table })
        };
        list.iter().map(fields).collect()
    }
}

pub(super) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
}

/// The fields of a table whose names are known to be right.
pub(super) struct Fields<'t, 'v> {
    document: Document<'t>,
    what: &'static str,
    place: Range<usize>,
    table: &'v DeTable<'t>,
}

impl<'t, 'v> Fields<'t, 'v> {
    pub(super) fn get(&self, name: &str) -> Option<&'v Spanned<DeValue<'t>>> {
        self.table.get(name)
    }

    /// A text that may be left out.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'v str>> {
        self.field(name, "text", |value| value.as_str())
    }

    /// A text that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&'v str> {
        self.text(name)?.ok_or_else(|| self.wrong(&format!("has no {name:?}: give one")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.field(name, "true or false", |value| value.as_bool())?.unwrap_or_default())
    }

    pub(super) fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T> {
        let found = self.field(name, "a whole number in range", |value| T::try_from(integer(value)?).ok())?;
        found.ok_or_else(|| self.wrong(&format!("has no {name:?}: give one")))
    }

    /// The error for the table as a whole.
    pub(super) fn wrong(&self, why: &str) -> Error {
        self.document.at(self.place.clone(), wrong(format!("a {} {why}", self.what)))
    }

    fn field<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'v DeValue<'t>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value.get_ref()).map(Some).ok_or_else(|| {
            self.document.at(value.span(), wrong(format!("{name:?} of a {} must be {wanted}", self.what)))
        })
    }
}
