//! Where a server's connections come from.

use crate::attached::Descriptors;
use crate::options::Options;
#[cfg(unix)]
use crate::unix::UnixSocket;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use zrpc_core::rpc::Peer;
#[cfg(unix)]
use zrpc_unix::{SocketFile, UnixAddress, UnixBinding};

/// Accepts connections. A transport joins the server by implementing this.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection; `None` when no more can come, which ends the server after those that are open.
    ///
    /// An error does not end the server: it is logged and the listener polled again a little later, as after
    /// EMFILE.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<Self::Stream>>>>;

    /// Takes no more connections, and hands out those that wait to be accepted: without it they are lost, whatever
    /// their clients have said by now.
    fn close(self) -> Vec<Accepted<Self::Stream>>
    where
        Self: Sized,
    {
        Vec::new()
    }

    /// Sets how the connections of a Unix socket are used.
    #[doc(hidden)]
    fn use_sockets(&mut self, options: SocketOptions) {
        let _ = options;
    }

    /// What carries the descriptors of a connection.
    #[doc(hidden)]
    fn carried(stream: &Self::Stream) -> Carried {
        let _ = stream;
        Carried::default()
    }
}

/// How the connections of a Unix socket are used; for the driver's own listeners.
#[doc(hidden)]
#[derive(Clone, Copy, Default, Debug)]
pub struct SocketOptions(pub(crate) Options);

/// The descriptors of a connection; for the driver's own listeners.
#[doc(hidden)]
#[derive(Default)]
pub struct Carried(pub(crate) Descriptors);

/// A connection, and who is at its other end as far as the transport knows.
pub type Accepted<S> = (S, Peer);

/// Small writes leave at once: a server writes all of a turn together and gains nothing from Nagle's algorithm.
impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<TcpStream>>>> {
        let accepted = ready!(TcpListener::poll_accept(self, cx)).and_then(|(stream, peer)| {
            stream.set_nodelay(true)?;
            Ok((stream, peer.into()))
        });
        Poll::Ready(Some(accepted))
    }

    fn close(self) -> Vec<Accepted<TcpStream>> {
        // Asked without the runtime, which may not have heard yet of those that came last.
        let Ok(listener) = self.into_std() else { return Vec::new() };
        std::iter::from_fn(|| listener.accept().ok())
            .filter_map(|(stream, peer)| {
                stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).ok()?;
                Some((TcpStream::from_std(stream).ok()?, peer.into()))
            })
            .collect()
    }
}

/// Each connection's peer is the process that made it.
#[cfg(unix)]
impl Listener for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<UnixStream>>>> {
        let accepted = ready!(UnixListener::poll_accept(self, cx)).map(|(stream, _)| {
            let peer = zrpc_unix::peer_of(&stream);
            (stream, peer)
        });
        Poll::Ready(Some(accepted))
    }

    fn close(self) -> Vec<Accepted<UnixStream>> {
        let Ok(listener) = self.into_std() else { return Vec::new() };
        std::iter::from_fn(|| listener.accept().ok())
            .filter_map(|(stream, _)| {
                stream.set_nonblocking(true).ok()?;
                let stream = UnixStream::from_std(stream).ok()?;
                let peer = zrpc_unix::peer_of(&stream);
                Some((stream, peer))
            })
            .collect()
    }
}

/// A Unix socket that a server listens on, with its file, which goes when it is dropped.
#[cfg(unix)]
#[derive(Debug)]
pub struct UnixAcceptor {
    file: SocketFile,
    listener: UnixListener,
    options: Options,
}

#[cfg(unix)]
impl UnixAcceptor {
    /// Begins to listen.
    ///
    /// # Errors
    /// With the address and a sentence: the path is too long, its folder is missing or closed to us, a server listens
    /// there, or something that is no socket is there.
    pub async fn bind(binding: UnixBinding) -> io::Result<UnixAcceptor> {
        // It looks at files, and may wait for another server that starts.
        let bound = tokio::task::spawn_blocking(move || binding.bind()).await.map_err(io::Error::other)??;
        bound.listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(bound.listener)?;
        Ok(UnixAcceptor { file: bound.file, listener, options: Options::default() })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> &UnixAddress {
        self.file.address()
    }
}

#[cfg(unix)]
impl Listener for UnixAcceptor {
    type Stream = UnixSocket;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<UnixSocket>>>> {
        let accepted = ready!(Listener::poll_accept(&mut self.listener, cx));
        Poll::Ready(
            accepted.map(|next| next.map(|(stream, peer)| (UnixSocket::with(stream, self.options), peer))),
        )
    }

    fn close(self) -> Vec<Accepted<UnixSocket>> {
        let UnixAcceptor { file, listener, options } = self;
        // From here on nobody finds the socket.
        drop(file);
        let waiting = Listener::close(listener).into_iter();
        waiting.map(|(stream, peer)| (UnixSocket::with(stream, options), peer)).collect()
    }

    fn use_sockets(&mut self, options: SocketOptions) {
        self.options = options.0;
    }

    fn carried(stream: &UnixSocket) -> Carried {
        Carried(stream.descriptors())
    }
}
