//! The records of the journal and their bytes.

use crate::checkpoint::CheckpointState;

/// A stretch of a file whose rows have consecutive message IDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The number of the file.
    pub file: u64,
    /// Where the stretch starts.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The ID of its first row.
    pub first_id: u64,
    /// How many rows it has.
    pub rows: u64,
}

impl Run {
    /// Takes in `next` if it continues this run.
    pub fn extend(&mut self, next: &Self) -> bool {
        let continues =
            self.file == next.file && self.end == next.start && self.first_id + self.rows == next.first_id;
        if continues {
            self.end = next.end;
            self.rows += next.rows;
        }
        continues
    }

    /// What is left of it when its file ends at `len`, before which all IDs are below `below`.
    #[must_use]
    pub fn cut(self, len: u64, below: u64) -> Option<Self> {
        if self.end <= len {
            return Some(self);
        }
        let rows = below.saturating_sub(self.first_id).min(self.rows);
        (self.start < len && rows > 0).then_some(Self { end: len, rows, ..self })
    }

    /// The IDs of its rows.
    #[must_use]
    pub fn ids(&self) -> std::ops::Range<u64> {
        self.first_id..self.first_id.saturating_add(self.rows)
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A new epoch began.
    Epoch(u64),
    /// Numbers below this one were given to files.
    NextFile(u64),
    /// A file was created in an epoch; what was known under its number is void.
    Created {
        /// The number of the file.
        file: u64,
        /// The epoch of its message IDs.
        epoch: u64,
    },
    /// A file holds these IDs.
    Run(Run),
    /// Only the first `len` bytes of a file count; the rest was written elsewhere.
    Sealed {
        /// The number of the file.
        file: u64,
        /// How many bytes count.
        len: u64,
    },
    /// Rows were confirmed, by ID.
    Confirmed {
        /// The epoch of the IDs.
        epoch: u64,
        /// The first ID.
        start: u64,
        /// The first ID that is not meant any more.
        end: u64,
    },
    /// Rows were confirmed, by their place in a file.
    ConfirmedExtent {
        /// The number of the file.
        file: u64,
        /// Where the stretch starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// A file is gone.
    Removed {
        /// The number of the file.
        file: u64,
    },
    /// A damaged stretch was copied to quarantine.
    Quarantined {
        /// The number of the file.
        file: u64,
        /// Where the stretch starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// Rows were given up by a policy.
    Dropped {
        /// How many.
        rows: u64,
    },
    /// A checkpoint was made.
    Checkpoint(CheckpointState),
    /// The checkpoints of a stream below a sequence were removed.
    CheckpointsDeleted {
        /// The stream.
        stream: String,
        /// The first sequence that stays.
        before: u64,
    },
    /// Named bytes, such as the schema; the newest of a name counts.
    Blob {
        /// The name.
        name: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl Record {
    /// Appends kind and fields to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, fields): (u8, &[u64]) = match self {
            Self::Epoch(epoch) => (1, &[*epoch]),
            Self::NextFile(file) => (2, &[*file]),
            Self::Created { file, epoch } => (3, &[*file, *epoch]),
            Self::Run(run) => (4, &[run.file, run.start, run.end, run.first_id, run.rows]),
            Self::Sealed { file, len } => (5, &[*file, *len]),
            Self::Confirmed { epoch, start, end } => (6, &[*epoch, *start, *end]),
            Self::ConfirmedExtent { file, start, end } => (7, &[*file, *start, *end]),
            Self::Removed { file } => (8, &[*file]),
            Self::Quarantined { file, start, end } => (9, &[*file, *start, *end]),
            Self::Dropped { rows } => (10, &[*rows]),
            Self::Checkpoint(state) => {
                out.push(11);
                return out.extend(state.encode());
            }
            Self::CheckpointsDeleted { stream, before } => {
                out.push(12);
                out.extend(before.to_le_bytes());
                return out.extend(stream.as_bytes());
            }
            Self::Blob { name, bytes } => {
                out.push(13);
                out.extend((name.len() as u64).to_le_bytes());
                out.extend(name.as_bytes());
                return out.extend(bytes);
            }
        };
        out.push(kind);
        fields.iter().for_each(|field| out.extend(field.to_le_bytes()));
    }

    /// Reads kind and fields; `None` if they are not a record that this version knows.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        Some(match kind {
            1 => Self::Epoch(fields::<1>(rest)?[0]),
            2 => Self::NextFile(fields::<1>(rest)?[0]),
            3 => fields(rest).map(|[file, epoch]| Self::Created { file, epoch })?,
            4 => {
                let [file, start, end, first_id, rows] = fields(rest)?;
                Self::Run(Run { file, start, end, first_id, rows })
            }
            5 => fields(rest).map(|[file, len]| Self::Sealed { file, len })?,
            6 => fields(rest).map(|[epoch, start, end]| Self::Confirmed { epoch, start, end })?,
            7 => fields(rest).map(|[file, start, end]| Self::ConfirmedExtent { file, start, end })?,
            8 => fields(rest).map(|[file]| Self::Removed { file })?,
            9 => fields(rest).map(|[file, start, end]| Self::Quarantined { file, start, end })?,
            10 => fields(rest).map(|[rows]| Self::Dropped { rows })?,
            11 => Self::Checkpoint(CheckpointState::decode(rest).ok()?),
            12 => {
                let (before, stream) = rest.split_first_chunk()?;
                let stream = String::from_utf8(stream.to_vec()).ok()?;
                Self::CheckpointsDeleted { stream, before: u64::from_le_bytes(*before) }
            }
            13 => {
                let (len, rest) = rest.split_first_chunk()?;
                let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
                let (name, bytes) = rest.split_at_checked(len)?;
                Self::Blob { name: String::from_utf8(name.to_vec()).ok()?, bytes: bytes.to_vec() }
            }
            _ => return None,
        })
    }
}

/// Exactly `N` integers.
fn fields<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let mut fields = [0; N];
    let (words, rest) = bytes.as_chunks::<8>();
    if words.len() != N || !rest.is_empty() {
        return None;
    }
    for (field, word) in fields.iter_mut().zip(words) {
        *field = u64::from_le_bytes(*word);
    }
    Some(fields)
}
