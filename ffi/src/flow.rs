//! A flow of a stream: what rows are made for.

use siftstream_core::FlowDescriptor;

use crate::boundary::{enter, free, output};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;
use crate::view::siftstream_str;

/// A registered flow of one stream.
pub struct siftstream_flow {
    _opaque: [u8; 0],
}

kind!(siftstream_flow, FlowDescriptor, 0x55, "flow");

/// Finds a flow of the stream and gives a handle for it in *out, which the caller frees; it may outlive the stream.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_stream_flow(
    stream: *const siftstream_stream,
    flow: siftstream_str,
    out: *mut *mut siftstream_flow,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let descriptor = handle::shared(stream)?.get_flow_descriptor(flow.get("flow")?)?;
        output(out, "out")?.write(handle::create(descriptor)?);
        Ok(())
    })
}

/// Finds a channel of the flow and gives its index in *index_out.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_flow_channel_index(
    flow: *const siftstream_flow,
    channel: siftstream_str,
    index_out: *mut u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let index = handle::shared(flow)?.index(channel.get("channel")?)?.position();
        // A flow has far fewer channels than a u32 counts.
        output(index_out, "index_out")?.write(u32::try_from(index).unwrap_or(u32::MAX));
        Ok(())
    })
}

/// Frees the handle; the flow itself stays. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_flow_free(flow: *mut siftstream_flow) -> siftstream_status {
    free(flow)
}
