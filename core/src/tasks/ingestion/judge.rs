//! What an answer means for the rows that its gRPC stream carried.

use tokio::time::Instant;

use std::sync::{Arc, PoisonError};

use super::{Ingestion, Pause, Rejects, Unconfirmed};
use crate::control::{RetryClass, classify, to_error};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::EventKind;
use crate::grpc::{Failure, FailureKind, Verdict};
use crate::ledger::{RangeSet, StreamNumber};
use crate::quarantine::RejectedRow;
use crate::stream::segment::PREFIX_LEN;
use crate::tasks::carried::Carried;

impl Ingestion {
    pub(super) fn judge(&mut self, number: StreamNumber, verdict: Verdict) -> Result<()> {
        self.awaited.remove(&number);
        if self.current.as_ref().is_some_and(|current| current.number == number) {
            if let Some(current) = &mut self.current {
                current.stream.cancel();
            }
            self.lose_current();
        }
        if self.awaited.is_empty() {
            self.retiring.clear();
        }
        let carried = self.carried.remove(number);
        self.shared.counters.awaited(self.carried.closing().count());
        let verdict = match verdict {
            // Counted first: who waited for the confirmation finds it counted.
            Verdict::Confirmed => {
                let counters = &self.shared.counters;
                self.shared
                    .delivery
                    .confirm(number, || counters.confirmed(carried.bytes(), carried.age()))
                    .ok_or_else(Failure::early)
            }
            Verdict::Failed(failure) => Err(failure),
        };
        match verdict {
            Ok(ids) => {
                self.failures = 0;
                self.schema_works(carried.generation());
                self.backoff.reset();
                self.shared.emit(|| EventKind::Checkpoint {
                    ranges: ids.iter().collect(),
                    rows: ids.len(),
                    flows: self.shared.intake.flow_names().tell(carried.flows()),
                    duration: carried.age(),
                });
                Ok(())
            }
            Err(failure) => {
                self.shared.counters.failed(failure.code, failure.kind == FailureKind::EarlyOk);
                let ids = self.shared.delivery.fail(number);
                let error = self.error_of(&failure);
                if !ids.is_empty() {
                    let (ranges, reason) = (ids.iter().collect(), error.clone());
                    self.shared.emit(|| EventKind::CheckpointFailed { ranges, reason });
                }
                let class = match self.class_of(&failure) {
                    RetryClass::Reregister => self.schema_fails(carried.generation()),
                    RetryClass::Rejected if ids.is_empty() && self.may_try_again() => {
                        RetryClass::Transient { retry_after: None }
                    }
                    class => class,
                };
                let is_rejected = class == RetryClass::Rejected && !ids.is_empty();
                let was_isolated = carried.is_isolated();
                // What was rejected is looked at row by row: here, or when it is sent again from the disk.
                let looked_at = is_rejected && self.options.unconfirmed != Unconfirmed::NotKept;
                // A pause begins before others can know of rows to send.
                let decided = if looked_at { Ok(()) } else { self.failed(class, error.clone()) };
                match self.options.unconfirmed {
                    Unconfirmed::InMemory { .. } if is_rejected => self.isolate(carried, error),
                    Unconfirmed::InMemory { .. } if was_isolated => {
                        self.isolation.again(carried.into_segments());
                    }
                    Unconfirmed::InMemory { .. } => carried.send_again(&mut self.outbox),
                    Unconfirmed::OnDisk => self.shared.delivery.owe(ids.iter()),
                    Unconfirmed::NotKept => self.lose(&ids, &carried),
                }
                decided
            }
        }
    }

    /// What a stream carried is gone, for it was not kept.
    fn lose(&self, ids: &RangeSet, carried: &Carried) {
        self.shared.delivery.lose(ids.iter());
        if ids.is_empty() {
            return;
        }
        self.shared.emit(|| EventKind::Dropped {
            ranges: ids.iter().collect(),
            rows: ids.len(),
            flows: self.shared.intake.flow_names().tell(carried.flows()),
            cause: "a gRPC stream failed, and replay_window_bytes is 0".to_owned(),
        });
    }

