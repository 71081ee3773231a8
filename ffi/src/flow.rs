//! A flow of a stream: what rows are made for.

use siftstream_core::{ChannelIndex, Error, ErrorCode, FlowDescriptor};

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

/// Gives in *type_out the type of the channel at `index`, a siftstream_channel_type.
///
/// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_flow_channel_type(
    flow: *const siftstream_flow,
    index: u32,
    type_out: *mut i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let flow = handle::shared(flow)?;
        let data_type = flow.data_type(ChannelIndex::new(index)).ok_or_else(|| {
            let message = format!("the flow '{}' has no channel {index}: use a smaller index", flow.name());
            Error::new(ErrorCode::UnknownChannel, message)
        })?;
        output(type_out, "type_out")?.write(data_type.number());
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
