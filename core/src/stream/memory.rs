//! The memory of a segment: initialised once, written in place, used again and again.

use std::ops::Deref;

/// Bytes, and room for more behind them. The room is initialised too, so that a row is written there by stores alone.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    all: Box<[u8]>,
    len: usize,
}

impl Memory {
    /// No bytes, and room for so many. Memory that comes fresh from the system is not touched.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { all: vec![0; bytes].into_boxed_slice(), len: 0 }
    }

    /// How many bytes it can hold, those that it holds included.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.all.len()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The room behind the bytes. What is written there is not kept before [`keep`](Self::keep) says so.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.all[self.len..]
    }

    /// The first `count` bytes of the room belong to the bytes now.
    #[inline(always)]
    pub(crate) fn keep(&mut self, count: usize) {
        assert!(count <= self.all.len() - self.len, "only what has room can be kept");
        self.len += count;
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.room()[..bytes.len()].copy_from_slice(bytes);
        self.keep(bytes.len());
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes to all of the room, so that its first use does not fault.
    pub(crate) fn touch(&mut self) {
        // Not zero, which a store could be spared for.
        self.room().fill(0xff);
    }
}

impl Deref for Memory {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.all[..self.len]
    }
}

impl From<Vec<u8>> for Memory {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), all: bytes.into_boxed_slice() }
    }
}
