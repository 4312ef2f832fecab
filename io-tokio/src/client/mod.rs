//! The channel: an endpoint, and the connection to it that is there when a call needs one.
//!
//! ```text
//! Idle --call--> Connecting --settings came--> Up --lost, drained--> (next call) Connecting
//!                    \--failed--> Down for a pause (calls fail at once with the cause) --> (next call) Connecting
//! ```
//!
//! An attempt has succeeded when the server's settings arrived, not before: whatever accepts a TCP connection and
//! then speaks something else counts as unreachable.

pub(crate) mod calls;
pub(crate) mod connection;
pub(crate) mod connector;
mod reader;
mod state;
pub(crate) mod unary;

use crate::clock;
use crate::options::Options;
use connection::Connection;
use connector::{Connector, connector_to};
use state::BoxedSession;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use zrpc_core::base::{Entropy, Time};
use zrpc_core::policy::{Attempts, Backoff, CONNECT_TIMEOUT};
use zrpc_core::recorder::{Header, Made, Recording};
use zrpc_core::rpc::local_status::{late_connection, unreachable};
use zrpc_core::rpc::{Carrier, ClientSession, Endpoint, Interceptor, Interceptors, Status};
use zrpc_core::stack::{ClientConfig, client_sessions};
use zrpc_system::{Recorder, Seeds};

/// Makes the session of a new connection.
type NewSession = Arc<dyn Fn(Time) -> BoxedSession + Send + Sync>;

/// A client's way to one endpoint. Clones share the connection; when the last is dropped, calls that are under way
/// go on, and the connection closes after them.
///
/// Connecting happens when the first call is made, and again when one is made after the connection was lost.
/// While an endpoint cannot be reached, calls fail at once as UNAVAILABLE with the endpoint and the cause; the next
/// attempt is made by a call after the pause that [`Backoff`] says.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
    /// Further connections, in the order in which they are used when those before are full.
    more: Arc<[Arc<Shared>]>,
}

impl Channel {
    /// Connects to a URI, and waits until the server answered. Its scheme says what is spoken there: `http://host:port`,
    /// `http+unix:///path`, `tcp://host:port`, `unix:///path` and the others that [`Endpoint`] lists.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the endpoint is malformed, UNIMPLEMENTED when this system has no such sockets, UNAVAILABLE when it cannot be reached.
    pub async fn connect(endpoint: &str) -> Result<Channel, Status> {
        Channel::builder(endpoint)?.connect().await
    }

    /// A channel to a URI that connects when the first call is made.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the endpoint is malformed, UNIMPLEMENTED when this system has no such sockets.
    pub fn lazy(endpoint: &str) -> Result<Channel, Status> {
        Ok(Channel::builder(endpoint)?.lazy())
    }

    /// What a channel to a URI is made of.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the endpoint is malformed, UNIMPLEMENTED when this system has no such sockets.
    pub fn builder(endpoint: &str) -> Result<ChannelBuilder, Status> {
        let endpoint = Endpoint::parse(endpoint)?;
        let carrier = endpoint.carrier();
        let (authority, path) = (endpoint.authority().to_owned(), endpoint.path().to_owned());
        let config = ClientConfig { authority, path, ..ClientConfig::default() };
        Ok(ChannelBuilder::new(connector_to(endpoint)?, config, carrier))
    }

    /// A channel over any transport, such as [`memory`](crate::memory()), with its defaults.
    pub fn over(connector: impl Connector) -> Channel {
        Channel::builder_over(connector).lazy()
    }

    /// What a channel over any transport is made of; it speaks gRPC on HTTP/2 unless [`ChannelBuilder::carrier`] says
    /// otherwise.
    pub fn builder_over(connector: impl Connector) -> ChannelBuilder {
        ChannelBuilder::new(Arc::new(connector), ClientConfig::default(), Carrier::Grpc)
    }

