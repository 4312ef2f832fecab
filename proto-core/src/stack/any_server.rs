//! A server's connection in whichever protocol its client speaks: the first bytes decide.
//!
//! ```text
//! FA …                           the native protocol
//! PRI * HTTP/2.0 …               gRPC on HTTP/2
//! a head of HTTP/1.1             with Upgrade: websocket a WebSocket, else gRPC-Web
//! anything else                  HTTP/1.1, whose answer says what is expected here
//! ```
//!
//! No byte is lost: whoever takes the connection gets all that arrived, as if it had read it itself. Until then there is
//! nothing to say, since each of these protocols lets its client speak first.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time, Wake};
use crate::native::{self, NativeServer};
use crate::rpc::session::{CallId, RequestHead, ServerEvent, ServerSession, SessionEnd};
use crate::rpc::{Encoding, Metadata, Status};
use crate::stack::opening::{Opening, Spoken};
use crate::stack::tunnels::TUNNELS_MAX;
use crate::stack::{
    GrpcServer, GrpcWebServer, ServerConfig, SharedServerConfig, SharedWebSocketConfig, WebSocketServer,
    WebSocketServerConfig,
};
use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// What a server's connections share, and which protocols they may speak. All of them by default; pages of other origins
/// are refused by both of the browsers' until they are listed.
#[derive(Clone, Debug)]
pub struct AnyServerConfig {
    /// gRPC on HTTP/2; its `web` says whether gRPC-Web is served, on HTTP/2 and on HTTP/1.1.
    pub grpc: ServerConfig,
    /// The native protocol; `None` refuses it.
    pub native: Option<native::Config>,
    /// WebSocket, binary and JSON; `None` refuses it.
    pub websocket: Option<WebSocketServerConfig>,
    /// How long a client may take until its first bytes say which protocol it speaks. Abuse: connections that say nothing.
    pub opening_timeout: Duration,
}

/// Who connects knows what it wants to speak; what follows the first bytes has limits of its own.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

impl Default for AnyServerConfig {
    fn default() -> AnyServerConfig {
        let grpc = ServerConfig::default();
        AnyServerConfig {
            opening_timeout: OPENING_TIMEOUT,
            grpc: ServerConfig { web: Some(Default::default()), ..grpc },
            native: Some(native::Config::default()),
            websocket: Some(WebSocketServerConfig::default()),
        }
    }
}

/// These settings of gRPC, and the defaults of all else. gRPC-Web is served if they say so.
impl From<ServerConfig> for AnyServerConfig {
    fn from(grpc: ServerConfig) -> AnyServerConfig {
        AnyServerConfig { grpc, ..AnyServerConfig::default() }
    }
}

impl AnyServerConfig {
    /// gRPC on HTTP/2 and nothing else.
    #[must_use]
    pub fn only_grpc(grpc: ServerConfig) -> AnyServerConfig {
        let opening_timeout = grpc.http2.settings_timeout;
        AnyServerConfig { grpc, native: None, websocket: None, opening_timeout }
    }

    /// The most that [`AnyServer::memory`] says, whatever its client does, in bytes.
    #[must_use]
    pub fn memory_max(&self) -> usize {
        let native = self.native.as_ref().map_or(0, <NativeServer>::memory_max);
        let websocket = self.websocket.as_ref().map_or(0, WebSocketServerConfig::memory_max);
        let tunnels = TUNNELS_MAX * (websocket + size_of::<WebSocketServer>());
        let grpc = (self.grpc.memory_max() + tunnels).max(self.grpc.web_memory_max());
        let sizes = size_of::<GrpcServer>().max(size_of::<NativeServer>()).max(size_of::<WebSocketServer>());
        sizes + grpc.max(native).max(websocket).max(Opening::memory_max(&self.grpc.http1.head))
    }
}

