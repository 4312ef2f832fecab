//! How a channel gets a connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use zrpc_core::rpc::Endpoint;

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

/// Connects by TCP to an endpoint.
pub(crate) struct TcpConnector {
    pub(crate) endpoint: Endpoint,
}

impl Connector for TcpConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let stream = TcpStream::connect(self.endpoint.authority()).await?;
            stream.set_nodelay(true)?;
            Ok(stream.into())
        })
    }

    fn endpoint(&self) -> &str {
        self.endpoint.uri()
    }
}
