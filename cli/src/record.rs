//! Keeps received rows as a PBFS file.

use siftstream::spool::pbfs::ChunkBuilder;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A chunk is written when it holds this many bytes.
const CHUNK: usize = 64 * 1024;

/// Writes rows to one new file of a directory.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: File,
    chunk: ChunkBuilder,
    error: Option<io::Error>,
}

impl Recorder {
    /// Creates `dir` if needed and in it the first `serve-N.pbfs` that does not exist.
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        for number in 0u64.. {
            let path = dir.join(format!("serve-{number:06}.pbfs"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
                Ok(file) => return Ok(Self { file, chunk: ChunkBuilder::default(), error: None }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Adds a row; an error is kept for [`Recorder::finish`].
    pub(crate) fn add(&mut self, message: &[u8]) {
        if self.chunk.len() + message.len() > CHUNK {
            self.write_chunk();
        }
        if let Err(error) = self.chunk.push(message) {
            self.error.get_or_insert(io::Error::other(error));
        }
    }

    /// Writes what is left and syncs; tells the first error since the start.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.write_chunk();
        match self.error.take() {
            Some(error) => Err(error),
            None => self.file.sync_all(),
        }
    }

    fn write_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.is_empty() || self.error.is_some() {
            return;
        }
        let bytes = chunk.finish();
        self.error = self.file.write_all(&bytes).err();
        self.chunk = ChunkBuilder::with_buffer(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::Recorder;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn recorded_rows_are_one_verifiable_chunk_that_only_the_owner_can_read() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("rec");
        let mut recorder = Recorder::create(&dir).unwrap();
        recorder.add(b"one");
        recorder.add(b"");
        recorder.finish().unwrap();
        let path = dir.join("serve-000000.pbfs");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[4..12], 11u64.to_le_bytes());
        assert_eq!(bytes[12..], *b"\x03\0\0\0one\0\0\0\0");
        assert_eq!(bytes[..4], crc32fast::hash(&bytes[4..]).to_le_bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
