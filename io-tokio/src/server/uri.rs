//! A listener whose kind is known only when the program runs: what a URI says.

use crate::server::listener::{Accepted, Carried, Listener, SocketOptions};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use zrpc_core::rpc::{Address, Endpoint};
#[cfg(unix)]
use {crate::server::listener::UnixAcceptor, crate::unix::UnixSocket, zrpc_unix::UnixBinding};

/// Listens where a URI says: `tcp://host:port`, `unix:///path` and the other forms of [`Endpoint`]. Of the scheme only
/// the kind of socket counts here; what is spoken on it, the server's sessions decide.
#[derive(Debug)]
pub struct UriListener {
    endpoint: Endpoint,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixAcceptor),
}

impl UriListener {
    /// Begins to listen. Port 0 chooses a free one. A Unix socket admits this user only; for others there is
    /// [`ServerBuilder::bind_unix`](crate::ServerBuilder::bind_unix).
    ///
    /// # Errors
    /// With the URI and a sentence: it is malformed, or why nothing can listen there.
    pub async fn bind(uri: &str) -> io::Result<UriListener> {
        let endpoint = Endpoint::parse_to_listen(uri)
            .map_err(|status| io::Error::new(io::ErrorKind::InvalidInput, status.message().to_owned()))?;
        if let Address::Tcp { host, port } = endpoint.address() {
            let listener = TcpListener::bind((host.as_str(), *port)).await.map_err(|cause| {
                io::Error::new(cause.kind(), format!("cannot listen on {endpoint}: {cause}"))
            })?;
            let port = listener.local_addr()?.port();
            return Ok(UriListener { endpoint: endpoint.with_port(port), kind: Kind::Tcp(listener) });
        }
        #[cfg(unix)]
        if let Some(binding) = UnixBinding::of(&endpoint) {
            let kind = Kind::Unix(UnixAcceptor::bind(binding).await?);
            return Ok(UriListener { endpoint, kind });
        }
        let text = format!("this system has no sockets for {endpoint}; use TCP");
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// The URI that clients connect to: with the port that was chosen.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.endpoint.uri()
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// On a Unix socket, which has none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Kind::Unix(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "a Unix socket has no IP address"))
            }
        }
    }
}

impl Listener for UriListener {
    type Stream = UriStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<UriStream>>>> {
        match &mut self.kind {
            Kind::Tcp(listener) => wrap(Listener::poll_accept(listener, cx), UriStream::Tcp),
            #[cfg(unix)]
            Kind::Unix(listener) => wrap(Listener::poll_accept(listener, cx), UriStream::Unix),
        }
    }

    fn close(self) -> Vec<Accepted<UriStream>> {
        fn all<S>(waiting: Vec<Accepted<S>>, with: impl Fn(S) -> UriStream) -> Vec<Accepted<UriStream>> {
            waiting.into_iter().map(|(stream, peer)| (with(stream), peer)).collect()
        }
        match self.kind {
            Kind::Tcp(listener) => all(Listener::close(listener), UriStream::Tcp),
            #[cfg(unix)]
            Kind::Unix(listener) => all(listener.close(), UriStream::Unix),
        }
    }

    fn use_sockets(&mut self, options: SocketOptions) {
        match &mut self.kind {
            Kind::Tcp(_) => {}
            #[cfg(unix)]
            Kind::Unix(listener) => listener.use_sockets(options),
        }
    }

    fn carried(stream: &UriStream) -> Carried {
        match stream {
            UriStream::Tcp(_) => Carried::default(),
            #[cfg(unix)]
            UriStream::Unix(stream) => UnixAcceptor::carried(stream),
        }
    }
}

fn wrap<S>(
    accepted: Poll<Option<io::Result<Accepted<S>>>>,
    with: impl FnOnce(S) -> UriStream,
) -> Poll<Option<io::Result<Accepted<UriStream>>>> {
    accepted.map(|next| next.map(|accepted| accepted.map(|(stream, peer)| (with(stream), peer))))
}

/// A connection of a [`UriListener`].
#[derive(Debug)]
#[non_exhaustive]
pub enum UriStream {
    /// By TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl AsyncRead for UriStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            UriStream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            UriStream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for UriStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            UriStream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            UriStream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            UriStream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, chunks),
            #[cfg(unix)]
            UriStream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, chunks),
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
        match self.get_mut() {
            UriStream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            UriStream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
