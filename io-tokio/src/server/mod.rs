//! The server: services behind a listener, one task a connection.
//!
//! The accept loop outlives every error of the listener. Dropping a running server drops its connections and
//! handlers with it; draining it lets open calls end first.

pub(crate) mod calls;
pub(crate) mod listener;
pub(crate) mod mailbox;
pub(crate) mod router;
pub(crate) mod shared;
pub(crate) mod uri;

use crate::client::Channel;
use crate::incoming::Service;
use crate::options::Options;
use crate::pump::{Pump, drive};
use crate::{clock, memory};
use calls::{BoxedSession, Calls};
use listener::{Listener, SocketOptions};
use router::Router;
use shared::{NewSession, Shared};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Sleep;
use uri::UriListener;
use zrpc_core::base::Time;
use zrpc_core::recorder::{Header, Made, Recording};
use zrpc_core::rpc::grpc::Limits;
use zrpc_core::rpc::{Interceptor, Interceptors, Peer, ServerSession};
use zrpc_core::stack::{AnyServer, AnyServerConfig, SharedAnyServerConfig};
use zrpc_system::Recorder;
#[cfg(unix)]
use {listener::UnixAcceptor, zrpc_unix::UnixBinding};

/// Connections that a server holds at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 100_000;
/// Handlers that a server runs at once; calls above are refused as RESOURCE_EXHAUSTED.
const CALLS_MAX: usize = 100_000;
/// How long the accept loop rests after an error: out of descriptors, it would only fail again.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// What a server is made of; see [`Server::builder`].
pub struct ServerBuilder {
    pub(crate) router: Router,
    pub(crate) interceptors: Interceptors,
    new_session: NewSession,
    /// What the sessions are made of; `None` when they are of one's own.
    made: Option<AnyServerConfig>,
    recorder: Option<Recorder>,
    /// Limits of calls, for those that come without a connection.
    pub(crate) limits: Limits,
    connections_max: usize,
    pub(crate) calls_max: usize,
    options: Options,
}

