//! Handles that cannot be misused into undefined behaviour.
//!
//! What C holds as a pointer is a number: the place of a slot in a table, the generation of that slot and the type of
//! the object. It is never dereferenced, so a freed, foreign or mistyped handle is found by comparing numbers. A slot
//! that is used again gets a new generation; 2^36 of them pass before a number comes back.
//!
//! Each use is counted in the slot, shared or exclusive, so that an object that is freed in the middle of another
//! thread's call lives until that call returns, and two threads never change one object at the same time.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use siftstream_core::{Error, ErrorCode, Result};

use crate::slots::{self, Slot};

/// A type of handle.
pub(crate) trait Kind: Sized {
    /// What the handle stands for.
    type Content: Send + Sync + 'static;
    /// Tells the types apart; no two share one. Odd, so that no aligned address looks like a handle.
    const TAG: u8;
    /// What it is called in messages.
    const NAME: &'static str;
}

/// Makes a type that the header shows a handle of `content`.
macro_rules! kind {
    ($name:ident, $content:ty, $tag:literal, $called:literal) => {
        impl crate::handle::Kind for $name {
            type Content = $content;
            const TAG: u8 = {
                assert!($tag % 2 == 1, "tags are odd");
                $tag
            };
            const NAME: &'static str = $called;
        }
    };
}
pub(crate) use kind;

/// A handle is generation, index, tag. The state of a slot is its key (generation and tag), the closing bit, users.
const TAG_BITS: u32 = 8;
const GENERATION_BITS: u32 = 36;
const USER_BITS: u32 = 19;
const CLOSING: u64 = 1 << USER_BITS;
const USERS: u64 = CLOSING - 1;
/// This many users mean one that has the object for itself.
const EXCLUSIVE: u64 = USERS;
const KEY_SHIFT: u32 = USER_BITS + 1;

const _: () = assert!(TAG_BITS + slots::INDEX_BITS + GENERATION_BITS == 64);
const _: () = assert!(GENERATION_BITS + TAG_BITS + KEY_SHIFT == 64);
const _: () = assert!(usize::BITS == 64, "handles need 64-bit pointers");

/// What a slot holds of an object.
pub(crate) struct Entry {
    state: AtomicU64,
    object: AtomicPtr<()>,
}

impl Entry {
    pub(crate) const fn empty() -> Self {
        Self { state: AtomicU64::new(0), object: AtomicPtr::new(ptr::null_mut()) }
    }
}

/// Generation and tag of the object in a slot, where they stand in its state; an empty slot has tag 0.
fn key(generation: u64, tag: u8) -> u64 {
    (generation << TAG_BITS | u64::from(tag)) << KEY_SHIFT
}

/// Whether a state is that of a living object with this key.
fn is_alive(state: u64, key: u64) -> bool {
    state >> USER_BITS == key >> USER_BITS
}

/// The slot of a handle, and the key it must have.
fn find<K: Kind>(handle: *const K) -> Result<(usize, &'static Slot, u64)> {
    let number = handle.addr() as u64;
    let [tag, ..] = number.to_le_bytes();
    if tag != K::TAG {
        return Err(if number == 0 { refused::<K>("is NULL") } else { dead::<K>() });
    }
    let index = number >> TAG_BITS & slots::INDICES;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let slot = slots::get(index).ok_or_else(dead::<K>)?;
    Ok((index, slot, key(number >> (TAG_BITS + slots::INDEX_BITS), tag)))
}

#[cold]
fn refused<K: Kind>(why: &str) -> Error {
    let message = format!("the {} {why}: give one that is alive", K::NAME);
    Error::new(ErrorCode::InvalidArgument, message)
}

#[cold]
fn dead<K: Kind>() -> Error {
    refused::<K>("was freed, is of another type, or is none of this library")
}

#[cold]
fn busy<K: Kind>() -> Error {
    let message = format!("another thread is using the {0}: use a {0} from one thread at a time", K::NAME);
    Error::new(ErrorCode::Busy, message)
}

/// Gives `content` a handle.
pub(crate) fn create<K: Kind>(content: K::Content) -> Result<*mut K> {
    let object = Box::new(content);
    let (index, slot) = slots::take()?;
    let entry = &slot.entry;
    let before = entry.state.load(Ordering::Relaxed) >> (KEY_SHIFT + TAG_BITS);
    let generation = (before + 1) & ((1 << GENERATION_BITS) - 1);
    entry.object.store(Box::into_raw(object).cast(), Ordering::Relaxed);
    entry.state.store(key(generation, K::TAG), Ordering::Release);
    let number =
        generation << (slots::INDEX_BITS + TAG_BITS) | (index as u64) << TAG_BITS | u64::from(K::TAG);
    Ok(ptr::without_provenance_mut(usize::try_from(number).unwrap_or_default()))
}

