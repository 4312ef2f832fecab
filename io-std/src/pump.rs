//! The turn of a connection: bytes in, events out, bytes out, and when to come back.
//!
//! `Pump` is the turn without a socket or a lock: it polls the machine and keeps what a write left over. The
//! connections of this crate share one between threads; [`drive`] runs one on the calling thread for any
//! [`Machine`], so that HTTP/2 without gRPC, or a protocol of one's own, needs no more than a handler of events:
//!
//! ```
//! use bytes::Bytes;
//! use std::ops::ControlFlow;
//! use zrpc_core::base::{Machine, Out, Output, Time};
//! use zrpc_std::{memory, pump, Transport};
//!
//! /// Sends back what it gets.
//! #[derive(Default)]
//! struct Echo(Vec<Bytes>, bool);
//!
//! impl Machine for Echo {
//!     type Event = ();
//!     fn handle_input(&mut self, _: Time, input: Bytes) {
//!         self.0.push(input);
//!     }
//!     fn handle_eof(&mut self, _: Time) {
//!         self.1 = true;
//!     }
//!     fn poll_output(&mut self, _: Time, out: &mut Out) -> Output<()> {
//!         self.0.drain(..).for_each(|bytes| out.put_bytes(bytes));
//!         if std::mem::take(&mut self.1) { Output::Event(()) } else { Output::Idle(None) }
//!     }
//! }
//!
//! let (ours, theirs) = memory::pair();
//! let served = std::thread::spawn(move || pump::drive(&theirs, &mut Echo::default(), |_, (), _| ControlFlow::Break(())));
//! ours.write(&[std::io::IoSlice::new(b"hello")])?;
//! let mut answer = [0; 5];
//! assert_eq!(ours.read_waiting(&mut answer, None)?, 5);
//! drop(ours);
//! served.join().unwrap()?;
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::clock;
use crate::transport::{Transport, is_not_ready};
use bytes::{Bytes, BytesMut};
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::time::Duration;
use zrpc_core::base::{Machine, Out, Output, Time, Wake};

/// Bytes that a machine may have written and no socket taken; a slow reader costs a connection twice this.
const ROOM: usize = 128 * 1024;

