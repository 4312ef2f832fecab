//! How bytes travel: where a server listens, and how a channel gets there, on either driver.

use crate::client::{runtime, wait};
use crate::tap::{Tap, Tapped};
use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use zrpc::blocking::memory::MemoryEndpoint;
use zrpc::tokio::MemoryConnector;
use zrpc::{blocking, tokio};

/// A way for bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// TCP over the loopback interface.
    Tcp,
    /// A Unix socket in the folder for temporary files.
    Unix,
    /// A pipe inside the process, of the driver's own kind.
    Memory,
}

/// A driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Driver {
    /// `zrpc::tokio`.
    Tokio,
    /// `zrpc::blocking`.
    Blocking,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Place {
    /// At this address.
    Tcp(SocketAddr),
    /// At this socket.
    Unix(Arc<SocketPath>),
    /// In memory, for channels of the async driver.
    TokioMemory(MemoryConnector),
    /// In memory, for channels of the blocking driver.
    BlockingMemory(MemoryEndpoint),
}

/// The path of a socket that nobody else uses; the file is removed in the end.
#[derive(Debug)]
pub struct SocketPath(String);

impl SocketPath {
    fn new() -> SocketPath {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("zrpc-contract-{}-{number}.sock", std::process::id()));
        SocketPath(path.to_str().expect("a folder whose name is text").to_owned())
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Whoever bound it may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Link {
    /// A place where connections are taken and never served, as long as the guard lives.
    pub fn silent(self, driver: Driver) -> (Place, Box<dyn Any>) {
        match (self, driver) {
            (Link::Tcp, _) => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
                (Place::Tcp(listener.local_addr().expect("an address")), Box::new(listener))
            }
            (Link::Unix, _) => {
                let path = SocketPath::new();
                let listener = UnixListener::bind(&path.0).expect("a free path");
                (Place::Unix(Arc::new(path)), Box::new(listener))
            }
            (Link::Memory, Driver::Tokio) => {
                let (listener, connector) = tokio::memory();
                (Place::TokioMemory(connector), Box::new(listener))
            }
            (Link::Memory, Driver::Blocking) => (Place::BlockingMemory(MemoryEndpoint::new()), Box::new(())),
        }
    }
}

impl Place {
    /// What errors call it.
    pub fn name(&self) -> String {
        match self {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(path) => path.0.clone(),
            Place::TokioMemory(_) | Place::BlockingMemory(_) => "memory".to_owned(),
        }
    }

    /// The URI of this place; `None` in memory. A channel that is told which sessions to make needs no scheme.
    fn uri(&self, scheme: Option<&str>) -> Option<String> {
        match self {
            Place::Tcp(address) => Some(format!("{}://{address}", scheme.unwrap_or("http"))),
            Place::Unix(path) => Some(format!("{}://{}", scheme.unwrap_or("http+unix"), path.0)),
            Place::TokioMemory(_) | Place::BlockingMemory(_) => None,
        }
    }

    /// What a channel of the async driver to this place is made of.
    pub fn tokio_channel(&self, scheme: Option<&str>) -> tokio::ChannelBuilder {
        match self {
            Place::TokioMemory(connector) => tokio::Channel::builder_over(connector.clone()),
            place => {
                let uri = place.uri(scheme).expect("a place that both drivers reach");
                tokio::Channel::builder(&uri).expect("an endpoint")
            }
        }
    }

    /// What a channel of the blocking driver to this place is made of.
    pub fn blocking_channel(&self, scheme: Option<&str>) -> blocking::ChannelBuilder {
        match self {
            Place::BlockingMemory(endpoint) => blocking::Channel::builder_over(endpoint.clone()),
            place => {
                let uri = place.uri(scheme).expect("a place that both drivers reach");
                blocking::Channel::builder(&uri).expect("an endpoint")
            }
        }
    }
}

/// A server while it runs. Clones are the same server.
#[derive(Clone, Debug)]
pub enum Host {
    /// On the async driver.
    Tokio(tokio::ServerHandle),
    /// On the blocking driver.
    Blocking(blocking::ServerHandle),
}

