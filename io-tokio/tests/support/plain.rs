//! A carrier written outside the core: length-prefixed frames with credit, the smallest protocol that a session
//! needs. It shows that the drivers run any session, and tests them apart from HTTP/2.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use zrpc_core::base::{Flow, Machine, Misuse, Out, Output, Time, Wake};
use zrpc_core::rpc::{
    CallId, ClientEvent, ClientSession, Code, Encoding, Metadata, RequestHead, ServerEvent, ServerSession,
    SessionEnd, StartCall, Status,
};

const WINDOW: u32 = 64 * 1024;
const HEAD: usize = 13;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Kind {
    Hello,
    Start,
    Message,
    HalfClose,
    Head,
    End,
    Cancel,
    Credit,
    GoAway,
}

const KINDS: [Kind; 9] = [
    Kind::Hello,
    Kind::Start,
    Kind::Message,
    Kind::HalfClose,
    Kind::Head,
    Kind::End,
    Kind::Cancel,
    Kind::Credit,
    Kind::GoAway,
];

/// One call as either side knows it.
#[derive(Default)]
struct Call {
    path: String,
    metadata: Metadata,
    deadline: Option<Time>,
    sent: u32,
    blocked: bool,
    finished: bool,
}

/// What both sides have in common.
struct Link<E> {
    input: BytesMut,
    queue: VecDeque<Bytes>,
    calls: BTreeMap<u64, Call>,
    events: VecDeque<E>,
    draining: Option<Time>,
    eof: bool,
    closed: bool,
}

impl<E> Link<E> {
    fn new() -> Link<E> {
        Link {
            input: BytesMut::new(),
            queue: VecDeque::new(),
            calls: BTreeMap::new(),
            events: VecDeque::new(),
            draining: None,
            eof: false,
            closed: false,
        }
    }

    fn put(&mut self, kind: Kind, call: u64, payload: &[u8]) {
        let mut frame = BytesMut::with_capacity(HEAD + payload.len());
        frame.put_u8(kind as u8);
        frame.put_u64(call);
        frame.put_u32(payload.len() as u32);
        frame.put_slice(payload);
        self.queue.push_back(frame.freeze());
    }

    fn take(&mut self) -> Option<(Kind, u64, Bytes)> {
        let mut head = self.input.get(..HEAD)?;
        let (kind, call, len) = (head.get_u8(), head.get_u64(), head.get_u32() as usize);
        if self.input.len() < HEAD + len {
            return None;
        }
        self.input.advance(HEAD);
        Some((KINDS[usize::from(kind)], call, self.input.split_to(len).freeze()))
    }

    fn send(&mut self, call: CallId, message: Bytes) -> Result<Flow, Misuse> {
        let id = call.as_u64();
        let state = self.calls.get_mut(&id).ok_or(Misuse::Gone)?;
        if state.blocked {
            return Err(Misuse::Blocked);
        }
        state.sent += message.len() as u32;
        state.blocked = state.sent >= WINDOW;
        let flow = if state.blocked { Flow::Blocked } else { Flow::Ready };
        self.put(Kind::Message, id, &message);
        Ok(flow)
    }

    /// Whether the call may send again.
    fn credit(&mut self, call: u64, mut payload: Bytes) -> bool {
        let Some(state) = self.calls.get_mut(&call) else { return false };
        state.sent -= payload.get_u32();
        let writable = state.blocked && state.sent < WINDOW;
        state.blocked &= !writable;
        writable
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        if self.calls.contains_key(&call.as_u64()) {
            self.put(Kind::Credit, call.as_u64(), &credit.to_be_bytes());
        }
    }

    fn due(&self, now: Time) -> Vec<u64> {
        let due = |call: &Call| call.deadline.is_some_and(|deadline| deadline <= now);
        self.calls.iter().filter(|(_, call)| due(call)).map(|(id, _)| *id).collect()
    }

    fn write(&mut self, out: &mut Out) -> Output<E> {
        let deadlines = self.calls.values().filter_map(|call| call.deadline);
        let wake = deadlines.chain(self.draining).min().map(|at| Wake { at, why: "deadline" });
        while let Some(frame) = self.queue.pop_front() {
            if !out.has_room() {
                self.queue.push_front(frame);
                return Output::Full(wake);
            }
            out.put_bytes(frame);
        }
        Output::Idle(if self.closed { None } else { wake })
    }
}

fn pack(metadata: &Metadata) -> Vec<u8> {
    metadata.iter().flat_map(|(key, value)| format!("{key}\0{value}\n").into_bytes()).collect()
}

fn unpack(text: &[u8]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in std::str::from_utf8(text).unwrap().lines().filter_map(|line| line.split_once('\0')) {
        metadata.append(key, value).unwrap();
    }
    metadata
}

