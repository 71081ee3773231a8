//! Handles that cannot be misused into undefined behaviour.
//!
//! What C holds as a pointer is a number: the place of a slot in a table, the generation of that slot and the type of
//! the object. It is never dereferenced, so a freed, foreign or mistyped handle is found by comparing numbers. A slot
//! that is used again gets a new generation; 2^36 of them pass before a number comes back.
//!
//! Each use is counted in the slot, shared or exclusive, so that an object that is freed in the middle of another
//! thread's call lives until that call returns, and two threads never change one object at the same time.
//!
//! An object that is changed again and again, as a row is, gets a home: the thread that changes it first. See [`Home`].

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use siftstream_core::{Error, ErrorCode, Result};

use crate::home::{self, Home};
use crate::slots::{self, Slot};

/// A type of handle.
pub(crate) trait Kind: Sized {
    /// What the handle stands for.
    type Content: Send + Sync + 'static;
    /// Tells the types apart; no two share one. Odd, so that no aligned address looks like a handle.
    const TAG: u8;
    /// What it is called in messages.
    const NAME: &'static str;
    /// Whether it gets a home.
    const HAS_HOME: bool;
}

/// Makes a type that the header shows a handle of `content`.
macro_rules! kind {
    ($name:ident, $content:ty, $tag:literal, $called:literal) => {
        crate::handle::kind!($name, $content, $tag, $called, false);
    };
    ($name:ident, $content:ty, $tag:literal, $called:literal, at home) => {
        crate::handle::kind!($name, $content, $tag, $called, true);
    };
    ($name:ident, $content:ty, $tag:literal, $called:literal, $has_home:literal) => {
        impl crate::handle::Kind for $name {
            type Content = $content;
            const TAG: u8 = {
                assert!($tag % 2 == 1, "tags are odd");
                $tag
            };
            const NAME: &'static str = $called;
            const HAS_HOME: bool = $has_home;
        }
    };
}
pub(crate) use kind;

/// A handle is generation, index, tag. The state of a slot is its key (generation and tag), three bits, users.
const TAG_BITS: u32 = 8;
const GENERATION_BITS: u32 = 36;
const USER_BITS: u32 = 17;
const USERS: u64 = (1 << USER_BITS) - 1;
/// This many users mean one that has the object for itself.
const EXCLUSIVE: u64 = USERS;
/// Nobody had the object for himself yet: who does next is its home.
const NEW: u64 = 1 << USER_BITS;
/// The object is at home. While it has no users, the home thread takes it by the flag of the home alone.
const AT_HOME: u64 = 1 << (USER_BITS + 1);
const CLOSING_SHIFT: u32 = USER_BITS + 2;
const CLOSING: u64 = 1 << CLOSING_SHIFT;
const KEY_SHIFT: u32 = CLOSING_SHIFT + 1;

const _: () = assert!(TAG_BITS + slots::INDEX_BITS + GENERATION_BITS == 64);
const _: () = assert!(GENERATION_BITS + TAG_BITS + KEY_SHIFT == 64);
const _: () = assert!(KEY_SHIFT == home::COUNT_BITS);
const _: () = assert!(usize::BITS == 64, "handles need 64-bit pointers");

/// What a slot holds of an object.
pub(crate) struct Entry {
    state: AtomicU64,
    object: AtomicPtr<()>,
    home: Home,
}

impl Entry {
    pub(crate) const fn empty() -> Self {
        Self { state: AtomicU64::new(0), object: AtomicPtr::new(ptr::null_mut()), home: Home::none() }
    }
}

/// Generation and tag of the object in a slot, where they stand in its state; an empty slot has tag 0.
fn key(generation: u64, tag: u8) -> u64 {
    (generation << TAG_BITS | u64::from(tag)) << KEY_SHIFT
}

/// Whether a state is that of a living object with this key.
fn is_alive(state: u64, key: u64) -> bool {
    state >> CLOSING_SHIFT == key >> CLOSING_SHIFT
}

/// The slot of a handle, and the key it must have.
#[inline(always)]
fn find<K: Kind>(handle: *const K) -> Result<(usize, &'static Slot, u64)> {
    let (index, key) = read(handle).ok_or_else(|| no_handle(handle))?;
    let slot = slots::get(index).ok_or_else(|| no_handle(handle))?;
    Ok((index, slot, key))
}

/// The place of the slot that a handle names, and the key that the slot must have.
#[inline(always)]
fn read<K: Kind>(handle: *const K) -> Option<(usize, u64)> {
    let number = handle.addr() as u64;
    let [tag, ..] = number.to_le_bytes();
    let index = number >> TAG_BITS & slots::INDICES;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    (tag == K::TAG).then(|| (index, key(number >> (TAG_BITS + slots::INDEX_BITS), tag)))
}

