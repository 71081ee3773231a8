//! What a reader found that is not a chunk.

use std::fmt;

/// Why bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamageReason {
    /// The file ends inside a chunk, as after a crash.
    Torn,
    /// The length is beyond what a chunk may have.
    Length,
    /// The sizes of the messages do not add up to the length.
    Sizes,
    /// The checksum does not match.
    Checksum,
    /// Only zeros: room that was reserved or lost, never data.
    Zeros,
}

impl DamageReason {
    /// A stable word for reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::Length => "length",
            Self::Sizes => "sizes",
            Self::Checksum => "checksum",
            Self::Zeros => "zeros",
        }
    }
}

impl fmt::Display for DamageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stretch of a file that holds no readable chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Damage {
    /// Where it starts.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
    /// What was wrong at its start.
    pub reason: DamageReason,
    /// Whether it reaches the end of the file, so that it can be cut off.
    pub at_end: bool,
}
