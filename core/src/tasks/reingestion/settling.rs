//! What becomes of rows that were handed over: confirmed and written down, rejected, or not taken.

use std::collections::BTreeSet;

use super::Reingestion;
use super::reading::Reading;
use super::sent::{Origin, Source};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::EventKind;
use crate::ledger::RangeSet;
use crate::quarantine::RejectedRow;

impl Reingestion {
    /// Writes down what was confirmed.
    pub(super) fn settle(&mut self) -> Result<()> {
        let settled = self.resend.settled();
        self.rejected.extend(self.resend.take_rejected());
        self.settle_rejected()?;
        if self.is_stopped {
            return Ok(());
        }
        while let Some(sent) = self.sent.front() {
            if sent.below > settled {
                break;
            }
            // The last chunk may be handed over in part: its place counts once something follows it.
            if matches!(sent.origin, Origin::Place { .. }) && self.sent.len() == 1 {
                break;
            }
            match (&sent.origin, sent.source.file) {
                (Origin::Ids(ids), _) if sent.source.is_own_epoch => {
                    // Counted first, as each confirmation.
                    self.shared.recovery.sent_again(ids.end - ids.start);
                    self.shared.live.delivery.repay([ids.clone()]);
                    self.on_their_way.remove(ids);
                }
                (Origin::Ids(ids), _) => {
                    let spool = &self.spools[sent.source.spool];
                    spool.confirm(sent.source.epoch, std::slice::from_ref(ids))?;
                    self.shared.recovery.confirmed(ids.end - ids.start);
                }
                (Origin::Place { extent, rows }, Some(file)) => {
                    self.spools[sent.source.spool]
                        .confirm_extents(file.number, std::slice::from_ref(extent))?;
                    self.shared.recovery.confirmed(*rows);
                }
                (Origin::EndOfFile, Some(file)) if !self.options.retain_backups => {
                    let spool = &self.spools[sent.source.spool];
                    if !sent.source.is_own_epoch && !spool.remove_confirmed()?.contains(&file.number) {
                        spool.remove_if_confirmed(file)?;
                    }
                }
                _ => {}
            }
            self.sent.pop_front();
        }
        Ok(())
    }

    /// Deals with rows that Sift rejected by themselves, as the user chose.
    fn settle_rejected(&mut self) -> Result<()> {
        while let Some(row) = self.rejected.front() {
            let Some((source, id)) = self.origin_of(row.id) else { return Ok(()) };
            let row = RejectedRow { id: id.unwrap_or(row.id), ..row.clone() };
            let reason = match self.shared.policies.settle(source.epoch, &row) {
                Ok(reason) => reason,
                Err(why) if why.code() == ErrorCode::Rejected => {
                    self.stop(why);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.rejected.pop_front();
            self.shared.events.emit(EventKind::Rejected { reason });
            match id {
                Some(id) if source.is_own_epoch => self.shared.live.delivery.reject(id),
                _ => self.shared.recovery.rejected(),
            }
        }
        Ok(())
    }

    /// Where the row came from that was handed over as number `handed`, and its message ID.
    fn origin_of(&self, handed: u64) -> Option<(Source, Option<u64>)> {
        let sent = self.sent.iter().find(|sent| handed < sent.below)?;
        let id = match &sent.origin {
            Origin::Ids(ids) => Some(ids.end - (sent.below - handed)),
            Origin::Place { .. } | Origin::EndOfFile => None,
        };
        Some((sent.source, id))
    }

    /// The stream ends because Sift rejects a row, or does not know the schema; everything stays on disk.
    pub(super) fn stop(&mut self, why: Error) {
        self.shared.events.emit(match why.code() {
            ErrorCode::Rejected => EventKind::Rejected { reason: why.clone() },
            _ => EventKind::GaveUp { file: None, reason: why.clone() },
        });
        self.shared.live.delivery.break_with(why.clone());
        self.shared.live.intake.close(why.with_data_status(DataStatus::NotAccepted));
        self.is_stopped = true;
    }

    /// Sift takes nothing more of what was sent: leaves those files, and begins anew with the others.
    pub(super) fn begin_anew(&mut self, why: &Error) {
        let sent = self.sent.iter().filter_map(|sent| Some((sent.source.spool, sent.source.file?.number)));
        let mut sources = BTreeSet::new();
        sources.extend(sent.chain(self.reading.as_ref().and_then(Reading::file_key)));
        for (spool, file) in sources {
            self.set_aside(spool, file, why);
        }
        self.sent.clear();
        self.on_their_way = RangeSet::new();
        self.reading = None;
        self.resend = self.starter.start();
    }
}
