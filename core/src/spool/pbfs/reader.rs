//! Reads chunks without believing what the file says about itself.
//!
//! A length is believed only if it fits the file and the cap, if the sizes of the messages walk exactly to its end,
//! and if the checksum matches; memory grows with bytes that are really there. After damage the reader looks at every
//! later offset for the next chunk that passes all three, cheapest first. The search has a budget of work per byte,
//! so that a hostile file costs time linear in its length; where the budget ends, the rest counts as damaged, and
//! since damaged bytes are kept in quarantine nothing is lost by that.

use super::{CHUNK_HEADER, Damage, DamageReason, MAX_CHUNK};
use crate::error::{Error, Result};
use crate::seams::filesystem::ReadAt;

const BLOCK: usize = 1 << 20;
const SEARCH_ALLOWANCE: i64 = 256 << 20;
const SEARCH_WORK_PER_BYTE: i64 = 16;

/// A chunk whose checksum matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Where it starts in the file.
    pub offset: u64,
    /// The whole of it, header included.
    pub bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The offset of the first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Its messages.
    #[must_use]
    pub fn messages(&self) -> Messages<'a> {
        Messages { rest: &self.bytes[CHUNK_HEADER..] }
    }

    /// How many messages it holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.messages().count() as u64
    }
}

/// The messages of a verified chunk.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (size, rest) = self.rest.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
        self.rest = rest;
        Some(message)
    }
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A good chunk.
    Chunk(Chunk<'a>),
    /// A stretch without a good chunk.
    Damage(Damage),
}

/// A streaming reader of a PBFS file.
#[derive(Debug)]
pub struct PbfsReader<R> {
    source: R,
    window: Window,
    offset: u64,
    end: u64,
    /// Work that the search may still do; below zero it ends.
    budget: i64,
}

/// The part of the file that is in memory.
#[derive(Debug, Default)]
struct Window {
    buf: Vec<u8>,
    base: u64,
}

impl Window {
    /// The `len` bytes at `offset`, read if they are not there; fewer if the file got shorter.
    fn get<R: ReadAt>(&mut self, source: &R, offset: u64, len: usize, end: u64) -> std::io::Result<&[u8]> {
        let inside = offset >= self.base && offset + len as u64 <= self.base + self.buf.len() as u64;
        if !inside {
            let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.buf.resize(len.max(BLOCK).min(left), 0);
            self.base = offset;
            let read = source.read_full_at(&mut self.buf, offset)?;
            self.buf.truncate(read);
            if len <= BLOCK && self.buf.capacity() > 4 * BLOCK {
                self.buf.shrink_to(BLOCK);
            }
        }
        let start = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
        Ok(&self.buf[start..self.buf.len().min(start + len)])
    }

    /// What is in memory from `offset` on, at least `least` bytes unless the file ends before.
    fn from<R: ReadAt>(&mut self, source: &R, offset: u64, least: usize, end: u64) -> std::io::Result<&[u8]> {
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.get(source, offset, least.min(left), end)?;
        let start = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
        let stop = self.buf.len().min(start.saturating_add(left));
        Ok(&self.buf[start..stop])
    }
}

impl<R: ReadAt> PbfsReader<R> {
    /// Reads `source` from its start to the end it has now.
    pub fn new(source: R) -> Result<Self> {
        let end =
            source.size().map_err(|error| Error::io("cannot read the length of a backup file", &error))?;
        Ok(Self::between(source, 0, end))
    }

    /// Reads the part of `source` from `start` to `end`.
    #[must_use]
    pub fn between(source: R, start: u64, end: u64) -> Self {
        Self { source, window: Window::default(), offset: start, end, budget: SEARCH_ALLOWANCE }
    }

