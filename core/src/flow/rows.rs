//! How many rows of which flow: counted by number where rows pass, told by name.

use std::sync::{Arc, PoisonError, RwLock};

/// Tells the flows of one encoder apart.
pub(crate) type FlowNumber = u32;

/// The number of rows of which the flow is not known, such as rows that were encoded elsewhere.
pub(crate) const UNKNOWN_FLOW: FlowNumber = u32::MAX;

/// Rows of one flow that lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowRun {
    pub(crate) flow: FlowNumber,
    pub(crate) rows: u32,
}

/// How many rows of one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowRows {
    /// The name of the flow.
    pub flow: Arc<str>,
    /// How many rows.
    pub rows: u64,
}

/// Rows by the number of their flow; those of unknown flows are not counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct FlowCounts {
    rows: Vec<u64>,
}

impl FlowCounts {
    pub(crate) fn add(&mut self, flow: FlowNumber, rows: u64) {
        let at = flow as usize;
        if flow != UNKNOWN_FLOW && self.rows.len() <= at {
            self.rows.resize(at + 1, 0);
        }
        if let Some(count) = self.rows.get_mut(at) {
            *count += rows;
        }
    }

    pub(crate) fn add_all(&mut self, runs: &[FlowRun]) {
        runs.iter().for_each(|run| self.add(run.flow, u64::from(run.rows)));
    }
}

/// The names of the flows of one encoder, by number.
#[derive(Debug, Default)]
pub struct FlowNames {
    names: RwLock<Vec<Arc<str>>>,
}

impl FlowNames {
    /// Gives a flow a number.
    pub(crate) fn add(&self, name: &str) -> FlowNumber {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let number = FlowNumber::try_from(names.len()).unwrap_or(UNKNOWN_FLOW);
        names.push(name.into());
        number
    }

    /// The counts that are not 0, by name.
    pub(crate) fn tell(&self, counts: &FlowCounts) -> Vec<FlowRows> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let counted = names.iter().zip(&counts.rows).filter(|(_, rows)| **rows > 0);
        counted.map(|(flow, rows)| FlowRows { flow: Arc::clone(flow), rows: *rows }).collect()
    }
}
