//! What every export passes: panics become a code, errors are handed out, outputs are written on success only.

use std::panic::{AssertUnwindSafe, catch_unwind};

use siftstream_core::{Error, ErrorCode, Result, TrySendError};

use crate::error::siftstream_error;
use crate::handle;
use crate::status::siftstream_status;

/// Runs the body of an export. On an error, `error` receives an object if the caller gave a place for it.
#[inline]
pub(crate) fn enter(
    error: *mut *mut siftstream_error,
    body: impl FnOnce() -> Result<()>,
) -> siftstream_status {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(ErrorCode::Internal, "the library panicked; this is a defect of it: please report it"))
    });
    match outcome {
        Ok(()) => siftstream_status::SIFTSTREAM_OK,
        Err(failed) => hand_out(failed, error),
    }
}

#[cold]
fn hand_out(failed: Error, error: *mut *mut siftstream_error) -> siftstream_status {
    let status = failed.code().into();
    if !error.is_null()
        && let Ok(object) = siftstream_error::create(failed)
    {
        // SAFETY: the caller gave NULL or a place for one pointer.
        unsafe { error.write(object) };
    }
    status
}

/// The same for a send that never waits, which says whether the row was accepted. FULL makes no error object: that would
/// allocate.
#[inline]
pub(crate) fn enter_unless_full(
    error: *mut *mut siftstream_error,
    send: impl FnOnce() -> Result<bool>,
) -> siftstream_status {
    let mut accepted = true;
    let status = enter(error, || {
        accepted = send()?;
        Ok(())
    });
    if accepted { status } else { siftstream_status::SIFTSTREAM_FULL }
}

/// Whether a row was accepted; it was not, for want of room, or for what the error says.
#[inline]
pub(crate) fn accepted<T>(outcome: std::result::Result<(), TrySendError<T>>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TrySendError::Full(_)) => Ok(false),
        Err(TrySendError::Refused(refused)) => Err(refused.error),
    }
}

/// Runs the body of an export that returns a value; `otherwise` if it fails.
pub(crate) fn value_or<T>(otherwise: T, body: impl FnOnce() -> Result<T>) -> T {
    catch_unwind(AssertUnwindSafe(body)).ok().and_then(Result::ok).unwrap_or(otherwise)
}

/// Frees a handle. Nothing for NULL.
pub(crate) fn free<K: handle::Kind>(pointer: *mut K) -> siftstream_status {
    enter(std::ptr::null_mut(), || if pointer.is_null() { Ok(()) } else { handle::destroy(pointer) })
}

/// A place for an output that must be given.
pub(crate) fn output<'a, T>(place: *mut T, name: &str) -> Result<&'a mut std::mem::MaybeUninit<T>> {
    // SAFETY: the caller gave NULL or a place for one `T`; it is written, never read.
    unsafe { place.cast::<std::mem::MaybeUninit<T>>().as_mut() }.ok_or_else(|| null(name))
}

/// The error for an argument that must not be NULL.
pub(crate) fn null(name: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("the argument {name} is NULL: give one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_becomes_a_code_and_an_error_object() {
        let mut error = std::ptr::null_mut();
        let status = enter(&raw mut error, || panic!("planted"));
        assert_eq!(status, siftstream_status::SIFTSTREAM_INTERNAL);
        assert!(!error.is_null());
        assert_eq!(free(error), siftstream_status::SIFTSTREAM_OK);
        assert_eq!(enter(std::ptr::null_mut(), || panic!("planted")), siftstream_status::SIFTSTREAM_INTERNAL);
        assert_eq!(value_or(7, || panic!("planted")), 7);
    }
}
