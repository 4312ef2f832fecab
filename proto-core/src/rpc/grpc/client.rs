//! The calls of a client's connection.
//!
//! A call lives until its status has arrived, the caller gives up, or its deadline passes; whichever comes first is its
//! one `Ended`.

use crate::base::{Deadlines, Fields, Flow, IdTable, Misuse, Time, Wake};
use crate::rpc::grpc::head::{RequestDefaults, is_expected, is_grpc, write_request};
use crate::rpc::grpc::inbound::{Inbound, truncated};
use crate::rpc::grpc::limits::{GatheredBytes, Limits};
use crate::rpc::grpc::mapping::{code_for_http, code_for_web, status_for_end};
use crate::rpc::grpc::outbound::pack;
use crate::rpc::grpc::trailers;
use crate::rpc::grpc::web;
use crate::rpc::grpc_web::{ONE_MESSAGE, WebForm};
use crate::rpc::local_status::deadline_exceeded;
use crate::rpc::message::prefix;
use crate::rpc::session::{CallId, ClientEvent, StartCall};
use crate::rpc::streams::{Reset, StreamEnd, Streams};
use crate::rpc::{Encoding, Metadata, Origin, Status};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of a reply that is no gRPC that are kept for people.
const FOREIGN_BYTES: usize = 256;

pub(super) const CALL_BYTES: usize = size_of::<Option<Call>>();
pub(super) const EVENT_BYTES: usize = size_of::<ClientEvent>();

/// What the server may still send.
#[derive(Clone, Debug, Default)]
enum Input {
    /// No head yet.
    #[default]
    Head,
    /// Messages.
    Messages,
    /// A reply that is no gRPC: why, and the begin of its body.
    Foreign { status: Status, body: Vec<u8> },
    /// The status arrived; messages before it may still wait to be read.
    Ending(Status, Metadata),
}

#[derive(Clone, Debug, Default)]
struct Call {
    response: Metadata,
    inbound: Inbound,
    input: Input,
    deadline: Option<Time>,
    encoding: Option<Encoding>,
    /// The one message of a request of gRPC-Web is sent.
    is_asked: bool,
}

/// What a header list of a response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponsePart {
    /// The head; `true` when it ends the stream too (Trailers-Only).
    Head {
        /// Nothing follows it.
        end: bool,
    },
    /// Trailers.
    Trailers,
}

/// The calls of one connection, client side.
#[derive(Clone, Debug)]
pub struct ClientCalls {
    limits: Limits,
    defaults: RequestDefaults,
    calls: IdTable<Call>,
    deadlines: Deadlines,
    /// The call whose input is being read.
    reading: Option<u64>,
    pending: VecDeque<ClientEvent>,
    gathered: GatheredBytes,
}

impl ClientCalls {
    /// No calls yet.
    #[must_use]
    pub fn new(limits: Limits, defaults: RequestDefaults) -> ClientCalls {
        ClientCalls {
            limits,
            defaults,
            calls: IdTable::default(),
            deadlines: Deadlines::default(),
            reading: None,
            pending: VecDeque::new(),
            gathered: GatheredBytes::default(),
        }
    }

    /// Starts a call.
    ///
    /// # Errors
    /// When the carrier takes no streams, or the head cannot be sent.
    pub fn start(
        &mut self,
        now: Time,
        start: StartCall<'_>,
        streams: &mut dyn Streams,
    ) -> Result<CallId, Misuse> {
        let compression = start.compression.filter(|encoding| encoding.is_built_in());
        let start = StartCall { compression, ..start };
        let mut head = streams.blank();
        write_request(&mut head, &self.defaults, &start, now);
        let stream = streams.open(head)?;
        if let Some(deadline) = start.deadline {
            self.deadlines.add(deadline, stream);
        }
        self.calls
            .insert(stream, Call { deadline: start.deadline, encoding: compression, ..Call::default() });
        Ok(CallId(stream))
    }

