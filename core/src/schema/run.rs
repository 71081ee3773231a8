//! Runs: named time spans that rows can be attached to.

use super::MetadataValue;

/// A run to create, or to bring up to date if its client key is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunForm {
    /// The name that Sift shows.
    pub name: String,
    /// The caller's own name for this run; the same key finds the same run again.
    pub client_key: String,
    /// What the run is about. `None` leaves what is there.
    pub description: Option<String>,
    /// Tags the run shall have. Tags that others put on the run stay.
    pub tags: Vec<String>,
    /// Metadata the run shall have. Keys that others put on the run stay.
    pub metadata: Vec<MetadataValue>,
}

/// Which run to attach.
#[derive(Debug, Clone, PartialEq)]
pub enum RunSelector {
    /// An existing run.
    ById(String),
    /// A run that is created if it does not exist.
    ByForm(RunForm),
}
