//! The server: services behind a listener, on a bounded number of threads.
//!
//! ```text
//! run: accept -> a reader for each connection -> handlers: short unary ones on the reader, the others on the pool
//! ```
//!
//! Threads: one accepts, one watches over handlers on readers, one reads each connection, and up to
//! [`ServerBuilder::max_calls`] run handlers. They come when they are needed; when the server ends, all are joined.

pub(crate) mod call;
pub(crate) mod connection;
pub(crate) mod handle;
pub(crate) mod monitor;
pub(crate) mod pool;
pub(crate) mod replies;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod slots;

use crate::acceptor::{TcpAcceptor, UnixAcceptor, bind_uri};
use crate::client::channel::Channel;
use crate::clock;
use crate::memory::MemoryEndpoint;
use crate::server::connection::Connection;
use crate::server::handle::{Finish, OwnServer, Running, RunningServer, ServerHandle};
use crate::server::monitor::{Monitor, Watched};
use crate::server::pool::Pool;
use crate::server::routes::Routes;
use crate::server::service::Service;
use crate::server::slots::BoxServerSession;
use crate::transport::{Listener, Transport};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use zrpc_core::base::Time;
use zrpc_core::recorder::{Header, Made, Recording};
use zrpc_core::rpc::Interceptor;
use zrpc_core::stack::{AnyServer, AnyServerConfig, SharedAnyServerConfig};
use zrpc_system::Recorder;
use zrpc_unix::UnixBinding;

/// Connections that a server holds at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 256;
/// Handlers that run at once beside those on readers.
const CALLS_MAX: usize = 256;
/// Calls that wait for a handler's place; more are refused.
const QUEUED_MAX: usize = 1024;
/// How long the accept loop rests after an error: out of descriptors, it would only fail again.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Makes the session of a new connection.
type NewSession = Box<dyn Fn(Time) -> BoxServerSession + Send + Sync>;

/// What a server is made of; see [`Server::builder`].
pub struct ServerBuilder {
    routes: Routes,
    new_session: NewSession,
    /// What the sessions are made of; `None` when they are of one's own.
    made: Option<AnyServerConfig>,
    recorder: Option<Recorder>,
    connections_max: usize,
    calls_max: usize,
    queued_max: usize,
    carries_descriptors: bool,
    spin: Option<Duration>,
}

