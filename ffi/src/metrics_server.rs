//! Metrics over HTTP.

use siftstream_core::{Error, ErrorCode, MetricsServer};

use crate::boundary::{enter, free, output, value_or};
use crate::error::siftstream_error;
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::stream::siftstream_stream;
use crate::view::siftstream_str;

/// A server of metrics over HTTP.
pub struct siftstream_metrics_server {
    _opaque: [u8; 0],
}

kind!(siftstream_metrics_server, MetricsServer, 0x75, "metrics server");

/// Begins to serve metrics on `address` (`127.0.0.1:9464`; port 0 lets the system choose) into *out: `/metrics` for
/// Prometheus, `/metrics.json`, `/healthz`. There is no authentication: use the loopback interface. The caller frees it,
/// which ends it; it needs no stream, and keeps none alive.
///
/// Errors: INVALID_ARGUMENT, also if the address cannot be had. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_server_start(
    address: siftstream_str,
    out: *mut *mut siftstream_metrics_server,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let out = output(out, "out")?;
        let text = address.get("address")?;
        let address = text.parse().map_err(|_| {
            let message = format!("{text:?} is no address: write it as 127.0.0.1:9464");
            Error::new(ErrorCode::InvalidArgument, message)
        })?;
        out.write(handle::create(MetricsServer::start(address)?)?);
        Ok(())
    })
}

/// The port that it listens on; 0 if `server` is no living server.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_server_port(server: *const siftstream_metrics_server) -> u16 {
    value_or(0, || Ok(handle::shared(server)?.address().port()))
}

/// Shows the metrics of `stream` under the label `name` for as long as it lives. A second stream of the same name takes
/// the place of the first.
///
/// Errors: INVALID_ARGUMENT, FORKED. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_server_watch(
    server: *const siftstream_metrics_server,
    name: siftstream_str,
    stream: *const siftstream_stream,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    enter(error, || {
        let server = handle::shared(server)?;
        let stream = handle::shared(stream)?;
        stream.check_process()?;
        server.watch(name.get("name")?, &stream);
        Ok(())
    })
}

/// Ends a server and frees it. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_metrics_server_free(
    server: *mut siftstream_metrics_server,
) -> siftstream_status {
    free(server)
}