fn pack_end(status: &Status, trailers: &Metadata) -> Vec<u8> {
    let mut text = format!("{}\n{}\n", status.code() as u8, status.message()).into_bytes();
    text.extend(pack(trailers));
    text
}

fn unpack_end(payload: &[u8]) -> (Status, Metadata) {
    let mut parts = payload.splitn(3, |byte| *byte == b'\n');
    let mut next = || std::str::from_utf8(parts.next().unwrap()).unwrap().to_owned();
    let (code, message, trailers) = (next(), next(), next());
    (Status::new(Code::from_u32(code.parse().unwrap()), message), unpack(trailers.as_bytes()))
}

/// The server's side.
pub struct PlainServer(Link<ServerEvent>);

impl PlainServer {
    pub fn new() -> PlainServer {
        let mut link = Link::new();
        link.put(Kind::Hello, 0, b"");
        PlainServer(link)
    }

    fn on_frame(&mut self, kind: Kind, id: u64, payload: Bytes) {
        let call = CallId::from_u64(id);
        let link = &mut self.0;
        match kind {
            Kind::Start => {
                let (head, metadata) =
                    payload.split_at(payload.iter().position(|byte| *byte == b'\n').unwrap());
                let (path, deadline) = std::str::from_utf8(head).unwrap().split_once(' ').unwrap();
                let deadline = deadline.parse().ok().map(Time::from_nanos);
                let (path, metadata) = (path.to_owned(), unpack(&metadata[1..]));
                link.calls.insert(id, Call { path, metadata, deadline, ..Call::default() });
                link.events.push_back(ServerEvent::Opened { call });
            }
            _ if !link.calls.contains_key(&id) => {}
            Kind::Message => {
                let credit = payload.len() as u32;
                link.events.push_back(ServerEvent::Message { call, message: payload, credit });
            }
            Kind::HalfClose => link.events.push_back(ServerEvent::HalfClosed { call }),
            Kind::Cancel => self.end(id, Status::cancelled("by the client")),
            Kind::Credit => {
                let writable = link.credit(id, payload);
                link.events.extend(writable.then_some(ServerEvent::Writable { call }));
            }
            _ => {}
        }
    }

    fn end(&mut self, id: u64, status: Status) {
        if self.0.calls.remove(&id).is_some() {
            self.0.events.push_back(ServerEvent::Ended { call: CallId::from_u64(id), status });
        }
    }

    fn end_with_status(&mut self, id: u64, status: Status) {
        self.0.put(Kind::End, id, &pack_end(&status, &Metadata::new()));
        self.end(id, status);
    }

    fn close_all(&mut self, status: &Status) {
        for id in self.0.calls.keys().copied().collect::<Vec<_>>() {
            self.end_with_status(id, status.clone());
        }
        if !std::mem::replace(&mut self.0.closed, true) {
            self.0.events.push_back(ServerEvent::Closed(SessionEnd::Graceful));
        }
    }
}

impl Machine for PlainServer {
    type Event = ServerEvent;

    fn handle_input(&mut self, _: Time, input: Bytes) {
        self.0.input.extend_from_slice(&input);
    }

    fn handle_eof(&mut self, _: Time) {
        self.0.eof = true;
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        loop {
            if let Some(event) = self.0.events.pop_front() {
                return Output::Event(event);
            }
            if let Some((kind, call, payload)) = self.0.take() {
                self.on_frame(kind, call, payload);
                continue;
            }
            for id in self.0.due(now) {
                self.end_with_status(id, Status::deadline_exceeded("the deadline passed"));
            }
            if self.0.eof {
                self.close_all(&Status::cancelled("the connection is closed"));
            }
            if let Some(grace) = self.0.draining
                && (self.0.calls.is_empty() || grace <= now)
            {
                self.close_all(&Status::unavailable("the server drains"));
            }
            if self.0.events.is_empty() {
                return self.0.write(out);
            }
        }
    }
}

impl ServerSession for PlainServer {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        let call = self.0.calls.get(&call.as_u64())?;
        let (metadata, deadline) = (&call.metadata, call.deadline);
        Some(RequestHead { path: &call.path, authority: "", metadata, deadline, encoding: None })
    }

    fn send_head(&mut self, call: CallId, metadata: &Metadata, _: Option<Encoding>) -> Result<(), Misuse> {
        self.0.put(Kind::Head, call.as_u64(), &pack(metadata));
        Ok(())
    }

    fn send(&mut self, call: CallId, message: Bytes, _: bool) -> Result<Flow, Misuse> {
        self.0.send(call, message)
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        let state = self.0.calls.get_mut(&call.as_u64()).ok_or(Misuse::Gone)?;
        if std::mem::replace(&mut state.finished, true) {
            return Err(Misuse::OutOfOrder("finished already"));
        }
        self.0.put(Kind::End, call.as_u64(), &pack_end(status, trailers));
        self.end(call.as_u64(), status.clone());
        Ok(())
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.0.consume(call, credit);
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        self.0.draining = Some(now + grace);
        self.0.put(Kind::GoAway, 0, b"");
    }

    fn close(&mut self, _: Time) {
        self.0.eof = true;
    }

    fn open_calls(&self) -> usize {
        self.0.calls.len()
    }
}