    /// A header list of a response arrived.
    pub fn on_headers(
        &mut self,
        stream: u64,
        fields: &Fields,
        part: ResponsePart,
        oversized: bool,
        streams: &mut dyn Streams,
    ) {
        let Some(call) = self.calls.get_mut(stream) else { return };
        if oversized {
            let text = "the response's metadata exceeds the limit";
            self.give_up(stream, Status::resource_exhausted(text).with_origin(Origin::Library), streams);
            return;
        }
        match part {
            ResponsePart::Trailers => {
                let (status, trailers) = read_trailers(fields, &call.input);
                self.end_input(stream, status, trailers);
            }
            ResponsePart::Head { end } => {
                call.input = Input::Messages;
                match read_head(fields, end, self.defaults.web.is_some(), call) {
                    HeadKind::Status(status, trailers) => self.end_input(stream, status, trailers),
                    HeadKind::Response => self.pending.push_back(ClientEvent::Head { call: CallId(stream) }),
                    HeadKind::Foreign(status) if end => self.end_input(stream, status, Metadata::new()),
                    HeadKind::Foreign(status) => call.input = Input::Foreign { status, body: Vec::new() },
                    HeadKind::Broken(status) => self.give_up(stream, status, streams),
                }
            }
        }
    }

    /// A piece of a response's content arrived.
    pub fn on_data(&mut self, stream: u64, data: Bytes, end: bool, streams: &mut dyn Streams) {
        let Some(call) = self.calls.get_mut(stream) else {
            streams.consume(stream, data.len() as u32);
            return;
        };
        if let Input::Foreign { status, body } = &mut call.input {
            streams.consume(stream, data.len() as u32);
            let room = FOREIGN_BYTES - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
            if end || body.len() == FOREIGN_BYTES {
                let status = foreign_status(status, body);
                self.give_up(stream, status, streams);
            }
            return;
        }
        call.inbound.push(data);
        if end {
            let status = missing_status("the server ended the stream without trailers");
            call.input = Input::Ending(status, Metadata::new());
        }
        self.reading = Some(stream);
    }

    /// The carrier has room again.
    pub fn on_writable(&mut self, stream: u64) {
        if self.calls.get(stream).is_some() {
            self.pending.push_back(ClientEvent::Writable { call: CallId(stream) });
        }
    }

    /// The stream of a call is over.
    pub fn on_closed(&mut self, now: Time, stream: u64, end: StreamEnd) {
        let Some(call) = self.calls.get(stream) else { return };
        let status = match (&call.input, end) {
            // Our own deadline passed, and the server's clock was first.
            (_, StreamEnd::ResetByPeer(Reset::Cancel)) if call.deadline.is_some_and(|at| at <= now) => {
                deadline_exceeded()
            }
            // What the reply said is known, and tells more than how its stream ended.
            (Input::Foreign { status, body }, _) => foreign_status(status, body),
            (_, end) => status_for_end(end),
        };
        self.end(stream, status, Metadata::new());
    }

    /// The next event. Messages are cut out of the input one at a time, so that none waits in a queue.
    pub fn next_event(&mut self, streams: &mut dyn Streams) -> Option<ClientEvent> {
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        let stream = self.reading?;
        let length_max = self.limits.receive_message_bytes_max;
        let Some(call) = self.calls.get_mut(stream) else {
            self.reading = None;
            return None;
        };
        let before = call.inbound.gathered();
        let next = call.inbound.next(length_max, stream, streams);
        let within = self.gathered.change(&self.limits, before, call.inbound.gathered());
        match within.and(next) {
            Ok(Some((message, credit))) => {
                return Some(ClientEvent::Message { call: CallId(stream), message, credit });
            }
            Ok(None) => self.reading = None,
            Err(status) => {
                self.reading = None;
                self.give_up(stream, status, streams);
                return self.pending.pop_front();
            }
        }
        let Input::Ending(status, trailers) = core::mem::take(&mut call.input) else {
            call.input = Input::Messages;
            return None;
        };
        let (status, trailers) = match call.inbound.web() {
            None => (status, trailers),
            Some(web) => web.status((status, trailers)),
        };
        let status = if status.is_ok() && call.inbound.is_within_message() { truncated() } else { status };
        // The server needs no more of the request: what is queued of it, its end included, is dropped.
        streams.reset(stream, Reset::NoError);
        self.end(stream, status, trailers);
        self.pending.pop_front()
    }

    /// Ends calls whose deadline has passed.
    pub fn expire(&mut self, now: Time, streams: &mut dyn Streams) {
        loop {
            let calls = &self.calls;
            let due = self.deadlines.take_due(now, |stream, at| waits(calls, stream, at));
            let Some(stream) = due else { return };
            self.give_up(stream, deadline_exceeded(), streams);
        }
    }