#[cold]
fn refused<K: Kind>(why: &str) -> Error {
    let message = format!("the {} {why}: give one that is alive", K::NAME);
    Error::new(ErrorCode::InvalidArgument, message)
}

#[cold]
fn no_handle<K: Kind>(handle: *const K) -> Error {
    if handle.is_null() { refused::<K>("is NULL") } else { dead::<K>() }
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
    let mut state = key(generation, K::TAG);
    if K::HAS_HOME {
        home::get_ready();
        state |= NEW;
    }
    entry.object.store(Box::into_raw(object).cast(), Ordering::Relaxed);
    entry.state.store(state, Ordering::Release);
    let number =
        generation << (slots::INDEX_BITS + TAG_BITS) | (index as u64) << TAG_BITS | u64::from(K::TAG);
    Ok(ptr::without_provenance_mut(usize::try_from(number).unwrap_or_default()))
}

/// The object, together with others who only read it.
#[inline(never)]
pub(crate) fn shared<K: Kind>(handle: *const K) -> Result<Shared<K>> {
    shared_inlined(handle)
}

/// The same within the caller, for what is called once a row.
#[inline(always)]
pub(crate) fn shared_inlined<K: Kind>(handle: *const K) -> Result<Shared<K>> {
    let (index, slot, key) = find(handle)?;
    let entry = &slot.entry;
    let is_home =
        K::HAS_HOME && entry.home.enter(key, || entry.state.load(Ordering::Relaxed) == key | AT_HOME);
    if !is_home {
        share_away::<K>(entry, key).map_err(|error| refusal::<K>(index, slot, key, error))?;
    }
    Ok(Shared { index, slot, key, is_home, kind: PhantomData })
}

/// Counts a user who is not at home, or not yet.
#[inline(never)]
fn share_away<K: Kind>(entry: &Entry, key: u64) -> Result<()> {
    loop {
        let (state, _) = look::<K>(entry, key)?;
        if state & USERS >= EXCLUSIVE - 1 {
            return Err(busy::<K>());
        }
        let next = if state & NEW == 0 { state } else { after_new(entry, key) };
        if change(entry, state, next + 1) {
            if next & AT_HOME == 0 && state & NEW != 0 {
                entry.home.never(key);
            }
            return Ok(());
        }
    }
}

/// The object for the home thread alone, in as few steps as that takes. None if it is not at home here, in use or dead, or
/// in a slot that takes more steps: then [`exclusive`] gives it, or tells why not.
#[inline(always)]
pub(crate) fn at_home<K: Kind>(handle: *const K) -> Option<Exclusive<K>> {
    let (index, key) = read(handle)?;
    let slot = slots::get_near(index)?;
    // An `Exclusive` that is made also ends a use, so it must not be made before one began.
    is_alone_at_home(&slot.entry, key).then(|| Exclusive { slot, after: None, kind: PhantomData })
}

/// Whether this is the home thread, and has the object with this key for itself from now on.
#[inline(always)]
fn is_alone_at_home(entry: &Entry, key: u64) -> bool {
    entry.home.enter_alone(key, || entry.state.load(Ordering::Relaxed) == key | AT_HOME)
}

/// The object for one caller alone. A thread that meets another one is told so; it never waits.
#[inline(never)]
pub(crate) fn exclusive<K: Kind>(handle: *const K) -> Result<Exclusive<K>> {
    exclusive_inlined(handle)
}

/// The same within the caller, for what is called once a row.
#[inline(always)]
pub(crate) fn exclusive_inlined<K: Kind>(handle: *const K) -> Result<Exclusive<K>> {
    let (index, slot, key) = find(handle)?;
    let entry = &slot.entry;
    let after = if K::HAS_HOME && is_alone_at_home(entry, key) {
        None
    } else {
        Some(take_away::<K>(entry, key).map_err(|error| refusal::<K>(index, slot, key, error))?)
    };
    Ok(Exclusive { slot, after, kind: PhantomData })
}

/// Takes an object that is not at home, or not yet, and gives the state that follows.
#[inline(never)]
fn take_away<K: Kind>(entry: &Entry, key: u64) -> Result<u64> {
    loop {
        let (state, inside) = look::<K>(entry, key)?;
        if state & USERS != 0 || inside != 0 {
            return Err(busy::<K>());
        }
        if change(entry, state, key | EXCLUSIVE) {
            let after = if state & NEW == 0 { state } else { after_new(entry, key) };
            if after & AT_HOME == 0 && state & NEW != 0 {
                entry.home.never(key);
            }
            return Ok(after);
        }
    }
}

