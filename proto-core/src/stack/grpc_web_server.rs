//! A server's connection: gRPC-Web calls on HTTP/1.1, one at a time. It reads the connection from its first byte.
//!
//! A client cancels a call by closing the connection; there is no other way on this carrier.

use crate::base::{Fields, Flow, Machine, Misuse, Out, Output, Time, Wake};
use crate::http1::{Connection, End, Event, RequestHead as HttpHead};
use crate::rpc::grpc::ServerCalls;
use crate::rpc::grpc::server::Over;
use crate::rpc::session::{CallId, RequestHead, ServerEvent, ServerSession, SessionEnd};
use crate::rpc::{Encoding, Metadata, Origin, Status};
use crate::stack::grpc_http2::{ServerConfig, SharedServerConfig};
use crate::stack::grpc_web_http1::session_end;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// gRPC-Web calls on one connection of HTTP/1.1, server side.
#[derive(Clone, Debug)]
pub struct GrpcWebServer {
    http1: Connection,
    calls: ServerCalls,
    /// The connection is over; the open call is being reported.
    ending: Option<(SessionEnd, Status)>,
}

impl GrpcWebServer {
    /// A connection that was just accepted. Where the configuration has none of gRPC-Web's own, the default counts.
    #[must_use]
    pub fn new(now: Time, config: &ServerConfig) -> GrpcWebServer {
        GrpcWebServer::sharing(now, &config.into())
    }

    /// A connection that was just accepted, whose configuration is shared with others.
    #[must_use]
    pub fn sharing(now: Time, config: &SharedServerConfig) -> GrpcWebServer {
        let web = config.web.clone().unwrap_or_default();
        GrpcWebServer {
            http1: Connection::server(now, Arc::clone(&config.http1)),
            calls: ServerCalls::new(config.limits).with_web_alone(web),
            ending: None,
        }
    }

    /// The connection below.
    #[must_use]
    pub fn http1(&self) -> &Connection {
        &self.http1
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`ServerConfig::web_memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.http1.memory() + self.calls.memory()
    }

    fn on_event(&mut self, now: Time, event: Event) {
        let GrpcWebServer { http1, calls, ending } = self;
        match event {
            Event::Request { exchange, head, end } => self.on_request(now, exchange, head, end),
            Event::Data { exchange, data, end } => calls.on_data(exchange, data, end, http1),
            Event::Trailers { exchange, .. } => calls.on_trailers(exchange),
            Event::Writable { exchange } => calls.on_writable(exchange),
            Event::Ended(end) => {
                let (end_of_session, status) = session_end(end, "the connection was lost");
                let cancelled =
                    Status::cancelled("the client closed the connection").with_origin(Origin::Peer);
                let is_cancelled = end == End::TransportClosed;
                *ending = Some((end_of_session, if is_cancelled { cancelled } else { status }));
            }
            _ => {}
        }
    }

    fn on_request(&mut self, now: Time, exchange: u64, head: HttpHead, end: bool) {
        // The call engine reads heads as HTTP/2 has them, where the authority stands before the fields.
        let mut fields = Fields::with_capacity(head.raw.len());
        fields.add(b":method", &head.method);
        fields.add(b":path", head.path());
        fields.add(b":authority", head.authority());
        head.fields.iter().for_each(|field| fields.push(field));
        self.calls.on_request(now, exchange, &fields, Over { end, oversized: false }, &mut self.http1);
    }

    /// Reports the call that the connection's end takes along, then the end itself.
    fn report_end(&mut self) -> Option<ServerEvent> {
        let (_, status) = self.ending.as_ref()?;
        if let Some(event) = self.calls.take_lost(status) {
            return Some(event);
        }
        self.ending.take().map(|(end, _)| ServerEvent::Closed(end))
    }

    fn alive(&self) -> Result<(), Misuse> {
        if self.http1.is_ended() { Err(Misuse::Closed) } else { Ok(()) }
    }
}

impl Machine for GrpcWebServer {
    type Event = ServerEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.http1.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.http1.handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        self.http1.wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        loop {
            self.calls.expire(now, &mut self.http1);
            if let Some(event) = self.calls.next_event(&mut self.http1).or_else(|| self.report_end()) {
                return Output::Event(event);
            }
            match self.http1.poll_output(now, out) {
                Output::Event(event) => self.on_event(now, event),
                Output::Full(wake) => return Output::Full(Wake::earlier(wake, self.calls.wake(&self.http1))),
                Output::Idle(wake) => {
                    if self.http1.is_at_rest() {
                        self.calls.shrink();
                    }
                    return Output::Idle(Wake::earlier(wake, self.calls.wake(&self.http1)));
                }
            }
        }
    }
}

impl ServerSession for GrpcWebServer {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        self.calls.request(call)
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.send_head(call, metadata, compression, &mut self.http1)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.alive()?;
        self.calls.send(call, message, compress, &mut self.http1)
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.finish(call, status, trailers, &mut self.http1)
    }

    fn takes_request_stream(&self, call: CallId) -> bool {
        self.calls.takes_request_stream(call)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.calls.consume(call, credit, &mut self.http1);
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        self.http1.drain(now, grace);
    }

    fn close(&mut self, now: Time) {
        self.http1.close(now);
    }

    fn open_calls(&self) -> usize {
        self.calls.len()
    }
}
