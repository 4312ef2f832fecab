//! The channel: calls to one server, over a connection that is made when it is needed.

use crate::client::builder::ChannelBuilder;
use crate::client::call::Call;
use crate::client::connection::{BoxClientSession, Connection, Start};
use crate::client::endpoint::{Connector, connector_to};
use crate::client::outline::{Outline, outline};
use crate::client::sender::{ClientStreaming, Sender, respond};
use crate::clock;
use crate::line::{Incoming, encode};
use crate::streaming::Streaming;
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zrpc_core::base::{Misuse, Time};
use zrpc_core::policy::Attempts;
use zrpc_core::rpc::local_status::{late_connection, refused, unreachable};
use zrpc_core::rpc::{Carrier, Codec, Endpoint, Interceptors, Method, Request, Response, Side, Status};
use zrpc_core::stack::ClientConfig;

/// Calls to one server. Clones share its connection; any number of threads may call at once.
///
/// No thread works in the background: the threads that wait for answers do what there is to do. While nobody calls,
/// nobody reads either; what the server said meanwhile (a ping, a goodbye) is looked at when the next call starts.
/// A server that pings idle clients to see whether they live will close such a connection, and the next call opens
/// another.
///
/// The connection is made by the first call and made anew by the first call after it was lost. A call to a server
/// that cannot be reached ends as UNAVAILABLE, naming the endpoint and the cause; until the [`Backoff`](crate::Backoff) has passed,
/// further calls end so at once.
#[derive(Clone)]
pub struct Channel {
    pub(super) shared: Arc<Shared>,
    /// Further connections, in the order in which they are used when those before are full.
    pub(super) more: Arc<[Arc<Shared>]>,
}

pub(super) struct Shared {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) new_session: NewSession,
    pub(super) interceptors: Arc<Interceptors>,
    pub(super) connect_timeout: Duration,
    pub(super) carries_descriptors: bool,
    pub(super) spin: Option<Duration>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

/// Makes the session of a new connection.
pub(super) type NewSession = Arc<dyn Fn(Time) -> BoxClientSession + Send + Sync>;

pub(super) struct State {
    pub(super) link: LinkState,
    pub(super) attempts: Attempts,
}

pub(super) enum LinkState {
    /// No connection; while the attempts pause, calls fail at once, with this cause.
    None(Option<String>),
    /// A thread connects.
    Connecting,
    Up(Arc<Connection>),
}

