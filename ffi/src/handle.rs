//! Opaque handles that know whether they are alive and what they are.
//!
//! A handle points to a small head that is never given back to the allocator: a freed handle is still readable, and
//! says that it is dead. Heads are used again for new handles of the same type, oldest first, and only when many have
//! been freed, so that a handle that is used after its free is told so rather than taken for another one.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use siftstream_core::{Error, ErrorCode, Result};

/// Freed heads of a type that stay unused, as evidence.
const KEPT_DEAD: usize = 1024;
const DEAD: u64 = 0x6465_6164_6465_6164;

/// The head of a handle around its content.
#[repr(C)]
pub(crate) struct Head<T> {
    tag: AtomicU64,
    content: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: the content is reached only through `shared`, which hands out `&T` of a `T: Sync`, through `exclusive`,
// whose callers promise to be alone, and through `destroy`, which comes after all uses.
unsafe impl<T: Send + Sync> Sync for Head<T> {}
// SAFETY: as above; the head owns its content.
unsafe impl<T: Send> Send for Head<T> {}

/// Freed heads, by address; they are leaked boxes of one type.
pub(crate) type Graveyard = Mutex<VecDeque<usize>>;

/// A type of handle.
pub(crate) trait Kind: Sized {
    /// What the handle holds.
    type Content: Send + Sync + 'static;
    /// The mark of a living handle of this type; no two types share one.
    const TAG: u64;
    /// What it is called in messages.
    const NAME: &'static str;

    /// Where its freed heads rest.
    fn graveyard() -> &'static Graveyard;
}

/// Makes a handle around `content`.
pub(crate) fn create<K: Kind>(content: K::Content) -> *mut K {
    let mut dead = K::graveyard().lock().unwrap_or_else(PoisonError::into_inner);
    let reused = if dead.len() > KEPT_DEAD { dead.pop_front() } else { None };
    drop(dead);
    let content = Some(Box::new(content));
    let head: &'static Head<K::Content> = match reused {
        Some(address) => {
            // SAFETY: addresses in the graveyard of `K` are leaked heads of `K`, and no one else has this one now.
            let head = unsafe { &*(address as *const Head<K::Content>) };
            // SAFETY: the head is dead, so nobody reads its content.
            unsafe { *head.content.get() = content };
            head
        }
        None => Box::leak(Box::new(Head { tag: AtomicU64::new(DEAD), content: UnsafeCell::new(content) })),
    };
    head.tag.store(K::TAG, Ordering::Release);
    std::ptr::from_ref(head).cast_mut().cast()
}

fn head<'a, K: Kind>(pointer: *const K) -> Result<&'a Head<K::Content>> {
    let refused = |why: &str| {
        Error::new(ErrorCode::InvalidArgument, format!("the {} is {why}: give one that is alive", K::NAME))
    };
    let head = pointer.cast::<Head<K::Content>>();
    if head.is_null() {
        return Err(refused("NULL"));
    }
    if !head.is_aligned() {
        return Err(refused("no handle of this library"));
    }
    // SAFETY: the caller gave a handle of this library; heads are never unmapped, and each begins with its tag.
    let tag = unsafe { &*head.cast::<AtomicU64>() }.load(Ordering::Acquire);
    match tag {
        // SAFETY: the tag says that it is a living head of `K`.
        tag if tag == K::TAG => Ok(unsafe { &*head }),
        DEAD => Err(refused("a handle that was freed")),
        _ => Err(refused("a handle of another type")),
    }
}

/// The content of a living handle, for any thread.
pub(crate) fn shared<'a, K: Kind>(pointer: *const K) -> Result<&'a K::Content> {
    let head = head(pointer)?;
    // SAFETY: living heads hold a content that only `exclusive` changes, on types whose callers are alone.
    unsafe { &*head.content.get() }
        .as_deref()
        .ok_or_else(|| Error::new(ErrorCode::Internal, "a living handle is empty"))
}

/// The content of a living handle that only this thread uses now, as the header asks of the caller.
pub(crate) fn exclusive<'a, K: Kind>(pointer: *mut K) -> Result<&'a mut K::Content> {
    let head = head(pointer.cast_const())?;
    // SAFETY: as above, and the caller promises that no other thread uses the handle during the call.
    unsafe { &mut *head.content.get() }
        .as_deref_mut()
        .ok_or_else(|| Error::new(ErrorCode::Internal, "a living handle is empty"))
}

/// Ends a handle. Nothing for NULL and for what is no living handle of the type.
pub(crate) fn destroy<K: Kind>(pointer: *mut K) {
    let Ok(head) = head(pointer.cast_const()) else { return };
    if head.tag.compare_exchange(K::TAG, DEAD, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return;
    }
    // SAFETY: the tag was taken from alive to dead here, so this is the one call that ends the content.
    let content = unsafe { (*head.content.get()).take() };
    let address = std::ptr::from_ref(head) as usize;
    K::graveyard().lock().unwrap_or_else(PoisonError::into_inner).push_back(address);
    drop(content);
}

/// Makes a type that the header shows a handle of `content`.
macro_rules! kind {
    ($name:ident, $content:ty, $tag:expr, $called:literal) => {
        impl crate::handle::Kind for $name {
            type Content = $content;
            const TAG: u64 = u64::from_le_bytes(*$tag);
            const NAME: &'static str = $called;

            fn graveyard() -> &'static crate::handle::Graveyard {
                static GRAVEYARD: crate::handle::Graveyard =
                    std::sync::Mutex::new(std::collections::VecDeque::new());
                &GRAVEYARD
            }
        }
    };
}
pub(crate) use kind;
