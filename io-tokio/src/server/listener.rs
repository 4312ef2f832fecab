//! Where a server's connections come from.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Accepts connections. A transport joins the server by implementing this.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection; `None` when no more can come, which ends the server after those that are open.
    ///
    /// An error does not end the server: it is logged and the listener polled again a little later, as after
    /// EMFILE.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<Self::Stream>>>>;
}

/// A connection and, where the transport has addresses, that of its peer.
pub type Accepted<S> = (S, Option<SocketAddr>);

/// Small writes leave at once: a server writes all of a turn together and gains nothing from Nagle's algorithm.
impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<TcpStream>>>> {
        let accepted = ready!(TcpListener::poll_accept(self, cx)).and_then(|(stream, peer)| {
            stream.set_nodelay(true)?;
            Ok((stream, Some(peer)))
        });
        Poll::Ready(Some(accepted))
    }
}
