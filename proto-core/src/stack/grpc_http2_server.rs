//! A server's connection: gRPC calls on HTTP/2.
//!
//! ```
//! use bytes::Bytes;
//! use zrpc_core::base::{Machine, Out, Output, Time};
//! use zrpc_core::rpc::{Metadata, ServerEvent, ServerSession, Status};
//! use zrpc_core::stack::{GrpcServer, ServerConfig};
//!
//! /// One turn of any event loop: answers each message with itself.
//! fn turn(server: &mut GrpcServer, now: Time, received: Bytes, out: &mut Out) {
//!     server.handle_input(now, received);
//!     while let Output::Event(event) = server.poll_output(now, out) {
//!         match event {
//!             ServerEvent::Message { call, message, credit } => {
//!                 server.consume(call, credit);
//!                 let _ = server.send(call, message, false);
//!             }
//!             ServerEvent::HalfClosed { call } => {
//!                 let _ = server.finish(call, &Status::OK, &Metadata::new());
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//!
//! let mut server = GrpcServer::new(Time::START, &ServerConfig::default());
//! let mut out = Out::with_room(64 * 1024);
//! turn(&mut server, Time::START, Bytes::new(), &mut out);
//! assert!(!out.is_empty(), "SETTINGS go first");
//! ```

use crate::base::{Flow, Machine, Misuse, Out, Output, Time, Wake};
use crate::http2::{Connection, Event, HeadersKind};
use crate::rpc::grpc::ServerCalls;
use crate::rpc::grpc::server::Over;
use crate::rpc::session::{CallId, RequestHead, ServerEvent, ServerSession, SessionEnd};
use crate::rpc::{Encoding, Metadata, Status};
use crate::stack::grpc_http2::{ServerConfig, SharedServerConfig, session_end, stream_end};
use crate::stack::tunnels::Tunnels;
use crate::stack::{SharedWebSocketConfig, WebSocketServer};
use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// gRPC calls on one HTTP/2 connection, server side.
#[derive(Debug)]
pub struct GrpcServer {
    http2: Connection,
    calls: ServerCalls,
    /// How WebSockets in streams are served, where they are.
    websocket: Option<Arc<SharedWebSocketConfig>>,
    tunnels: Option<Box<Tunnels>>,
    /// The connection is over; open calls are being reported.
    ending: Option<(SessionEnd, Status)>,
}

impl GrpcServer {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(now: Time, config: &ServerConfig) -> GrpcServer {
        GrpcServer::sharing(now, &config.into())
    }

    /// A connection that was just accepted, whose configuration is shared with others.
    #[must_use]
    pub fn sharing(now: Time, config: &SharedServerConfig) -> GrpcServer {
        GrpcServer {
            http2: Connection::server(now, Arc::clone(&config.http2)),
            calls: ServerCalls::new(config.limits).with_web(config.web.clone()),
            websocket: None,
            tunnels: None,
            ending: None,
        }
    }

    /// Serves WebSockets in streams as well (RFC 8441), on a connection whose configuration offers extended CONNECT.
    #[must_use]
    pub(super) fn with_websocket(mut self, config: Option<Arc<SharedWebSocketConfig>>) -> GrpcServer {
        self.websocket = config;
        self
    }