impl Host {
    /// Connections that are open.
    pub fn connections(&self) -> usize {
        match self {
            Host::Tokio(handle) => handle.connections(),
            Host::Blocking(handle) => handle.connections(),
        }
    }

    /// Handlers that run apart from their connections.
    pub fn running_handlers(&self) -> usize {
        match self {
            Host::Tokio(handle) => handle.running_handlers(),
            Host::Blocking(handle) => handle.running_handlers(),
        }
    }

    /// Takes no more, lets open calls go on for `grace`, and waits until nothing runs any more.
    pub fn drain(&self, grace: Duration) {
        match self {
            Host::Tokio(handle) => wait(handle.drain(grace)),
            Host::Blocking(handle) => handle.drain(grace),
        }
    }
}

/// Ends a server with itself: an async one with its task, one on threads by being dropped.
pub struct Keeper {
    task: Option<::tokio::task::JoinHandle<()>>,
    _running: Option<blocking::RunningServer>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A server that runs, and where it is reached.
pub struct Served {
    pub place: Place,
    pub host: Host,
    pub keeper: Keeper,
}

/// Starts a server of the async driver.
pub fn serve_on_tokio(link: Link, builder: tokio::ServerBuilder, tap: Option<Arc<Tap>>) -> Served {
    match link {
        Link::Tcp => {
            let listener = wait(::tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
            let place = Place::Tcp(listener.local_addr().expect("an address"));
            listen_on_tokio(place, builder, listener, tap)
        }
        Link::Unix => {
            let path = SocketPath::new();
            let _context = runtime().enter();
            let listener = ::tokio::net::UnixListener::bind(&path.0).expect("a free path");
            listen_on_tokio(Place::Unix(Arc::new(path)), builder, listener, tap)
        }
        Link::Memory => {
            let (listener, connector) = tokio::memory();
            listen_on_tokio(Place::TokioMemory(connector), builder, listener, tap)
        }
    }
}

fn listen_on_tokio(
    place: Place,
    builder: tokio::ServerBuilder,
    listener: impl tokio::Listener,
    tap: Option<Arc<Tap>>,
) -> Served {
    let (handle, task) = match tap {
        Some(tap) => spawn(builder.listen(Tapped { inner: listener, tap })),
        None => spawn(builder.listen(listener)),
    };
    Served { place, host: Host::Tokio(handle), keeper: Keeper { task: Some(task), _running: None } }
}

fn spawn<L: tokio::Listener>(
    server: tokio::Server<L>,
) -> (tokio::ServerHandle, ::tokio::task::JoinHandle<()>) {
    let handle = server.handle();
    (handle, runtime().spawn(server.run()))
}

/// Starts a server of the blocking driver.
pub fn serve_on_threads(link: Link, builder: blocking::ServerBuilder, tap: Option<Arc<Tap>>) -> Served {
    match link {
        Link::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let place = Place::Tcp(listener.local_addr().expect("an address"));
            let acceptor = blocking::TcpAcceptor::new(listener).expect("an acceptor");
            listen_on_threads(place, builder, acceptor, tap)
        }
        Link::Unix => {
            let path = SocketPath::new();
            let listener = UnixListener::bind(&path.0).expect("a free path");
            let acceptor = blocking::UnixAcceptor::unix(listener).expect("an acceptor");
            listen_on_threads(Place::Unix(Arc::new(path)), builder, acceptor, tap)
        }
        Link::Memory => {
            let endpoint = MemoryEndpoint::new();
            listen_on_threads(Place::BlockingMemory(endpoint.clone()), builder, endpoint, tap)
        }
    }
}

fn listen_on_threads(
    place: Place,
    builder: blocking::ServerBuilder,
    listener: impl blocking::Listener,
    tap: Option<Arc<Tap>>,
) -> Served {
    let server = match tap {
        Some(tap) => builder.listen(Tapped { inner: listener, tap }),
        None => builder.listen(listener),
    };
    let running = server.spawn().expect("a thread");
    Served {
        place,
        host: Host::Blocking((*running).clone()),
        keeper: Keeper { task: None, _running: Some(running) },
    }
}