/// The client's side.
pub struct PlainClient {
    link: Link<ClientEvent>,
    next: u64,
    head: Metadata,
    drained: bool,
}

impl PlainClient {
    pub fn new() -> PlainClient {
        PlainClient { link: Link::new(), next: 1, head: Metadata::new(), drained: false }
    }

    fn end(&mut self, id: u64, status: Status, trailers: Metadata) {
        if self.link.calls.remove(&id).is_some() {
            self.link.events.push_back(ClientEvent::Ended { call: CallId::from_u64(id), status, trailers });
        }
    }

    fn on_frame(&mut self, kind: Kind, id: u64, payload: Bytes) {
        let call = CallId::from_u64(id);
        match kind {
            Kind::Hello => self.link.events.push_back(ClientEvent::Ready),
            Kind::GoAway => {
                self.drained = true;
                self.link.events.push_back(ClientEvent::Draining);
            }
            _ if !self.link.calls.contains_key(&id) => {}
            Kind::Head => {
                self.head = unpack(&payload);
                self.link.events.push_back(ClientEvent::Head { call });
            }
            Kind::Message => {
                let credit = payload.len() as u32;
                self.link.events.push_back(ClientEvent::Message { call, message: payload, credit });
            }
            Kind::End => {
                let (status, trailers) = unpack_end(&payload);
                self.end(id, status, trailers);
            }
            Kind::Credit => {
                let writable = self.link.credit(id, payload);
                self.link.events.extend(writable.then_some(ClientEvent::Writable { call }));
            }
            _ => {}
        }
    }

    fn close_all(&mut self, status: &Status) {
        for id in self.link.calls.keys().copied().collect::<Vec<_>>() {
            self.end(id, status.clone(), Metadata::new());
        }
        if !std::mem::replace(&mut self.link.closed, true) {
            self.link.events.push_back(ClientEvent::Closed(SessionEnd::Graceful));
        }
    }
}

impl Machine for PlainClient {
    type Event = ClientEvent;

    fn handle_input(&mut self, _: Time, input: Bytes) {
        self.link.input.extend_from_slice(&input);
    }

    fn handle_eof(&mut self, _: Time) {
        self.link.eof = true;
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            if let Some(event) = self.link.events.pop_front() {
                return Output::Event(event);
            }
            if let Some((kind, call, payload)) = self.link.take() {
                self.on_frame(kind, call, payload);
                continue;
            }
            for id in self.link.due(now) {
                self.link.put(Kind::Cancel, id, b"");
                self.end(id, Status::deadline_exceeded("the deadline passed"), Metadata::new());
            }
            if self.link.eof {
                self.close_all(&Status::unavailable("the connection is closed"));
            }
            if self.drained && self.link.calls.is_empty() {
                self.close_all(&Status::OK);
            }
            if self.link.events.is_empty() {
                return self.link.write(out);
            }
        }
    }
}

impl ClientSession for PlainClient {
    fn start(&mut self, _: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        if !self.takes_calls() {
            return Err(Misuse::Draining);
        }
        let id = self.next;
        self.next += 1;
        let deadline = head.deadline.map(|at| at.as_nanos().to_string()).unwrap_or_default();
        let mut payload = format!("{} {deadline}\n", head.path).into_bytes();
        payload.extend(pack(head.metadata));
        self.link.calls.insert(id, Call { deadline: head.deadline, ..Call::default() });
        self.link.put(Kind::Start, id, &payload);
        Ok(CallId::from_u64(id))
    }

    fn send(&mut self, call: CallId, message: Bytes, _: bool) -> Result<Flow, Misuse> {
        self.link.send(call, message)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.link.put(Kind::HalfClose, call.as_u64(), b"");
        Ok(())
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.link.put(Kind::Cancel, call.as_u64(), b"");
        self.end(call.as_u64(), Status::cancelled("given up"), Metadata::new());
        Ok(())
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.link.consume(call, credit);
    }

    fn response_metadata(&self, _: CallId) -> Option<&Metadata> {
        Some(&self.head)
    }

    fn drain(&mut self, _: Time) {
        self.drained = true;
    }

    fn close(&mut self, _: Time) {
        self.link.eof = true;
    }

    fn open_calls(&self) -> usize {
        self.link.calls.len()
    }

    fn takes_calls(&self) -> bool {
        !self.link.closed && !self.drained && !self.link.eof
    }
}
