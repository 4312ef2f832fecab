//! Stream sockets as transports.
//!
//! The socket itself stays in blocking mode, so that the common wait for an answer is one `recv`; whatever must not
//! wait says so with `MSG_DONTWAIT`. A wait that others may cut short is `poll(2)` over the socket and a pipe.

use crate::patience::Patience;
use crate::transport::Transport;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown,
};
use std::io::{self, IoSlice, PipeReader, PipeWriter, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use zrpc_core::rpc::Peer;
use zrpc_unix::Exchange;

/// A connected stream socket: TCP, or a Unix socket.
#[derive(Debug)]
pub struct Socket<S> {
    stream: S,
    waker: Waker,
    peer: Peer,
    exchange: Option<Arc<Exchange>>,
    patience: Patience,
    /// SO_RCVTIMEO as it was last set, in nanoseconds; 0 waits for ever. Only the reading thread uses it.
    receive_timeout: AtomicU64,
}

impl Socket<TcpStream> {
    /// A TCP connection; small writes leave at once (TCP_NODELAY).
    ///
    /// # Errors
    /// When the socket's options cannot be set, or no pipe can be opened.
    pub fn tcp(stream: TcpStream) -> io::Result<Socket<TcpStream>> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr().ok();
        Socket::new(stream, peer)
    }
}

impl Socket<UnixStream> {
    /// A connection over a Unix socket; its peer is the process at the other end. It must be in blocking mode.
    ///
    /// # Errors
    /// When no pipe can be opened.
    pub fn unix(stream: UnixStream) -> io::Result<Socket<UnixStream>> {
        let peer = zrpc_unix::peer_of(&stream);
        Socket::new(stream, peer)
    }
}

impl<S: AsFd + Send + Sync + 'static> Socket<S> {
    /// Any connected stream socket. It must be in blocking mode.
    ///
    /// # Errors
    /// When no pipe can be opened.
    pub fn new(stream: S, peer: impl Into<Peer>) -> io::Result<Socket<S>> {
        set_socket_timeout(&stream, Timeout::Recv, None)?;
        Ok(Socket {
            stream,
            waker: Waker::new()?,
            peer: peer.into(),
            exchange: None,
            patience: Patience::by_experience(),
            receive_timeout: AtomicU64::new(0),
        })
    }

    /// Sets SO_RCVTIMEO to at most `timeout`, with as few system calls as may be: a timeout that is in force already
    /// is kept while it is not longer, nor much shorter, than the one asked for.
    fn arm(&self, timeout: Option<Duration>) -> io::Result<()> {
        let armed = self.receive_timeout.load(Ordering::Relaxed);
        let wanted =
            timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1));
        if armed == wanted || (armed != 0 && armed <= wanted && armed >= wanted / 4) {
            return Ok(());
        }
        let chosen =
            if wanted == 0 { None } else { Some(Duration::from_nanos(wanted / 2).max(SHORTEST_RECV)) };
        set_socket_timeout(&self.stream, Timeout::Recv, chosen)?;
        let nanos = chosen.map_or(0, |chosen| u64::try_from(chosen.as_nanos()).unwrap_or(u64::MAX));
        self.receive_timeout.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// Asks again for up to this long instead of sleeping: `None` when that brought nothing.
    fn read_patiently(&self, buffer: &mut [u8], longest: Duration) -> Option<io::Result<usize>> {
        let until = Instant::now().checked_add(longest)?;
        for attempt in 1_u32.. {
            match self.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Some(read),
            }
            // The peer may have been put on the same core and would wait there until this thread sleeps: so it may go
            // first now and then, and the clock is looked at as rarely.
            if attempt.is_multiple_of(ATTEMPTS_IN_A_ROW) {
                if Instant::now() >= until {
                    break;
                }
                thread::yield_now();
            }
        }
        None
    }

    /// Sleeps until there is something to read.
    fn read_asleep(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        if timeout.is_some_and(|timeout| timeout < SHORTEST_RECV * 2) {
            self.wait(false, timeout)?;
            return self.read(buffer);
        }
        self.arm(timeout)?;
        self.receive(buffer, RecvFlags::empty())
    }

    fn receive(&self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        if let Some(exchange) = &self.exchange {
            return exchange.receive(&self.stream, buffer, flags);
        }
        // Without a place for them, the kernel closes descriptors that came with the bytes.
        Ok(recv(&self.stream, buffer, flags)?.0)
    }

    fn wait_until(&self, interest: PollFlags, timeout: Option<Duration>) -> io::Result<()> {
        let mut ready = [PollFd::new(&self.stream, interest), PollFd::new(&self.waker.reader, PollFlags::IN)];
        let spin_until = self.patience.chosen().and_then(|longest| Instant::now().checked_add(longest));
        while spin_until.is_some_and(|until| Instant::now() < until) {
            if poll(&mut ready, Some(&Timespec::default()))? > 0 {
                break;
            }
            std::hint::spin_loop();
        }
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap_or(LONGEST_POLL));
        match poll(&mut ready, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other?,
        };
        if !ready[1].revents().is_empty() {
            self.waker.clear()?;
        }
        Ok(())
    }
}

