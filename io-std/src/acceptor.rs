//! Listening sockets whose wait for connections can be ended.

use crate::socket::{Socket, Waker};
use crate::transport::{Listener, Transport};
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zrpc_core::rpc::{Address, Endpoint};
use zrpc_unix::{SocketFile, UnixBinding};

/// Connections by TCP.
pub type TcpAcceptor = Acceptor<TcpListener>;

/// Connections over a Unix socket.
pub type UnixAcceptor = Acceptor<UnixListener>;

/// A listening socket of the standard library as a [`Listener`].
pub struct Acceptor<L> {
    /// Goes before the socket does, so that nobody finds a file behind which nobody listens.
    file: Mutex<Option<SocketFile>>,
    /// `None` once it is closed, so that the system refuses clients instead of letting them wait.
    listener: Mutex<Option<Arc<L>>>,
    /// Who waited to be accepted when it was closed.
    waiting: Mutex<VecDeque<Box<dyn Transport>>>,
    address: Option<SocketAddr>,
    endpoint: Option<Endpoint>,
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
        Acceptor::at(listener, None, address)
    }
}

impl Acceptor<UnixListener> {
    /// Takes connections from `listener`; each one's peer is the process that made it.
    ///
    /// # Errors
    /// When the listener cannot be made non-blocking, or no pipe can be opened.
    pub fn unix(listener: UnixListener) -> io::Result<UnixAcceptor> {
        listener.set_nonblocking(true)?;
        Acceptor::at(listener, None, None)
    }

    /// Begins to listen. The socket's file is removed when the acceptor is closed.
    ///
    /// # Errors
    /// With the address and a sentence: the path is too long, its folder is missing or closed to us, a server listens
    /// there, or something that is no socket is there.
    pub fn bind(binding: &UnixBinding) -> io::Result<UnixAcceptor> {
        let bound = binding.bind()?;
        bound.listener.set_nonblocking(true)?;
        Acceptor::at(bound.listener, Some(bound.file), None)
    }
}

/// Listens where a URI says; of its scheme only the kind of socket counts.
pub(crate) fn bind_uri(uri: &str) -> io::Result<Box<dyn Listener>> {
    let endpoint = Endpoint::parse_to_listen(uri)
        .map_err(|status| io::Error::new(io::ErrorKind::InvalidInput, status.message().to_owned()))?;
    if let Address::Tcp { host, port } = endpoint.address() {
        let listener = TcpListener::bind((host.as_str(), *port))
            .map_err(|cause| io::Error::new(cause.kind(), format!("cannot listen on {endpoint}: {cause}")))?;
        let port = listener.local_addr()?.port();
        let acceptor = TcpAcceptor::new(listener)?;
        return Ok(Box::new(TcpAcceptor { endpoint: Some(endpoint.with_port(port)), ..acceptor }));
    }
    let Some(binding) = UnixBinding::of(&endpoint) else {
        let text = format!("this system has no sockets for {endpoint}; use TCP");
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    };
    Ok(Box::new(UnixAcceptor { endpoint: Some(endpoint), ..UnixAcceptor::bind(&binding)? }))
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
    fn at(listener: L, file: Option<SocketFile>, address: Option<SocketAddr>) -> io::Result<Acceptor<L>> {
        let listener = Mutex::new(Some(Arc::new(listener)));
        let (file, waiting) = (Mutex::new(file), Mutex::default());
        Ok(Acceptor { file, listener, waiting, address, endpoint: None, waker: Waker::new()? })
    }
}

impl<L: Accepts> Acceptor<L> {
    /// Keeps who waits to be accepted. The system counts them as connected, and resets them with the socket, whatever
    /// they have said by then.
    fn take_waiting(&self, listener: &L) {
        lock(&self.waiting).extend(std::iter::from_fn(|| listener.take().ok()));
    }
}

impl<L> fmt::Debug for Acceptor<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<L: Accepts> Listener for Acceptor<L> {
    fn accept(&self) -> io::Result<Option<Box<dyn Transport>>> {
        let mut held: Option<Arc<L>> = None;
        loop {
            let Some(listener) = lock(&self.listener).clone() else {
                if let Some(held) = held {
                    self.take_waiting(&held);
                }
                return Ok(lock(&self.waiting).pop_front());
            };
            let listener = held.insert(listener);
            match listener.take() {
                Ok(transport) => return Ok(Some(transport)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let mut ready =
                [PollFd::new(&**listener, PollFlags::IN), PollFd::new(&self.waker.reader, PollFlags::IN)];
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

    fn uri(&self) -> Option<&str> {
        self.endpoint.as_ref().map(Endpoint::uri)
    }

    fn close(&self) {
        drop(lock(&self.file).take());
        let mut listener = lock(&self.listener);
        if let Some(open) = &*listener {
            self.take_waiting(open);
        }
        drop(listener.take());
        drop(listener);
        self.waker.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_when_an_acceptor_is_closed_is_still_accepted() {
        let acceptor = TcpAcceptor::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = acceptor.local_addr().unwrap();
        let clients = [(); 2].map(|()| std::net::TcpStream::connect(address).unwrap());
        acceptor.close();
        for _ in &clients {
            assert!(acceptor.accept().unwrap().is_some());
        }
        assert!(acceptor.accept().unwrap().is_none());
        assert!(std::net::TcpStream::connect(address).is_err());
    }

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
