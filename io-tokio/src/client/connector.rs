//! How a channel gets a connection.

use crate::attached::Descriptors;
use crate::options::Options;
#[cfg(unix)]
use crate::unix::UnixSocket;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use zrpc_core::rpc::{Address, Endpoint, Status};
#[cfg(unix)]
use zrpc_unix::UnixAddress;

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
    pub(crate) descriptors: Descriptors,
    /// A Unix socket before it is known how it is to be used.
    #[cfg(unix)]
    socket: Option<UnixStream>,
}

impl Transport {
    /// Any stream. [`TcpStream`] has a conversion of its own that needs no lock.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Transport {
        let (reader, writer) = tokio::io::split(stream);
        Transport::of_halves(Box::new(reader), Box::new(writer))
    }

    fn of_halves(
        reader: Box<dyn AsyncRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
    ) -> Transport {
        Transport {
            reader,
            writer,
            descriptors: Descriptors::default(),
            #[cfg(unix)]
            socket: None,
        }
    }

    /// The same as it is to be used, where that can be chosen: on a Unix socket.
    #[cfg(unix)]
    pub(crate) fn with(mut self, options: Options) -> Transport {
        let Some(stream) = self.socket.take() else { return self };
        let socket = UnixSocket::with(stream, options);
        let descriptors = socket.descriptors();
        match socket.both() {
            Ok((reader, writer)) => {
                Transport { reader: Box::new(reader), writer: Box::new(writer), descriptors, socket: None }
            }
            Err(stream) => {
                let (reader, writer) = stream.into_split();
                Transport { reader: Box::new(reader), writer: Box::new(writer), ..self }
            }
        }
    }

    /// Nothing can be chosen on this system.
    #[cfg(not(unix))]
    pub(crate) fn with(self, _: Options) -> Transport {
        self
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Transport {
        let (reader, writer) = stream.into_split();
        Transport::of_halves(Box::new(reader), Box::new(writer))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

#[cfg(unix)]
impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Transport {
        let (reader, writer) = (Box::new(tokio::io::empty()), Box::new(tokio::io::sink()));
        Transport { socket: Some(stream), ..Transport::of_halves(reader, writer) }
    }
}

/// The way to an endpoint.
///
/// # Errors
/// UNIMPLEMENTED when the system has no such sockets.
pub(crate) fn connector_to(endpoint: Endpoint) -> Result<Arc<dyn Connector>, Status> {
    match endpoint.address() {
        Address::Tcp { .. } => Ok(Arc::new(TcpConnector { endpoint })),
        #[cfg(unix)]
        address if let Some(address) = UnixAddress::of(address) => {
            Ok(Arc::new(UnixConnector { address, endpoint }))
        }
        _ => Err(Status::unimplemented(format!("this system has no sockets for {endpoint}; use TCP"))),
    }
}

/// Connects by TCP to an endpoint.
struct TcpConnector {
    endpoint: Endpoint,
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

/// Connects to a Unix socket.
#[cfg(unix)]
struct UnixConnector {
    endpoint: Endpoint,
    address: UnixAddress,
}

#[cfg(unix)]
impl Connector for UnixConnector {
    fn connect(&self) -> Connecting<'_> {
        /// The kernel tells nobody when a server's full queue has a place again.
        const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(5);
        Box::pin(async {
            loop {
                match zrpc_unix::connect_now(&self.address) {
                    Ok(stream) => return Ok(UnixStream::from_std(stream)?.into()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }

    fn endpoint(&self) -> &str {
        self.endpoint.uri()
    }
}
