//! A tap on the connections that a server accepts: it counts what passes, and makes the peer vanish after so many bytes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zrpc::core::rpc::Peer;
use zrpc::{blocking, tokio as asynchronous};

/// What is known of all connections of one server, and how far each of them goes.
#[derive(Debug)]
pub struct Tap {
    /// From the client to the server.
    pub up: Way,
    /// From the server to the client.
    pub down: Way,
}

/// One direction.
#[derive(Debug)]
pub struct Way {
    passed: AtomicU64,
    limit: AtomicU64,
}

impl Default for Tap {
    fn default() -> Tap {
        let open = || Way { passed: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX) };
        Tap { up: open(), down: open() }
    }
}

impl Way {
    /// Bytes that passed, on all connections.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Ends each connection after so many bytes.
    pub fn cut_after(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::SeqCst);
    }
}

/// How much of one direction of one connection has passed.
#[derive(Debug)]
struct Meter {
    passed: AtomicU64,
    limit: u64,
}

impl Meter {
    fn new(way: &Way) -> Meter {
        Meter { passed: AtomicU64::new(0), limit: way.limit.load(Ordering::SeqCst) }
    }

    fn left(&self) -> usize {
        let left = self.limit.saturating_sub(self.passed.load(Ordering::SeqCst));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    fn add(&self, way: &Way, count: usize) {
        self.passed.fetch_add(count as u64, Ordering::SeqCst);
        way.passed.fetch_add(count as u64, Ordering::SeqCst);
    }
}

fn vanished() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the case made the peer vanish")
}

/// A listener of either driver, with the tap on its connections.
pub struct Tapped<L> {
    pub inner: L,
    pub tap: Arc<Tap>,
}

/// A connection of the async driver.
pub struct TappedStream<S> {
    /// `None` once the peer has vanished.
    inner: Option<S>,
    tap: Arc<Tap>,
    up: Meter,
    down: Meter,
}

impl<S> TappedStream<S> {
    fn new(inner: S, tap: &Arc<Tap>) -> TappedStream<S> {
        let (up, down) = (Meter::new(&tap.up), Meter::new(&tap.down));
        TappedStream { inner: Some(inner), tap: Arc::clone(tap), up, down }
    }
}

impl<L: asynchronous::Listener> asynchronous::Listener for Tapped<L> {
    type Stream = TappedStream<L::Stream>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<asynchronous::Accepted<Self::Stream>>>> {
        let accepted = ready!(self.inner.poll_accept(cx));
        Poll::Ready(
            accepted.map(|next| next.map(|(inner, peer)| (TappedStream::new(inner, &self.tap), peer))),
        )
    }

    fn close(self) -> Vec<asynchronous::Accepted<Self::Stream>> {
        let waiting = self.inner.close().into_iter();
        waiting.map(|(inner, peer)| (TappedStream::new(inner, &self.tap), peer)).collect()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TappedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.up.left();
        if left == 0 {
            this.inner = None;
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(Ok(())) };
        let mut space = vec![0; left.min(buffer.remaining()).min(64 * 1024)];
        let mut limited = ReadBuf::new(&mut space);
        ready!(Pin::new(inner).poll_read(cx, &mut limited))?;
        this.up.add(&this.tap.up, limited.filled().len());
        buffer.put_slice(limited.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TappedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let left = this.down.left();
        if left == 0 {
            this.inner = None;
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(Err(vanished())) };
        let written = ready!(Pin::new(inner).poll_write(cx, &bytes[..bytes.len().min(left)]))?;
        this.down.add(&this.tap.down, written);
        if written == left {
            this.inner = None;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Some(inner) => Pin::new(inner).poll_flush(cx),
            None => Poll::Ready(Err(vanished())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Some(inner) => Pin::new(inner).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A connection of the blocking driver.
struct TappedTransport {
    inner: Box<dyn blocking::Transport>,
    tap: Arc<Tap>,
    up: Meter,
    down: Meter,
}

impl<L: blocking::Listener> blocking::Listener for Tapped<L> {
    fn accept(&self) -> io::Result<Option<Box<dyn blocking::Transport>>> {
        Ok(self.inner.accept()?.map(|inner| {
            let tap = Arc::clone(&self.tap);
            let (up, down) = (Meter::new(&tap.up), Meter::new(&tap.down));
            Box::new(TappedTransport { inner, tap, up, down }) as Box<dyn blocking::Transport>
        }))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl TappedTransport {
    fn limited<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let left = self.up.left();
        if left == 0 || self.down.left() == 0 {
            self.inner.shutdown();
            return None;
        }
        let count = left.min(buffer.len());
        Some(&mut buffer[..count])
    }

    fn count(&self, read: io::Result<usize>) -> io::Result<usize> {
        if let Ok(count) = read {
            self.up.add(&self.tap.up, count);
        }
        read
    }
}

impl blocking::Transport for TappedTransport {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(buffer) = self.limited(buffer) else { return Ok(0) };
        self.count(self.inner.read(buffer))
    }

    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let left = self.down.left();
        if left == 0 || self.up.left() == 0 {
            self.inner.shutdown();
            return Err(vanished());
        }
        let mut bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
        bytes.truncate(left);
        let written = self.inner.write(&[IoSlice::new(&bytes)])?;
        self.down.add(&self.tap.down, written);
        if written == left {
            self.inner.shutdown();
        }
        Ok(written)
    }

    fn wait(&self, for_room: bool, timeout: Option<Duration>) -> io::Result<()> {
        if self.up.left() == 0 || self.down.left() == 0 {
            self.inner.shutdown();
            return Ok(());
        }
        self.inner.wait(for_room, timeout)
    }

    fn wake(&self) {
        self.inner.wake();
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }

    fn finish(&self) {
        self.inner.finish();
    }

    fn peer(&self) -> Peer {
        self.inner.peer()
    }

    fn read_waiting(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let Some(buffer) = self.limited(buffer) else { return Ok(0) };
        self.count(self.inner.read_waiting(buffer, timeout))
    }
}
