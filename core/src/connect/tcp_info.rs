//! Asks the kernel about a TCP socket.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::seams::connector::SocketProbe;

/// Keeps a second descriptor of a socket for probes. Belongs to the connection: if probes owned it, a forgotten probe
/// would keep the connection open after everyone else had let go of it.
pub(super) struct ProbeHandle(Arc<OwnedFd>);

impl ProbeHandle {
    /// A handle for `socket`.
    pub(super) fn new(socket: &impl AsFd) -> std::io::Result<Self> {
        Ok(Self(Arc::new(socket.as_fd().try_clone_to_owned()?)))
    }

    /// A probe that answers as long as this handle lives.
    pub(super) fn probe(&self) -> Arc<dyn SocketProbe> {
        Arc::new(TcpProbe(Arc::downgrade(&self.0)))
    }
}

struct TcpProbe(Weak<OwnedFd>);

impl SocketProbe for TcpProbe {
    fn min_rtt(&self) -> Option<Duration> {
        let socket = self.0.upgrade()?;
        sys::min_rtt_micros(&socket).map(|micros| Duration::from_micros(micros.into()))
    }

    fn unread_bytes(&self) -> Option<usize> {
        let socket = self.0.upgrade()?;
        usize::try_from(rustix::io::ioctl_fionread(&*socket).ok()?).ok()
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // No crate offers TCP_INFO behind a safe function.
mod sys {
    use std::mem::{offset_of, size_of};
    use std::os::fd::{AsRawFd, OwnedFd};

    /// `tcpi_min_rtt`, unless the kernel is too old or has no sample yet.
    pub(super) fn min_rtt_micros(socket: &OwnedFd) -> Option<u32> {
        const END_OF_MIN_RTT: usize = offset_of!(libc::tcp_info, tcpi_min_rtt) + size_of::<u32>();
        // SAFETY: `tcp_info` consists of integers only, for which all-zero bytes are a valid value.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
        // SAFETY: the descriptor is open while `socket` is borrowed; `info` is writable for `length` bytes, which is
        // its size, and the kernel writes no more than that; `length` is a valid in-out pointer.
        let status = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        // An older kernel fills in less than the whole; an unset minimum is all ones.
        let filled = usize::try_from(length).ok()?;
        (status == 0 && filled >= END_OF_MIN_RTT && info.tcpi_min_rtt != u32::MAX)
            .then_some(info.tcpi_min_rtt)
    }
}

#[cfg(not(target_os = "linux"))]
mod sys {
    use std::os::fd::OwnedFd;

    /// Only Linux tells.
    pub(super) fn min_rtt_micros(_: &OwnedFd) -> Option<u32> {
        None
    }
}