    fn error_of(&self, failure: &Failure) -> Error {
        let key = self.link.key().current();
        match failure.kind {
            FailureKind::Status => {
                to_error("Sending rows", self.link.place(), failure.code, &failure.message, &key)
            }
            _ => Error::new(ErrorCode::Unavailable, format!("{}: {}", self.link.place(), failure.message)),
        }
    }

    /// Whether a stream that was rejected before it carried a row may be opened again.
    fn may_try_again(&self) -> bool {
        self.options.retry_policy.is_some_and(|policy| self.failures < policy.max_attempts)
    }

    fn class_of(&mut self, failure: &Failure) -> RetryClass {
        match failure.kind {
            FailureKind::Status => classify(failure.code, &failure.details),
            FailureKind::EarlyOk => RetryClass::Transient { retry_after: None },
            FailureKind::Broken | FailureKind::Silent => {
                self.connection = None;
                RetryClass::Transient { retry_after: None }
            }
        }
    }

    /// Looks for the rows that Sift rejects among those of a rejected stream.
    fn isolate(&mut self, carried: Carried, reason: Error) {
        if !carried.is_isolated() {
            self.isolation.suspect(carried.into_segments());
        } else if let Some(row) = self.isolation.rejected(carried.into_segments()) {
            let id = row.ids().start;
            let bytes = row.bytes().get(PREFIX_LEN..).unwrap_or_default().to_vec();
            self.poison.push_back(RejectedRow { id, bytes, reason });
        }
    }

    /// Sift rejects this row by itself: the user's policy says what becomes of it.
    pub(super) async fn reject(&mut self, row: RejectedRow) -> Result<()> {
        let id = row.id;
        let policies = match &self.shared.rejects {
            Rejects::Handed(rows) => {
                rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                self.shared.delivery.reject(id);
                return Ok(());
            }
            Rejects::ByPolicy(policies) => Arc::clone(policies),
        };
        let reason = self.link.runtime().run_beside(move || policies.settle(0, &row)).await?;
        self.shared.delivery.reject(id);
        self.shared.emit(|| EventKind::Rejected { reason });
        Ok(())
    }

    /// Decides whether and when to try again after a failure.
    pub(super) fn failed(&mut self, class: RetryClass, error: Error) -> Result<()> {
        self.failures += 1;
        let error = error.with_data_status(match self.options.unconfirmed {
            Unconfirmed::InMemory { .. } => DataStatus::InMemory,
            Unconfirmed::OnDisk => DataStatus::OnDisk,
            Unconfirmed::NotKept => DataStatus::Unknown,
        });
        let Some(policy) = self.options.retry_policy else { return Err(error) };
        let exhausted = !self.keeps_rows() && self.failures > policy.max_attempts;
        let wait = match class {
            RetryClass::Rejected | RetryClass::Fatal => return Err(error),
            _ if exhausted => return Err(error),
            RetryClass::Auth => self.link.apart(Instant::now() + self.backoff.after_auth()),
            RetryClass::Transient { retry_after: Some(asked) } => self.backoff.after(asked),
            RetryClass::Transient { retry_after: None } | RetryClass::Reregister => self.backoff.next_delay(),
        };
        tracing::warn!(target: "siftstream::ingestion", %error, ?wait, "will try again");
        let asked = match class {
            RetryClass::Transient { retry_after } => retry_after,
            _ => None,
        };
        self.shared.emit(|| EventKind::Disconnected { reason: error, retry_in: wait, asked });
        self.shared.counters.backoff_begins(wait);
        if matches!(class, RetryClass::Auth | RetryClass::Transient { retry_after: Some(_) }) {
            self.shared.delivery.hold_off(true);
        }
        let end = Instant::now() + wait;
        // A stream that fails beside another shortens no pause.
        self.pause = match self.pause {
            Pause::Until(later) if later > end => Pause::Until(later),
            Pause::Until(_) | Pause::None => Pause::Until(end),
        };
        Ok(())
    }
}