    /// The next deadline.
    #[must_use]
    pub fn wake(&mut self) -> Option<Wake> {
        let calls = &self.calls;
        self.deadlines
            .next(|stream, at| waits(calls, stream, at))
            .map(|at| Wake { at, why: "grpc: a call's deadline" })
    }

    /// The connection is over: reports one call that it takes along; `None` once all are reported.
    pub fn take_lost(&mut self, why: &Status) -> Option<ClientEvent> {
        let stream = self.calls.next_id(None)?;
        self.end(stream, why.clone(), Metadata::new());
        self.pending.pop_front()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `Blocked`, `TooLarge`, or the call is half closed or over.
    pub fn send(
        &mut self,
        call: CallId,
        message: Bytes,
        with_compression: bool,
        streams: &mut dyn Streams,
    ) -> Result<Flow, Misuse> {
        let state = self.calls.get(call.0).ok_or(Misuse::Gone)?;
        let (compressed, payload) = pack(message, state.encoding.filter(|_| with_compression), &self.limits)?;
        let prefix = prefix(compressed, payload.len() as u32);
        match self.defaults.web {
            None => streams.send_message(call.0, prefix, payload),
            Some(_) if state.is_asked => Err(Misuse::Unsupported(ONE_MESSAGE)),
            Some(form) => {
                let flow = web::send_message(form, call.0, prefix, payload, streams)?;
                self.calls.get_mut(call.0).into_iter().for_each(|state| state.is_asked = true);
                Ok(flow)
            }
        }
    }

    /// Whether a call can send more than one message.
    #[must_use]
    pub fn takes_request_streams(&self) -> bool {
        self.defaults.web.is_none()
    }

    /// Says that no more messages come from this side.
    ///
    /// # Errors
    /// When that was said before, or the call is over.
    pub fn half_close(&mut self, call: CallId, streams: &mut dyn Streams) -> Result<(), Misuse> {
        self.calls.get(call.0).ok_or(Misuse::Gone)?;
        streams.finish(call.0)
    }

    /// Gives a call up.
    ///
    /// # Errors
    /// When the call is over.
    pub fn cancel(&mut self, call: CallId, streams: &mut dyn Streams) -> Result<(), Misuse> {
        self.calls.get(call.0).ok_or(Misuse::Gone)?;
        self.give_up(call.0, Status::cancelled("the call was cancelled by its caller"), streams);
        Ok(())
    }

    /// The application took a message.
    pub fn consume(&mut self, call: CallId, credit: u32, streams: &mut dyn Streams) {
        match self.calls.get_mut(call.0) {
            Some(state) => _ = state.inbound.consume(credit, call.0, streams),
            None => streams.consume(call.0, credit),
        }
    }

    /// The response's metadata.
    #[must_use]
    pub fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.calls.get(call.0).map(|call| &call.response)
    }

    /// Calls that are open or wait for their turn.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Gives all memory back, unless there are calls.
    pub fn shrink(&mut self) {
        if self.calls.is_empty() && self.pending.is_empty() {
            self.calls.clear();
            self.deadlines.clear();
            self.pending = VecDeque::new();
        }
    }

    /// Bytes of heap memory held; at most [`Limits::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_calls = |(_, call): (u64, &Call)| call.response.fields().capacity() + call.inbound.memory();
        self.calls.memory()
            + self.deadlines.memory()
            + self.pending.capacity() * size_of::<ClientEvent>()
            + self.calls.iter().map(of_calls).sum::<usize>()
    }

    fn end_input(&mut self, stream: u64, status: Status, trailers: Metadata) {
        if let Some(call) = self.calls.get_mut(stream) {
            call.input = Input::Ending(status, trailers);
            self.reading = Some(stream);
        }
    }

    fn give_up(&mut self, stream: u64, status: Status, streams: &mut dyn Streams) {
        streams.reset(stream, Reset::Cancel);
        self.end(stream, status, Metadata::new());
    }

    fn end(&mut self, stream: u64, status: Status, trailers: Metadata) {
        let Some(call) = self.calls.remove(stream) else { return };
        self.gathered.give_back(call.inbound.gathered());
        self.pending.push_back(ClientEvent::Ended { call: CallId(stream), status, trailers });
        let calls = &self.calls;
        self.deadlines.tidy(calls.len(), |stream, at| waits(calls, stream, at));
    }
}

