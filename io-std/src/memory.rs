//! Connections inside one process: what users' tests run their services over, without a port.
//!
//! A pipe is two bounded byte queues behind one lock, so it pushes back like a socket whose buffers are full.

use crate::transport::{Listener, Transport};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that each direction of a pipe holds.
const CAPACITY: usize = 64 * 1024;

/// Two connected ends.
#[must_use]
pub fn pair() -> (MemoryStream, MemoryStream) {
    pair_with_capacity(CAPACITY)
}

/// Two connected ends whose directions hold `capacity` bytes each, at least one.
#[must_use]
pub fn pair_with_capacity(capacity: usize) -> (MemoryStream, MemoryStream) {
    let pipe = Arc::new(Pipe {
        lanes: Mutex::new([Lane::default(), Lane::default()]),
        changed: [Condvar::new(), Condvar::new()],
        capacity: capacity.max(1),
    });
    (MemoryStream { pipe: Arc::clone(&pipe), side: 0 }, MemoryStream { pipe, side: 1 })
}

/// One end of a pipe. Dropping it ends both directions.
#[derive(Debug)]
pub struct MemoryStream {
    pipe: Arc<Pipe>,
    side: usize,
}

#[derive(Debug)]
struct Pipe {
    lanes: Mutex<[Lane; 2]>,
    /// Where each side waits.
    changed: [Condvar; 2],
    capacity: usize,
}

/// What one side has written and the other not yet read.
#[derive(Debug, Default)]
struct Lane {
    bytes: VecDeque<u8>,
    ended: bool,
    /// Somebody asked for the attention of the side that writes here.
    woken: bool,
}

impl MemoryStream {
    fn lanes(&self) -> MutexGuard<'_, [Lane; 2]> {
        self.pipe.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn other(&self) -> usize {
        1 - self.side
    }
}

impl Transport for MemoryStream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lanes = self.lanes();
        let lane = &mut lanes[self.other()];
        if lane.bytes.is_empty() {
            return if lane.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = io::Read::read(&mut lane.bytes, buffer)?;
        self.pipe.changed[self.other()].notify_all();
        Ok(count)
    }

    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut lanes = self.lanes();
        let lane = &mut lanes[self.side];
        if lane.ended {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the other end of the pipe is gone"));
        }
        let room = self.pipe.capacity.saturating_sub(lane.bytes.len());
        let mut left = room;
        for chunk in chunks {
            let fits = chunk.len().min(left);
            lane.bytes.extend(&chunk[..fits]);
            left -= fits;
        }
        if left == room {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.pipe.changed[self.other()].notify_all();
        Ok(room - left)
    }

    fn wait(&self, for_room: bool, timeout: Option<Duration>) -> io::Result<()> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let changed = &self.pipe.changed[self.side];
        let mut lanes = self.lanes();
        loop {
            let readable = !lanes[self.other()].bytes.is_empty() || lanes[self.other()].ended;
            let own = &mut lanes[self.side];
            let has_room = for_room && (own.bytes.len() < self.pipe.capacity || own.ended);
            if std::mem::take(&mut own.woken) || readable || has_room {
                return Ok(());
            }
            lanes = match until {
                None => changed.wait(lanes).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(());
                    }
                    changed.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn wait_for_room(&self, timeout: Option<Duration>) -> io::Result<()> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let changed = &self.pipe.changed[self.side];
        let mut lanes = self.lanes();
        loop {
            let own = &mut lanes[self.side];
            if std::mem::take(&mut own.woken) || own.ended || own.bytes.len() < self.pipe.capacity {
                return Ok(());
            }
            lanes = match until {
                None => changed.wait(lanes).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(());
                    }
                    changed.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn wake(&self) {
        self.lanes()[self.side].woken = true;
        self.pipe.changed[self.side].notify_all();
    }

    fn shutdown(&self) {
        self.lanes().iter_mut().for_each(|lane| lane.ended = true);
        self.pipe.changed.iter().for_each(Condvar::notify_all);
    }

    fn finish(&self) {
        self.lanes()[self.side].ended = true;
        self.pipe.changed.iter().for_each(Condvar::notify_all);
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// A place inside the process where a server listens and channels connect.
///
/// Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct MemoryEndpoint {
    shared: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    streams: VecDeque<MemoryStream>,
    closed: bool,
}

impl MemoryEndpoint {
    /// A new place.
    #[must_use]
    pub fn new() -> MemoryEndpoint {
        MemoryEndpoint::default()
    }

    /// Connects to whoever listens here.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the server has shut down.
    pub fn connect(&self) -> io::Result<MemoryStream> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "nobody listens at this in-memory endpoint any more",
            ));
        }
        let (ours, theirs) = pair();
        queue.streams.push_back(theirs);
        self.shared.arrived.notify_one();
        Ok(ours)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for MemoryEndpoint {
    fn accept(&self) -> io::Result<Option<Box<dyn Transport>>> {
        let mut queue = self.queue();
        loop {
            if let Some(stream) = queue.streams.pop_front() {
                return Ok(Some(Box::new(stream)));
            }
            if queue.closed {
                return Ok(None);
            }
            queue = self.shared.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.queue().closed = true;
        self.shared.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cross_in_order_and_a_full_pipe_pushes_back() {
        let (a, b) = pair_with_capacity(4);
        assert_eq!(a.write(&[IoSlice::new(b"ab"), IoSlice::new(b"cdef")]).unwrap(), 4);
        assert_eq!(a.write(&[IoSlice::new(b"e")]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut buffer = [0; 3];
        assert_eq!(b.read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer, b"abc");
        assert_eq!(a.write(&[IoSlice::new(b"ef")]).unwrap(), 2);
        assert_eq!(b.read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer, b"def");
    }

    #[test]
    fn a_wait_ends_by_bytes_by_room_by_wake_and_by_the_end() {
        let (a, b) = pair_with_capacity(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| b.wait(false, None).map(|()| b.read(&mut [0; 4])));
            a.write(&[IoSlice::new(b"x")]).unwrap();
            assert_eq!(waiting.join().unwrap().unwrap().unwrap(), 1);
        });
        a.wait(true, None).unwrap();
        b.wake();
        b.wait(false, None).unwrap();
        drop(a);
        b.wait(false, None).unwrap();
        assert_eq!(b.read(&mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn a_closed_endpoint_refuses_with_a_reason() {
        let endpoint = MemoryEndpoint::new();
        let waiting = endpoint.connect().unwrap();
        endpoint.close();
        assert!(endpoint.accept().unwrap().is_some(), "who connected before is not forgotten");
        assert!(endpoint.accept().unwrap().is_none());
        assert_eq!(waiting.read(&mut [0; 4]).unwrap(), 0);
        assert!(endpoint.connect().unwrap_err().to_string().contains("nobody listens"));
    }
}