impl ServerBuilder {
    /// Offers a service. Of two with the same path, the later one answers.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> ServerBuilder {
        self.router.add(Arc::new(service));
        self
    }

    /// Lets an interceptor see every call, inside those that were added before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> ServerBuilder {
        self.interceptors.push(interceptor);
        self
    }

    /// Sets which protocols are served, and the limits and times of each connection. A
    /// [`ServerConfig`](zrpc_core::stack::ServerConfig) is that of gRPC alone; all else keeps its defaults then.
    #[must_use]
    pub fn config(mut self, config: impl Into<AnyServerConfig>) -> ServerBuilder {
        let config = config.into();
        self.limits = config.grpc.limits;
        let builder = self.sessions(any_sessions(&config));
        ServerBuilder { made: Some(config), ..builder }
    }

    /// Serves a carrier of one's own: `new_session` makes the session of each connection.
    #[must_use]
    pub fn sessions(
        mut self,
        new_session: impl Fn(Time) -> Box<dyn ServerSession + Send> + Send + Sync + 'static,
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

    /// Holds this many connections at once at most; more wait in the listener's queue. 100,000 by default.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> ServerBuilder {
        self.connections_max = count;
        self
    }

    /// Runs this many handlers at once at most, over all connections; more are refused as RESOURCE_EXHAUSTED.
    /// 100,000 by default. The limit of one connection is part of [`ServerBuilder::config`].
    #[must_use]
    pub fn max_calls(mut self, count: usize) -> ServerBuilder {
        self.calls_max = count;
        self
    }

    /// Sends and takes file descriptors with the messages of native calls on Unix sockets; off by default. How many come
    /// with one message, the configuration of the native sessions says (`attachments_max`). They are `OwnedFd`s in the
    /// [`Attachments`](zrpc_core::rpc::Attachments) of requests, responses and streams; those that nobody takes are
    /// closed.
    #[must_use]
    pub fn attachments(mut self, carried: bool) -> ServerBuilder {
        self.options.carries_descriptors = carried;
        self
    }

    /// Polling mode on Unix sockets: the task of each connection asks its socket again and again for up to this long before
    /// it sleeps, and lets other tasks run in between. What comes meanwhile is there some ten microseconds earlier, for
    /// nothing has to be woken. The price is a worker that never rests while requests come. None by default; 50 µs suit peers on the
    /// same machine that have cores to spare.
    #[must_use]
    pub fn spin(mut self, longest: Duration) -> ServerBuilder {
        self.options.spin = longest;
        self
    }

    /// A server that listens on a TCP address; port 0 chooses a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server<TcpListener>> {
        let listener = TcpListener::bind(address).await?;
        Ok(self.listen(listener))
    }

    /// A server that listens where a URI says: `tcp://127.0.0.1:0`, `unix:///run/rooms.sock` and the other forms of
    /// [`Endpoint`](zrpc_core::rpc::Endpoint). [`Server::uri`] then says where clients connect.
    ///
    /// # Errors
    /// As [`UriListener::bind`].
    pub async fn bind_uri(self, uri: &str) -> io::Result<Server<UriListener>> {
        Ok(self.listen(UriListener::bind(uri).await?))
    }

    /// A server that listens on a Unix socket, with the mode and owner that the binding says.
    ///
    /// # Errors
    /// As [`UnixAcceptor::bind`].
    #[cfg(unix)]
    pub async fn bind_unix(self, binding: UnixBinding) -> io::Result<Server<UnixAcceptor>> {
        Ok(self.listen(UnixAcceptor::bind(binding).await?))
    }

    /// A server on any listener.
    pub fn listen<L: Listener>(self, mut listener: L) -> Server<L> {
        listener.use_sockets(SocketOptions(self.options));
        let connections_max = self.connections_max;
        let shared = Arc::new(self.into_shared());
        Server { shared, listener, connections_max, finished: watch::Sender::new(()) }
    }

    pub(crate) fn into_shared(self) -> Shared {
        let new_session = match self.recorder {
            Some(recorder) => recorded(recorder, self.made, self.new_session),
            None => self.new_session,
        };
        Shared::new(self.router, Arc::new(self.interceptors), new_session, self.calls_max)
    }

    /// Starts the server in a task of its own and answers a channel to it, through memory and without a port:
    /// the setting for unit tests. The server ends when the channel is dropped and its calls are over.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn in_memory(self) -> Channel {
        let (listener, connector) = memory::memory();
        tokio::spawn(self.listen(listener).run());
        Channel::over(connector)
    }
}

/// Makes sessions for clients of any protocol, which share their configuration.
fn any_sessions(config: &AnyServerConfig) -> impl Fn(Time) -> BoxedSession + Send + Sync + 'static {
    let config = SharedAnyServerConfig::from(config);
    move |now| Box::new(AnyServer::sharing(now, &config))
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
        f.debug_struct("ServerBuilder").field("interceptors", &self.interceptors).finish_non_exhaustive()
    }
}

/// Services that wait for connections.
///
/// ```no_run
/// # async fn serve(service: impl zrpc_tokio::Service) -> std::io::Result<()> {
/// use std::time::Duration;
/// use zrpc_tokio::Server;
///
/// let server = Server::builder().service(service).bind("127.0.0.1:50051").await?;
/// let handle = server.handle();
/// tokio::spawn(server.run());
/// // ... until it is time to stop:
/// handle.drain(Duration::from_secs(10)).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is run"]
pub struct Server<L = TcpListener> {
    shared: Arc<Shared>,
    listener: L,
    connections_max: usize,
    finished: watch::Sender<()>,
}

