//! Listening sockets whose wait for connections can be ended.

use crate::socket::{Socket, Waker};
use crate::transport::{Listener, Transport};
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by TCP.
pub type TcpAcceptor = Acceptor<TcpListener>;

/// Connections over a Unix socket.
pub type UnixAcceptor = Acceptor<UnixListener>;

/// A listening socket of the standard library as a [`Listener`].
#[derive(Debug)]
pub struct Acceptor<L> {
    /// `None` once it is closed, so that the system refuses clients instead of letting them wait.
    listener: Mutex<Option<Arc<L>>>,
    address: Option<SocketAddr>,
    waker: Waker,
}

impl Acceptor<TcpListener> {
    /// Takes connections from `listener`.
    ///
    /// # Errors
    /// When the listener cannot be made non-blocking or has no address, or no pipe can be opened.
    pub fn new(listener: TcpListener) -> io::Result<TcpAcceptor> {
        listener.set_nonblocking(true)?;
        let address = Some(listener.local_addr()?);
        Acceptor::at(listener, address)
    }
}

impl Acceptor<UnixListener> {
    /// Takes connections from `listener`; each one's peer is the process that made it.
    ///
    /// # Errors
    /// When the listener cannot be made non-blocking, or no pipe can be opened.
    pub fn unix(listener: UnixListener) -> io::Result<UnixAcceptor> {
        listener.set_nonblocking(true)?;
        Acceptor::at(listener, None)
    }
}

/// What the two kinds of listening sockets do alike.
pub trait Accepts: AsFd + Send + Sync + 'static {
    /// Takes a connection that waits.
    ///
    /// # Errors
    /// `WouldBlock` when none does.
    fn take(&self) -> io::Result<Box<dyn Transport>>;
}

impl Accepts for TcpListener {
    fn take(&self) -> io::Result<Box<dyn Transport>> {
        let (stream, _) = self.accept()?;
        stream.set_nonblocking(false)?;
        Ok(Box::new(Socket::tcp(stream)?))
    }
}

impl Accepts for UnixListener {
    fn take(&self) -> io::Result<Box<dyn Transport>> {
        let (stream, _) = self.accept()?;
        stream.set_nonblocking(false)?;
        Ok(Box::new(Socket::unix(stream)?))
    }
}

impl<L> Acceptor<L> {
    fn at(listener: L, address: Option<SocketAddr>) -> io::Result<Acceptor<L>> {
        Ok(Acceptor { listener: Mutex::new(Some(Arc::new(listener))), address, waker: Waker::new()? })
    }

    fn listener(&self) -> MutexGuard<'_, Option<Arc<L>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Accepts> Listener for Acceptor<L> {
    fn accept(&self) -> io::Result<Option<Box<dyn Transport>>> {
        loop {
            let Some(listener) = self.listener().clone() else { return Ok(None) };
            match listener.take() {
                Ok(transport) => return Ok(Some(transport)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let mut ready =
                [PollFd::new(&*listener, PollFlags::IN), PollFd::new(&self.waker.reader, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(rustix::io::Errno::INTR) => {}
                other => drop(other?),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let none = || io::Error::new(io::ErrorKind::Unsupported, "a Unix socket has no IP address");
        self.address.ok_or_else(none)
    }

    fn close(&self) {
        drop(self.listener().take());
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_acceptor_lets_its_thread_go() {
        let acceptor = TcpAcceptor::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        std::thread::scope(|scope| {
            let accepting = scope.spawn(|| acceptor.accept().unwrap().is_none());
            acceptor.close();
            assert!(accepting.join().unwrap());
        });
    }
}
