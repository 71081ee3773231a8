//! Looking into files after a start: what is in them, what is damaged, what was not confirmed.
//!
//! Files are scanned one by one, so that many old files do not hold up the start. Damaged bytes are copied to
//! quarantine before anything else happens to them; only a damaged tail is then cut off, good rows are never touched.
//! Every step can be interrupted and done again with the same result.

use super::journal::{FileEntry, Record, Run};
use super::pbfs::{Damage, DamageReason, Item, PbfsReader};
use super::store::{Spool, StoredFile};
use crate::error::{Error, Result};
use crate::seams::filesystem::{File, ReadAt, remove_if_there};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const COPY_BLOCK: usize = 1 << 20;

/// A stretch of good chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it starts and ends.
    pub extent: Range<u64>,
    /// How many rows it has.
    pub rows: u64,
    /// The message IDs of its rows, if the journal knows them.
    pub ids: Option<Range<u64>>,
    /// How many of its rows were not confirmed.
    pub unconfirmed: u64,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInventory {
    /// The file.
    pub file: StoredFile,
    /// The epoch of its message IDs.
    pub epoch: u64,
    /// Its good stretches, in order.
    pub spans: Vec<Span>,
    /// Its damaged stretches, in order.
    pub damage: Vec<Damage>,
}

impl FileInventory {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.spans.iter().map(|span| span.rows).sum()
    }

    /// How many of its rows were not confirmed.
    #[must_use]
    pub fn unconfirmed(&self) -> u64 {
        self.spans.iter().map(|span| span.unconfirmed).sum()
    }
}

/// Scans the files that were there when it was made, oldest first.
#[derive(Debug)]
pub struct Scanner {
    spool: Arc<Spool>,
    files: VecDeque<StoredFile>,
}

impl Scanner {
    /// How many files are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.files.len()
    }

    /// Scans the next file and puts its damage in quarantine. A file that went away meanwhile is passed over; after
    /// an error the file can be looked at again with [`Spool::scan`].
    pub fn scan_next(&mut self) -> Option<Result<FileInventory>> {
        loop {
            let file = self.files.pop_front()?;
            match self.spool.scan(file) {
                Err(error) if error.code() == crate::ErrorCode::NotFound => {}
                result => return Some(result),
            }
        }
    }
}

impl Spool {
    /// Scans the files that nobody writes any more.
    #[must_use]
    pub fn scanner(self: &Arc<Self>) -> Scanner {
        Scanner { spool: self.clone(), files: self.finished_files().into() }
    }

    /// Says what is in a file, without changing anything.
    pub fn inspect(&self, file: StoredFile) -> Result<FileInventory> {
        let entry = self.entry(file.number);
        let confirmed =
            self.with_index(|index| index.confirmed.get(&entry.epoch).cloned()).unwrap_or_default();
        let (source, end) = self.open_file(file, &entry)?;
        let mut reader = PbfsReader::between(source, 0, end);
        let (mut spans, mut damage) = (Vec::new(), Vec::new());
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Chunk(chunk) => add_chunk(&mut spans, &entry, chunk.offset..chunk.end(), chunk.rows()),
                Item::Damage(found) => damage.push(found),
            }
        }
        identify(&mut spans, &entry.runs);
        for span in &mut spans {
            let by_place = entry.confirmed.contains(&span.extent);
            let by_id = span.ids.as_ref().map_or(0, |ids| confirmed.count_in(ids));
            span.unconfirmed = if by_place { 0 } else { span.rows - by_id };
        }
        Ok(FileInventory { file: StoredFile { bytes: end, ..file }, epoch: entry.epoch, spans, damage })
    }

    /// Says what is in a finished file, puts its damage in quarantine and cuts a damaged tail off.
    pub fn scan(&self, file: StoredFile) -> Result<FileInventory> {
        let mut inventory = self.inspect(file)?;
        let entry = self.entry(file.number);
        for damage in &inventory.damage {
            if !entry.quarantined.contains(&(damage.offset..damage.offset + damage.len)) {
                self.quarantine(file, damage)?;
            }
        }
        if let Some(tail) = inventory.damage.last().filter(|damage| damage.at_end) {
            let path = self.path_of(file.area, file.number);
            let cut = || -> io::Result<()> {
                let mut file = self.slot().fs().open_append(&path)?;
                file.set_len(tail.offset)?;
                file.sync_data()
            };
            cut().map_err(|error| {
                Error::io(format_args!("cannot cut the tail of {}", path.display()), &error)
            })?;
            inventory.file.bytes = tail.offset;
        }
        self.set_size(inventory.file);
        Ok(inventory)
    }

    pub(super) fn open_file(&self, file: StoredFile, entry: &FileEntry) -> Result<(Box<dyn File>, u64)> {
        let path = self.path_of(file.area, file.number);
        let failed = |error| Error::io(format_args!("cannot read {}", path.display()), &error);
        let source = self.slot().fs().open_read(&path).map_err(failed)?;
        let len = source.size().map_err(failed)?;
        Ok((source, entry.sealed.map_or(len, |sealed| sealed.min(len))))
    }

    /// Copies damaged bytes to quarantine, and writes that down. Mere zeros are not worth a copy.
    fn quarantine(&self, file: StoredFile, damage: &Damage) -> Result<()> {
        let name = format!("{:020}-{}-{}.{}", file.number, damage.offset, damage.len, damage.reason);
        let path = self.slot().path().join("quarantine").join(name);
        if damage.reason != DamageReason::Zeros {
            self.copy_damage(file, damage, &path)
                .map_err(|error| Error::io(format_args!("cannot write {}", path.display()), &error))?;
        }
        let (start, end) = (damage.offset, damage.offset + damage.len);
        self.append(&[Record::Quarantined { file: file.number, start, end }])
    }

    fn copy_damage(&self, file: StoredFile, damage: &Damage, to: &Path) -> io::Result<()> {
        let fs = self.slot().fs();
        if fs.metadata(to).is_ok_and(|found| found.len == damage.len) {
            return Ok(());
        }
        let source = fs.open_read(&self.path_of(file.area, file.number))?;
        let temporary = to.with_extension("tmp");
        remove_if_there(&**fs, &temporary)?;
        let mut copy = fs.create_new(&temporary)?;
        copy_range(&*source, &mut *copy, damage.offset..damage.offset + damage.len)?;
        copy.sync_data()?;
        fs.rename(&temporary, to)?;
        fs.fsync_dir(to.parent().unwrap_or(Path::new("/")))
    }
}

