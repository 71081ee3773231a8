//! Reads a slot's journal without touching it: neither its lock is taken nor a torn tail cut off.

use super::error::{Failure, Result};
use siftstream::seams::filesystem::{FileSystem, ReadAt, RealFileSystem};
use siftstream::spool::journal::{Index, Record};
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"SIFTJNL1";
const FRAME: u64 = 8;

/// What the journal at `path` says; nothing if there is none. Stops at the first record that does not verify, as
/// the owner of the slot does.
pub(crate) fn read(path: &Path) -> Result<Index> {
    let mut index = Index::default();
    let file = match RealFileSystem.open_read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(index),
        Err(error) => return Err(Failure::read(path)(error)),
    };
    replay(&*file, &mut index).map_err(Failure::read(path))?;
    Ok(index)
}

fn replay(file: &dyn ReadAt, index: &mut Index) -> io::Result<()> {
    let end = file.size()?;
    let mut magic = [0; MAGIC.len()];
    if file.read_full_at(&mut magic, 0)? < magic.len() || magic != *MAGIC {
        return Ok(());
    }
    let (mut at, mut body) = (MAGIC.len() as u64, Vec::new());
    while at + FRAME <= end {
        let mut frame = [0; FRAME as usize];
        file.read_full_at(&mut frame, at)?;
        let [l0, l1, l2, l3, c0, c1, c2, c3] = frame;
        let len = [l0, l1, l2, l3];
        let size = u32::from_le_bytes(len);
        if u64::from(size) > end - at - FRAME {
            break;
        }
        body.resize(size as usize, 0);
        file.read_full_at(&mut body, at + FRAME)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&len);
        crc.update(&body);
        let record = (crc.finalize() == u32::from_le_bytes([c0, c1, c2, c3])).then(|| Record::decode(&body));
        let Some(Some(record)) = record else { break };
        index.apply(record);
        at += FRAME + u64::from(size);
    }
    Ok(())
}
