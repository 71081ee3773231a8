//! Small views of the caller's memory.

use std::ffi::c_char;

use siftstream_core::{Error, ErrorCode, Result};

/// Text of the caller or of the library: `len` bytes of UTF-8 at `ptr`, not ended by NUL. `ptr` may be NULL if `len`
/// is 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct siftstream_str {
    /// The first byte.
    pub ptr: *const c_char,
    /// How many bytes.
    pub len: usize,
}

/// Bytes of the caller or of the library: `len` of them at `ptr`, which may be NULL if `len` is 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct siftstream_bytes {
    /// The first byte.
    pub ptr: *const u8,
    /// How many bytes.
    pub len: usize,
}

impl siftstream_bytes {
    /// The bytes, for as long as the call lasts.
    pub(crate) fn get<'a>(self, name: &str) -> Result<&'a [u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.ptr.is_null() || self.len > isize::MAX.cast_unsigned() {
            let message = format!(
                "{name} has {} bytes at {:p}: give a pointer and its true length",
                self.len, self.ptr
            );
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        // SAFETY: the caller promises `len` readable bytes at `ptr` during the call.
        Ok(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }
}

impl siftstream_bytes {
    /// A view of bytes that the library keeps.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }
}

impl siftstream_str {
    /// The text, for as long as the call lasts.
    pub(crate) fn get<'a>(self, name: &str) -> Result<&'a str> {
        let bytes = siftstream_bytes { ptr: self.ptr.cast(), len: self.len }.get(name)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let message = format!("{name} is not UTF-8 at byte {}: encode it as UTF-8", error.valid_up_to());
            Error::new(ErrorCode::InvalidArgument, message)
        })
    }

    /// A view of text that the library keeps.
    pub(crate) fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len() }
    }
}