/// Appends a stretch of `source` to `to`.
fn copy_range(source: &dyn File, to: &mut dyn File, range: Range<u64>) -> io::Result<()> {
    let mut at = range.start;
    let mut block = vec![0; usize::try_from(range.end - at).unwrap_or(COPY_BLOCK).min(COPY_BLOCK)];
    while at < range.end {
        let want = usize::try_from(range.end - at).unwrap_or(COPY_BLOCK).min(COPY_BLOCK);
        let read = source.read_full_at(&mut block[..want], at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.append_all(&block[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// Adds a chunk to the last span, or begins another where a run, a confirmed stretch or damage comes between.
fn add_chunk(spans: &mut Vec<Span>, entry: &FileEntry, extent: Range<u64>, rows: u64) {
    let boundary = entry.runs.iter().any(|run| run.start == extent.start || run.end == extent.start);
    let confirmed = entry.confirmed.contains(&extent);
    if let Some(last) = spans.last_mut()
        && last.extent.end == extent.start
        && !boundary
        && entry.confirmed.contains(&last.extent) == confirmed
    {
        last.extent.end = extent.end;
        last.rows += rows;
        return;
    }
    spans.push(Span { extent, rows, ids: None, unconfirmed: rows });
}

/// Finds the message IDs of the spans. In a run without damage they are the run's; beside damage they are counted
/// from the run's start before it, and from the run's end after it; between two damages nobody knows them.
fn identify(spans: &mut [Span], runs: &[Run]) {
    for run in runs {
        let inside = |span: &Span| span.extent.start >= run.start && span.extent.end <= run.end;
        let Some(first) = spans.iter().position(inside) else { continue };
        let count = spans[first..].iter().take_while(|span| inside(span)).count();
        let group = &mut spans[first..first + count];
        let whole = group.windows(2).all(|pair| pair[0].extent.end == pair[1].extent.start)
            && group[0].extent.start == run.start
            && group[count - 1].extent.end == run.end;
        let rows: u64 = group.iter().map(|span| span.rows).sum();
        if rows > run.rows || (whole && rows != run.rows) {
            continue;
        }
        let (mut place, mut id) = (run.start, run.first_id);
        for span in group.iter_mut() {
            if span.extent.start != place {
                break;
            }
            span.ids = Some(id..id + span.rows);
            (place, id) = (span.extent.end, id + span.rows);
        }
        let (mut place, mut id) = (run.end, run.ids().end);
        for span in group.iter_mut().rev() {
            if span.extent.end != place || span.ids.is_some() {
                break;
            }
            span.ids = Some(id - span.rows..id);
            (place, id) = (span.extent.start, id - span.rows);
        }
    }
}
