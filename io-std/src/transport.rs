//! What the driver needs of a connection's bytes: reads and writes that never wait, one wait for readiness that
//! another thread can cut short, and one read that waits in a single system call.
//!
//! TCP and Unix sockets ([`Socket`](crate::Socket)) and the in-memory pipe ([`memory`](crate::memory)) are
//! transports; anything else that can do this (a pipe to a child process, a serial line) may be one as well.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use zrpc_core::rpc::Peer;
use zrpc_unix::Exchange;

/// A connection's bytes, both directions. One thread reads, one writes, any thread wakes.
pub trait Transport: Send + Sync + 'static {
    /// Reads what is there; 0 bytes mean that the peer sends no more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there; any other error means that the connection is lost.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of `chunks` as there is room for, in order.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is no room; any other error means that the connection is lost.
    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until there is something to read, or room when `for_room` is set, or [`Transport::wake`] was called
    /// since the last wait began, or `timeout` has passed. May return early.
    ///
    /// # Errors
    /// When the connection cannot be waited on; it is lost then.
    fn wait(&self, for_room: bool, timeout: Option<Duration>) -> io::Result<()>;

    /// Waits for room alone, whatever there is to read, or until `timeout` has passed. May return early; a transport that
    /// returns at once while there is something to read makes a thread that must not read spin.
    ///
    /// # Errors
    /// As [`Transport::wait`].
    fn wait_for_room(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.wait(true, timeout)
    }

    /// Ends a wait that another thread is in, or the next one.
    fn wake(&self);

    /// Ends both directions: reads of this side end, and the peer reads the end after what was written.
    fn shutdown(&self);

    /// Ends the direction towards the peer, which reads the end after what was written.
    fn finish(&self);

    /// Who is at the other end, as far as the transport knows.
    fn peer(&self) -> Peer {
        Peer::UNKNOWN
    }

    /// Carries file descriptors from here on, if it can; asked once, before the first read and write.
    fn carry_descriptors(&mut self) {}

    /// Asks for up to this long whether there is something to read before it sleeps in [`Transport::read_waiting`] or
    /// [`Transport::wait`]; zero is not at all. Told once, before the first read, or never: then the transport decides.
    /// It may ignore it.
    fn spin(&mut self, longest: Duration) {
        let _ = longest;
    }

    /// The descriptors of the connection, where it carries any.
    fn exchange(&self) -> Option<&Arc<Exchange>> {
        None
    }

    /// Waits for something to read, up to `timeout`, and reads it: what a thread calls when no other may need to
    /// wake it. Returns at once after [`Transport::shutdown`].
    ///
    /// # Errors
    /// As [`Transport::read`]; `WouldBlock` when the timeout has passed.
    fn read_waiting(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        self.wait(false, timeout)?;
        self.read(buffer)
    }
}

/// Where a server's connections come from.
pub trait Listener: Send + Sync + 'static {
    /// Waits for the next connection; `None` once the listener is closed and nobody waits any more who had connected
    /// before.
    ///
    /// # Errors
    /// When no connection can be taken at the moment, for instance because the process has too many open files.
    fn accept(&self) -> io::Result<Option<Box<dyn Transport>>>;

    /// The address that clients connect to, where there are addresses.
    ///
    /// # Errors
    /// When there are none, or the system does not say.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this listener has no address"))
    }

    /// The URI that clients connect to, when the listener was told one.
    fn uri(&self) -> Option<&str> {
        None
    }

    /// Takes no more connections; ends the wait of a thread in [`Listener::accept`].
    fn close(&self);
}

/// Whether an error of a transport means only that it should be asked again later.
pub(crate) fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
