//! What a caller notes about its inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};

/// How many sources, states and entries of metadata a stream may have, each.
const MOST_NAMES: usize = 1024;
/// How many bytes names, states and metadata may take together.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// Where the inputs stand once the rows sent so far have come far enough. All parts of one mark come into force together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    pub(super) offsets: BTreeMap<Arc<str>, u64>,
    pub(super) state: BTreeMap<Arc<str>, Arc<[u8]>>,
    pub(super) metadata: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) event_time: Option<i64>,
}

impl Mark {
    /// Notes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next offset to read from `source`.
    #[must_use]
    pub fn offset(mut self, source: &str, offset: u64) -> Self {
        self.offsets.insert(source.into(), offset);
        self
    }

    /// State of the caller's own, under a name; an earlier one of the name is replaced.
    #[must_use]
    pub fn state(mut self, name: &str, bytes: &[u8]) -> Self {
        self.state.insert(name.into(), bytes.into());
        self
    }

    /// Anything else worth noting, under a key.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The latest event time, in nanoseconds since 1970, for callers who know it better than the timestamps of the rows
    /// say.
    #[must_use]
    pub fn event_time(mut self, nanos: i64) -> Self {
        self.event_time = self.event_time.max(Some(nanos));
        self
    }

    /// Takes in a later mark.
    pub(super) fn overlay(&mut self, later: Self) {
        self.offsets.extend(later.offsets);
        self.state.extend(later.state);
        self.metadata.extend(later.metadata);
        self.event_time = self.event_time.max(later.event_time);
    }

    /// Whether each source of `later` is one of these.
    pub(super) fn knows_sources_of(&self, later: &Self) -> bool {
        later.offsets.keys().all(|source| self.offsets.contains_key(source))
    }

    /// About how much memory it takes beyond its offsets.
    pub(super) fn bytes(&self) -> usize {
        let state = self.state.iter().map(|(name, blob)| name.len() + blob.len());
        let metadata = self.metadata.iter().map(|(key, value)| key.len() + value.len());
        state.chain(metadata).sum()
    }

    /// Checks that a stream's marks stay small together.
    pub(super) fn check(&self) -> Result<()> {
        let names = self.offsets.len().max(self.state.len()).max(self.metadata.len());
        let bytes = self.bytes() + self.offsets.keys().map(|source| source.len()).sum::<usize>();
        if names <= MOST_NAMES && bytes <= MOST_BYTES {
            return Ok(());
        }
        let message = format!(
            "the marks of the stream would have {names} names and {bytes} bytes: keep to {MOST_NAMES} sources, states \
             and metadata each, and to {MOST_BYTES} bytes together"
        );
        Err(Error::new(ErrorCode::InvalidArgument, message))
    }
}
