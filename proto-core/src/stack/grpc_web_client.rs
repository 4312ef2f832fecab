//! A client's connection: gRPC-Web calls on HTTP/1.1, one at a time; others wait for their turn.
//!
//! A call is sent once its request is whole. Giving one up that was sent ends the connection, for HTTP/1.1 has no other
//! way: those that wait are then reported as not processed, and safe to make again elsewhere.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time, Wake};
use crate::http1::{Connection, Event, ResponseHead};
use crate::rpc::grpc::client::ResponsePart;
use crate::rpc::grpc::{ClientCalls, RequestDefaults};
use crate::rpc::grpc_web::WebForm;
use crate::rpc::session::{CallId, ClientEvent, ClientSession, SessionEnd, StartCall};
use crate::rpc::streams::StreamEnd;
use crate::rpc::{Metadata, Status};
use crate::stack::grpc_http2::ClientConfig;
use crate::stack::grpc_web_http1::session_end;
use crate::stack::one_at_a_time::OneAtATime;
use alloc::format;
use alloc::sync::Arc;
use bytes::Bytes;

/// gRPC-Web calls on one connection of HTTP/1.1, client side.
#[derive(Clone, Debug)]
pub struct GrpcWebClient {
    turns: OneAtATime,
    calls: ClientCalls,
    is_ready: bool,
    is_draining: bool,
    /// `close` was commanded: open calls end as CANCELLED.
    closed_here: bool,
    /// `Draining` is to be reported, before any other event.
    tells_draining: bool,
    /// The connection is over; open calls are being reported.
    ending: Option<(SessionEnd, Status)>,
}

impl GrpcWebClient {
    /// A connection that was just made. Where the configuration names no form, bytes go as they are.
    #[must_use]
    pub fn new(config: &ClientConfig) -> GrpcWebClient {
        let defaults = RequestDefaults {
            scheme: if config.secure { "https" } else { "http" },
            authority: config.authority.clone(),
            user_agent: config.user_agent.clone(),
            web: Some(config.web.unwrap_or(WebForm::Binary)),
        };
        GrpcWebClient {
            turns: OneAtATime::new(Connection::client(Arc::new(config.http1.clone()))),
            calls: ClientCalls::new(config.limits, defaults),
            is_ready: false,
            is_draining: false,
            closed_here: false,
            tells_draining: false,
            ending: None,
        }
    }

    /// The connection below.
    #[must_use]
    pub fn http1(&self) -> &Connection {
        &self.turns.connection
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`ClientConfig::web_memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.turns.memory() + self.calls.memory()
    }

    fn on_event(&mut self, now: Time, event: Event) {
        match event {
            Event::Response { head, end, .. } => self.on_response(&head, end),
            Event::Data { data, end, .. } => match self.turns.current() {
                Some(call) => self.calls.on_data(call, data, end, &mut self.turns),
                None => self.turns.consume_unread(data.len() as u32),
            },
            Event::Trailers { fields, .. } => {
                if let Some(call) = self.turns.current() {
                    self.calls.on_headers(call, &fields, ResponsePart::Trailers, false, &mut self.turns);
                }
            }
            Event::Finished { .. } => self.turns.on_finished(),
            Event::Ended(end) => {
                while let Some(call) = self.turns.take_waiting().filter(|_| !self.closed_here) {
                    self.calls.on_closed(now, call, StreamEnd::NotProcessed);
                }
                let (end, status) = session_end(end, "the connection was lost");
                let cancelled = Status::cancelled("the connection was closed by this side");
                self.ending = Some((end, if self.closed_here { cancelled } else { status }));
            }
            _ => {}
        }
    }

    fn on_response(&mut self, head: &ResponseHead, end: bool) {
        let mut fields = head.fields.clone();
        fields.add(b":status", format!("{}", head.status).as_bytes());
        if let Some(call) = self.turns.current() {
            self.calls.on_headers(call, &fields, ResponsePart::Head { end }, false, &mut self.turns);
        }
        if !self.turns.connection.is_persistent() {
            self.stop_taking();
        }
    }

    /// No call is taken any more; the owner is told once.
    fn stop_taking(&mut self) {
        self.tells_draining |= !core::mem::replace(&mut self.is_draining, true);
    }

    /// What happened without the peer: the connection was made, or takes no more calls.
    fn own_event(&mut self) -> Option<ClientEvent> {
        if !core::mem::replace(&mut self.is_ready, true) {
            return Some(ClientEvent::Ready);
        }
        core::mem::take(&mut self.tells_draining).then_some(ClientEvent::Draining)
    }

    /// Reports the calls that the connection's end takes along, then the end itself.
    fn report_end(&mut self) -> Option<ClientEvent> {
        let (_, status) = self.ending.as_ref()?;
        if let Some(event) = self.calls.take_lost(status) {
            return Some(event);
        }
        self.ending.take().map(|(end, _)| ClientEvent::Closed(end))
    }

    fn alive(&self) -> Result<(), Misuse> {
        if self.turns.connection.is_ended() { Err(Misuse::Closed) } else { Ok(()) }
    }
}

impl Machine for GrpcWebClient {
    type Event = ClientEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.turns.connection.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.turns.connection.handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        self.turns.connection.wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            self.calls.expire(now, &mut self.turns);
            if let Some(event) = self.own_event() {
                return Output::Event(event);
            }
            if let Some(event) = self.calls.next_event(&mut self.turns).or_else(|| self.report_end()) {
                return Output::Event(event);
            }
            if self.is_draining && self.calls.is_empty() && !self.turns.connection.is_busy() {
                self.turns.connection.close(now);
            }
            match self.turns.connection.poll_output(now, out) {
                Output::Event(event) => self.on_event(now, event),
                Output::Full(wake) => return Output::Full(Wake::earlier(wake, self.calls.wake())),
                Output::Idle(wake) => {
                    if self.turns.connection.is_at_rest() {
                        self.calls.shrink();
                    }
                    return Output::Idle(Wake::earlier(wake, self.calls.wake()));
                }
            }
        }
    }
}

impl ClientSession for GrpcWebClient {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        self.alive()?;
        if self.is_draining {
            return Err(Misuse::Draining);
        }
        self.calls.start(now, head, &mut self.turns)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.alive()?;
        self.calls.send(call, message, compress, &mut self.turns)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.half_close(call, &mut self.turns)
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.cancel(call, &mut self.turns)
    }

    fn takes_request_streams(&self) -> bool {
        false
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.calls.consume(call, credit, &mut self.turns);
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.calls.response_metadata(call)
    }

    fn drain(&mut self, _now: Time) {
        self.is_draining = true;
    }

    fn close(&mut self, now: Time) {
        self.closed_here = true;
        self.turns.connection.close(now);
    }

    fn open_calls(&self) -> usize {
        self.calls.len()
    }

    fn takes_calls(&self) -> bool {
        !self.is_draining && !self.turns.connection.is_ended()
    }

    fn has_room(&self) -> bool {
        self.takes_calls() && self.turns.is_free()
    }
}
