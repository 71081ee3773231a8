//! Some rows of columns: measured first, then written column by column into place.
//!
//! To measure needs no lock. To write is one loop a column, over rows that lie together in a segment: both the
//! rows and the pieces of the columns stay in the nearest cache.

use super::CheckedColumns;
use super::cell::{Cell, Empty, Visitor, visit};
use super::stamp::{Clock, SCRIBBLE, Stamp};
use crate::flow::{Timestamps, Validity};
use crate::stream::segment::{PREFIX_LEN, SEGMENT_SIZE};

/// The most rows of a block.
const MOST_ROWS: usize = 128;
/// The least that a channel takes.
const LEAST_VALUE: usize = 4;

/// Measured rows: about what fits into a segment.
#[derive(Debug)]
pub(crate) struct Block {
    first: usize,
    rows: usize,
    longest: usize,
    /// What each row takes, with its gRPC prefix, without what the stream appends.
    lens: [usize; MOST_ROWS],
    stamps: [Stamp; MOST_ROWS],
}

impl Block {
    pub(crate) fn new() -> Self {
        Self { first: 0, rows: 0, longest: 0, lens: [0; MOST_ROWS], stamps: [Stamp::NONE; MOST_ROWS] }
    }

    /// Measures rows from `first` on.
    pub(crate) fn measure(&mut self, columns: &CheckedColumns<'_>, first: usize) {
        let least = columns.head.len() + LEAST_VALUE * columns.channels.len();
        let rows = (SEGMENT_SIZE / least).clamp(1, MOST_ROWS).min(columns.end - first);
        self.first = first;
        self.rows = rows;
        let span = first..first + rows;
        let stamps = &mut self.stamps[..rows];
        match columns.timestamps {
            Timestamps::Nanos(nanos) => {
                let mut clock = Clock::default();
                for (stamp, &nanos) in stamps.iter_mut().zip(&nanos[span.clone()]) {
                    *stamp = clock.stamp(nanos);
                }
            }
            Timestamps::Times(times) => {
                for (stamp, &time) in stamps.iter_mut().zip(&times[span.clone()]) {
                    *stamp = Stamp::new(time);
                }
            }
        }
        let lens = &mut self.lens[..rows];
        lens.iter_mut().zip(stamps).for_each(|(len, stamp)| *len = columns.head.len() + stamp.len());
        let mut constant = 0;
        for channel in &columns.channels {
            constant += match channel {
                None => LEAST_VALUE,
                Some(column) => {
                    let measuring = Measure { lens, validity: column.validity, first };
                    visit(&column.values, span.clone(), measuring)
                }
            };
        }
        lens.iter_mut().for_each(|len| *len += constant);
        self.longest = lens.iter().copied().max().unwrap_or(0);
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What the longest row takes, without its gRPC prefix and what the stream appends.
    pub(crate) fn longest(&self) -> usize {
        self.longest - PREFIX_LEN
    }

    /// How many rows from `at` on fit into `space` bytes when `suffix` more are appended to each.
    pub(crate) fn fit(&self, at: usize, space: usize, suffix: usize) -> usize {
        let mut left = space.saturating_sub(SCRIBBLE);
        let fits = |len: &&usize| {
            let rest = left.checked_sub(*len + suffix);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        self.lens[at..self.rows].iter().take_while(fits).count()
    }

    /// The memory that the row `at` needs.
    pub(crate) fn memory_of(&self, at: usize, suffix: usize) -> usize {
        self.lens[at] + suffix + SCRIBBLE
    }

    /// Writes `count` rows from `at` on, each with its gRPC prefix and the suffix, and returns how many bytes they are. What
    /// `rows` holds behind them, up to [`SCRIBBLE`] bytes, may be touched.
    pub(crate) fn write(
        &self,
        columns: &CheckedColumns<'_>,
        at: usize,
        count: usize,
        suffix: &[u8],
        rows: &mut [u8],
    ) -> usize {
        let (lens, stamps) = (&self.lens[at..at + count], &self.stamps[at..at + count]);
        let total = lens.iter().sum::<usize>() + count * suffix.len();
        let rows = &mut rows[..total + SCRIBBLE];
        // Stores that jump from row to row find this memory in the cache when it was written to once in its own order.
        rows.fill(0);
        let mut cursors = [0; MOST_ROWS];
        let cursors = &mut cursors[..count];
        let mut start = 0;
        // Whatever a store writes too much is overwritten: it never reaches beyond the head of the next row, and heads
        // come last. A head is long enough for that, as each flow has a name.
        for ((cursor, stamp), len) in cursors.iter_mut().zip(stamps).zip(lens) {
            let stamp_at = start + columns.head.len();
            stamp.put(rows, stamp_at);
            *cursor = stamp_at + stamp.len();
            start += len + suffix.len();
        }
        let first = self.first + at;
        let mut shift = 0;
        for channel in &columns.channels {
            match channel {
                None => {
                    let writing = Write { rows, cursors, shift, validity: None, first };
                    shift = writing.visit(std::iter::repeat_n(Empty, count));
                }
                Some(column) => {
                    let writing = Write { rows, cursors, shift, validity: column.validity, first };
                    shift = visit(&column.values, first..first + count, writing);
                }
            }
        }
        let mut start = 0;
        for len in lens {
            let end = start + len + suffix.len();
            let head = &mut rows[start..start + columns.head.len()];
            head.copy_from_slice(&columns.head);
            // Rows larger than a u32 can tell were refused.
            let message = u32::try_from(len + suffix.len() - PREFIX_LEN).unwrap_or(u32::MAX);
            head[1..PREFIX_LEN].copy_from_slice(&message.to_be_bytes());
            if !suffix.is_empty() {
                rows[start + len..end].copy_from_slice(suffix);
            }
            start = end;
        }
        total
    }
}

/// Adds the lengths of a column's cells to those of the rows. Gives what all rows have in common.
struct Measure<'a> {
    lens: &'a mut [usize],
    validity: Option<Validity<'a>>,
    first: usize,
}

impl Visitor for Measure<'_> {
    type Out = usize;