impl Channel {
    /// Connects to a URI. Its scheme says what is spoken there: `http://host:port`, `http+unix:///path`,
    /// `tcp://host:port`, `unix:///path` and the others that [`Endpoint`] lists.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the endpoint is malformed, UNIMPLEMENTED when this system has no such sockets, UNAVAILABLE when it cannot be reached.
    pub fn connect(endpoint: &str) -> Result<Channel, Status> {
        Channel::builder(endpoint)?.connect()
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

    /// A channel over any transport, such as a [`MemoryEndpoint`](crate::memory::MemoryEndpoint), with its defaults.
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
    fn lane(&self) -> &Arc<Shared> {
        if self.more.is_empty() || self.shared.has_room() {
            return &self.shared;
        }
        self.more.iter().find(|lane| lane.has_room()).unwrap_or(&self.shared)
    }

    /// Calls a method with one request and one response.
    ///
    /// A call that the server is known not to have seen, because it was closing the connection, is sent once more.
    ///
    /// # Errors
    /// The call's status when it is not OK.
    pub fn unary<C: Codec>(
        &self,
        method: &Method,
        request: Request<C::Encode>,
    ) -> Result<Response<C::Decode>, Status> {
        let (message, mut outline) = outline(request);
        let message = encode::<C>(&message);
        // What was attached is gone with the first attempt.
        let again = outline.attachments.borrow().is_empty().then(|| outline.clone());
        let mut answer = self.start(method, &mut outline, Some(message.clone()), true)?.answer();
        if let Some(mut again) = again
            && answer.as_ref().is_err_and(|status| status.is_retried_unseen())
        {
            answer = self.start(method, &mut again, Some(message), true)?.answer();
        }
        respond(C::decode, answer?)
    }

    /// Calls a method with one request and many responses.
    ///
    /// # Errors
    /// When the call cannot be started. How it ended, the stream says.
    pub fn server_streaming<C: Codec>(
        &self,
        method: &Method,
        request: Request<C::Encode>,
    ) -> Result<Streaming<C::Decode>, Status> {
        let (message, mut outline) = outline(request);
        let call = self.start(method, &mut outline, Some(encode::<C>(&message)), false)?;
        Ok(Streaming::over_line::<C>(Arc::new(call)))
    }

    /// Calls a method with many requests and one response.
    ///
    /// # Errors
    /// When the call cannot be started. How it ended, [`ClientStreaming::finish`] says.
    pub fn client_streaming<C: Codec>(
        &self,
        method: &Method,
        request: Request<()>,
    ) -> Result<ClientStreaming<C::Encode, C::Decode>, Status> {
        let ((), mut outline) = outline(request);
        let call = self.start(method, &mut outline, None, true)?;
        Ok(ClientStreaming::over_call::<C>(call, outline.compression.is_some()))
    }

    /// Calls a method with many requests and many responses.
    ///
    /// # Errors
    /// When the call cannot be started. How it ended, the stream says.
    #[allow(clippy::type_complexity)] // An alias would hide that this is a pair.
    pub fn bidirectional<C: Codec>(
        &self,
        method: &Method,
        request: Request<()>,
    ) -> Result<(Sender<C::Encode>, Streaming<C::Decode>), Status> {
        let ((), mut outline) = outline(request);
        let call = Arc::new(self.start(method, &mut outline, None, false)?);
        let incoming: Arc<dyn Incoming> = Arc::clone(&call) as Arc<dyn Incoming>;
        let sender = Sender::over_call::<C>(call, outline.compression.is_some());
        Ok((sender, Streaming::over_line::<C>(incoming)))
    }

    /// Shows the call to the interceptors and starts it.
    fn start(
        &self,
        method: &Method,
        outline: &mut Outline,
        mut only_message: Option<Bytes>,
        one_response: bool,
    ) -> Result<Call, Status> {
        let shared = self.lane();
        shared.interceptors.request(method, &mut outline.metadata)?;
        let shown = only_message
            .as_mut()
            .map_or(Ok(()), |message| shared.interceptors.request_message(Side::Client, method, message));
        let started = shown.and_then(|()| {
            shared.start(|| Start {
                path: method.path,
                metadata: &outline.metadata,
                deadline: outline.deadline,
                compression: outline.compression,
                only_message: only_message.clone(),
                attachments: &outline.attachments,
                one_response,
            })
        });
        let (connection, id) = started.inspect_err(|status| shared.interceptors.end(method, status))?;
        Ok(Call::new(connection, id, *method, Arc::clone(&shared.interceptors)))
    }
}

impl Shared {
    fn start<'a>(
        &self,
        head: impl Fn() -> Start<'a>,
    ) -> Result<(Arc<Connection>, zrpc_core::rpc::CallId), Status> {
        /// A server that says goodbye again and again is not asked for ever.
        const CONNECTIONS: usize = 3;
        let mut last = Misuse::Closed;
        for _ in 0..CONNECTIONS {
            let connection = self.connection(head().deadline)?;
            match connection.start(head()) {
                Ok(id) => return Ok((connection, id)),
                Err(misuse @ (Misuse::Closed | Misuse::Draining | Misuse::Exhausted)) => {
                    last = misuse;
                    self.retire(&connection);
                }
                Err(misuse) => return Err(refused(misuse).with_safe_to_retry()),
            }
        }
        Err(refused(last).with_safe_to_retry())
    }

