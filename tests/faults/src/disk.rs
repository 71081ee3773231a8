//! What a stream has left on its disk.

use crate::rows::Shape;
use siftstream::ledger::RangeSet;
use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::{Slot, Spool};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The backup files in all slots under `root`.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let entries =
        |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries(root.to_owned())
        .flat_map(|slot| ["data", "pending"].map(|area| slot.join(area)))
        .flat_map(entries)
        .filter(|path| path.extension().is_some_and(|extension| extension == "pbfs"))
        .collect()
}

/// The sequence numbers of the rows that the next start will send. Nobody may own a slot.
pub fn replayable(root: &Path, shape: Shape) -> Result<RangeSet, String> {
    let mut found = RangeSet::new();
    if files(root).is_empty() {
        return Ok(found);
    }
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    // Held together, so that each opening takes another sub-slot.
    let mut spools = Vec::new();
    for info in Slot::list(&fs, root).unwrap() {
        let slot = Slot::open(Arc::clone(&fs), root, &info.key).unwrap();
        spools.push(Spool::open(slot).unwrap());
    }
    for spool in &spools {
        read_unconfirmed(spool, shape, &mut found)?;
    }
    Ok(found)
}

fn read_unconfirmed(spool: &Arc<Spool>, shape: Shape, found: &mut RangeSet) -> Result<(), String> {
    let mut scanner = spool.scanner();
    while let Some(inventory) = scanner.scan_next() {
        let mut rows = spool.unconfirmed_rows(&inventory.unwrap()).unwrap();
        while let Some(chunk) = rows.next_chunk().unwrap() {
            for (_, row) in chunk.rows() {
                let seq = shape.read(row)?;
                found.insert(seq..seq + 1);
            }
        }
    }
    Ok(())
}
