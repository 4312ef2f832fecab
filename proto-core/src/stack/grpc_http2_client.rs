//! A client's connection: gRPC calls on HTTP/2.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time, Wake};
use crate::http2::{Connection, Event, HeadersKind};
use crate::rpc::grpc::client::ResponsePart;
use crate::rpc::grpc::{ClientCalls, RequestDefaults};
use crate::rpc::session::{CallId, ClientEvent, ClientSession, SessionEnd, StartCall};
use crate::rpc::{Metadata, Status, local_status};
use crate::stack::grpc_http2::{ClientConfig, manual_credit, session_end, stream_end};
use bytes::Bytes;
use core::time::Duration;

/// gRPC calls on one HTTP/2 connection, client side.
#[derive(Clone, Debug)]
pub struct GrpcClient {
    http2: Connection,
    calls: ClientCalls,
    ready: bool,
    draining: bool,
    /// `close` was commanded: open calls end as CANCELLED.
    closed_here: bool,
    /// Events that come before any other.
    next: Option<ClientEvent>,
    /// The connection is over; open calls are being reported.
    ending: Option<(SessionEnd, Status)>,
}

impl GrpcClient {
    /// A connection that was just made. Calls may be started at once, before the server's settings arrive.
    #[must_use]
    pub fn new(now: Time, config: &ClientConfig) -> GrpcClient {
        let defaults = RequestDefaults {
            scheme: if config.secure { "https" } else { "http" },
            authority: config.authority.clone(),
            user_agent: config.user_agent.clone(),
            web: config.web,
        };
        GrpcClient {
            http2: Connection::client(now, manual_credit(&config.http2)),
            calls: ClientCalls::new(config.limits, defaults),
            ready: false,
            draining: false,
            closed_here: false,
            next: None,
            ending: None,
        }
    }

    /// The connection below.
    #[must_use]
    pub fn http2(&self) -> &Connection {
        &self.http2
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`ClientConfig::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.http2.memory() + self.calls.memory()
    }

    fn on_event(&mut self, now: Time, event: Event) {
        let GrpcClient { http2, calls, .. } = self;
        match event {
            Event::Headers { kind: HeadersKind::Informational, .. } | Event::Pong { .. } => {}
            Event::Headers { stream, kind, end, oversized } => {
                let part = match kind {
                    HeadersKind::Trailers => ResponsePart::Trailers,
                    _ => ResponsePart::Head { end },
                };
                let fields = http2.take_fields();
                calls.on_headers(u64::from(stream.as_u32()), &fields, part, oversized, http2);
                http2.put_fields(fields);
            }
            Event::Data { stream, data, end } => calls.on_data(u64::from(stream.as_u32()), data, end, http2),
            Event::Writable { stream } => calls.on_writable(u64::from(stream.as_u32())),
            // What a close of ours takes along is reported with the end, as cancelled.
            Event::Closed { .. } if self.closed_here => {}
            Event::Closed { stream, reason } => {
                calls.on_closed(now, u64::from(stream.as_u32()), stream_end(reason));
            }
            Event::Settings => {
                if !core::mem::replace(&mut self.ready, true) {
                    self.next = Some(ClientEvent::Ready);
                }
            }
            Event::GoAway { .. } => {
                if !core::mem::replace(&mut self.draining, true) {
                    self.next = Some(ClientEvent::Draining);
                }
            }
            Event::Ended(end) => {
                let (end, status) = session_end(end);
                let cancelled = local_status::closed_here();
                self.ending = Some((end, if self.closed_here { cancelled } else { status }));
            }
        }
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
        if self.http2.is_ended() { Err(Misuse::Closed) } else { Ok(()) }
    }
}

impl Machine for GrpcClient {
    type Event = ClientEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.http2.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.http2.handle_eof(now);
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            self.calls.expire(now, &mut self.http2);
            if let Some(event) = self.next.take() {
                return Output::Event(event);
            }
            if let Some(event) = self.calls.next_event(&mut self.http2).or_else(|| self.report_end()) {
                return Output::Event(event);
            }
            match self.http2.poll_output(now, out) {
                Output::Event(event) => self.on_event(now, event),
                Output::Full(wake) => return Output::Full(Wake::earlier(wake, self.calls.wake())),
                Output::Idle(wake) => {
                    if self.http2.is_at_rest() {
                        self.calls.shrink();
                    }
                    return Output::Idle(Wake::earlier(wake, self.calls.wake()));
                }
            }
        }
    }
}

impl ClientSession for GrpcClient {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        self.alive()?;
        self.calls.start(now, head, &mut self.http2)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.alive()?;
        self.calls.send(call, message, compress, &mut self.http2)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.half_close(call, &mut self.http2)
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.calls.cancel(call, &mut self.http2)
    }

    fn takes_request_streams(&self) -> bool {
        self.calls.takes_request_streams()
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.calls.consume(call, credit, &mut self.http2);
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.calls.response_metadata(call)
    }

    fn drain(&mut self, now: Time) {
        self.http2.drain(now, Duration::MAX);
    }

    fn close(&mut self, now: Time) {
        self.closed_here = true;
        self.http2.close(now);
    }

    fn open_calls(&self) -> usize {
        self.calls.len()
    }

    fn takes_calls(&self) -> bool {
        self.http2.takes_streams()
    }

    fn has_room(&self) -> bool {
        let limit = self.http2.remote_settings().max_concurrent_streams;
        self.takes_calls() && self.http2.open_streams() < limit as usize
    }
}