impl Server {
    /// A server without services yet. A client may speak gRPC, gRPC-Web, WebSocket or the native protocol: the first
    /// bytes of its connection tell.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            router: Router::default(),
            interceptors: Interceptors::new(),
            new_session: Box::new(any_sessions(&AnyServerConfig::default())),
            made: Some(AnyServerConfig::default()),
            recorder: None,
            limits: Limits::default(),
            connections_max: CONNECTIONS_MAX,
            calls_max: CALLS_MAX,
            options: Options::default(),
        }
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Server<UriListener> {
    /// The URI that clients connect to: as it was given, with the port that was chosen.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.listener.uri()
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// On a Unix socket, which has none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl<L: Listener> Server<L> {
    /// A handle that can drain the server while it runs.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared), finished: self.finished.subscribe() }
    }

    /// Accepts and serves connections until the server was drained or its listener is gone and idle.
    ///
    /// Dropping the future ends every connection and handler at once.
    pub async fn run(self) {
        let _finished = self.finished;
        let mut accepting = Accepting {
            shared: self.shared,
            listener: Some(self.listener),
            connections_max: self.connections_max,
            connections: JoinSet::new(),
            rest: None,
        };
        poll_fn(|cx| accepting.poll(cx)).await;
    }
}

impl<L> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.shared.connections()).finish_non_exhaustive()
    }
}

/// Drains a server and tells how busy it is.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
    finished: watch::Receiver<()>,
}

impl ServerHandle {
    /// Takes no new connections and calls, lets open calls go on for `grace`, ends those that are left as
    /// UNAVAILABLE, and waits until nothing of the server runs any more.
    pub async fn drain(&self, grace: Duration) {
        self.shared.drain(grace);
        self.finished().await;
    }

    /// Waits until the server has ended.
    pub async fn finished(&self) {
        // No value is ever sent: the error is the end.
        while self.finished.clone().changed().await.is_ok() {}
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Handlers that were not done at once and still run.
    #[must_use]
    pub fn running_handlers(&self) -> usize {
        self.shared.running()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// The accept loop.
struct Accepting<L: Listener> {
    shared: Arc<Shared>,
    /// `None` once it takes no more connections, so that the system refuses clients instead of letting them wait.
    listener: Option<L>,
    connections_max: usize,
    connections: JoinSet<io::Result<()>>,
    rest: Option<Pin<Box<Sleep>>>,
}

impl<L: Listener> Accepting<L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reap(cx);
        if self.shared.poll_draining(cx)
            && let Some(listener) = self.listener.take()
        {
            // They are told of the drain; those for whom there is no room are closed.
            let waiting = listener.close().into_iter();
            for (stream, peer) in waiting.take(self.connections_max.saturating_sub(self.connections.len())) {
                self.connections.spawn(self.connection(stream, peer));
            }
        }
        if self.listener.is_none() {
            return if self.connections.is_empty() { Poll::Ready(()) } else { Poll::Pending };
        }
        loop {
            if let Some(rest) = &mut self.rest {
                std::task::ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            if self.connections.len() >= self.connections_max {
                return Poll::Pending;
            }
            let Some(listener) = &mut self.listener else { return self.poll(cx) };
            match std::task::ready!(listener.poll_accept(cx)) {
                Some(Ok((stream, peer))) => {
                    self.connections.spawn(self.connection(stream, peer));
                    self.reap(cx);
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.rest = Some(Box::pin(tokio::time::sleep(ACCEPT_REST)));
                }
                None => self.listener = None,
            }
        }
    }

    fn connection(&self, stream: L::Stream, peer: Peer) -> Pump<L::Stream, BoxedSession, Calls> {
        let session = (self.shared.new_session)(clock::now());
        let descriptors = L::carried(&stream).0;
        drive(stream, session, Calls::new(Arc::clone(&self.shared), peer, descriptors))
    }

    /// Takes leave of connections that ended.
    fn reap(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(ended)) = self.connections.poll_join_next(cx) {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a connection broke"),
                Err(error) => tracing::error!(%error, "a connection's task failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[test]
    fn the_task_of_an_idle_connection_is_small() {
        let bytes = size_of::<Pump<TcpStream, BoxedSession, Calls>>();
        assert!(bytes <= 312, "a connection's future takes {bytes} bytes; box what is rare");
    }
}
