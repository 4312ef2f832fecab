//! A Unix socket that carries file descriptors, or whose task asks it for a while before it sleeps.
//!
//! tokio knows a socket as readable only after its event loop has looked. A socket that is to be asked without that is read
//! directly; while it spins, its task wakes itself, so that other tasks run in between.

use crate::attached::Descriptors;
use crate::clock;
use crate::options::Options;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;
use zrpc_unix::Exchange;

/// What one read brings in at most, in bytes.
const READ_MAX: usize = 64 * 1024;

thread_local! {
    /// Where a direct read goes first: safe code cannot let the system write into memory that nobody has written.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into());
}

/// A connection over a Unix socket.
#[derive(Debug)]
pub struct UnixSocket(Kind);

#[derive(Debug)]
enum Kind {
    /// As tokio has it.
    Plain(UnixStream),
    /// Read and written directly.
    Direct(Arc<Direct>),
}

#[derive(Debug)]
struct Direct {
    stream: UnixStream,
    exchange: Option<Arc<Exchange>>,
    spin: Duration,
    /// When something was last read or written, as the driver's clock tells it.
    active: AtomicU64,
    /// Who sleeps until there is something to read: a write of another task begins its turn of asking.
    reader: Mutex<Option<Waker>>,
}

impl UnixSocket {
    pub(crate) fn with(stream: UnixStream, options: Options) -> UnixSocket {
        if options.is_plain() {
            return UnixSocket(Kind::Plain(stream));
        }
        UnixSocket(Kind::Direct(Arc::new(Direct {
            stream,
            exchange: options.carries_descriptors.then(Arc::default),
            spin: options.spin,
            active: AtomicU64::new(0),
            reader: Mutex::new(None),
        })))
    }

    /// The same socket once more, for the other direction. Only one that is read directly has two.
    pub(crate) fn both(self) -> Result<(UnixSocket, UnixSocket), UnixStream> {
        match self.0 {
            Kind::Plain(stream) => Err(stream),
            Kind::Direct(direct) => {
                Ok((UnixSocket(Kind::Direct(Arc::clone(&direct))), UnixSocket(Kind::Direct(direct))))
            }
        }
    }

    pub(crate) fn descriptors(&self) -> Descriptors {
        match &self.0 {
            Kind::Plain(_) => Descriptors::default(),
            Kind::Direct(direct) => Descriptors::of(direct.exchange.as_ref()),
        }
    }
}

impl Direct {
    fn receive(&self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        READ.with_borrow_mut(|room| {
            let room = &mut room[..buffer.remaining().min(READ_MAX)];
            let count = zrpc_unix::receive(&self.stream, self.exchange.as_deref(), room)?;
            buffer.put_slice(&room[..count]);
            Ok(())
        })
    }

    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.receive(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => {
                self.note_active();
                return Poll::Ready(received);
            }
        }
        if self.is_spinning() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.spin.is_zero() {
            *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        }
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_io(Interest::READABLE, || self.receive(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => {
                    self.note_active();
                    return Poll::Ready(received);
                }
            }
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let send = || zrpc_unix::send(&self.stream, self.exchange.as_deref(), chunks);
            match self.stream.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => {
                    self.note_active();
                    let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(reader) = reader {
                        reader.wake();
                    }
                    return Poll::Ready(sent);
                }
            }
        }
    }

    fn note_active(&self) {
        if !self.spin.is_zero() {
            self.active.store(clock::now().as_nanos(), Ordering::Relaxed);
        }
    }

    /// Whether something was read or written so lately that the next may come at once.
    fn is_spinning(&self) -> bool {
        let quiet = || clock::now().as_nanos().saturating_sub(self.active.load(Ordering::Relaxed));
        !self.spin.is_zero() && u128::from(quiet()) < self.spin.as_nanos()
    }
}

impl AsyncRead for UnixSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Direct(direct) => direct.poll_receive(cx, buffer),
        }
    }
}

impl AsyncWrite for UnixSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Direct(direct) => direct.poll_send(cx, &[IoSlice::new(bytes)]),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, chunks),
            Kind::Direct(direct) => direct.poll_send(cx, chunks),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sockets keep nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Direct(direct) => Poll::Ready(zrpc_unix::finish(&direct.stream)),
        }
    }
}
