//! Connecting: at once, or within a time, with an error that says what to look at.

use crate::UnixAddress;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Connects within `timeout`. The stream is in blocking mode.
///
/// # Errors
/// When nobody listens there, or the server's queue has no place in time.
pub fn connect(address: &UnixAddress, timeout: Duration) -> io::Result<UnixStream> {
    let socket = new_socket()?;
    // How long connect(2) waits for a place in a full queue; a zero would be for ever.
    set_socket_timeout(&socket, Timeout::Send, Some(timeout.max(Duration::from_micros(1))))?;
    dial(&socket, address)?;
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(UnixStream::from(socket))
}

/// Connects without waiting. The stream is in non-blocking mode.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when the server's queue is full at the moment; otherwise as [`connect`].
pub fn connect_now(address: &UnixAddress) -> io::Result<UnixStream> {
    let stream = UnixStream::from(new_socket()?);
    stream.set_nonblocking(true)?;
    dial(&stream, address)?;
    Ok(stream)
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn new_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

#[cfg(target_vendor = "apple")]
pub(crate) fn new_socket() -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

fn dial(socket: impl std::os::fd::AsFd, address: &UnixAddress) -> io::Result<()> {
    let kernel = address.to_kernel()?;
    loop {
        match rustix::net::connect(socket.as_fd(), &kernel) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(explain(errno)),
        }
    }
}

fn explain(errno: Errno) -> io::Error {
    let text = match errno {
        Errno::NOENT => "there is no socket at this path; is the server running?",
        Errno::CONNREFUSED => "nobody listens on this socket; is the server running?",
        Errno::ACCESS | Errno::PERM => {
            "not permitted; connecting takes write permission on the socket and search permission on its folders"
        }
        Errno::PROTOTYPE => "what listens there is not a stream socket",
        Errno::AGAIN => "the server's queue of new connections is full",
        other => return other.into(),
    };
    io::Error::new(io::Error::from(errno).kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_there_says_so() {
        for address in [UnixAddress::path("no/such/socket"), UnixAddress::path("Cargo.toml")] {
            let error = connect(&address, Duration::from_secs(1)).unwrap_err().to_string();
            assert!(error.contains("is the server running?"), "{error}");
        }
    }
}
