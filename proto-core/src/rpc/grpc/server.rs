//! The calls of a server's connection.
//!
//! A call lives from the request's head until its status is commanded, the client gives up, or its deadline passes;
//! whichever comes first is its one `Ended`. What is queued by then is the carrier's to send, until the deadline: a
//! client that reads too slowly to have its answer by then does not wait for it any more.

use crate::base::{Deadlines, Fields, Flow, IdTable, Misuse, Time, Wake};
use crate::rpc::grpc::admission::{Admission, admit_web, refuse};
use crate::rpc::grpc::head::{Refusal, RequestParts, Takes, read_request, write_response};
use crate::rpc::grpc::inbound::{Inbound, truncated};
use crate::rpc::grpc::limits::{GatheredBytes, Limits};
use crate::rpc::grpc::mapping::status_for_end;
use crate::rpc::grpc::outbound::pack;
use crate::rpc::grpc::trailers;
use crate::rpc::grpc::web::{self, WebCall, one_message};
use crate::rpc::grpc_web::WebConfig;
use crate::rpc::local_status::deadline_exceeded;
use crate::rpc::message::prefix;
use crate::rpc::session::{CallId, RequestHead, ServerEvent};
use crate::rpc::streams::{Reset, StreamEnd, Streams};
use crate::rpc::{Encoding, Metadata, Origin, Status};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Ended calls whose memory is kept for new ones.
const SPARE_CALLS: usize = 16;
/// Bytes that such a call may hold.
const SPARE_CALL_BYTES: usize = 2048;

pub(super) const CALL_BYTES: usize = size_of::<Option<Call>>();
pub(super) const EVENT_BYTES: usize = size_of::<ServerEvent>();
pub(super) const SPARE_BYTES_MAX: usize = SPARE_CALLS * (2 * size_of::<Call>() + SPARE_CALL_BYTES);

/// What the client may still send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Input {
    #[default]
    Open,
    /// Its end arrived; messages before it may still wait to be read.
    Ending,
    /// `HalfClosed` was reported.
    Ended,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) parts: RequestParts,
    pub(super) inbound: Inbound,
    input: Input,
    head_sent: bool,
    blocked: bool,
    /// The encoding of messages sent with `compress`.
    encoding: Option<Encoding>,
    /// It is a call of gRPC-Web.
    pub(super) web: Option<Box<WebCall>>,
}

/// The calls of one connection, server side.
#[derive(Clone, Debug)]
pub struct ServerCalls {
    limits: Limits,
    /// How gRPC-Web is served; not at all without it.
    web: Option<Arc<WebConfig>>,
    takes: Takes,
    calls: IdTable<Call>,
    spare: Vec<Call>,
    deadlines: Deadlines,
    /// The call whose input is being read.
    reading: Option<u64>,
    /// Calls whose application left many messages unread and took some meanwhile.
    resumed: VecDeque<u64>,
    pending: VecDeque<ServerEvent>,
    gathered: GatheredBytes,
    /// Bytes of the heads of all calls.
    heads: usize,
}

impl ServerCalls {
    /// No calls yet.
    #[must_use]
    pub fn new(limits: Limits) -> ServerCalls {
        ServerCalls {
            limits,
            web: None,
            takes: Takes::Grpc,
            calls: IdTable::default(),
            spare: Vec::new(),
            deadlines: Deadlines::default(),
            reading: None,
            resumed: VecDeque::new(),
            pending: VecDeque::new(),
            gathered: GatheredBytes::default(),
            heads: 0,
        }
    }

    /// Serves gRPC-Web beside plain gRPC, where there is a configuration.
    #[must_use]
    pub fn with_web(mut self, web: Option<Arc<WebConfig>>) -> ServerCalls {
        self.takes = if web.is_some() { Takes::Both } else { Takes::Grpc };
        self.web = web;
        self
    }

    /// Serves gRPC-Web and nothing else, on a carrier that has no trailers.
    #[must_use]
    pub fn with_web_alone(mut self, web: Arc<WebConfig>) -> ServerCalls {
        self.web = Some(web);
        self.takes = Takes::Web;
        self
    }

