//! The table behind the handles: slots that are made in chunks, never unmapped, and used again. The first chunk, which most
//! programs never go beyond, is found without a look at the list of chunks.
//!
//! It has no lock: a process that forks while another thread changes the table finds it whole in the child.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use siftstream_core::{Error, ErrorCode, Result};

use crate::handle::Entry;

/// So many bits of a handle say which slot it is.
pub(crate) const INDEX_BITS: u32 = 20;
/// The same as a mask.
pub(crate) const INDICES: u64 = (1 << INDEX_BITS) - 1;

const MOST_SLOTS: usize = 1 << INDEX_BITS;
const CHUNK: usize = 1 << (INDEX_BITS / 2);

/// A place for an object. Each has a cache line of its own, so that threads with objects of their own do not meet.
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) entry: Entry,
    /// While the slot is free: the next free one, counted from 1.
    next_free: AtomicU32,
}

impl Slot {
    const fn empty() -> Self {
        Self { entry: Entry::empty(), next_free: AtomicU32::new(0) }
    }
}

static FIRST: [Slot; CHUNK] = [const { Slot::empty() }; CHUNK];
/// The chunks behind the first.
static CHUNKS: [AtomicPtr<Slot>; CHUNK] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNK];
static MADE: AtomicUsize = AtomicUsize::new(0);

/// The top of the stack of free slots: its place counted from 1, below a count of changes. The count keeps a thread
/// that was interrupted between its look and its change from taking one top for another.
static FREE: AtomicU64 = AtomicU64::new(0);
const TOP_BITS: u32 = INDEX_BITS + 1;
const TOP: u64 = (1 << TOP_BITS) - 1;

fn changed(free: u64, top: u32) -> u64 {
    (((free >> TOP_BITS) + 1) << TOP_BITS) | u64::from(top)
}

/// The slot at `index`, if it was ever made.
#[inline]
pub(crate) fn get(index: usize) -> Option<&'static Slot> {
    get_near(index).or_else(|| get_far(index))
}

/// The same for the slots of the first chunk alone, in fewer steps.
#[inline(always)]
pub(crate) fn get_near(index: usize) -> Option<&'static Slot> {
    FIRST.get(index)
}

#[inline(never)]
fn get_far(index: usize) -> Option<&'static Slot> {
    let chunk = CHUNKS.get(index / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: a chunk that is not NULL is a leaked array of CHUNK slots.
    (!chunk.is_null()).then(|| unsafe { &*chunk.add(index % CHUNK) })
}

/// A slot that nobody uses.
pub(crate) fn take() -> Result<(usize, &'static Slot)> {
    let mut free = FREE.load(Ordering::Acquire);
    while free & TOP != 0 {
        let index = usize::try_from((free & TOP) - 1).unwrap_or(usize::MAX);
        let Some(slot) = get(index) else { break };
        let next = slot.next_free.load(Ordering::Relaxed);
        match FREE.compare_exchange_weak(free, changed(free, next), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Ok((index, slot)),
            Err(now) => free = now,
        }
    }
    let index = MADE
        .try_update(Ordering::Relaxed, Ordering::Relaxed, |made| (made < MOST_SLOTS).then_some(made + 1))
        .map_err(|_| too_many())?;
    Ok((index, make(index)))
}

/// Makes a slot free.
pub(crate) fn give_back(index: usize, slot: &'static Slot) {
    let top = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let mut free = FREE.load(Ordering::Relaxed);
    loop {
        slot.next_free.store(u32::try_from(free & TOP).unwrap_or_default(), Ordering::Relaxed);
        match FREE.compare_exchange_weak(free, changed(free, top), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => free = now,
        }
    }
}

/// The slot at `index`, whose chunk is made if this is the first of it.
fn make(index: usize) -> &'static Slot {
    if let Some(slot) = get(index) {
        return slot;
    }
    let chunk: &'static mut [Slot] = Box::leak((0..CHUNK).map(|_| Slot::empty()).collect());
    let chunk = ptr::from_mut(chunk);
    let place = &CHUNKS[index / CHUNK];
    let placed = place.compare_exchange(ptr::null_mut(), chunk.cast(), Ordering::AcqRel, Ordering::Acquire);
    if placed.is_err() {
        // SAFETY: it was leaked above, and another thread's chunk is in its place, so nobody has seen it.
        drop(unsafe { Box::from_raw(chunk) });
    }
    match get(index) {
        Some(slot) => slot,
        None => unreachable!("its chunk was placed here, or by another thread before"),
    }
}

#[cold]
fn too_many() -> Error {
    let message = format!("{MOST_SLOTS} objects are alive: free those that are not needed");
    Error::new(ErrorCode::Internal, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    #[test]
    fn threads_that_take_and_give_back_slots_never_hold_the_same_one() {
        let held = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let mine: Vec<_> = (0..8).map(|_| take().unwrap()).collect();
                        let mut all = held.lock().unwrap();
                        mine.iter()
                            .for_each(|(index, _)| assert!(all.insert(*index), "{index} is held twice"));
                        drop(all);
                        let mut all = held.lock().unwrap();
                        mine.iter().for_each(|(index, _)| assert!(all.remove(index)));
                        drop(all);
                        mine.into_iter().for_each(|(index, slot)| give_back(index, slot));
                    }
                });
            }
        });
    }
}