/// The object, together with others who only read it.
pub(crate) fn shared<K: Kind>(handle: *const K) -> Result<Shared<K>> {
    let (index, slot, key) = find(handle)?;
    let mut state = slot.entry.state.load(Ordering::Relaxed);
    loop {
        if !is_alive(state, key) {
            return Err(dead::<K>());
        }
        if state & USERS >= EXCLUSIVE - 1 {
            return Err(busy::<K>());
        }
        let counted =
            slot.entry.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed);
        match counted {
            Ok(_) => return Ok(Shared { index, slot, kind: PhantomData }),
            Err(now) => state = now,
        }
    }
}

/// The object for one caller alone. A thread that meets another one is told so; it never waits.
pub(crate) fn exclusive<K: Kind>(handle: *const K) -> Result<Exclusive<K>> {
    let (_, slot, idle) = find(handle)?;
    match slot.entry.state.compare_exchange(idle, idle | EXCLUSIVE, Ordering::Acquire, Ordering::Relaxed) {
        Ok(_) => Ok(Exclusive { slot, idle, kind: PhantomData }),
        Err(now) => Err(if is_alive(now, idle) { busy::<K>() } else { dead::<K>() }),
    }
}

/// Ends a handle. The object goes when the calls that only read it have returned; a call that has it for itself keeps
/// it alive, and the handle too.
pub(crate) fn destroy<K: Kind>(handle: *const K) -> Result<()> {
    let (index, slot, key) = find(handle)?;
    let mut state = slot.entry.state.load(Ordering::Relaxed);
    loop {
        if !is_alive(state, key) {
            return Err(dead::<K>());
        }
        if state & USERS == EXCLUSIVE {
            return Err(busy::<K>());
        }
        let closing = slot.entry.state.compare_exchange_weak(
            state,
            state | CLOSING,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        match closing {
            Ok(_) => break,
            Err(now) => state = now,
        }
    }
    if state & USERS == 0 {
        end::<K>(index, slot);
    }
    Ok(())
}

/// Drops the object of a slot that is closing and has no users; only one caller ever sees that.
fn end<K: Kind>(index: usize, slot: &'static Slot) {
    let entry = &slot.entry;
    let object = entry.object.swap(ptr::null_mut(), Ordering::Relaxed);
    let generation = entry.state.load(Ordering::Relaxed) >> (KEY_SHIFT + TAG_BITS);
    entry.state.store(key(generation, 0), Ordering::Release);
    slots::give_back(index, slot);
    // SAFETY: `create` made it from a box of this type (the tag is part of the key), and nobody else can reach it.
    drop(unsafe { Box::from_raw(object.cast::<K::Content>()) });
}

/// One of several uses of an object at the same time.
pub(crate) struct Shared<K: Kind> {
    index: usize,
    slot: &'static Slot,
    kind: PhantomData<K>,
}

impl<K: Kind> Deref for Shared<K> {
    type Target = K::Content;

    fn deref(&self) -> &K::Content {
        let object = self.slot.entry.object.load(Ordering::Relaxed).cast::<K::Content>();
        // SAFETY: the object is of this type (the tag is part of the key) and lives while it has users; nobody has it
        // for itself.
        unsafe { &*object }
    }
}

impl<K: Kind> Drop for Shared<K> {
    fn drop(&mut self) {
        let before = self.slot.entry.state.fetch_sub(1, Ordering::AcqRel);
        if before & USERS == 1 && before & CLOSING != 0 {
            end::<K>(self.index, self.slot);
        }
    }
}

/// The only use of an object.
pub(crate) struct Exclusive<K: Kind> {
    slot: &'static Slot,
    idle: u64,
    kind: PhantomData<K>,
}

impl<K: Kind> Deref for Exclusive<K> {
    type Target = K::Content;

    fn deref(&self) -> &K::Content {
        let object = self.slot.entry.object.load(Ordering::Relaxed).cast::<K::Content>();
        // SAFETY: the object is of this type (the tag is part of the key), and nobody else uses or frees it now.
        unsafe { &*object }
    }
}

impl<K: Kind> DerefMut for Exclusive<K> {
    fn deref_mut(&mut self) -> &mut K::Content {
        let object = self.slot.entry.object.load(Ordering::Relaxed).cast::<K::Content>();
        // SAFETY: the object is of this type (the tag is part of the key), and nobody else uses or frees it now.
        unsafe { &mut *object }
    }
}

impl<K: Kind> Drop for Exclusive<K> {
    fn drop(&mut self) {
        // Nobody changes the state of a slot that one caller has for itself, so a store is enough.
        self.slot.entry.state.store(self.idle, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::sync::Arc;

    struct Number;
    kind!(Number, Arc<u64>, 101, "number");

    struct Text;
    kind!(Text, String, 103, "text");

    fn code<T>(result: Result<T>) -> ErrorCode {
        result.err().unwrap().code()
    }

    #[test]
    fn a_live_handle_gives_its_object() {
        let handle = create::<Number>(Arc::new(7)).unwrap();
        assert_eq!(**shared(handle).unwrap(), 7);
        *exclusive(handle).unwrap() = Arc::new(8);
        assert_eq!(**shared(handle).unwrap(), 8);
        destroy(handle).unwrap();
    }

    #[test]
    fn a_freed_handle_is_refused_even_when_its_slot_is_used_again() {
        let old = create::<Text>("old".to_owned()).unwrap();
        destroy(old).unwrap();
        let new: Vec<_> = (0..300).map(|_| create::<Text>("new".to_owned()).unwrap()).collect();
        assert_eq!(code(destroy(old)), ErrorCode::InvalidArgument);
        assert_eq!(code(shared(old)), ErrorCode::InvalidArgument);
        assert_eq!(code(exclusive(old)), ErrorCode::InvalidArgument);
        new.into_iter().for_each(|handle| destroy(handle).unwrap());
    }

    #[test]
    fn foreign_and_mistyped_handles_are_refused() {
        let handle = create::<Text>("text".to_owned()).unwrap();
        assert_eq!(code(shared(handle.cast::<Number>())), ErrorCode::InvalidArgument);
        let mut on_stack = 0_u64;
        let foreign = (&raw mut on_stack).cast::<Number>();
        assert_eq!(code(shared(foreign)), ErrorCode::InvalidArgument);
        for number in [0, 1, 101, 103, usize::MAX, usize::MAX - 154, 1 << 63] {
            let forged = ptr::without_provenance_mut::<Number>(number);
            assert_eq!(code(destroy(forged)), ErrorCode::InvalidArgument, "{number:x}");
            assert_eq!(code(exclusive(forged)), ErrorCode::InvalidArgument, "{number:x}");
        }
        destroy(handle).unwrap();
    }

    #[test]
    fn an_object_freed_in_the_middle_of_a_call_lives_until_the_call_returns() {
        let object = Arc::new(7);
        let handle = create::<Number>(Arc::clone(&object)).unwrap();
        let in_call = shared(handle).unwrap();
        destroy(handle).unwrap();
        assert_eq!(code(shared(handle)), ErrorCode::InvalidArgument);
        assert_eq!((**in_call, Arc::strong_count(&object)), (7, 2));
        drop(in_call);
        assert_eq!(Arc::strong_count(&object), 1);
    }

    #[test]
    fn an_object_in_exclusive_use_is_busy_for_all_others() {
        let handle = create::<Number>(Arc::new(7)).unwrap();
        let in_call = exclusive(handle).unwrap();
        assert_eq!(code(exclusive(handle)), ErrorCode::Busy);
        assert_eq!(code(shared(handle)), ErrorCode::Busy);
        assert_eq!(code(destroy(handle)), ErrorCode::Busy);
        drop(in_call);
        let in_call = shared(handle).unwrap();
        assert_eq!(code(exclusive(handle)), ErrorCode::Busy);
        drop(in_call);
        destroy(handle).unwrap();
    }

    #[test]
    fn threads_that_use_and_free_one_handle_never_meet_a_dead_object() {
        for _ in 0..200 {
            let object = Arc::new(7);
            let handle = create::<Number>(Arc::clone(&object)).unwrap().addr();
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        let handle = ptr::without_provenance_mut::<Number>(handle);
                        for _ in 0..50 {
                            if thread % 2 == 0 {
                                shared(handle).ok().inspect(|number| assert_eq!(***number, 7));
                            } else {
                                exclusive(handle).ok().inspect(|number| assert_eq!(***number, 7));
                            }
                        }
                        while destroy(handle).is_err_and(|error| error.code() == ErrorCode::Busy) {}
                    });
                }
            });
            assert_eq!(Arc::strong_count(&object), 1, "freed once, and only once");
        }
    }
}
