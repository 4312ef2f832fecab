//! Where a channel connects: addresses, names, and other ways to a transport.

use crate::clock;
use crate::memory::MemoryEndpoint;
use crate::socket::Socket;
use crate::transport::Transport;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use zrpc_core::rpc::Status;

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

/// Connects by TCP to the host and port of an `http://` address.
pub(crate) struct TcpConnector {
    endpoint: String,
    host: String,
    port: u16,
}

/// The port of `http://` addresses that name none.
const HTTP_PORT: u16 = 80;

impl TcpConnector {
    /// Reads `http://host:port`; a `/` may follow.
    pub(crate) fn parse(endpoint: &str) -> Result<TcpConnector, Status> {
        let wrong = |what: &str| {
            Status::invalid_argument(format!(
                "{endpoint:?} is not an endpoint: {what}; write http://host:port"
            ))
        };
        let (scheme, rest) = endpoint.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong(&format!("this channel does not speak {scheme}://")));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("it has more than a host and a port"));
        }
        // An IPv6 address stands in brackets, for it has colons of its own.
        let (host, after) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(|| wrong("its bracket is not closed"))?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match after.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| wrong("its port is not a number from 0 to 65535"))?,
            None if after.is_empty() => HTTP_PORT,
            None => return Err(wrong("something other than a port follows its host")),
        };
        if host.is_empty() {
            return Err(wrong("its host is empty"));
        }
        if rest.starts_with('[') && host.parse::<Ipv6Addr>().is_err() {
            return Err(wrong("what stands in its brackets is not an IPv6 address"));
        }
        let authority =
            if rest.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(TcpConnector { endpoint: format!("http://{authority}"), host: host.to_owned(), port })
    }

    /// `host:port` as it goes into the requests' authority.
    pub(crate) fn authority(&self) -> &str {
        self.endpoint.strip_prefix("http://").unwrap_or(&self.endpoint)
    }

    /// The addresses that the name stands for, within `timeout`. The system's resolver cannot be given a time, so a
    /// name is looked up on a thread that lives as long as the lookup.
    fn resolve(&self, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        let (host, port) = (self.host.clone(), self.port);
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
        &self.endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_with_and_without_port_and_slash() {
        for (text, authority) in [
            ("http://127.0.0.1:50051", "127.0.0.1:50051"),
            ("http://localhost:1/", "localhost:1"),
            ("HTTP://example.org", "example.org:80"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(TcpConnector::parse(text).unwrap().authority(), authority, "{text}");
        }
    }

    #[test]
    fn a_malformed_endpoint_is_refused_with_what_is_wrong() {
        for (text, reason) in [
            ("localhost:1", "no scheme"),
            ("https://localhost:1", "does not speak https://"),
            ("http://localhost:http", "port is not a number"),
            ("http://localhost:70000", "port is not a number"),
            ("http://::1:80", "port is not a number"),
            ("http://:80", "host is empty"),
            ("http://[x]:80", "not an IPv6 address"),
            ("http://[::1", "bracket is not closed"),
            ("http://[::1]x", "follows its host"),
            ("http://a/b", "more than a host"),
        ] {
            let Err(status) = TcpConnector::parse(text) else { panic!("{text} was taken") };
            assert!(status.message().contains(reason), "{text}: {status}");
            assert!(status.message().contains("write http://host:port"), "{status}");
        }
    }
}