impl ServerBuilder {
    /// Offers a service. Of two with the same path, the later one answers.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> ServerBuilder {
        self.routes.add(Arc::new(service));
        self
    }

    /// Lets an interceptor see every call, inside those that were added before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> ServerBuilder {
        self.routes.interceptors.push(interceptor);
        self
    }

    /// Sets which protocols are served, and the limits and times of each connection. A
    /// [`ServerConfig`](zrpc_core::stack::ServerConfig) is that of gRPC alone; all else keeps its defaults then.
    #[must_use]
    pub fn config(self, config: impl Into<AnyServerConfig>) -> ServerBuilder {
        let config = config.into();
        let builder = self.sessions(any_sessions(&config));
        ServerBuilder { made: Some(config), ..builder }
    }

    /// Serves a carrier of one's own: `new_session` makes the session of each connection.
    #[must_use]
    pub fn sessions(
        mut self,
        new_session: impl Fn(Time) -> BoxServerSession + Send + Sync + 'static,
    ) -> ServerBuilder {
        self.new_session = Box::new(new_session);
        self.made = None;
        self
    }

    /// Records each connection; nothing is recorded, and it costs nothing, without it.
    #[must_use]
    pub fn record(mut self, recorder: Recorder) -> ServerBuilder {
        self.recorder = Some(recorder);
        self
    }

    /// Holds this many connections at once at most, each with a thread; more wait in the listener's queue. 256 by
    /// default.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> ServerBuilder {
        self.connections_max = count.max(1);
        self
    }

    /// Runs this many handlers at once at most on threads of their own, over all connections: streams, and unary
    /// handlers that take long. 256 by default.
    #[must_use]
    pub fn max_calls(mut self, count: usize) -> ServerBuilder {
        self.calls_max = count.max(1);
        self
    }

    /// Lets this many calls wait when [`ServerBuilder::max_calls`] handlers run; more are refused as
    /// RESOURCE_EXHAUSTED. 1024 by default.
    #[must_use]
    pub fn max_queued(mut self, count: usize) -> ServerBuilder {
        self.queued_max = count;
        self
    }

    /// Sends and takes file descriptors with the messages of native calls on Unix sockets; off by default. How many come
    /// with one message, the configuration of the native sessions says (`attachments_max`). They are
    /// [`OwnedFd`](std::os::fd::OwnedFd)s in the [`Attachments`](zrpc_core::rpc::Attachments) of requests, responses and
    /// streams; those that nobody takes are closed.
    #[must_use]
    pub fn attachments(mut self, carried: bool) -> ServerBuilder {
        self.carries_descriptors = carried;
        self
    }

    /// Polling mode: the reader of each connection asks its socket again and again for up to this long before it sleeps,
    /// so that a request that comes meanwhile waits for no thread to be woken, which takes some ten microseconds. The
    /// price is a core that is busy for as long after each request of each connection; where there are fewer cores than
    /// busy connections, everything gets slower. 50 µs suit a few clients on the same machine.
    ///
    /// By default a reader decides by itself: it asks for at most 30 µs, and only while that brings requests sooner than
    /// sleep does. Zero lets it sleep at once, always.
    #[must_use]
    pub fn spin(mut self, longest: Duration) -> ServerBuilder {
        self.spin = Some(longest);
        self
    }

    /// A server that listens on a TCP address; port 0 chooses a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        Ok(self.listen(TcpAcceptor::new(TcpListener::bind(address)?)?))
    }

    /// A server that listens where a URI says: `tcp://127.0.0.1:0`, `unix:///run/rooms.sock` and the other forms of
    /// [`Endpoint`](zrpc_core::rpc::Endpoint). [`Server::uri`] then says where clients connect. A Unix socket admits this
    /// user only; for others there is [`ServerBuilder::bind_unix`].
    ///
    /// # Errors
    /// With the URI and a sentence: it is malformed, or why nothing can listen there.
    pub fn bind_uri(self, uri: &str) -> io::Result<Server> {
        Ok(self.listen_boxed(bind_uri(uri)?))
    }

    /// A server that listens on a Unix socket, with the mode and owner that the binding says.
    ///
    /// # Errors
    /// As [`UnixAcceptor::bind`].
    pub fn bind_unix(self, binding: &UnixBinding) -> io::Result<Server> {
        Ok(self.listen(UnixAcceptor::bind(binding)?))
    }

    /// A server on any listener.
    pub fn listen(self, listener: impl Listener) -> Server {
        self.listen_boxed(Box::new(listener))
    }

    fn listen_boxed(self, listener: Box<dyn Listener>) -> Server {
        let new_session = match self.recorder {
            Some(recorder) => recorded(recorder, self.made, self.new_session),
            None => self.new_session,
        };
        let shared = Shared {
            routes: Arc::new(self.routes),
            new_session,
            listener,
            pool: Pool::new(self.calls_max, self.queued_max),
            monitor: Monitor::default(),
            connections_max: self.connections_max,
            carries_descriptors: self.carries_descriptors,
            spin: self.spin,
            next_number: AtomicU64::new(1),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        };
        Server { finish: Finish(Arc::new(shared)) }
    }

    /// Starts the server on threads of its own and answers a channel to it, through memory and without a port: the
    /// setting for unit tests. The server ends, and its threads with it, when the channel, its clones and their
    /// calls are dropped.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn in_memory(self) -> io::Result<Channel> {
        let endpoint = MemoryEndpoint::new();
        let server = self.listen(endpoint.clone()).spawn()?;
        Ok(Channel::over(OwnServer::new(endpoint, server)))
    }
}

/// Makes the same sessions, each of which is recorded.
fn recorded(recorder: Recorder, made: Option<AnyServerConfig>, new_session: NewSession) -> NewSession {
    Box::new(move |now| {
        let made = made.clone().map_or(Made::Custom { server: true }, Made::Server);
        Box::new(Recording::new(new_session(now), recorder.tape(Header::new(now, made))))
    })
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("max_connections", &self.connections_max)
            .finish_non_exhaustive()
    }
}

/// Services that wait for connections.
///
/// ```no_run
/// # fn serve(service: impl zrpc_std::Service) -> std::io::Result<()> {
/// use std::time::Duration;
/// use zrpc_std::Server;
///
/// let server = Server::builder().service(service).bind("127.0.0.1:50051")?.spawn()?;
/// // ... until it is time to stop:
/// server.drain(Duration::from_secs(10));
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is run"]
pub struct Server {
    finish: Finish,
}

impl Server {
    /// A server without services yet. A client may speak gRPC, gRPC-Web, WebSocket or the native protocol: the first
    /// bytes of its connection tell.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            routes: Routes::default(),
            new_session: Box::new(any_sessions(&AnyServerConfig::default())),
            made: Some(AnyServerConfig::default()),
            recorder: None,
            connections_max: CONNECTIONS_MAX,
            calls_max: CALLS_MAX,
            queued_max: QUEUED_MAX,
            carries_descriptors: false,
            spin: None,
        }
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// When the listener has no address, or the operating system does not say it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.finish.0.listener.local_addr()
    }

    /// The URI that clients connect to, with the port that was chosen: of a server that was bound to one.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.finish.0.listener.uri()
    }

    /// A handle that can drain the server while it runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.finish.0))
    }

    /// Accepts and serves connections on this thread until the server was drained or closed. When it returns, every
    /// thread of the server has ended.
    ///
    /// # Errors
    /// When the system has no thread left to begin with.
    pub fn run(self) -> io::Result<()> {
        Running::start(self.finish)?.run();
        Ok(())
    }

    /// Runs the server on a thread of its own until the handle that this answers is dropped.
    ///
    /// # Errors
    /// When the system has no thread left to begin with.
    pub fn spawn(self) -> io::Result<RunningServer> {
        let handle = self.handle();
        let running = Running::start(self.finish)?;
        let thread = thread::Builder::new().name("zrpc-accept".into()).spawn(move || running.run())?;
        Ok(RunningServer::new(handle, thread))
    }
}

