//! Which process this is: a stream's threads do not come along into a forked child, so a stream must not be used there.
//!
//! The C library counts forks for us, in the child, before `fork` returns there. To ask is to compare two numbers: no
//! system call. A child made by the bare `clone` system call is not seen.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{DataStatus, Error, ErrorCode, Result};

/// How many forks lie between the process that loaded the library and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process in which something was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    forks: u32,
}

impl Origin {
    /// This process. The first call asks the C library to tell of forks.
    pub(crate) fn here() -> Result<Self> {
        static WATCHING: OnceLock<i32> = OnceLock::new();
        match *WATCHING.get_or_init(watch) {
            0 => Ok(Self { forks: FORKS.load(Ordering::Relaxed) }),
            code => {
                let why = std::io::Error::from_raw_os_error(code);
                Err(Error::new(ErrorCode::Internal, format!("cannot watch for forks: {why}")))
            }
        }
    }

    /// Whether this process is another one.
    pub(crate) fn is_elsewhere(self) -> bool {
        self.forks != FORKS.load(Ordering::Relaxed)
    }

    /// An error if this process is another one.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_elsewhere() { Err(forked()) } else { Ok(()) }
    }
}

#[cold]
fn forked() -> Error {
    let message = "the process forked after the stream was created: create another one in the child";
    Error::new(ErrorCode::Forked, message).with_data_status(DataStatus::NotAccepted)
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "no crate offers pthread_atfork behind a safe function")]
fn watch() -> i32 {
    extern "C" fn in_the_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler takes nothing, cannot unwind and touches one atomic number, which is allowed in a child
    // whose other threads are gone.
    unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) }
}

#[cfg(not(unix))]
fn watch() -> i32 {
    0
}