    /// A request's head arrived.
    pub fn on_request(
        &mut self,
        now: Time,
        stream: u64,
        fields: &Fields,
        over: Over,
        streams: &mut dyn Streams,
    ) {
        let mut call = self.spare.pop().unwrap_or_default();
        let read = read_request(fields, over.oversized, self.takes, now, &mut call.parts);
        let mut refusal = match read {
            Err(refusal) => Some(refusal),
            Ok(()) if call.parts.deadline == Some(now) => Some(Refusal::Status(deadline_exceeded())),
            Ok(()) if self.heads + call.parts.memory() > self.limits.heads_bytes_max => {
                Some(Refusal::Status(self.limits.too_many_heads()))
            }
            Ok(()) => None,
        };
        if let Some(web) = self.web.clone()
            && (call.parts.web.is_some() || matches!(refusal, Some(Refusal::Http(_))))
        {
            match admit_web(&web, stream, fields, &mut call, streams) {
                Admission::Answered => return self.recycle(call),
                Admission::Refused(origin) => refusal = Some(Refusal::Http(origin)),
                Admission::Open => {}
            }
        }
        if let Some(refusal) = refusal {
            if let Refusal::Http(refusal) = &refusal {
                self.pending.push_back(ServerEvent::Refused { why: refusal.text() });
            }
            refuse(stream, over.end, &refusal, &call, streams);
            self.recycle(call);
            return;
        }
        if let Some(deadline) = call.parts.deadline {
            let calls = &self.calls;
            self.deadlines.tidy(calls.len(), |stream, at| waits(calls, streams, stream, at));
            self.deadlines.add(deadline, stream);
        }
        call.inbound.encoding = call.parts.encoding;
        if over.end {
            call.input = Input::Ending;
            self.reading = Some(stream);
        }
        self.heads += call.parts.memory();
        self.calls.insert(stream, call);
        self.pending.push_back(ServerEvent::Opened { call: CallId(stream) });
    }

    /// A piece of a request's content arrived.
    pub fn on_data(&mut self, stream: u64, data: Bytes, end: bool, streams: &mut dyn Streams) {
        let Some(call) = self.calls.get_mut(stream) else {
            streams.consume(stream, data.len() as u32);
            return;
        };
        call.inbound.push(data);
        if end {
            call.input = Input::Ending;
        }
        self.reading = Some(stream);
    }

    /// A request's trailers arrived, which end it.
    pub fn on_trailers(&mut self, stream: u64) {
        if let Some(call) = self.calls.get_mut(stream) {
            call.input = Input::Ending;
            self.reading = Some(stream);
        }
    }

    /// The carrier has room again.
    pub fn on_writable(&mut self, stream: u64) {
        if let Some(call) = self.calls.get_mut(stream) {
            call.blocked = false;
            self.pending.push_back(ServerEvent::Writable { call: CallId(stream) });
        }
    }

    /// The stream of a call is over.
    pub fn on_closed(&mut self, now: Time, stream: u64, end: StreamEnd) {
        let Some(call) = self.calls.get(stream) else { return };
        let status = match end {
            // A client that gives up because its deadline passed says CANCEL; our clock knows better.
            StreamEnd::ResetByPeer(Reset::Cancel) if call.parts.deadline.is_some_and(|at| at <= now) => {
                deadline_exceeded()
            }
            StreamEnd::ResetByPeer(_) => {
                Status::cancelled("the client cancelled the call").with_origin(Origin::Peer)
            }
            end => status_for_end(end),
        };
        self.end(stream, status);
    }

    /// The next event. Messages are cut out of the input one at a time, so that none waits in a queue.
    pub fn next_event(&mut self, streams: &mut dyn Streams) -> Option<ServerEvent> {
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        let stream = self.reading.or_else(|| self.resumed.pop_front())?;
        self.reading = Some(stream);
        let length_max = self.limits.receive_message_bytes_max;
        let Some(call) = self.calls.get_mut(stream) else {
            self.reading = None;
            return None;
        };
        call.inbound.hold_back();
        if call.inbound.is_full() && call.inbound.is_held_back() {
            self.reading = None;
            return None;
        }
        let before = call.inbound.gathered();
        let next = call.inbound.next(length_max, stream, streams);
        let within = self.gathered.change(&self.limits, before, call.inbound.gathered());
        match within.and(next) {
            Ok(Some((message, credit))) => {
                if let Some(web) = call.inbound.web() {
                    web.messages += 1;
                    if web.messages > 1 {
                        self.reading = None;
                        self.fail(stream, one_message(), streams);
                        return self.pending.pop_front();
                    }
                }
                return Some(ServerEvent::Message { call: CallId(stream), message, credit });
            }
            Ok(None) => self.reading = None,
            Err(status) => {
                self.reading = None;
                self.fail(stream, status, streams);
                return self.pending.pop_front();
            }
        }
        if call.input != Input::Ending {
            return None;
        }
        call.input = Input::Ended;
        if call.inbound.is_within_message() {
            self.fail(stream, truncated(), streams);
            return self.pending.pop_front();
        }
        Some(ServerEvent::HalfClosed { call: CallId(stream) })
    }

