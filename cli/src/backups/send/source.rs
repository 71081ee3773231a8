//! What of a file is to be sent.

use super::super::backup::Backup;
use super::super::error::{Failure, Result};
use super::super::row::{Moment, Row};
use super::memory::Sent;
use prost::Message;
use siftstream::ledger::RangeSet;
use siftstream::spool::pbfs::{CHUNK_HEADER, Chunk, Damage, Item, PbfsReader};
use siftstream::spool::pending::is_placeholder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// A file with rows that are to be sent.
#[derive(Debug)]
pub(super) struct Source {
    /// The file.
    pub(super) backup: Backup,
    /// Its whole path, under which it is remembered.
    pub(super) path: PathBuf,
    /// How far earlier runs came.
    pub(super) from: Sent,
    /// How many of its bytes count.
    pub(super) bytes: u64,
    /// Stretches in which its slot knows every row to be confirmed.
    pub(super) confirmed: RangeSet,
}

/// What a file turned out to hold, from where earlier runs ended.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows to be sent.
    pub(super) rows: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Their number by flow.
    pub(super) flows: BTreeMap<String, u64>,
    /// Their first and last time.
    pub(super) span: Option<(Moment, Moment)>,
    /// Bytes left out, because they are damaged or no rows.
    pub(super) damaged: u64,
    /// Rows left out, because an ID in them is a placeholder.
    pub(super) placeholders: u64,
    /// Rows left out, because their slot knows that they are confirmed.
    pub(super) confirmed: u64,
}

/// What comes next in a file.
pub(super) enum Step<'a> {
    /// A row to be sent.
    Row(&'a [u8]),
    /// Once all rows so far are confirmed, the file is, up to here.
    Mark(Sent),
    /// A stretch that is left out: offset, length and reason.
    Damage(u64, u64, &'static str),
}

impl Source {
    /// A file as it is now, and whether it is still the one of which `known` was said. Rows that its slot knows to be
    /// confirmed by `endpoint`, or by whichever if that is not given, are left out.
    pub(super) fn new(
        backup: Backup,
        path: PathBuf,
        known: Option<&Sent>,
        endpoint: Option<&str>,
    ) -> Result<(Self, bool)> {
        let opened = backup.open()?;
        let file = backup.open_file()?;
        let same = known.map_or(Ok(true), |sent| sent.is_of(&*file)).map_err(Failure::read(&path))?;
        let from = known.filter(|_| same).cloned().unwrap_or_default();
        let confirmed = match backup.rows() {
            Some((number, _, slot)) if endpoint.is_none_or(|here| here == slot.view.key().endpoint) => {
                slot.view.confirmed_places(number)
            }
            _ => RangeSet::new(),
        };
        Ok((Self { bytes: opened.bytes, backup, path, from, confirmed }, same))
    }

    /// Goes through what is to be sent, in order, until `take` breaks off.
    pub(super) fn walk(
        &self,
        tally: &mut Tally,
        take: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let file = self.backup.open_file()?;
        let mut reader = PbfsReader::between(file, self.from.offset, self.bytes);
        let mut at = self.from.clone();
        let mut damaged = 0;
        while let Some(item) = reader.next_item()? {
            match item {
                // The end of a chunk that is being written.
                Item::Damage(Damage { at_end: true, .. }) if self.backup.is_being_written() => {}
                Item::Damage(damage) => {
                    damaged += damage.len;
                    tally.damaged += damage.len;
                    if take(Step::Damage(damage.offset, damage.len, damage.reason.as_str())).is_break() {
                        break;
                    }
                }
                Item::Chunk(chunk) => {
                    let left_out = if self.confirmed.contains(&(chunk.offset..chunk.end())) {
                        tally.confirmed += chunk.rows();
                        0
                    } else {
                        match rows_of(&chunk, tally, take) {
                            ControlFlow::Continue(left_out) => left_out,
                            ControlFlow::Break(()) => break,
                        }
                    };
                    at = Sent {
                        offset: chunk.end(),
                        left_out: at.left_out + left_out + std::mem::take(&mut damaged),
                        chunk: chunk.offset,
                        checksum: chunk.bytes.first_chunk().map_or(0, |crc| u32::from_le_bytes(*crc)),
                    };
                    if take(Step::Mark(at.clone())).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Passes the rows of a chunk on; returns how many of its bytes are left out.
fn rows_of(
    chunk: &Chunk<'_>,
    tally: &mut Tally,
    take: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> ControlFlow<(), u64> {
    let (mut end, mut left_out) = (chunk.offset + CHUNK_HEADER as u64, 0);
    for message in chunk.messages() {
        let (start, len) = (end, 4 + message.len() as u64);
        end += len;
        // One message that Sift cannot read would end the stream for all others.
        let Ok(row) = Row::decode(message) else {
            left_out += len;
            tally.damaged += len;
            take(Step::Damage(start, len, "message"))?;
            continue;
        };
        if [&row.ingestion_config_id, &row.run_id].into_iter().any(|id| is_placeholder(id.as_bytes())) {
            left_out += len;
            tally.placeholders += 1;
            continue;
        }
        take(Step::Row(message))?;
        tally.count(&row, message.len());
    }
    ControlFlow::Continue(left_out)
}

impl Tally {
    fn count(&mut self, row: &Row, len: usize) {
        self.rows += 1;
        self.bytes += len as u64;
        match self.flows.get_mut(&row.flow) {
            Some(rows) => *rows += 1,
            None => {
                self.flows.insert(row.flow.clone(), 1);
            }
        }
        if let Some(time) = row.timestamp.map(Moment::from) {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((time.min(first), time.max(last)));
        }
    }
}