    /// Whether a call started now would begin at once, as far as that is known before connecting.
    fn has_room(&self) -> bool {
        let connection = match &self.lock().link {
            LinkState::Up(connection) => Arc::clone(connection),
            LinkState::None(_) | LinkState::Connecting => return true,
        };
        // Looking at a connection may take system calls.
        connection.has_room()
    }

    /// The connection for a new call: the one there is, or a new one.
    pub(super) fn connection(&self, deadline: Option<Time>) -> Result<Arc<Connection>, Status> {
        let mut state = self.lock();
        loop {
            match &state.link {
                LinkState::Up(connection) => return Ok(Arc::clone(connection)),
                LinkState::None(cause) => {
                    if let (Some(left), Some(cause)) = (state.attempts.pause_left(clock::now()), cause) {
                        let seconds = left.as_secs_f64();
                        let cause = format!("{cause}; the next attempt is {seconds:.1} s away");
                        return Err(unreachable(self.connector.endpoint(), cause));
                    }
                    state.link = LinkState::Connecting;
                    drop(state);
                    return self.connect(deadline);
                }
                LinkState::Connecting => state = self.wait_for_connection(state, deadline)?,
            }
        }
    }

    fn wait_for_connection<'a>(
        &self,
        state: MutexGuard<'a, State>,
        deadline: Option<Time>,
    ) -> Result<MutexGuard<'a, State>, Status> {
        let Some(deadline) = deadline else {
            return Ok(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = clock::until(deadline);
        if left.is_zero() {
            return Err(late_connection(self.connector.endpoint()));
        }
        Ok(self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Connects on this thread; others wait for the outcome.
    fn connect(&self, deadline: Option<Time>) -> Result<Arc<Connection>, Status> {
        let left = deadline.map_or(self.connect_timeout, clock::until);
        let connected = if left.is_zero() {
            Err(std::io::ErrorKind::TimedOut.into())
        } else {
            self.connector.connect(left.min(self.connect_timeout))
        };
        let mut state = self.lock();
        let outcome = match connected {
            Ok(mut transport) => {
                if self.carries_descriptors {
                    transport.carry_descriptors();
                }
                if let Some(longest) = self.spin {
                    transport.spin(longest);
                }
                let session = (self.new_session)(clock::now());
                let connection = Arc::new(Connection::new(transport, session, Arc::clone(&self.connector)));
                state.link = LinkState::Up(Arc::clone(&connection));
                Ok(connection)
            }
            Err(_) if deadline.is_some_and(|deadline| clock::until(deadline).is_zero()) => {
                // The call was short of time, which says nothing about the server.
                state.link = LinkState::None(None);
                Err(late_connection(self.connector.endpoint()))
            }
            Err(error) => {
                self.note_failure(&mut state, error.to_string());
                Err(unreachable(self.connector.endpoint(), error))
            }
        };
        drop(state);
        self.changed.notify_all();
        outcome
    }

    /// Starts no more calls on a connection. One whose server never answered counts as a failure to connect.
    fn retire(&self, connection: &Arc<Connection>) {
        let was_ready = connection.was_ready();
        let mut state = self.lock();
        if !matches!(&state.link, LinkState::Up(current) if Arc::ptr_eq(current, connection)) {
            return;
        }
        if was_ready {
            state.attempts.on_ready();
            state.link = LinkState::None(None);
        } else {
            let cause = connection.cause().unwrap_or_else(|| "the server takes no calls".into());
            let cause = format!("the connection ended before the server's settings came: {cause}");
            self.note_failure(&mut state, cause);
        }
    }

    fn note_failure(&self, state: &mut State, cause: String) {
        let pause = state.attempts.on_failure(clock::now());
        let failures = state.attempts.failures();
        tracing::debug!(endpoint = self.connector.endpoint(), failures, ?pause, "{cause}");
        state.link = LinkState::None(Some(cause));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
