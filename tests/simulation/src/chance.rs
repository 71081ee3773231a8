//! Chance that follows from a seed, for whatever asks the system for it: hash maps, tokio's `select!`, jitter.
//!
//! All of it comes from `getrandom`, which this program defines itself. On a thread that simulates, it answers from the
//! seed; on all others it asks the kernel.

use std::cell::RefCell;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

thread_local! {
    static SEEDED: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// Runs `work` on a thread of its own, on which all chance follows from `seed`.
///
/// # Panics
/// If `work` does, with the same words.
pub fn with_seed<T: Send + 'static>(seed: u64, work: impl FnOnce() -> T + Send + 'static) -> T {
    let seeded = move || {
        SEEDED.with(|rng| *rng.borrow_mut() = Some(SmallRng::seed_from_u64(seed)));
        work()
    };
    match std::thread::spawn(seeded).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Takes the place of the C library's function in this program.
#[allow(unsafe_code, reason = "the only place through which all chance of a process passes")]
// SAFETY: the signature and the meaning are those of the C library's function of this name.
#[unsafe(no_mangle)]
extern "C" fn getrandom(buffer: *mut u8, length: usize, flags: libc::c_uint) -> libc::ssize_t {
    let answered = SEEDED.try_with(|seeded| {
        let mut seeded = seeded.try_borrow_mut().ok()?;
        let rng = seeded.as_mut()?;
        if length > 0 {
            // SAFETY: callers of this function give a buffer that is writable for `length` bytes.
            let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
            rng.fill_bytes(bytes);
        }
        libc::ssize_t::try_from(length).ok()
    });
    match answered {
        Ok(Some(length)) => length,
        // SAFETY: the arguments are passed on as they came; the kernel checks them.
        _ => unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as libc::ssize_t },
    }
}
