//! What lets one thread use an object again and again without a locked instruction: the object's home.
//!
//! The home thread says in `inside` that it uses the object, then looks whether the object is still at home. Another thread that
//! wants the object first ends that, then has the kernel put a memory barrier into every running thread of the process,
//! then looks who is inside. Either the home thread sees that the object has left, or the other one sees who is inside: never
//! neither.
//!
//! The one who pays is the other thread: a system call when an object that one thread has used comes to a second. From then
//! on that object has no home.

use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

/// So many low bits of a key are 0.
pub(crate) const COUNT_BITS: u32 = 20;
/// The home thread has the object for itself.
pub(crate) const ALONE: u64 = (1 << COUNT_BITS) - 1;

/// A slot's home. It is one thread's for good, since only one thread may ever say that it is inside.
pub(crate) struct Home {
    /// The thread, 0 for none yet.
    thread: AtomicU64,
    /// The key of the object that the home thread uses, and how often, or [`ALONE`]. The key tells what it has announced for
    /// an object that was here before from a use of the one that is here now.
    inside: AtomicU64,
    /// The key of the object that has left home, once every thread knows it, or that never had one.
    left: AtomicU64,
}

impl Home {
    pub(crate) const fn none() -> Self {
        Self { thread: AtomicU64::new(0), inside: AtomicU64::new(0), left: AtomicU64::new(0) }
    }

    /// Whether this thread is the slot's home thread.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.thread.load(Ordering::Relaxed) == this_thread()
    }

    /// Begins a use of the object with this key if this is the home thread and the object `is_at_home`. Then
    /// [`Home::leave`] ends it.
    #[inline]
    pub(crate) fn enter(&self, key: u64, is_at_home: impl FnOnce() -> bool) -> bool {
        // A signal handler may have interrupted its own thread inside.
        let before = self.inside.load(Ordering::Relaxed);
        let count = before & ALONE;
        let may_enter = count == 0 || before == key | count && count < ALONE - 1;
        may_enter && self.enter_as(key | (count + 1), before, is_at_home)
    }

    /// The same for a use that tolerates no other. Then [`Home::leave_alone`] ends it.
    #[inline]
    pub(crate) fn enter_alone(&self, key: u64, is_at_home: impl FnOnce() -> bool) -> bool {
        let before = self.inside.load(Ordering::Relaxed);
        before & ALONE == 0 && self.enter_as(key | ALONE, before, is_at_home)
    }

    #[inline]
    fn enter_as(&self, inside: u64, before: u64, is_at_home: impl FnOnce() -> bool) -> bool {
        if !self.is_here() {
            return false;
        }
        self.inside.store(inside, Ordering::Release);
        // Keeps the compiler from looking first; the processor is kept from it by the other thread's barrier.
        compiler_fence(Ordering::SeqCst);
        let is_at_home = is_at_home();
        if !is_at_home {
            self.inside.store(before, Ordering::Release);
        }
        is_at_home
    }

    /// Ends a use. The caller then looks whether the object was freed meanwhile.
    #[inline]
    pub(crate) fn leave(&self) {
        self.inside.store(self.inside.load(Ordering::Relaxed) - 1, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn leave_alone(&self) {
        self.inside.store(0, Ordering::Release);
    }

    /// How often the home thread uses the object with this key. Certain after [`Home::tell_left`] or [`Home::meet`].
    pub(crate) fn inside(&self, key: u64) -> u64 {
        let inside = self.inside.load(Ordering::Acquire);
        if inside & !ALONE == key { inside & ALONE } else { 0 }
    }

    /// Whether the home thread knows that the object with this key has left, or never had a home.
    pub(crate) fn has_left(&self, key: u64) -> bool {
        self.left.load(Ordering::Acquire) == key
    }

    /// Makes sure that the home thread knows that the object with this key has left. False if the kernel refuses.
    pub(crate) fn tell_left(&self, key: u64) -> bool {
        let is_told = self.has_left(key) || self.meet();
        if is_told {
            self.left.store(key, Ordering::Release);
        }
        is_told
    }

    /// Makes the home thread pass a barrier: it sees what was changed before, and all that it did before is seen here.
    /// False if the kernel refuses.
    pub(crate) fn meet(&self) -> bool {
        self.thread.load(Ordering::Relaxed) == 0 || self.is_here() || barrier::in_all_threads()
    }

    /// Makes this thread the slot's home thread, unless another one is, and says whether it is.
    pub(crate) fn claim(&self) -> bool {
        if barrier::is_ready() {
            // Fails if the slot has a home already; whose it is counts.
            self.thread.compare_exchange(0, this_thread(), Ordering::Relaxed, Ordering::Relaxed).ok();
        }
        self.is_here()
    }

    /// The object with this key has no home, and never gets one.
    pub(crate) fn never(&self, key: u64) {
        self.left.store(key, Ordering::Release);
    }
}

pub(crate) use barrier::get_ready;

/// Tells this thread from all others that live, and is never 0. Where nothing tells it, no thread is ever a home.
#[inline]
fn this_thread() -> u64 {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        let pointer: u64;
        // SAFETY: reads the thread pointer, which the ABI keeps at the start of what it points to.
        unsafe {
            std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, preserves_flags, readonly));
        }
        pointer
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        let pointer: u64;
        // SAFETY: reads the thread pointer.
        unsafe {
            std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
        }
        pointer
    }
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    1
}

/// A memory barrier in all running threads of the process.
#[cfg(target_os = "linux")]
mod barrier {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::thread::{MembarrierCommand, membarrier};

    static IS_READY: AtomicBool = AtomicBool::new(false);

    /// Prepares the process for barriers, once. May take some milliseconds.
    pub(crate) fn get_ready() {
        if !is_ready() && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() {
            IS_READY.store(true, Ordering::Release);
        }
    }

    pub(super) fn is_ready() -> bool {
        IS_READY.load(Ordering::Acquire)
    }

    /// False if the kernel refuses.
    pub(super) fn in_all_threads() -> bool {
        let barrier = || membarrier(MembarrierCommand::PrivateExpedited);
        // A forked child may have to prepare anew.
        barrier().is_ok()
            || membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() && barrier().is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod barrier {
    pub(crate) fn get_ready() {}

    pub(super) fn is_ready() -> bool {
        false
    }

    pub(super) fn in_all_threads() -> bool {
        false
    }
}
