//! What happens when Sift rejects rows for what is in them.

use std::collections::BTreeMap;

use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::quarantine::{Quarantine, RejectedRow};

/// What happens once a row was found that Sift rejects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The stream ends with an error that names the row; all data is kept.
    #[default]
    Stop,
    /// The row is kept in quarantine with the reason, and the stream goes on.
    Skip,
}

impl FailurePolicy {
    /// The name used in messages, configuration files and the other languages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Skip => "skip",
        }
    }
}

/// The policies of a stream, by flow.
#[derive(Debug, Clone, Default)]
pub(crate) struct FailurePolicies {
    pub(crate) default: FailurePolicy,
    pub(crate) by_flow: BTreeMap<String, FailurePolicy>,
    /// Where skipped rows are kept.
    pub(crate) quarantine: Option<Quarantine>,
}

impl FailurePolicies {
    fn of(&self, flow: &str) -> FailurePolicy {
        self.by_flow.get(flow).copied().unwrap_or(self.default)
    }

    /// Whether any flow's rows may be skipped.
    pub(crate) fn skips_any(&self) -> bool {
        self.default == FailurePolicy::Skip
            || self.by_flow.values().any(|policy| *policy == FailurePolicy::Skip)
    }

    /// Deals with a rejected row of an epoch. Ok, with what to tell, if the stream can go on; blocks on the disk.
    pub(crate) fn settle(&self, epoch: u64, row: &RejectedRow) -> Result<Error> {
        let flow = row.flow();
        let what =
            format!("Sift rejects the row with message ID {} of flow {flow:?}: {}", row.id, row.reason);
        match (self.of(&flow), &self.quarantine) {
            (FailurePolicy::Skip, Some(quarantine)) => {
                let path = quarantine.keep(epoch, row)?;
                let message = format!("{what}; the row is kept in {}", path.display());
                Ok(Error::new(ErrorCode::Rejected, message).with_data_status(DataStatus::OnDisk))
            }
            (FailurePolicy::Stop, _) | (FailurePolicy::Skip, None) => {
                Err(Error::new(ErrorCode::Rejected, what))
            }
        }
    }
}
