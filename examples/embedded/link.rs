//! A socket and a machine, joined: all that an event loop needs to know of zRPC.
//!
//! ```text
//! readable:  read -> handle_input      then poll until no event is left, write what came of it,
//! timer:     (nothing)                 and wait for the socket or for the machine's wake
//! writable:  (nothing)
//! ```

use bytes::{Bytes, BytesMut};
use mio::net::TcpStream;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::time::Instant;
use zrpc::core::base::{Machine, Out, Output, Time, Wake};

/// Bytes that may wait for the socket before the machine is held back.
const ROOM: usize = 256 * 1024;
/// Bytes that are read at once.
const READ: usize = 64 * 1024;

/// The loop's clock, in the machines' own time.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// What time it is.
    pub fn now(self) -> Time {
        Time::START + self.0.elapsed()
    }
}

/// A connection: its socket, its machine, and what waits to be written.
pub struct Link<M> {
    /// The socket, which never blocks.
    pub socket: TcpStream,
    /// The machine, for commands.
    pub machine: M,
    /// When to poll it again though nothing arrived.
    pub wake: Option<Wake>,
    /// Whether the connection is over and everything is written.
    pub done: bool,
    out: Out,
    ended: bool,
}

impl<M: Machine> Link<M> {
    /// Joins a socket and a fresh machine.
    pub fn new(socket: TcpStream, machine: M) -> Link<M> {
        // Without it small frames wait for others; a socket that refuses still works.
        let _ = socket.set_nodelay(true);
        Link { socket, machine, wake: None, done: false, out: Out::with_room(ROOM), ended: false }
    }

    /// Hands on all that has arrived.
    pub fn read(&mut self, now: Time) {
        loop {
            let mut buffer = BytesMut::zeroed(READ);
            match self.socket.read(&mut buffer) {
                Ok(0) => return self.machine.handle_eof(now),
                Ok(count) => {
                    buffer.truncate(count);
                    self.machine.handle_input(now, Bytes::from(buffer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.machine.handle_eof(now),
            }
        }
    }

    /// The next event; `None` once the machine waits for the socket or for its wake.
    pub fn poll(&mut self, now: Time) -> Option<M::Event> {
        loop {
            match self.machine.poll_output(now, &mut self.out) {
                Output::Event(event) => return Some(event),
                // Bytes wait for room: that is there again as soon as the socket takes some.
                Output::Full(wake) => {
                    self.wake = wake;
                    if self.write() == 0 {
                        return None;
                    }
                }
                Output::Idle(wake) => {
                    self.wake = wake;
                    self.write();
                    self.done = self.ended && self.out.is_empty();
                    return None;
                }
            }
        }
    }

    /// Says that the machine's last event came.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Writes what the socket takes, in as few calls as it allows.
    fn write(&mut self) -> usize {
        let mut written = 0;
        while !self.out.is_empty() {
            let chunks: Vec<IoSlice<'_>> = self.out.chunks().take(64).map(IoSlice::new).collect();
            match self.socket.write_vectored(&chunks) {
                Ok(count) => {
                    self.out.advance(count);
                    written += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
                // The peer is gone; reading says so too, with the reason.
                Err(_) => self.out.clear(),
            }
        }
        written
    }
}