impl<S: AsFd + Send + Sync + 'static> Transport for Socket<S> {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer, RecvFlags::DONTWAIT)
    }

    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(exchange) = &self.exchange {
            return exchange.send(&self.stream, chunks, SEND_FLAGS);
        }
        match chunks {
            // The common case, and cheaper in the kernel.
            [chunk] => Ok(send(&self.stream, chunk, SEND_FLAGS)?),
            chunks => Ok(sendmsg(&self.stream, chunks, &mut SendAncillaryBuffer::default(), SEND_FLAGS)?),
        }
    }

    fn wait(&self, for_room: bool, timeout: Option<Duration>) -> io::Result<()> {
        self.wait_until(if for_room { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }, timeout)
    }

    fn wait_for_room(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.wait_until(PollFlags::OUT, timeout)
    }

    fn wake(&self) {
        self.waker.wake();
    }

    fn shutdown(&self) {
        // An error says that the connection is gone already.
        let _ = shutdown(&self.stream, Shutdown::Both);
    }

    fn finish(&self) {
        let _ = shutdown(&self.stream, Shutdown::Write);
    }

    fn carry_descriptors(&mut self) {
        // TCP carries none.
        self.exchange = rustix::net::sockopt::socket_domain(&self.stream)
            .is_ok_and(|family| family == AddressFamily::UNIX)
            .then(Arc::default);
    }

    fn spin(&mut self, longest: Duration) {
        self.patience = Patience::always(longest);
    }

    fn exchange(&self) -> Option<&Arc<Exchange>> {
        self.exchange.as_ref()
    }

    fn peer(&self) -> Peer {
        self.peer
    }

    fn read_waiting(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let began = self.patience.learns().then(Instant::now);
        let longest = self.patience.longest();
        let caught = longest.and_then(|longest| self.read_patiently(buffer, longest));
        let is_caught = caught.is_some();
        let read = caught.unwrap_or_else(|| self.read_asleep(buffer, timeout));
        if let Some(took) = began.map(|began| began.elapsed()) {
            match longest {
                Some(_) => self.patience.note_asked(took, is_caught),
                None => self.patience.note_slept(took),
            }
        }
        read
    }
}

/// Attempts to read in a row while polling: a few microseconds.
const ATTEMPTS_IN_A_ROW: u32 = 16;
/// Shorter waits go through `poll(2)`: the kernel counts SO_RCVTIMEO in ticks of up to 10 ms.
const SHORTEST_RECV: Duration = Duration::from_millis(20);
const LONGEST_POLL: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

/// A peer that went away is an error of the call, not a signal that ends the process.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// A pipe that holds one byte while somebody asks for attention.
#[derive(Debug)]
pub(crate) struct Waker {
    pub(crate) reader: PipeReader,
    writer: PipeWriter,
    asked: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        let (reader, writer) = io::pipe()?;
        Ok(Waker { reader, writer, asked: AtomicBool::new(false) })
    }

    pub(crate) fn wake(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            // Never waits: there is at most this one byte in the pipe. Fails only when the reader is gone.
            let _ = (&self.writer).write(&[1]);
        }
    }

    /// Takes the byte out. When two threads wait, one of them takes each byte: as many as were put in.
    fn clear(&self) -> io::Result<()> {
        if self.asked.swap(false, Ordering::SeqCst) {
            (&self.reader).read_exact(&mut [0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::is_not_ready;

    fn pair() -> (Socket<UnixStream>, Socket<UnixStream>) {
        let (a, b) = UnixStream::pair().unwrap();
        (Socket::unix(a).unwrap(), Socket::unix(b).unwrap())
    }

    #[test]
    fn a_read_of_nothing_and_a_write_without_room_do_not_wait() {
        let (a, b) = pair();
        assert!(is_not_ready(&a.read(&mut [0; 8]).unwrap_err()));
        let chunk = [7; 4096];
        let full = loop {
            if let Err(error) = a.write(&[IoSlice::new(&chunk)]) {
                break error;
            }
        };
        assert!(is_not_ready(&full));
        assert_eq!(b.read(&mut [0; 8]).unwrap(), 8);
    }

    #[test]
    fn a_wake_ends_the_next_wait_and_only_that() {
        let (a, _b) = pair();
        a.wake();
        a.wake();
        a.wait(false, None).unwrap();
        a.wake();
        a.wait(false, None).unwrap();
    }

    #[test]
    fn a_shut_down_socket_reads_its_end() {
        let (a, b) = pair();
        a.write(&[IoSlice::new(b"bye")]).unwrap();
        a.shutdown();
        let mut buffer = [0; 8];
        assert_eq!(b.read_waiting(&mut buffer, None).unwrap(), 3);
        assert_eq!(b.read_waiting(&mut buffer, None).unwrap(), 0);
        assert_eq!(a.read_waiting(&mut buffer, None).unwrap(), 0);
    }

    #[test]
    fn a_receive_timeout_in_force_is_kept_while_it_fits() {
        let (a, _b) = pair();
        let armed = || Duration::from_nanos(a.receive_timeout.load(Ordering::Relaxed));
        a.arm(Some(Duration::from_secs(8))).unwrap();
        assert_eq!(armed(), Duration::from_secs(4));
        a.arm(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(armed(), Duration::from_secs(4));
        a.arm(Some(Duration::from_secs(2))).unwrap();
        assert_eq!(armed(), Duration::from_secs(1));
        a.arm(None).unwrap();
        assert_eq!(armed(), Duration::ZERO);
    }
}