enum HeadKind {
    /// A response whose messages follow.
    Response,
    /// A status and nothing else: Trailers-Only.
    Status(Status, Metadata),
    /// Not gRPC.
    Foreign(Status),
    /// gRPC that cannot be read.
    Broken(Status),
}

fn read_head(fields: &Fields, end: bool, is_web: bool, call: &mut Call) -> HeadKind {
    let mut http = 0;
    let mut content_type: &[u8] = b"";
    let mut unknown_encoding = None;
    let stripped = is_web.then(|| web::without_policy(fields));
    let fields = stripped.as_ref().unwrap_or(fields);
    for field in fields {
        match field.name {
            b":status" => {
                http = field.value.iter().fold(0u16, |n, d| n.saturating_mul(10) + u16::from(d & 15))
            }
            b"content-type" => content_type = field.value,
            b"grpc-encoding" if field.value != b"identity" => match Encoding::from_name(field.value) {
                Some(encoding) if encoding.is_built_in() => call.inbound.encoding = Some(encoding),
                _ => unknown_encoding = Some(String::from_utf8_lossy(field.value).into_owned()),
            },
            _ if end => {}
            _ => {
                call.response.take_from_wire(field);
            }
        }
    }
    // The HTTP status counts only where no grpc-status came.
    if end && let Some((status, trailers)) = trailers::read(fields) {
        return HeadKind::Status(status, trailers);
    }
    let code = if is_web { code_for_web(http) } else { code_for_http(http) };
    if http != 200 {
        return HeadKind::Foreign(
            Status::new(code, format!("the server answered HTTP {http}")).with_origin(Origin::Peer),
        );
    }
    let form = WebForm::of(content_type).filter(|_| is_web);
    if form.is_none() && (is_web || !is_grpc(content_type)) {
        let kind = String::from_utf8_lossy(content_type).into_owned();
        let text = format!("the server answered with the content type {kind:?}, which is not gRPC");
        return HeadKind::Foreign(Status::new(code, text).with_origin(Origin::Peer));
    }
    if end {
        let text = "the server ended the stream with its head and sent no grpc-status";
        return HeadKind::Status(missing_status(text), Metadata::new());
    }
    if let Some(form) = form {
        call.inbound.speak_web(form, true);
        if let Some(web) = call.inbound.web() {
            web.told_by_head = trailers::read(fields);
        }
    } else if !is_expected(content_type) {
        let kind = String::from_utf8_lossy(content_type).into_owned();
        let text = format!("the server answered with {kind:?}, and application/grpc+proto was asked for");
        return HeadKind::Broken(Status::internal(text).with_origin(Origin::Peer));
    }
    if let Some(name) = unknown_encoding {
        let text = format!("the server uses the encoding {name:?}, which was not offered");
        return HeadKind::Broken(Status::internal(text).with_origin(Origin::Peer));
    }
    HeadKind::Response
}

/// The status that trailers tell, after what came before them.
fn read_trailers(fields: &Fields, input: &Input) -> (Status, Metadata) {
    match (trailers::read(fields), input) {
        // A reply that is no gRPC cannot have succeeded: its messages were not read as such.
        (Some((status, _)), Input::Foreign { status: foreign, body }) if status.is_ok() => {
            (foreign_status(foreign, body), Metadata::new())
        }
        (Some(told), _) => told,
        (None, Input::Foreign { status, body }) => (foreign_status(status, body), Metadata::new()),
        (None, _) => (missing_status("the trailers have no grpc-status"), Metadata::new()),
    }
}

fn missing_status(text: &'static str) -> Status {
    Status::unknown(text).with_origin(Origin::Peer)
}

/// The status of a reply that is no gRPC, with the begin of what it says.
fn foreign_status(status: &Status, body: &[u8]) -> Status {
    if body.is_empty() {
        return status.clone();
    }
    let text: String = String::from_utf8_lossy(body).chars().flat_map(char::escape_debug).collect();
    Status::new(status.code(), format!("{}: {text}", status.message())).with_origin(Origin::Peer)
}

fn waits(calls: &IdTable<Call>, stream: u64, at: Time) -> bool {
    calls.get(stream).is_some_and(|call| call.deadline == Some(at))
}
