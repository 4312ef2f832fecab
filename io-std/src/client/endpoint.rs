//! Where a channel connects: addresses, names, and other ways to a transport.

use crate::clock;
use crate::memory::MemoryEndpoint;
use crate::socket::Socket;
use crate::transport::Transport;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use zrpc_core::rpc::{Address, Endpoint, Status};
use zrpc_unix::UnixAddress;

/// Makes connections to one endpoint. A transport joins the channel by implementing this.
pub trait Connector: Send + Sync + 'static {
    /// Connects once, within `timeout`.
    ///
    /// # Errors
    /// When nobody answers there, or not in time.
    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Transport>>;

    /// What error messages call the endpoint.
    fn endpoint(&self) -> &str;
}

impl Connector for MemoryEndpoint {
    fn connect(&self, _: Duration) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(MemoryEndpoint::connect(self)?))
    }

    fn endpoint(&self) -> &str {
        "memory"
    }
}

/// The way to an endpoint.
///
/// # Errors
/// UNIMPLEMENTED when the system has no such sockets.
pub(crate) fn connector_to(endpoint: Endpoint) -> Result<Arc<dyn Connector>, Status> {
    if let Address::Tcp { host, port } = endpoint.address() {
        let (host, port) = (host.clone(), *port);
        return Ok(Arc::new(TcpConnector { endpoint, host, port }));
    }
    match UnixAddress::of(endpoint.address()) {
        Some(address) => Ok(Arc::new(UnixConnector { endpoint, address })),
        None => Err(Status::unimplemented(format!("this system has no sockets for {endpoint}; use TCP"))),
    }
}

/// Connects to a Unix socket.
struct UnixConnector {
    endpoint: Endpoint,
    address: UnixAddress,
}

impl Connector for UnixConnector {
    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Transport>> {
        let stream = zrpc_unix::connect(&self.address, timeout)?;
        Ok(Box::new(Socket::unix(stream)?))
    }

    fn endpoint(&self) -> &str {
        self.endpoint.uri()
    }
}

/// Connects by TCP to an endpoint.
struct TcpConnector {
    endpoint: Endpoint,
    host: String,
    port: u16,
}

impl TcpConnector {
    /// The addresses that the name stands for, within `timeout`. The system's resolver cannot be given a time, so a
    /// name is looked up on a thread that lives as long as the lookup.
    fn resolve(&self, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = (self.host.clone(), self.port);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let (found, finds) = mpsc::sync_channel(1);
        thread::Builder::new().name("zrpc-resolve".into()).spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody listens any more when the lookup took too long.
            let _ = found.send(addresses);
        })?;
        finds.recv_timeout(timeout).unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the name was not resolved in time"))
        })
    }
}

impl Connector for TcpConnector {
    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Transport>> {
        let end = clock::now() + timeout;
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.resolve(timeout)? {
            let left = clock::until(end);
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Ok(Box::new(Socket::tcp(stream)?)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn endpoint(&self) -> &str {
        self.endpoint.uri()
    }
}