    /// Ends calls whose deadline has passed.
    pub fn expire(&mut self, now: Time, streams: &mut dyn Streams) {
        loop {
            let calls = &self.calls;
            let due = self.deadlines.take_due(now, |stream, at| waits(calls, streams, stream, at));
            let Some(stream) = due else { return };
            if streams.is_sent(stream) {
                self.fail(stream, deadline_exceeded(), streams);
            } else {
                // Behind what the client does not read, trailers would wait for ever.
                streams.reset(stream, Reset::Cancel);
                self.end(stream, deadline_exceeded());
            }
        }
    }

    /// The next deadline.
    #[must_use]
    pub fn wake(&mut self, streams: &dyn Streams) -> Option<Wake> {
        let calls = &self.calls;
        let next = self.deadlines.next(|stream, at| waits(calls, streams, stream, at));
        next.map(|at| Wake { at, why: "grpc: a call's deadline" })
    }

    /// The connection is over: reports one call that it takes along; `None` once all are reported.
    pub fn take_lost(&mut self, why: &Status) -> Option<ServerEvent> {
        let stream = self.calls.next_id(None)?;
        self.end(stream, why.clone());
        self.pending.pop_front()
    }

    /// The head of an open call.
    #[must_use]
    pub fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        let parts = &self.calls.get(call.0)?.parts;
        Some(RequestHead {
            path: &parts.path,
            authority: &parts.authority,
            metadata: &parts.metadata,
            deadline: parts.deadline,
            encoding: parts.encoding,
        })
    }

    /// Sends the response's head.
    ///
    /// # Errors
    /// When it is sent already, or the call is over.
    pub fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
        streams: &mut dyn Streams,
    ) -> Result<(), Misuse> {
        let state = self.calls.get_mut(call.0).ok_or(Misuse::Gone)?;
        if state.head_sent {
            return Err(Misuse::OutOfOrder("the response's head is sent already"));
        }
        // Only what the client accepts, or has used itself, may be sent.
        let accepts =
            |encoding| state.parts.accepts.contains(encoding) || state.parts.encoding == Some(encoding);
        let encoding = compression.filter(|encoding| encoding.is_built_in() && accepts(*encoding));
        let mut head = streams.blank();
        write_response(&mut head, &state.parts.content_type, metadata, encoding);
        if let Some(web) = &state.web {
            web.write_head(&mut head);
        }
        streams.send_head(call.0, head, false)?;
        state.head_sent = true;
        state.encoding = encoding;
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `Blocked`, `TooLarge`, or the call is over.
    pub fn send(
        &mut self,
        call: CallId,
        message: Bytes,
        with_compression: bool,
        streams: &mut dyn Streams,
    ) -> Result<Flow, Misuse> {
        let state = self.calls.get(call.0).ok_or(Misuse::Gone)?;
        if state.blocked {
            return Err(Misuse::Blocked);
        }
        let (compressed, payload) = pack(message, state.encoding.filter(|_| with_compression), &self.limits)?;
        if !state.head_sent {
            self.send_head(call, &Metadata::new(), None, streams)?;
        }
        let prefix = prefix(compressed, payload.len() as u32);
        let web = self.calls.get(call.0).and_then(|state| state.web.as_deref());
        let flow = match web {
            None => streams.send_message(call.0, prefix, payload)?,
            Some(web) => web::send_message(web.form, call.0, prefix, payload, streams)?,
        };
        if let Some(state) = self.calls.get_mut(call.0) {
            state.blocked = flow == Flow::Blocked;
        }
        Ok(flow)
    }

    /// Ends a call with a status.
    ///
    /// # Errors
    /// When the call is over, or the client takes no trailers of this size.
    pub fn finish(
        &mut self,
        call: CallId,
        status: &Status,
        trailers: &Metadata,
        streams: &mut dyn Streams,
    ) -> Result<(), Misuse> {
        let state = self.calls.get(call.0).ok_or(Misuse::Gone)?;
        let mut fields = streams.blank();
        if state.head_sent {
            trailers::write(&mut fields, status, trailers);
            match &state.web {
                None => streams.send_trailers(call.0, fields)?,
                Some(web) => web::send_trailers(web.form, call.0, &fields, streams)?,
            }
        } else {
            write_response(&mut fields, &state.parts.content_type, &Metadata::new(), None);
            trailers::write(&mut fields, status, trailers);
            if let Some(web) = &state.web {
                web.write_head(&mut fields);
            }
            streams.send_head(call.0, fields, true)?;
        }
        if state.input == Input::Open {
            // RFC 9113 §8.1: after a whole response the rest of the request may be refused with NO_ERROR.
            streams.reset_when_sent(call.0, Reset::NoError);
        }
        // Nobody reads what came of the request and was not read yet; other calls need its credit.
        streams.consume(call.0, u32::MAX);
        self.end(call.0, status.clone());
        Ok(())
    }

    /// The application took a message.
    pub fn consume(&mut self, call: CallId, credit: u32, streams: &mut dyn Streams) {
        match self.calls.get_mut(call.0) {
            Some(state) => {
                let resumes = state.inbound.consume(credit, call.0, streams);
                self.resumed.extend(resumes.then_some(call.0));
            }
            None => streams.consume(call.0, credit),
        }
    }

    /// Whether the client of this call can send more than one message.
    #[must_use]
    pub fn takes_request_stream(&self, call: CallId) -> bool {
        self.calls.get(call.0).is_none_or(|call| call.web.is_none())
    }

    /// Calls that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Gives all memory back, unless there are calls.
    pub fn shrink(&mut self) {
        if self.calls.is_empty() && self.pending.is_empty() {
            self.calls.clear();
            self.spare = Vec::new();
            self.deadlines.clear();
            self.pending = VecDeque::new();
            self.resumed = VecDeque::new();
        }
    }

    /// Bytes of heap memory held; at most [`Limits::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.calls.memory()
            + self.deadlines.memory()
            + self.pending.capacity() * size_of::<ServerEvent>()
            + self.resumed.capacity() * size_of::<u64>()
            + self.spare.capacity() * size_of::<Call>()
            + self.calls.iter().map(|(_, call)| call_memory(call)).sum::<usize>()
            + self.spare.iter().map(call_memory).sum::<usize>()
    }

    /// Ends a call because of what the client, or time, did.
    fn fail(&mut self, stream: u64, status: Status, streams: &mut dyn Streams) {
        let sent = self.finish(CallId(stream), &status, &Metadata::new(), streams);
        if sent.is_err() {
            streams.reset(stream, Reset::Internal);
            self.end(stream, status);
        }
    }

    fn end(&mut self, stream: u64, status: Status) {
        let Some(call) = self.calls.remove(stream) else { return };
        self.gathered.give_back(call.inbound.gathered());
        self.heads = self.heads.saturating_sub(call.parts.memory());
        self.pending.push_back(ServerEvent::Ended { call: CallId(stream), status });
        self.recycle(call);
    }

    /// Keeps the memory of a call for a new one.
    fn recycle(&mut self, mut call: Call) {
        call.inbound = Inbound::default();
        if self.spare.len() < SPARE_CALLS && call_memory(&call) <= SPARE_CALL_BYTES {
            call.parts.clear();
            self.spare.push(Call { parts: call.parts, ..Call::default() });
        }
    }
}

/// What a request's head says besides its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Over {
    /// Nothing follows it.
    pub end: bool,
    /// It exceeds the limit on header lists.
    pub oversized: bool,
}

/// A deadline stands while its call is open, and then until its answer is written.
fn waits(calls: &IdTable<Call>, streams: &dyn Streams, stream: u64, at: Time) -> bool {
    calls.get(stream).is_some_and(|call| call.parts.deadline == Some(at)) || !streams.is_sent(stream)
}

fn call_memory(call: &Call) -> usize {
    call.parts.memory() + call.inbound.memory()
}