/// An [`AnyServerConfig`] in one place of memory, for servers with many connections.
#[derive(Clone, Debug)]
pub struct SharedAnyServerConfig(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    grpc: SharedServerConfig,
    web: bool,
    native: Option<Arc<native::Config>>,
    websocket: Option<Arc<SharedWebSocketConfig>>,
    head: crate::http1::HeadLimits,
    opening_timeout: Duration,
}

impl From<&AnyServerConfig> for SharedAnyServerConfig {
    fn from(config: &AnyServerConfig) -> SharedAnyServerConfig {
        let mut grpc = config.grpc.clone();
        grpc.http2.extended_connect |= config.websocket.is_some();
        SharedAnyServerConfig(Arc::new(Parts {
            grpc: (&grpc).into(),
            web: config.grpc.web.is_some(),
            native: config.native.clone().map(native::Config::shared),
            websocket: config.websocket.as_ref().map(|websocket| Arc::new(websocket.into())),
            head: config.grpc.http1.head,
            opening_timeout: config.opening_timeout,
        }))
    }
}

/// Calls on one connection, server side, in the protocol that the client chose.
#[derive(Debug)]
pub struct AnyServer {
    state: State,
    config: SharedAnyServerConfig,
}

#[derive(Debug)]
enum State {
    Opening(Box<Opening>),
    Speaking(Box<dyn Spoke>),
    /// It ended before it was known what the client speaks.
    Over(Option<SessionEnd>),
}

/// A session that tells what it holds.
trait Spoke: ServerSession + Send + core::fmt::Debug {
    fn memory(&self) -> usize;
}

macro_rules! spoke {
    ($($session:ty),*) => {$(
        impl Spoke for $session {
            fn memory(&self) -> usize {
                size_of::<$session>() + <$session>::memory(self)
            }
        }
    )*};
}

spoke!(GrpcServer, NativeServer, GrpcWebServer, WebSocketServer);

impl AnyServer {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(now: Time, config: &AnyServerConfig) -> AnyServer {
        AnyServer::sharing(now, &config.into())
    }