    #[inline]
    fn visit<C: Cell>(self, cells: impl Iterator<Item = C>) -> usize {
        let Self { lens, validity, first } = self;
        match (validity, C::WIDTH) {
            (None, Some(width)) => return width,
            (None, None) => lens.iter_mut().zip(cells).for_each(|(len, cell)| *len += cell.len()),
            (Some(validity), _) => {
                for ((row, len), cell) in (first..).zip(lens).zip(cells) {
                    *len += if validity.has(row) { cell.len() } else { Empty.len() };
                }
            }
        }
        0
    }
}

/// Writes a column's cells into their rows: each at its row's cursor, and `shift` further. Gives the shift that follows.
struct Write<'a> {
    rows: &'a mut [u8],
    cursors: &'a mut [usize],
    shift: usize,
    validity: Option<Validity<'a>>,
    first: usize,
}

impl Visitor for Write<'_> {
    type Out = usize;

    #[inline]
    fn visit<C: Cell>(self, cells: impl Iterator<Item = C>) -> usize {
        let Self { rows, cursors, shift, validity, first } = self;
        match (validity, C::WIDTH) {
            (None, Some(width)) => {
                cursors.iter().zip(cells).for_each(|(cursor, cell)| cell.put(rows, cursor + shift));
                return shift + width;
            }
            (None, None) => {
                for (cursor, cell) in cursors.iter_mut().zip(cells) {
                    cell.put(rows, *cursor + shift);
                    *cursor += cell.len();
                }
            }
            (Some(validity), _) => {
                for ((row, cursor), cell) in (first..).zip(cursors).zip(cells) {
                    if validity.has(row) {
                        cell.put(rows, *cursor + shift);
                        *cursor += cell.len();
                    } else {
                        Empty.put(rows, *cursor + shift);
                        *cursor += Empty.len();
                    }
                }
            }
        }
        shift
    }
}
