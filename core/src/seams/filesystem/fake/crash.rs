//! What the end of a machine, or of a process, leaves of the disk.
//!
//! The model of a crash: a synced file keeps its synced bytes; of the writes since then any prefix (the last one
//! torn), any subset of 512-byte sectors, or mere zeros survive. A name that was created, removed or renamed since its
//! directory was synced may or may not show the change; changes of one name keep their order. A sync that fails drops
//! what it should have written, and the next sync succeeds without it, as on Linux.

use super::{Change, FakeFileSystem, Inode, Node, State, apply, apply_name};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const SECTOR: usize = 512;

impl Inode {
    /// What a crash leaves of the file.
    fn survive(&self, rng: &mut SmallRng) -> Vec<u8> {
        let mut data = self.durable.clone();
        if self.unsynced.is_empty() {
            return data;
        }
        match rng.random_range(0..4) {
            0 => {
                let kept = rng.random_range(0..=self.unsynced.len());
                self.unsynced[..kept].iter().for_each(|change| apply(&mut data, change));
                if let Some(Change::Write(offset, bytes)) = self.unsynced.get(kept) {
                    let torn = rng.random_range(0..=bytes.len());
                    apply(&mut data, &Change::Write(*offset, bytes[..torn].to_vec()));
                }
            }
            1 => {
                let mut whole = data.clone();
                self.unsynced.iter().for_each(|change| apply(&mut whole, change));
                data.resize(whole.len(), 0);
                for (old, new) in data.chunks_mut(SECTOR).zip(whole.chunks(SECTOR)) {
                    if rng.random_bool(0.5) {
                        old.copy_from_slice(new);
                    }
                }
            }
            2 => {
                let mut whole = data.clone();
                self.unsynced.iter().for_each(|change| apply(&mut whole, change));
                data.resize(whole.len(), 0);
            }
            _ => {}
        }
        data
    }
}

impl FakeFileSystem {
    /// The disk as one possible crash leaves it, chosen by `seed`. This disk stays as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let state = self.state();
        let mut names = state.durable_names.clone();
        let mut lost: HashSet<&PathBuf> = HashSet::new();
        let keep = [0.0, 0.5, 0.9, 1.0][rng.random_range(0..4)];
        for change in &state.unsynced_names {
            let paths = change.paths();
            let orphaned =
                paths.iter().any(|path| path.ancestors().any(|at| lost.contains(&at.to_path_buf())));
            if orphaned || !rng.random_bool(keep) {
                lost.extend(paths);
            } else {
                apply_name(&mut names, change);
            }
        }
        let mut inodes = HashMap::new();
        for inode in names.values().filter_map(Node::inode) {
            let data = state.inodes[&inode].survive(&mut rng);
            inodes.insert(inode, Inode { durable: data.clone(), data, unsynced: Vec::new() });
        }
        let next_inode = state.next_inode;
        let durable_names = names.clone();
        let after = State { inodes, next_inode, names, durable_names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    /// The disk as the death of the process leaves it: all that was written is there, and nobody holds a lock. This disk
    /// stays as it is; what is still done to it, the other does not see.
    #[must_use]
    pub fn killed(&self) -> Self {
        let state = self.state();
        let State { inodes, next_inode, names, durable_names, unsynced_names, .. } = state.clone();
        let after = State { inodes, next_inode, names, durable_names, unsynced_names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }
}
