//! What must hold of the rows that the server received.

use std::time::Duration;

use siftstream_server::KeptRow;

use crate::rows;
use crate::scenario::{Action, Disk, Scenario};

/// What arrived, against what was promised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Rows that arrived at least once.
    pub arrived: u64,
    /// Rows that arrived although nobody had promised it when their process died.
    pub spared: u64,
    /// Rows that nobody had promised, and that did not arrive.
    pub forgone: u64,
    /// Arrivals beyond the first of each row.
    pub duplicates: u64,
    /// What must not be.
    pub violations: Vec<String>,
}

/// Holds `kept` against the rows that were accepted, of which those marked true must have arrived.
pub fn judge(kept: &[KeptRow], must_arrive: &[bool], most_copies: u64) -> Judgement {
    let mut judgement = Judgement::default();
    let mut copies = vec![0_u64; must_arrive.len()];
    for row in kept {
        match rows::number_of(row) {
            Ok(seq) => match usize::try_from(seq).ok().and_then(|seq| copies.get_mut(seq)) {
                Some(count) => *count += 1,
                None => judgement.violations.push(format!("row {seq} arrived and was never accepted")),
            },
            Err(wrong) => judgement.violations.push(wrong),
        }
    }
    let mut lost = Vec::new();
    for (seq, (&count, &must)) in copies.iter().zip(must_arrive).enumerate() {
        judgement.arrived += u64::from(count > 0);
        judgement.spared += u64::from(count > 0 && !must);
        judgement.forgone += u64::from(count == 0 && !must);
        judgement.duplicates += count.saturating_sub(1);
        if count == 0 && must {
            lost.push(seq);
        }
        if count > most_copies {
            let text = format!("row {seq} arrived {count} times; the faults explain {most_copies}");
            judgement.violations.push(text);
        }
    }
    if !lost.is_empty() {
        judgement.violations.push(format!("{} rows were lost: {lost:?}", lost.len()));
    }
    judgement
}

/// How often one row can arrive at most, by what goes wrong: once, and once more for each gRPC stream that can have
/// carried it and been taken for lost.
pub fn most_copies(scenario: &Scenario) -> u64 {
    let mut copies = 1;
    let mut trouble_began = Duration::ZERO;
    for planned in &scenario.plan {
        match planned.action {
            Action::Partition | Action::MuteClient | Action::MuteServer | Action::Hold => {
                trouble_began = planned.at;
            }
            Action::HealNetwork => {
                let lasted = planned.at - trouble_began;
                // Each attempt in the meantime can have arrived, late or unanswered.
                copies += 2 + u64::try_from(lasted.as_millis() / scenario.timeout.as_millis()).unwrap_or(0);
            }
            Action::CutConnections
            | Action::ServerFault(_)
            | Action::CrashServer
            | Action::KillClient
            | Action::PowerLoss(_)
            | Action::Reopen
            | Action::Disk(Disk::Fails | Disk::CannotSync) => copies += 1,
            Action::Latency(_) | Action::StartServer | Action::StartClient | Action::Disk(Disk::Works) => {}
        }
    }
    copies
}
