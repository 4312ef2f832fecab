//! How a channel gets a connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use zrpc_core::rpc::Status;

/// Makes connections to one endpoint. A transport joins the channel by implementing this.
pub trait Connector: Send + Sync + 'static {
    /// Connects once. The channel limits the time.
    fn connect(&self) -> Connecting<'_>;

    /// What error messages call the endpoint.
    fn endpoint(&self) -> &str;
}

/// A connection in the making.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Transport>> + Send + 'a>>;

/// A connected stream, its two directions apart: one task reads, and whoever has something to say writes.
pub struct Transport {
    pub(crate) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Transport {
    /// Any stream. [`TcpStream`] has a conversion of its own that needs no lock.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Transport {
        let (reader, writer) = tokio::io::split(stream);
        Transport { reader: Box::new(reader), writer: Box::new(writer) }
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Transport {
        let (reader, writer) = stream.into_split();
        Transport { reader: Box::new(reader), writer: Box::new(writer) }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// Connects by TCP to the host and port of an `http://` address.
pub(crate) struct TcpConnector {
    endpoint: String,
    authority_at: usize,
}

/// The port of `http://` addresses that name none.
const HTTP_PORT: u16 = 80;

impl TcpConnector {
    /// Reads `http://host:port`; a path of `/` may follow.
    pub(crate) fn parse(endpoint: &str) -> Result<TcpConnector, Status> {
        let wrong = |what: &str| {
            Status::invalid_argument(format!(
                "{endpoint:?} is not an endpoint: {what}; write http://host:port"
            ))
        };
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err(wrong("it has no scheme"));
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong(&format!("this channel does not speak {scheme}://")));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("it has more than a host and a port"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| wrong("its port is not a number"))?;
        if host.is_empty() {
            return Err(wrong("its host is empty"));
        }
        let endpoint = match port {
            Some(_) => format!("http://{authority}"),
            None => format!("http://{authority}:{HTTP_PORT}"),
        };
        Ok(TcpConnector { endpoint, authority_at: "http://".len() })
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.endpoint[self.authority_at..]
    }
}

impl Connector for TcpConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let stream = TcpStream::connect(self.authority()).await?;
            stream.set_nodelay(true)?;
            Ok(stream.into())
        })
    }

    fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// Host and port of an authority; the host of an IPv6 address keeps its brackets.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[after_host..].rfind(':') {
        Some(colon) => {
            let colon = after_host + colon;
            Some((&authority[..colon], Some(authority[colon + 1..].parse().ok()?)))
        }
        None => Some((authority, None)),
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
            ("http://:80", "host is empty"),
            ("http://a/b", "more than a host"),
        ] {
            let Err(status) = TcpConnector::parse(text) else { panic!("{text} was taken") };
            assert!(status.message().contains(reason), "{text}: {status}");
            assert!(status.message().contains("write http://host:port"), "{status}");
        }
    }
}