    /// The connection below.
    #[must_use]
    pub fn http2(&self) -> &Connection {
        &self.http2
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`ServerConfig::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.http2.memory()
            + self.calls.memory()
            + self.tunnels.as_ref().map_or(0, |tunnels| tunnels.memory())
    }

    fn on_event(&mut self, now: Time, event: Event) {
        if self.websocket.is_some() && self.is_for_tunnel(now, &event) {
            return;
        }
        let GrpcServer { http2, calls, ending, .. } = self;
        match event {
            Event::Headers { stream, kind: HeadersKind::Request, end, oversized } => {
                let id = u64::from(stream.as_u32());
                let fields = http2.take_fields();
                calls.on_request(now, id, &fields, Over { end, oversized }, http2);
                http2.put_fields(fields);
            }
            Event::Headers { stream, .. } => calls.on_trailers(u64::from(stream.as_u32())),
            Event::Data { stream, data, end } => calls.on_data(u64::from(stream.as_u32()), data, end, http2),
            Event::Writable { stream } => calls.on_writable(u64::from(stream.as_u32())),
            Event::Closed { stream, reason } => {
                calls.on_closed(now, u64::from(stream.as_u32()), stream_end(reason));
            }
            Event::Ended(end) => *ending = Some(session_end(end)),
            Event::Settings | Event::Pong { .. } | Event::GoAway { .. } => {}
        }
    }

    /// Gives an event to the WebSocket in whose stream it happened, if it is one; says whether it is.
    fn is_for_tunnel(&mut self, now: Time, event: &Event) -> bool {
        let GrpcServer { http2, tunnels, websocket, .. } = self;
        match event {
            Event::Headers { stream, kind: HeadersKind::Request, end: false, oversized: false } => {
                let fields = http2.take_fields();
                let is_asked_for = Tunnels::is_asked_for(&fields);
                if let (true, Some(config)) = (is_asked_for, websocket) {
                    let tunnels = tunnels.get_or_insert_with(|| Box::new(Tunnels::new(Arc::clone(config))));
                    tunnels.open(now, *stream, &fields, http2);
                }
                http2.put_fields(fields);
                is_asked_for
            }
            Event::Data { stream, data, end } => {
                tunnels.as_mut().is_some_and(|tunnels| tunnels.on_data(now, *stream, data, *end))
            }
            Event::Writable { stream } => {
                tunnels.as_mut().is_some_and(|tunnels| tunnels.on_writable(*stream))
            }
            Event::Closed { stream, .. } => {
                tunnels.as_mut().is_some_and(|tunnels| tunnels.on_closed(now, *stream))
            }
            Event::Ended(_) => {
                if let Some(tunnels) = tunnels {
                    tunnels.lose_all(now);
                }
                false
            }
            _ => false,
        }
    }

    /// The next event of a WebSocket in a stream.
    fn tunnel_event(&mut self, now: Time) -> Option<ServerEvent> {
        let tunnels = self.tunnels.as_mut()?;
        let event = tunnels.poll(now, &mut self.http2);
        if event.is_none() && tunnels.is_empty() && !tunnels.is_draining() {
            self.tunnels = None;
        }
        event
    }

    fn wake(&mut self, wake: Option<Wake>) -> Option<Wake> {
        let wake = Wake::earlier(wake, self.calls.wake(&self.http2));
        Wake::earlier(wake, self.tunnels.as_mut().and_then(|tunnels| tunnels.wake()))
    }

    /// The WebSocket session of a call that is in one, and the call's number there.
    fn tunnelled(&mut self, call: CallId) -> Option<Result<(&mut WebSocketServer, CallId), Misuse>> {
        if !Tunnels::is_tunnelled(call) {
            return None;
        }
        Some(self.tunnels.as_mut().ok_or(Misuse::Gone).and_then(|tunnels| tunnels.session_mut(call)))
    }

    /// Reports the calls that the connection's end takes along, then the end itself.
    fn report_end(&mut self) -> Option<ServerEvent> {
        let (_, status) = self.ending.as_ref()?;
        if let Some(event) = self.calls.take_lost(status) {
            return Some(event);
        }
        self.ending.take().map(|(end, _)| ServerEvent::Closed(end))
    }
}

impl Machine for GrpcServer {
    type Event = ServerEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.http2.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.http2.handle_eof(now);
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        loop {
            self.calls.expire(now, &mut self.http2);
            let event = self.calls.next_event(&mut self.http2).or_else(|| self.tunnel_event(now));
            if let Some(event) = event.or_else(|| self.report_end()) {
                return Output::Event(event);
            }
            match self.http2.poll_output(now, out) {
                Output::Event(event) => self.on_event(now, event),
                Output::Full(wake) => return Output::Full(self.wake(wake)),
                Output::Idle(wake) => {
                    if self.http2.is_at_rest() {
                        self.calls.shrink();
                    }
                    return Output::Idle(self.wake(wake));
                }
            }
        }
    }
}

impl ServerSession for GrpcServer {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        if Tunnels::is_tunnelled(call) {
            let (session, call) = self.tunnels.as_ref()?.session(call)?;
            return session.request(call);
        }
        self.calls.request(call)
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.alive()?;
        if let Some(found) = self.tunnelled(call) {
            let (session, call) = found?;
            return session.send_head(call, metadata, compression);
        }
        self.calls.send_head(call, metadata, compression, &mut self.http2)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.alive()?;
        if let Some(found) = self.tunnelled(call) {
            let (session, call) = found?;
            return session.send(call, message, compress);
        }
        self.calls.send(call, message, compress, &mut self.http2)
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.alive()?;
        if let Some(found) = self.tunnelled(call) {
            let (session, call) = found?;
            return session.finish(call, status, trailers);
        }
        self.calls.finish(call, status, trailers, &mut self.http2)
    }

    fn takes_request_stream(&self, call: CallId) -> bool {
        Tunnels::is_tunnelled(call) || self.calls.takes_request_stream(call)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        if let Some(found) = self.tunnelled(call) {
            if let Ok((session, call)) = found {
                session.consume(call, credit);
            }
            return;
        }
        self.calls.consume(call, credit, &mut self.http2);
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        if let Some(config) = &self.websocket {
            let tunnels = self.tunnels.get_or_insert_with(|| Box::new(Tunnels::new(Arc::clone(config))));
            tunnels.drain(now, grace);
        }
        self.http2.drain(now, grace);
    }

    fn close(&mut self, now: Time) {
        self.http2.close(now);
    }

    fn open_calls(&self) -> usize {
        self.calls.len() + self.tunnels.as_ref().map_or(0, |tunnels| tunnels.open_calls())
    }
}

impl GrpcServer {
    fn alive(&self) -> Result<(), Misuse> {
        if self.http2.is_ended() { Err(Misuse::Closed) } else { Ok(()) }
    }
}