    /// What errors call the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.shared.connector.endpoint()
    }

    /// Where the next call goes: the first connection that has room for it; when none has, it waits at the first.
    pub(crate) fn lane(&self) -> &Arc<Shared> {
        if self.more.is_empty() || self.shared.has_room() {
            return &self.shared;
        }
        self.more.iter().find(|lane| lane.has_room()).unwrap_or(&self.shared)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

/// What a channel is made of.
pub struct ChannelBuilder {
    connector: Arc<dyn Connector>,
    config: ClientConfig,
    carrier: Carrier,
    new_session: Option<NewSession>,
    recorder: Option<Recorder>,
    interceptors: Interceptors,
    connect_timeout: Duration,
    backoff: Backoff,
    connections_max: usize,
    seed: Option<u64>,
    options: Options,
}

impl ChannelBuilder {
    fn new(connector: Arc<dyn Connector>, config: ClientConfig, carrier: Carrier) -> ChannelBuilder {
        ChannelBuilder {
            connector,
            config,
            carrier,
            new_session: None,
            recorder: None,
            interceptors: Interceptors::new(),
            connect_timeout: CONNECT_TIMEOUT,
            backoff: Backoff::default(),
            connections_max: 1,
            seed: None,
            options: Options::default(),
        }
    }

    /// Changes the limits and times of connections, and the authority that they ask for.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut ClientConfig)) -> ChannelBuilder {
        change(&mut self.config);
        self
    }

    /// Speaks another of the core's carriers than the endpoint says, such as the native protocol through memory.
    #[must_use]
    pub fn carrier(mut self, carrier: Carrier) -> ChannelBuilder {
        self.carrier = carrier;
        self
    }

    /// Speaks a carrier of one's own: `new_session` makes the session of each connection.
    #[must_use]
    pub fn sessions(
        mut self,
        new_session: impl Fn(Time) -> Box<dyn ClientSession + Send> + Send + Sync + 'static,
    ) -> ChannelBuilder {
        self.new_session = Some(Arc::new(new_session));
        self
    }

    /// Lets an interceptor see every call, inside those that were added before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> ChannelBuilder {
        self.interceptors.push(interceptor);
        self
    }

    /// How long one attempt to connect may take; 20 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ChannelBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How the pause between failed attempts grows.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> ChannelBuilder {
        self.backoff = backoff;
        self
    }

    /// Opens up to this many connections, each when those before it have as many calls open as the server allows at
    /// once; without it, further calls wait for others to end. 1 by default, as gRFC A105 has it.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> ChannelBuilder {
        self.connections_max = count;
        self
    }

    /// Sends and takes file descriptors with the messages of native calls on Unix sockets, so many with one at the most
    /// (64 is the protocol's limit); none by default. The server has to do the same. They are `OwnedFd`s in the
    /// [`Attachments`](zrpc_core::rpc::Attachments) of requests, responses and streams; those that nobody takes are
    /// closed. A call that sends some is not repeated by itself.
    #[must_use]
    pub fn attachments(mut self, max: u8) -> ChannelBuilder {
        self.config.native.attachments_max = max;
        self.options.carries_descriptors = max > 0;
        self
    }

    /// Polling mode on Unix sockets: the task of a connection asks its socket again and again for up to this long before
    /// it sleeps, and lets other tasks run in between. What comes meanwhile is there some ten microseconds earlier, for
    /// nothing has to be woken. The price is a worker that never rests while calls are under way. None by default; 50 µs suit peers on the
    /// same machine that have cores to spare.
    #[must_use]
    pub fn spin(mut self, longest: Duration) -> ChannelBuilder {
        self.options.spin = longest;
        self
    }

    /// Draws all that is random in this channel from one seed: the keys and masks of WebSocket, the payloads of pings, the
    /// jitter of pauses. Each connection gets a seed of its own from it, in the order in which they are made, so that a
    /// simulation or a test repeats itself byte for byte. Without it, each connection asks the system, as it should where
    /// peers are not trusted: whoever knows the seed knows every mask.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> ChannelBuilder {
        self.seed = Some(seed);
        self
    }

    /// Records each connection; nothing is recorded, and it costs nothing, without it.
    #[must_use]
    pub fn record(mut self, recorder: Recorder) -> ChannelBuilder {
        self.recorder = Some(recorder);
        self
    }

    /// A channel that connects when the first call is made.
    #[must_use]
    pub fn lazy(mut self) -> Channel {
        let seeds = Arc::new(Seeds::new(self.seed));
        let new_session = self.new_session(&seeds);
        let interceptors = Arc::new(std::mem::take(&mut self.interceptors));
        let lane = |_| Arc::new(self.lane(&new_session, &interceptors, &seeds));
        Channel { shared: lane(0), more: (1..self.connections_max).map(lane).collect() }
    }

    /// What makes each connection's session, and records it where that is asked for.
    fn new_session(&mut self, seeds: &Arc<Seeds>) -> NewSession {
        let recorder = self.recorder.take();
        if let Some(new_session) = self.new_session.take() {
            let Some(recorder) = recorder else { return new_session };
            return Arc::new(move |now| {
                let header = Header::new(now, Made::Custom { server: false });
                Box::new(Recording::new(new_session(now), recorder.tape(header)))
            });
        }
        let (config, carrier, seeds) = (std::mem::take(&mut self.config), self.carrier, Arc::clone(seeds));
        let sessions = client_sessions(carrier);
        Arc::new(move |now| {
            let seed = seeds.take();
            let session = sessions(now, &config, Entropy::from_seed(seed));
            let Some(recorder) = &recorder else { return session };
            let made = Made::Client { carrier, config: config.clone(), seed };
            Box::new(Recording::new(session, recorder.tape(Header::new(now, made))))
        })
    }

    fn lane(&self, new_session: &NewSession, interceptors: &Arc<Interceptors>, seeds: &Seeds) -> Shared {
        let attempts = Attempts::new(self.backoff, Entropy::from_seed(seeds.take()));
        let link = Link { phase: Phase::Idle, attempts };
        Shared {
            connector: Arc::clone(&self.connector),
            new_session: Arc::clone(new_session),
            interceptors: Arc::clone(interceptors),
            connect_timeout: self.connect_timeout,
            options: self.options,
            link: Mutex::new(link),
            changed: Notify::new(),
        }
    }

    /// A channel that is connected: the server has answered.
    ///
    /// # Errors
    /// UNAVAILABLE when the endpoint cannot be reached.
    pub async fn connect(self) -> Result<Channel, Status> {
        let channel = self.lazy();
        channel.shared.connection(None).await?;
        Ok(channel)
    }
}

