//! Where the names of channels come from: a file, Sift, or the slots that the backups lie in.

use super::super::backup::Backup;
use super::super::error::{Failure, Result};
use super::super::remote::Remote;
use super::super::row::Row;
use super::super::schema::{self, Flows};
use super::Args;
use siftstream::FlowConfig;
use siftstream::spool::pending::is_placeholder;
use std::borrow::Cow;
use std::collections::HashMap;

/// Where the names of channels come from.
pub(super) enum Schemas {
    File(Flows),
    Sift { remote: Box<Remote>, known: HashMap<String, Flows> },
    Slots,
}

impl Schemas {
    /// What was asked for by an option goes before what the slots remember.
    pub(super) fn new(args: &Args, files: &[Backup]) -> Result<Self> {
        if let Some(path) = &args.schema {
            return Ok(Self::File(schema::read(path)?));
        }
        if args.endpoint.is_given() {
            let remote = Box::new(Remote::new(&args.endpoint)?);
            return Ok(Self::Sift { remote, known: HashMap::new() });
        }
        let nameless = files.iter().find(|file| file.slot().is_none_or(|slot| slot.flows.is_empty()));
        match nameless {
            Some(file) => Err(Failure::NoSchema { path: file.path.clone() }),
            None => Ok(Self::Slots),
        }
    }

    pub(super) fn flow<'a>(&'a mut self, file: &'a Backup, row: &Row) -> Result<Option<&'a FlowConfig>> {
        let flows = match self {
            Self::File(flows) => Some(&*flows),
            Self::Sift { remote, known } => {
                let config = &row.ingestion_config_id;
                if !known.contains_key(config) {
                    known.insert(config.clone(), remote.flows(config)?);
                }
                known.get(config)
            }
            Self::Slots => file.slot().map(|slot| &slot.flows),
        };
        Ok(flows.and_then(|flows| flows.get(&row.flow)))
    }
}

/// What tells the schema of a row from others: its config, or where that has no ID yet, its slot.
pub(super) fn name<'a>(file: &'a Backup, row: &'a Row) -> Cow<'a, str> {
    match file.slot() {
        Some(slot) if is_placeholder(row.ingestion_config_id.as_bytes()) => {
            slot.view.path().to_string_lossy()
        }
        _ => Cow::Borrowed(&row.ingestion_config_id),
    }
}