/// How long the last bytes of a connection, and the peer's end, may take.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// Drives a machine on the calling thread until the handler breaks off or the peer is gone, and sends what the
/// machine had to say last. The handler may give the machine any commands.
///
/// # Errors
/// When the transport fails. A peer that ends its direction is no error: the machine's events say what it means.
pub fn drive<M: Machine>(
    transport: &dyn Transport,
    machine: &mut M,
    mut handler: impl FnMut(&mut M, M::Event, Time) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut pump = Pump::new(machine);
    let mut buffer = ReadBuffer::default();
    let mut peer_is_done = false;
    loop {
        let now = clock::now();
        let mut goes_on = !peer_is_done;
        while let Some(event) = pump.poll_event(now) {
            if handler(pump.machine(), event, now).is_break() {
                goes_on = false;
            }
        }
        if !goes_on {
            linger(transport, &mut buffer, LINGER, || pump.flush(transport).unwrap_or(true));
            return Ok(());
        }
        if pump.flush(transport)? && pump.has_more() {
            continue;
        }
        let stuck = pump.is_stuck();
        let longest = pump.wake().map(|wake| clock::until(wake.at));
        let read = if stuck && !pump.machine().wants_input() {
            // What the peer sends waits on the wire until it takes what we have to say.
            transport.wait_for_room(longest).and(Err(io::ErrorKind::WouldBlock.into()))
        } else {
            transport.wait(stuck, longest).and_then(|()| buffer.fill(|room| transport.read(room)))
        };
        pump.retry();
        match read {
            Ok(bytes) if bytes.is_empty() => {
                peer_is_done = true;
                pump.machine().handle_eof(clock::now());
            }
            Ok(bytes) => pump.machine().handle_input(clock::now(), bytes),
            Err(error) if is_not_ready(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends what is left, ends this direction, and reads the other until its end, so that the peer's system does not
/// answer bytes under way with a reset that destroys our last words. Both together take `longest` at most. `flush`
/// writes what it can and says whether that was all.
pub(crate) fn linger(
    transport: &dyn Transport,
    buffer: &mut ReadBuffer,
    longest: Duration,
    mut flush: impl FnMut() -> bool,
) {
    let end = clock::now() + longest;
    let mut is_finished = false;
    loop {
        if !is_finished && flush() {
            transport.finish();
            is_finished = true;
        }
        let left = clock::until(end);
        if left.is_zero() || transport.wait(!is_finished, Some(left)).is_err() {
            break;
        }
        match buffer.fill(|room| transport.read(room)) {
            Ok(bytes) if bytes.is_empty() => break,
            Err(error) if !is_not_ready(&error) => break,
            _ => {}
        }
    }
    transport.shutdown();
}

/// A machine and what it has written: the state that one turn leaves to the next.
#[derive(Debug)]
pub(crate) struct Pump<M> {
    machine: M,
    /// What the machine wrote since the last write began.
    queued: Out,
    /// What a write left over; goes before `queued`.
    leaving: Out,
    writer: Writer,
    wake: Option<Wake>,
    /// The machine has more to write than there was room for.
    has_more: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writer {
    /// Who comes next may write.
    Free,
    /// Somebody writes at this moment, and will look for more afterwards.
    Busy,
    /// The transport has no room; whoever waits for it says when to try again.
    Stuck,
    /// The transport takes no more bytes, ever.
    Lost,
}

impl<M: Machine> Pump<M> {
    pub(crate) fn new(machine: M) -> Pump<M> {
        Pump {
            machine,
            queued: Out::with_room(ROOM),
            leaving: Out::with_room(ROOM),
            writer: Writer::Free,
            wake: None,
            has_more: false,
        }
    }

    pub(crate) fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The machine's next event; `None` once it has none and has written what there was room for.
    pub(crate) fn poll_event(&mut self, now: Time) -> Option<M::Event> {
        let (wake, has_more) = match self.machine.poll_output(now, &mut self.queued) {
            Output::Event(event) => return Some(event),
            Output::Full(wake) => (wake, true),
            Output::Idle(wake) => (wake, false),
        };
        self.wake = wake;
        self.has_more = has_more;
        None
    }

    /// When the machine must be polled again at the latest, as of its last poll.
    pub(crate) fn wake(&self) -> Option<Wake> {
        self.wake
    }

    /// What is to be written now, if this thread may write: it then calls [`write_out`] and [`Pump::put_back`].
    pub(crate) fn take_output(&mut self) -> Option<Out> {
        if self.writer == Writer::Lost {
            self.queued.clear();
        }
        if self.writer != Writer::Free {
            return None;
        }
        if self.leaving.is_empty() {
            std::mem::swap(&mut self.leaving, &mut self.queued);
        }
        if self.leaving.is_empty() {
            return None;
        }
        self.writer = Writer::Busy;
        Some(std::mem::take(&mut self.leaving))
    }

    /// Gives back what [`Pump::take_output`] gave, after the write. When everything was written, the caller goes on
    /// with polling and writing, for there may be more.
    pub(crate) fn put_back(&mut self, mut out: Out, written: &io::Result<bool>) {
        out.set_room(ROOM);
        self.writer = match written {
            Ok(true) => Writer::Free,
            Ok(false) => Writer::Stuck,
            Err(_) => {
                out.clear();
                Writer::Lost
            }
        };
        self.leaving = out;
    }

    /// Whether a write that took everything leaves something to poll for or to write. Whoever commanded the machine
    /// meanwhile polls it as well.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more || !self.queued.is_empty()
    }

    /// Bytes wait for room in the transport, and nobody waits for it in [`write_out`].
    pub(crate) fn is_stuck(&self) -> bool {
        self.writer == Writer::Stuck
    }

    /// Somebody writes at this moment, and may find that the transport has no room.
    pub(crate) fn is_writing(&self) -> bool {
        self.writer == Writer::Busy
    }

    /// The transport may have room again.
    pub(crate) fn retry(&mut self) {
        if self.is_stuck() {
            self.writer = Writer::Free;
        }
    }

    /// Writes what there is, for an owner that shares its machine with no other thread; `true` when that was all.
    pub(crate) fn flush(&mut self, transport: &dyn Transport) -> io::Result<bool> {
        self.retry();
        while let Some(mut out) = self.take_output() {
            let written = write_out(transport, &mut out);
            self.put_back(out, &written);
            if !written? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether nothing is left to be written, here or by another thread.
    pub(crate) fn is_written(&self) -> bool {
        let empty = self.queued.is_empty() && self.leaving.is_empty() && !self.has_more;
        empty && matches!(self.writer, Writer::Free) || self.writer == Writer::Lost
    }
}

/// Writes until everything is written (`true`) or the transport has no more room (`false`).
pub(crate) fn write_out(transport: &dyn Transport, out: &mut Out) -> io::Result<bool> {
    while !out.is_empty() {
        match write_once(transport, out) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => out.advance(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_not_ready(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// One system call with as many chunks as it may have. Most often there is one.
fn write_once(transport: &dyn Transport, out: &Out) -> io::Result<usize> {
    /// The kernel takes no more than 1024.
    const CHUNKS: usize = 64;
    let mut chunks = out.chunks();
    let (first, second) = (chunks.next().unwrap_or_default(), chunks.next());
    let Some(second) = second else { return transport.write(&[IoSlice::new(first)]) };
    let mut slices = [IoSlice::new(&[]); CHUNKS];
    let mut count = 0;
    for (slice, chunk) in slices.iter_mut().zip([first, second].into_iter().chain(chunks)) {
        *slice = IoSlice::new(chunk);
        count += 1;
    }
    transport.write(&slices[..count])
}

/// Where a reader reads: slices of one buffer leave as [`Bytes`], and its memory comes back once they are dropped.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    room: BytesMut,
    /// Bytes of the next fresh buffer: small for a quiet connection, growing while reads fill it.
    size: usize,
}

impl ReadBuffer {
    /// Lets `read` fill what is free, and returns what it read.
    pub(crate) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Bytes> {
        const SMALLEST: usize = 8 * 1024;
        const LARGEST: usize = 256 * 1024;
        self.size = self.size.max(SMALLEST);
        if self.room.len() < self.size / 4 {
            self.room.clear();
            self.room.resize(self.size, 0);
        }
        let offered = self.room.len();
        let count = read(&mut self.room)?.min(offered);
        if count == offered {
            self.size = (self.size * 2).min(LARGEST);
        }
        Ok(self.room.split_to(count).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;

    /// Says everything it was told to, in frames of four bytes.
    struct Talker(Vec<u8>);

    impl Machine for Talker {
        type Event = ();

        fn handle_input(&mut self, _: Time, _: Bytes) {}

        fn handle_eof(&mut self, _: Time) {}

        fn poll_output(&mut self, _: Time, out: &mut Out) -> Output<()> {
            while !self.0.is_empty() {
                if !out.has_room() {
                    return Output::Full(None);
                }
                let frame: Vec<u8> = self.0.drain(..self.0.len().min(4)).collect();
                out.put_slice(&frame);
            }
            Output::Idle(None)
        }
    }

    #[test]
    fn a_transport_without_room_leaves_the_rest_to_be_written_in_order() {
        let (ours, theirs) = memory::pair_with_capacity(3);
        let mut pump = Pump::new(Talker(b"hello world".to_vec()));
        assert_eq!(pump.poll_event(Time::START), None);
        let mut seen = Vec::new();
        while !pump.is_written() {
            pump.retry();
            if let Some(mut out) = pump.take_output() {
                assert!(pump.take_output().is_none(), "two threads would write at once");
                let written = write_out(&ours, &mut out);
                pump.put_back(out, &written);
            }
            let mut buffer = [0; 8];
            let count = theirs.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(seen, b"hello world");
    }

    #[test]
    fn a_lost_transport_swallows_what_is_written_later() {
        let (ours, theirs) = memory::pair();
        drop(theirs);
        let mut pump = Pump::new(Talker(b"hello".to_vec()));
        assert_eq!(pump.poll_event(Time::START), None);
        let mut out = pump.take_output().unwrap();
        let written = write_out(&ours, &mut out);
        assert!(written.is_err());
        pump.put_back(out, &written);
        pump.machine().0 = b"more".to_vec();
        assert_eq!(pump.poll_event(Time::START), None);
        assert!(pump.take_output().is_none() && pump.is_written());
    }

    #[test]
    fn a_read_buffer_grows_while_reads_fill_it_and_hands_out_what_was_read() {
        let mut buffer = ReadBuffer::default();
        let small = buffer.fill(|room| {
            room[..3].copy_from_slice(b"abc");
            Ok(3)
        });
        assert_eq!(small.unwrap(), &b"abc"[..]);
        let whole = buffer.fill(|room| Ok(room.len())).unwrap();
        let larger = buffer.fill(|room| Ok(room.len())).unwrap();
        assert!(larger.len() > whole.len());
    }
}
