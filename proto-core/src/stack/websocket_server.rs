//! A server's connection: calls of the native protocol in WebSocket messages, in the encoding that its client chose.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time};
use crate::native::{Json, NativeServer, Role};
use crate::rpc::session::{CallId, RequestHead, ServerEvent, ServerSession};
use crate::rpc::{Encoding, Metadata, Status};
use crate::stack::websocket::{SharedWebSocketConfig, WebSocketServerConfig, kind_of};
use crate::stack::websocket_link::{CarriedServer, Found, Link};
use crate::websocket::{Agreement, Connection, Kind};
use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Calls in WebSocket messages, server side: subprotocol `zrpc.v1` in binary messages, `zrpc.v1+json` in text messages.
/// A client that offers neither gets HTTP's answer, 400 with the reason.
///
/// It takes the connection's bytes from the first one of the HTTP/1.1 request on.
#[derive(Debug)]
pub struct WebSocketServer {
    link: Link<dyn CarriedServer>,
    config: SharedWebSocketConfig,
    /// A drain was commanded before there was a session.
    drain: Option<Duration>,
}

impl WebSocketServer {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(now: Time, config: &WebSocketServerConfig) -> WebSocketServer {
        WebSocketServer::sharing(now, &config.into())
    }

    /// A connection that was just accepted, whose configuration is shared with others.
    #[must_use]
    pub fn sharing(now: Time, config: &SharedWebSocketConfig) -> WebSocketServer {
        WebSocketServer::over(Connection::server(now, Arc::clone(&config.websocket)), config)
    }

    /// A tunnel whose handshake is done: a stream of HTTP/2 (RFC 8441), whose request
    /// [`accept_connect`](crate::websocket::accept_connect) was asked about with [`SharedWebSocketConfig::websocket`].
    #[must_use]
    pub fn accepted(now: Time, config: &SharedWebSocketConfig, agreement: &Agreement) -> WebSocketServer {
        WebSocketServer::over(Connection::accepted(now, Arc::clone(&config.websocket), agreement), config)
    }

    fn over(carrier: Connection, config: &SharedWebSocketConfig) -> WebSocketServer {
        WebSocketServer { link: Link::new(carrier, Kind::Binary), config: config.clone(), drain: None }
    }

    /// The connection below.
    #[must_use]
    pub fn websocket(&self) -> &Connection {
        &self.link.carrier
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`WebSocketServerConfig::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.link.memory()
    }

    /// The handshake is done: the session begins, in the encoding that was agreed on.
    fn open(&mut self, now: Time) {
        let WebSocketServer { link, config, drain } = self;
        link.kind = kind_of(link.carrier.subprotocol());
        let mut session: Box<dyn CarriedServer> = match link.kind {
            Kind::Binary => Box::new(NativeServer::new(now, Arc::clone(&config.binary))),
            Kind::Text => {
                let codec = Json::with_schema(Role::Server, Arc::clone(&config.schema));
                Box::new(NativeServer::with_codec(now, Arc::clone(&config.json), codec))
            }
        };
        if let Some(grace) = drain.take() {
            session.drain(now, grace);
        }
        link.session = Some(session);
    }

    fn session(&mut self) -> Result<&mut (dyn CarriedServer + 'static), Misuse> {
        self.link.alive()?;
        self.link.session.as_deref_mut().ok_or(Misuse::Gone)
    }
}

impl WebSocketServerConfig {
    /// The most that [`WebSocketServer::memory`] says, whatever its client does, in bytes.
    #[must_use]
    pub fn memory_max(&self) -> usize {
        let shared = SharedWebSocketConfig::from(self);
        let binary = NativeServer::<crate::native::Binary>::memory_max(&shared.binary);
        let json = NativeServer::<Json>::memory_max(&shared.json);
        let session = size_of::<NativeServer<Json>>().max(size_of::<NativeServer>());
        shared.websocket.memory_max() + session + binary.max(json) + Link::<dyn CarriedServer>::FRAMES_MAX
    }
}

impl Machine for WebSocketServer {
    type Event = ServerEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.link.carrier.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.link.carrier.handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        self.link.carrier.wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        loop {
            let found = self.link.poll(now, out, |event| match event {
                ServerEvent::Closed(end) => Err(end),
                event => Ok(event),
            });
            match found {
                Output::Event(Found::Opened) => self.open(now),
                Output::Event(Found::Event(event)) => return Output::Event(event),
                Output::Event(Found::Closed(end)) => return Output::Event(ServerEvent::Closed(end)),
                Output::Full(wake) => return Output::Full(wake),
                Output::Idle(wake) => return Output::Idle(wake),
            }
        }
    }
}

impl ServerSession for WebSocketServer {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        self.link.session.as_ref()?.request(call)
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

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.session()?.finish(call, status, trailers)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        if let Ok(session) = self.session() {
            session.consume(call, credit);
        }
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        match &mut self.link.session {
            Some(session) => session.drain(now, grace),
            None => self.drain = Some(grace),
        }
    }

    fn close(&mut self, now: Time) {
        match &mut self.link.session {
            Some(session) => session.close(now),
            None => self.link.abandon(now),
        }
    }

    fn open_calls(&self) -> usize {
        self.link.session.as_ref().map_or(0, |session| session.open_calls())
    }
}