/// Makes sessions for clients of any protocol, which share their configuration.
fn any_sessions(config: &AnyServerConfig) -> impl Fn(Time) -> BoxServerSession + Send + Sync + 'static {
    let config = SharedAnyServerConfig::from(config);
    move |now| Box::new(AnyServer::sharing(now, &config))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// What the server's threads share.
pub(crate) struct Shared {
    pub(crate) routes: Arc<Routes>,
    new_session: NewSession,
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) monitor: Monitor,
    connections_max: usize,
    carries_descriptors: bool,
    spin: Option<Duration>,
    next_number: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    connections: HashMap<u64, Arc<Connection>>,
    pub(crate) stopping: Option<Stopping>,
    /// Nothing of the server runs any more.
    pub(crate) finished: bool,
}

/// How a server stops; what comes later is never gentler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stopping {
    /// Open calls may go on for this long.
    Drain(Duration),
    Close,
}

impl Shared {
    /// Accepts connections until the listener is closed. Who had connected before a drain began is told of it.
    pub(crate) fn accept(self: &Arc<Self>) {
        while self.wait_for_room() {
            match self.listener.accept() {
                Ok(Some(transport)) => self.welcome(transport),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    let state = self.lock();
                    drop(
                        self.changed.wait_timeout(state, ACCEPT_REST).unwrap_or_else(PoisonError::into_inner),
                    );
                }
            }
        }
        // For these there is no room, or no time.
        self.listener.close();
        while let Ok(Some(transport)) = self.listener.accept() {
            transport.shutdown();
        }
    }

    /// Waits until one more connection may be taken; `false` when none will be.
    fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        if state.connections.len() >= self.connections_max && state.stopping.is_none() {
            tracing::warn!(
                connections = self.connections_max,
                "the server holds as many connections as it may; further clients wait. Raise max_connections"
            );
        }
        while state.connections.len() >= self.connections_max && state.stopping.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.stopping {
            None => true,
            Some(Stopping::Drain(_)) => state.connections.len() < self.connections_max,
            Some(Stopping::Close) => false,
        }
    }

    fn welcome(self: &Arc<Self>, mut transport: Box<dyn Transport>) {
        if self.carries_descriptors {
            transport.carry_descriptors();
        }
        if let Some(longest) = self.spin {
            transport.spin(longest);
        }
        let session = (self.new_session)(clock::now());
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(number, transport, session, self));
        let stopping = {
            let mut state = self.lock();
            state.connections.insert(number, Arc::clone(&connection));
            state.stopping
        };
        if let Err(error) = self.pool.read(Arc::clone(&connection)) {
            tracing::warn!(%error, "no thread for a new connection; it is closed");
            connection.link.transport().shutdown();
            return self.forget(number);
        }
        if let Some(stopping) = stopping {
            connection.stop(stopping);
        }
    }

    /// A connection is over.
    pub(crate) fn forget(&self, number: u64) {
        self.lock().connections.remove(&number);
        self.changed.notify_all();
    }

    /// Takes no new connections and has the open ones stop.
    pub(crate) fn stop(&self, stopping: Stopping) {
        let connections = {
            let mut state = self.lock();
            if state.stopping == Some(Stopping::Close) {
                return;
            }
            state.stopping = Some(stopping);
            state.connections.values().cloned().collect::<Vec<_>>()
        };
        self.listener.close();
        self.changed.notify_all();
        connections.iter().for_each(|connection| connection.stop(stopping));
    }

    /// Waits until all connections are over. Meanwhile fires the timers of connections that stop, whose readers may
    /// have begun to wait before there were any.
    pub(crate) fn wait_for_connections(&self) {
        const TICK: Duration = Duration::from_millis(10);
        let mut state = self.lock();
        while !state.connections.is_empty() {
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            let connections: Vec<_> = state.connections.values().cloned().collect();
            drop(state);
            connections.iter().for_each(|connection| connection.tick());
            state = self.lock();
        }
    }

    pub(crate) fn note_finished(&self) {
        self.lock().finished = true;
        self.changed.notify_all();
    }

    pub(crate) fn wait_until_finished(&self) {
        let mut state = self.lock();
        while !state.finished {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.lock().connections.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched for Shared {
    fn connections(&self) -> Vec<Arc<Connection>> {
        self.lock().connections.values().cloned().collect()
    }

    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}