impl fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBuilder").field("endpoint", &self.connector.endpoint()).finish_non_exhaustive()
    }
}

/// What the clones of a channel share.
pub(crate) struct Shared {
    connector: Arc<dyn Connector>,
    new_session: NewSession,
    pub(crate) interceptors: Arc<Interceptors>,
    connect_timeout: Duration,
    options: Options,
    link: Mutex<Link>,
    /// An attempt to connect has ended.
    changed: Notify,
}

struct Link {
    phase: Phase,
    attempts: Attempts,
}

enum Phase {
    Idle,
    Connecting,
    Up(Arc<Connection>),
    Down(Status),
}

impl Shared {
    /// The connection that is there, whether or not it takes more calls.
    pub(crate) fn current(&self) -> Option<Arc<Connection>> {
        match &self.link().phase {
            Phase::Up(connection) => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// Whether a call started now would begin at once, as far as that is known before connecting.
    fn has_room(&self) -> bool {
        match &self.link().phase {
            Phase::Up(connection) => connection.has_room(),
            Phase::Idle | Phase::Connecting | Phase::Down(_) => true,
        }
    }

    /// A connection that takes calls, made if there is none.
    pub(crate) async fn connection(
        self: &Arc<Self>,
        deadline: Option<Time>,
    ) -> Result<Arc<Connection>, Status> {
        let mut has_waited = false;
        loop {
            let changed = {
                let mut link = self.link();
                match &link.phase {
                    // One that was lost as soon as it was made is the caller's to count, or a server that ends each
                    // connection at once would be asked again without end.
                    Phase::Up(connection) if has_waited || connection.takes_calls() => {
                        return Ok(Arc::clone(connection));
                    }
                    // An attempt that was waited for has failed for its callers, however short the pause is.
                    Phase::Down(status) if has_waited || link.attempts.pause_left(clock::now()).is_some() => {
                        return Err(status.clone());
                    }
                    Phase::Connecting => {}
                    Phase::Idle | Phase::Up(_) | Phase::Down(_) => {
                        link.phase = Phase::Connecting;
                        tokio::spawn(attempt(Arc::downgrade(self)));
                    }
                }
                self.changed.notified()
            };
            has_waited = true;
            let Some(deadline) = deadline else {
                changed.await;
                continue;
            };
            if tokio::time::timeout_at(clock::instant(deadline), changed).await.is_err() {
                return Err(late_connection(self.connector.endpoint()));
            }
        }
    }

    /// Takes in how an attempt ended.
    fn settle(&self, result: Result<Arc<Connection>, Status>) {
        let mut link = self.link();
        link.phase = match result {
            Ok(connection) => {
                link.attempts.on_ready();
                Phase::Up(connection)
            }
            Err(status) => {
                link.attempts.on_failure(clock::now());
                Phase::Down(status)
            }
        };
        drop(link);
        self.changed.notify_waiters();
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Phase::Up(connection) = &self.link().phase {
            connection.drain();
        }
    }
}

/// Connects once, in a task of its own: the caller that needed the connection may give up, others wait for it.
async fn attempt(channel: Weak<Shared>) {
    let Some(shared) = channel.upgrade() else { return };
    let (connector, limit) = (Arc::clone(&shared.connector), shared.connect_timeout);
    let unfinished = Unfinished { channel: channel.clone() };
    drop(shared);
    let until = tokio::time::Instant::now() + limit;
    let connecting = tokio::time::timeout_at(until, connector.connect()).await;
    let Some(shared) = channel.upgrade() else { return };
    let cause = match connecting {
        Ok(Ok(transport)) => {
            let (connection, reader) =
                Connection::new((shared.new_session)(clock::now()), transport.with(shared.options));
            drop(shared);
            tokio::spawn(reader);
            let ready = poll_fn(|cx| connection.poll_ready(cx));
            match tokio::time::timeout_at(until, ready).await {
                Ok(Ok(())) => return unfinished.settle(Ok(connection)),
                Ok(Err(status)) => {
                    format!("the connection ended before the server's settings came: {}", status.message())
                }
                Err(_) => {
                    connection.close();
                    format!("the server accepted the connection and sent no settings for {limit:?}")
                }
            }
        }
        Ok(Err(error)) => describe(&error),
        Err(_) => format!("no connection within {limit:?}"),
    };
    unfinished.settle(Err(unreachable(connector.endpoint(), cause)));
}

/// Leaves the channel free for another attempt when this one is dropped with its runtime.
struct Unfinished {
    channel: Weak<Shared>,
}

impl Unfinished {
    fn settle(mut self, result: Result<Arc<Connection>, Status>) {
        match std::mem::take(&mut self.channel).upgrade() {
            Some(shared) => shared.settle(result),
            None => {
                if let Ok(connection) = result {
                    connection.drain();
                }
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(shared) = self.channel.upgrade() {
            shared.link().phase = Phase::Idle;
            shared.changed.notify_waiters();
        }
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused; is the server running?".to_owned(),
        _ => error.to_string(),
    }
}