/// A caller gets no object. Whoever freed it may have seen this thread inside for the moment that it took to look.
#[cold]
fn refusal<K: Kind>(index: usize, slot: &'static Slot, key: u64, error: Error) -> Error {
    if K::HAS_HOME && slot.entry.home.is_here() {
        end_if_unused::<K>(index, slot, key);
    }
    error
}

/// The state of an object that gets its home with its first use, if this thread can be it.
fn after_new(entry: &Entry, key: u64) -> u64 {
    if entry.home.claim() { key | AT_HOME } else { key }
}

/// The state of a slot whose object lives and has the key, and how often its home thread uses it. If it is at home, then
/// in this thread. Says nothing of the home while somebody has the object for himself: it may go home yet.
fn look<K: Kind>(entry: &Entry, key: u64) -> Result<(u64, u64)> {
    loop {
        // Acquire: what is read of the home is read after this.
        let state = entry.state.load(Ordering::Acquire);
        if !is_alive(state, key) {
            return Err(dead::<K>());
        }
        if !K::HAS_HOME || state & NEW != 0 || state & USERS == EXCLUSIVE {
            return Ok((state, 0));
        }
        if state & AT_HOME != 0 && !entry.home.is_here() {
            change(entry, state, state & !AT_HOME);
            continue;
        }
        if state & AT_HOME == 0 && !entry.home.tell_left(key) {
            return Err(busy::<K>());
        }
        return match entry.home.inside(key) {
            home::ALONE => Err(busy::<K>()),
            inside => Ok((state, inside)),
        };
    }
}

/// Changes the state of a slot, unless it has changed meanwhile.
fn change(entry: &Entry, from: u64, to: u64) -> bool {
    entry.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Ends a handle. The object goes when the calls that only read it have returned; a call that has it for itself keeps
/// it alive, and the handle too.
pub(crate) fn destroy<K: Kind>(handle: *const K) -> Result<()> {
    let (index, slot, key) = find(handle)?;
    loop {
        let (state, _) = look::<K>(&slot.entry, key)?;
        if state & USERS == EXCLUSIVE {
            return Err(busy::<K>());
        }
        if change(&slot.entry, state, state | CLOSING) {
            end_if_unused::<K>(index, slot, key);
            return Ok(());
        }
    }
}

/// Drops the object of a slot that is closing if it has no users. Each user that leaves a closing object calls this, and one
/// of them finds it unused.
#[cold]
fn end_if_unused<K: Kind>(index: usize, slot: &'static Slot, key: u64) {
    let entry = &slot.entry;
    let home = &entry.home;
    let is_nobody_inside = || home.inside(key) == 0;
    // If the kernel refuses to tell who is inside, the object stays.
    if K::HAS_HOME && !(home.has_left(key) && is_nobody_inside() || home.meet() && is_nobody_inside()) {
        return;
    }
    let state = entry.state.load(Ordering::Acquire);
    let is_it = state >> KEY_SHIFT == key >> KEY_SHIFT && state & CLOSING != 0;
    let object = entry.object.load(Ordering::Relaxed);
    if is_it && state & USERS == 0 && change(entry, state, key_without_object(key)) {
        slots::give_back(index, slot);
        // SAFETY: `create` made it from a box of this type (the tag is part of the key), and nobody else can reach it:
        // who changed the state is the only one.
        drop(unsafe { Box::from_raw(object.cast::<K::Content>()) });
    }
}

/// The state of a slot whose object with this key is gone.
fn key_without_object(key: u64) -> u64 {
    self::key(key >> (KEY_SHIFT + TAG_BITS), 0)
}

/// One of several uses of an object at the same time.
pub(crate) struct Shared<K: Kind> {
    index: usize,
    slot: &'static Slot,
    key: u64,
    /// It is the home thread that uses the object.
    is_home: bool,
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
        let entry = &self.slot.entry;
        let state = if self.is_home {
            entry.home.leave();
            entry.state.load(Ordering::Relaxed)
        } else {
            entry.state.fetch_sub(1, Ordering::AcqRel)
        };
        if state & CLOSING != 0 {
            end_if_unused::<K>(self.index, self.slot, self.key);
        }
    }
}

/// The only use of an object.
pub(crate) struct Exclusive<K: Kind> {
    slot: &'static Slot,
    /// The state that follows; none if it is the home thread that has the object.
    after: Option<u64>,
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
        match self.after {
            // Nobody changes the state of a slot that one caller has for itself, so a store is enough.
            Some(state) => self.slot.entry.state.store(state, Ordering::Release),
            None => self.slot.entry.home.leave_alone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