    /// A connection that was just accepted, whose configuration is shared with others.
    #[must_use]
    pub fn sharing(now: Time, config: &SharedAnyServerConfig) -> AnyServer {
        let parts = &config.0;
        let has_choice = parts.web || parts.native.is_some() || parts.websocket.is_some();
        let state = match has_choice {
            true => State::Opening(Box::new(Opening::new(parts.head, now + parts.opening_timeout))),
            false => State::Speaking(Box::new(GrpcServer::sharing(now, &parts.grpc))),
        };
        AnyServer { state, config: config.clone() }
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`AnyServerConfig::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.state {
            State::Opening(opening) => size_of::<Opening>() + opening.memory(),
            State::Speaking(session) => session.memory(),
            State::Over(_) => 0,
        }
    }

    fn session(&mut self) -> Result<&mut dyn Spoke, Misuse> {
        match &mut self.state {
            State::Speaking(session) => Ok(&mut **session),
            State::Opening(_) => Err(Misuse::Gone),
            State::Over(_) => Err(Misuse::Closed),
        }
    }

    /// Looks at what arrived; afterwards the connection may have its session, or be over.
    fn look(&mut self, now: Time) {
        let State::Opening(opening) = &mut self.state else { return };
        let spoken = opening.look();
        self.state = match spoken {
            Some(spoken) => {
                let mut session = self.config.0.session(spoken, now);
                session.handle_input(now, opening.take_input());
                if opening.has_ended {
                    session.handle_eof(now);
                }
                if let Some(grace) = opening.drain {
                    session.drain(now, grace);
                }
                State::Speaking(session)
            }
            None if opening.has_ended || opening.drain.is_some() && opening.is_silent() => {
                State::Over(Some(opening.end()))
            }
            None if now >= opening.until => State::Over(Some(opening.late())),
            None => return,
        };
    }
}

impl Parts {
    /// The session for a client that speaks so. Where that protocol is not served, another one of those that are, whose
    /// way to refuse it is understood best.
    fn session(&self, spoken: Spoken, now: Time) -> Box<dyn Spoke> {
        match (spoken, &self.native, &self.websocket) {
            (Spoken::Native, Some(native), _) => Box::new(NativeServer::new(now, Arc::clone(native))),
            (Spoken::WebSocket, _, Some(websocket)) => Box::new(WebSocketServer::sharing(now, websocket)),
            (Spoken::Native | Spoken::WebSocket | Spoken::Http1, _, _) if self.web => {
                Box::new(GrpcWebServer::sharing(now, &self.grpc))
            }
            (Spoken::Http1, _, Some(websocket)) => Box::new(WebSocketServer::sharing(now, websocket)),
            _ => Box::new(GrpcServer::sharing(now, &self.grpc).with_websocket(self.websocket.clone())),
        }
    }
}

impl Machine for AnyServer {
    type Event = ServerEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        match &mut self.state {
            State::Opening(opening) => opening.handle_input(input),
            State::Speaking(session) => session.handle_input(now, input),
            State::Over(_) => {}
        }
    }

    fn handle_eof(&mut self, now: Time) {
        match &mut self.state {
            State::Opening(opening) => opening.has_ended = true,
            State::Speaking(session) => session.handle_eof(now),
            State::Over(_) => {}
        }
    }

    fn wants_input(&self) -> bool {
        match &self.state {
            State::Speaking(session) => session.wants_input(),
            State::Opening(_) | State::Over(_) => true,
        }
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        self.look(now);
        match &mut self.state {
            State::Speaking(session) => session.poll_output(now, out),
            State::Opening(opening) => {
                Output::Idle(Some(Wake { at: opening.until, why: "the client's first bytes" }))
            }
            State::Over(end) => match end.take() {
                Some(end) => Output::Event(ServerEvent::Closed(end)),
                None => Output::Idle(None),
            },
        }
    }
}

impl ServerSession for AnyServer {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        match &self.state {
            State::Speaking(session) => session.request(call),
            State::Opening(_) | State::Over(_) => None,
        }
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.session()?.send_head(call, metadata, compression)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.session()?.send(call, message, compress)
    }

    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        self.session()?.send_with_attachments(call, message, compress, count)
    }

    fn attachments_max(&self) -> u8 {
        match &self.state {
            State::Speaking(session) => session.attachments_max(),
            State::Opening(_) | State::Over(_) => 0,
        }
    }

    fn attachments(&self) -> u8 {
        match &self.state {
            State::Speaking(session) => session.attachments(),
            State::Opening(_) | State::Over(_) => 0,
        }
    }

    fn take_unclaimed_attachments(&mut self) -> u32 {
        match &mut self.state {
            State::Speaking(session) => session.take_unclaimed_attachments(),
            State::Opening(_) | State::Over(_) => 0,
        }
    }

    fn takes_request_stream(&self, call: CallId) -> bool {
        match &self.state {
            State::Speaking(session) => session.takes_request_stream(call),
            State::Opening(_) | State::Over(_) => true,
        }
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.session()?.finish(call, status, trailers)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        if let State::Speaking(session) = &mut self.state {
            session.consume(call, credit);
        }
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        match &mut self.state {
            State::Speaking(session) => session.drain(now, grace),
            State::Opening(opening) => opening.drain = Some(grace),
            State::Over(_) => {}
        }
    }

    fn close(&mut self, now: Time) {
        match &mut self.state {
            State::Speaking(session) => session.close(now),
            State::Opening(_) => self.state = State::Over(Some(SessionEnd::Graceful)),
            State::Over(_) => {}
        }
    }

    fn open_calls(&self) -> usize {
        match &self.state {
            State::Speaking(session) => session.open_calls(),
            State::Opening(_) | State::Over(_) => 0,
        }
    }
}
