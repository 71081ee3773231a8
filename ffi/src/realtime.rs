//! What loops with deadlines need of a stream.

use std::ffi::c_int;
use std::os::fd::AsRawFd;

use crate::boundary::{enter, output};
use crate::error::siftstream_error;
use crate::handle;
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;

/// Makes memory for `bytes` of encoded rows ready, at most 1 GiB, so that the first rows neither allocate nor meet page
/// faults. Beside this, a process that cannot have page faults locks its memory with mlockall.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never, but it touches all of that memory.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_prefault(
    stream: *const siftstream_stream,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || handle::shared(stream)?.prefault(bytes))
}

/// Gives in *fd_out a file descriptor that poll, epoll and select find readable while events of the stream wait to be
/// read with siftstream_stream_poll_event. Nothing else is to be done with it. It belongs to the stream and is closed
/// with it; each call gives the same one. With a callback for events it tells nothing. Linux only.
///
/// Errors: INVALID_ARGUMENT, IO if there are no descriptors left. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_event_fd(
    stream: *const siftstream_stream,
    fd_out: *mut c_int,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let place = output(fd_out, "fd_out")?;
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        place.write(stream.events().readable_fd()?.as_raw_fd());
        Ok(())
    })
}