    /// The offset of what comes next.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next chunk or damaged stretch; `None` at the end. An error is one of the disk, and may be tried again.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let start = self.offset;
        match self.check(start).map_err(|error| self.failed(&error))? {
            Ok(len) => {
                self.offset += len as u64;
                let bytes = self.window.get(&self.source, start, len, self.end);
                let bytes = bytes.map_err(|error| Error::io("cannot read a backup file", &error))?;
                Ok(Some(Item::Chunk(Chunk { offset: start, bytes })))
            }
            Err(reason) => {
                let (next, zeros) = self.search(start).map_err(|error| self.failed(&error))?;
                let at_end = next == self.end;
                let reason = match reason {
                    _ if zeros => DamageReason::Zeros,
                    DamageReason::Torn if !at_end => DamageReason::Length,
                    reason => reason,
                };
                self.offset = next;
                Ok(Some(Item::Damage(Damage { offset: start, len: next - start, reason, at_end })))
            }
        }
    }

    /// The chunk that [`PbfsReader::next_item`] has just returned.
    pub(crate) fn current(&mut self, extent: std::ops::Range<u64>) -> Result<Chunk<'_>> {
        let len = usize::try_from(extent.end - extent.start).unwrap_or(usize::MAX);
        let bytes = self.window.get(&self.source, extent.start, len, self.end);
        let bytes = bytes.map_err(|error| Error::io("cannot read a backup file", &error))?;
        Ok(Chunk { offset: extent.start, bytes })
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io(format_args!("cannot read a backup file near byte {}", self.offset), error)
    }

    /// Whether a chunk stands at `offset`, and how long it is.
    fn check(&mut self, offset: u64) -> std::io::Result<std::result::Result<usize, DamageReason>> {
        let header = self.window.get(&self.source, offset, CHUNK_HEADER, self.end)?;
        let Some((crc, length)) = split_header(header) else { return Ok(Err(DamageReason::Torn)) };
        if length > MAX_CHUNK {
            return Ok(Err(DamageReason::Length));
        }
        if offset + CHUNK_HEADER as u64 + length > self.end {
            return Ok(Err(DamageReason::Torn));
        }
        let total = CHUNK_HEADER + usize::try_from(length).unwrap_or(usize::MAX);
        let first = self.window.get(&self.source, offset, total.min(CHUNK_HEADER + 4), self.end)?;
        if first_message_overruns(first, length) {
            return Ok(Err(DamageReason::Sizes));
        }
        let bytes = self.window.get(&self.source, offset, total, self.end)?;
        if bytes.len() < total {
            return Ok(Err(DamageReason::Torn));
        }
        let (steps, exact) = walk(&bytes[CHUNK_HEADER..]);
        if !exact {
            self.budget -= total as i64 / 8 + 16 * steps;
            return Ok(Err(DamageReason::Sizes));
        }
        if crc32fast::hash(&bytes[4..]) != crc {
            self.budget -= total as i64 + 16 * steps;
            return Ok(Err(DamageReason::Checksum));
        }
        Ok(Ok(total))
    }

    /// The offset of the next good chunk after `start` (or the end), and whether there were only zeros before it.
    fn search(&mut self, start: u64) -> std::io::Result<(u64, bool)> {
        let mut zeros = true;
        let mut offset = start;
        while offset < self.end {
            let left = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
            let block = self.window.from(&self.source, offset, 4 * CHUNK_HEADER, self.end)?;
            let block_len = block.len();
            if block_len == 0 {
                break;
            }
            let (candidate, nonzero) = next_candidate(block, offset == start, self.end - offset);
            zeros &= !nonzero;
            let step = candidate.unwrap_or_else(|| block_len.saturating_sub(CHUNK_HEADER - 1).max(1)) as u64;
            let step = if candidate.is_none() && block_len == left { left as u64 } else { step };
            self.budget += SEARCH_WORK_PER_BYTE * step as i64;
            offset += step;
            if candidate.is_some() {
                if self.budget < 0 {
                    return Ok((self.end, false));
                }
                if self.check(offset)?.is_ok() {
                    return Ok((offset, zeros));
                }
                let head = self.window.get(&self.source, offset, 1, self.end)?;
                zeros &= head.first() == Some(&0);
                offset += 1;
            }
        }
        Ok((self.end, zeros))
    }
}

fn split_header(header: &[u8]) -> Option<(u32, u64)> {
    let (crc, rest) = header.split_first_chunk::<4>()?;
    let length = rest.first_chunk::<8>()?;
    Some((u32::from_le_bytes(*crc), u64::from_le_bytes(*length)))
}

/// Whether the size of the first message (after the header) is beyond the length of its chunk. Behind an empty chunk
/// stands the next chunk, not a message.
fn first_message_overruns(bytes: &[u8], length: u64) -> bool {
    if length == 0 {
        return false;
    }
    match bytes.get(CHUNK_HEADER..).and_then(|rest| rest.first_chunk::<4>()) {
        Some(size) => u64::from(u32::from_le_bytes(*size)) + 4 > length,
        None => true,
    }
}

/// How many messages were walked over, and whether the last one ended exactly at the end.
fn walk(payload: &[u8]) -> (i64, bool) {
    let mut messages = Messages { rest: payload };
    let steps = messages.by_ref().count() as i64;
    (steps, messages.rest.is_empty())
}

/// The first offset in `block` where a chunk could stand (not 0 if `skip_first`), and whether a byte before it is not
/// zero. `left` is the distance from the block's start to the end of the file.
fn next_candidate(block: &[u8], skip_first: bool, left: u64) -> (Option<usize>, bool) {
    const EMPTY_CRC: u32 = 0x6522_DF69;
    let last = block.len().saturating_sub(CHUNK_HEADER - 1);
    for at in usize::from(skip_first)..last {
        let Some((crc, length)) = split_header(&block[at..]) else { break };
        let plausible = if length == 0 { crc == EMPTY_CRC } else { length <= MAX_CHUNK };
        if plausible
            && (at + CHUNK_HEADER) as u64 + length <= left
            && (block.len() < at + CHUNK_HEADER + 4 || !first_message_overruns(&block[at..], length))
        {
            return (Some(at), block[..at].iter().any(|byte| *byte != 0));
        }
    }
    (None, block.iter().any(|byte| *byte != 0))
}
