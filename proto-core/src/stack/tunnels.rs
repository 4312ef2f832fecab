//! WebSockets in streams of an HTTP/2 connection, RFC 8441: each stream that was opened by an extended CONNECT is a
//! connection of its own inside, and its calls stand beside the gRPC calls of the connection.
//!
//! ```text
//! HTTP/2 stream --DATA--> WebSocket --messages--> calls of the native protocol, in binary or JSON
//! ```
//!
//! A call has a number of its own here, since those inside are each client's choice and repeat from stream to stream.
//! Credit of HTTP/2 goes back once the WebSocket wants more input: so back-pressure reaches the client through both.

use crate::base::{Deadlines, Fields, Flow, IdTable, Machine, Misuse, Out, Output, Time, Wake};
use crate::http2::{Connection, ErrorCode, Prefix, StreamId};
use crate::rpc::session::{CallId, ServerEvent, ServerSession};
use crate::stack::{SharedWebSocketConfig, WebSocketServer};
use crate::websocket::accept_connect;
use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Tunnels of one connection. Abuse: each may hold what a whole connection may.
pub(super) const TUNNELS_MAX: usize = 16;
/// Bytes that a tunnel hands to its stream at once.
const ROOM: usize = 32 * 1024;
/// What tells the numbers of calls in tunnels from those of streams, which have 31 bits.
const TUNNELLED: u64 = 1 << 62;

/// All tunnels of a connection.
#[derive(Debug)]
pub(super) struct Tunnels {
    config: Arc<SharedWebSocketConfig>,
    by_stream: IdTable<Tunnel>,
    /// Where each call is: its stream, and its number there.
    calls: IdTable<(u64, CallId)>,
    next_call: u64,
    /// Streams whose tunnels have something to do.
    ready: VecDeque<u64>,
    deadlines: Deadlines,
    refused: Option<ServerEvent>,
    drain: Option<Duration>,
    out: Out,
}

#[derive(Debug)]
struct Tunnel {
    session: WebSocketServer,
    /// The numbers that calls have outside.
    calls: IdTable<u64>,
    /// Credit of HTTP/2 that has not gone back.
    held: u32,
    is_ready: bool,
    /// The stream said `Blocked`, and has not said `Writable` since.
    is_blocked: bool,
    /// The stream is over; nothing can be sent.
    is_gone: bool,
    /// The session's last event has come.
    is_over: bool,
    wake: Option<Time>,
}

impl Tunnels {
    pub(super) fn new(config: Arc<SharedWebSocketConfig>) -> Tunnels {
        Tunnels {
            config,
            by_stream: IdTable::default(),
            calls: IdTable::default(),
            next_call: TUNNELLED,
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            refused: None,
            drain: None,
            out: Out::with_room(ROOM),
        }
    }

    /// Whether a request's head asks for a tunnel.
    pub(super) fn is_asked_for(fields: &Fields) -> bool {
        fields.value(b":protocol").is_some()
    }

    /// Answers the request of a tunnel.
    pub(super) fn open(&mut self, now: Time, stream: StreamId, fields: &Fields, http2: &mut Connection) {
        let mut head = http2.blank_fields();
        let accepted = accept_connect(fields, self.config.websocket());
        let refusal = match &accepted {
            Err(refusal) => Some((refusal.status(), Cow::Owned(format!("{refusal}")))),
            Ok(_) if self.by_stream.len() >= TUNNELS_MAX => {
                Some((503, "the connection has as many WebSockets open as it may".into()))
            }
            Ok(_) => None,
        };
        if let Some((status, why)) = refusal {
            head.add(b":status", format!("{status}").as_bytes());
            // What refuses it is a stream that is over, and then there is nobody to tell.
            let _over = http2.send_headers(stream, head, true);
            let _over = http2.reset_when_sent(stream, ErrorCode::NO_ERROR);
            self.refused = Some(ServerEvent::Refused { why });
            return;
        }
        let Ok(agreement) = accepted else { return };
        // RFC 8441 §5: the answer is 200, with the subprotocol and the extensions as in RFC 6455.
        head.add(b":status", b"200");
        agreement.fields().iter().for_each(|field| head.push(field));
        if http2.send_headers(stream, head, false).is_err() {
            return;
        }
        let mut session = WebSocketServer::accepted(now, &self.config, &agreement);
        if let Some(grace) = self.drain {
            session.drain(now, grace);
        }
        let tunnel = Tunnel {
            session,
            calls: IdTable::default(),
            held: 0,
            is_ready: false,
            is_blocked: false,
            is_gone: false,
            is_over: false,
            wake: None,
        };
        self.by_stream.insert(key(stream), tunnel);
        self.awake(key(stream));
    }

    /// Takes content of a stream, if it is a tunnel's; says whether it is.
    pub(super) fn on_data(&mut self, now: Time, stream: StreamId, data: &Bytes, end: bool) -> bool {
        let Some(tunnel) = self.by_stream.get_mut(key(stream)) else { return false };
        tunnel.held = tunnel.held.saturating_add(data.len() as u32);
        if !data.is_empty() {
            tunnel.session.handle_input(now, data.clone());
        }
        if end {
            // RFC 8441 §5.1: END_STREAM stands for the orderly end of TCP.
            tunnel.session.handle_eof(now);
        }
        self.awake(key(stream));
        true
    }

    /// The stream has room again, if it is a tunnel's; says whether it is.
    pub(super) fn on_writable(&mut self, stream: StreamId) -> bool {
        let Some(tunnel) = self.by_stream.get_mut(key(stream)) else { return false };
        tunnel.is_blocked = false;
        self.awake(key(stream));
        true
    }

    /// The stream is over, if it is a tunnel's; says whether it is.
    pub(super) fn on_closed(&mut self, now: Time, stream: StreamId) -> bool {
        let Some(tunnel) = self.by_stream.get_mut(key(stream)) else { return false };
        // RFC 8441 §5.1: a reset stands for a reset of TCP.
        tunnel.session.handle_eof(now);
        (tunnel.is_gone, tunnel.is_blocked) = (true, false);
        self.awake(key(stream));
        true
    }

    /// The connection is over, and each stream with it.
    pub(super) fn lose_all(&mut self, now: Time) {
        let mut last = None;
        while let Some(stream) = self.by_stream.next_id(last) {
            last = Some(stream);
            if let Some(tunnel) = self.by_stream.get_mut(stream) {
                tunnel.session.handle_eof(now);
                (tunnel.is_gone, tunnel.is_blocked) = (true, false);
            }
            self.awake(stream);
        }
    }

    /// Lets open calls go on for `grace`, in these tunnels and in those that still come.
    pub(super) fn drain(&mut self, now: Time, grace: Duration) {
        self.drain = Some(grace);
        let mut last = None;
        while let Some(stream) = self.by_stream.next_id(last) {
            last = Some(stream);
            if let Some(tunnel) = self.by_stream.get_mut(stream) {
                tunnel.session.drain(now, grace);
            }
            self.awake(stream);
        }
    }

    /// The next event of any tunnel; what the tunnels wrote is given to their streams.
    pub(super) fn poll(&mut self, now: Time, http2: &mut Connection) -> Option<ServerEvent> {
        if let Some(refused) = self.refused.take() {
            return Some(refused);
        }
        while let Some(stream) = self.take_due(now) {
            self.awake(stream);
        }
        while let Some(stream) = self.ready.front().copied() {
            if let Some(event) = self.poll_one(now, stream, http2) {
                return Some(event);
            }
            self.ready.pop_front();
            if let Some(tunnel) = self.by_stream.get_mut(stream) {
                tunnel.is_ready = false;
            }
        }
        None
    }

    /// When a tunnel wants to be polled.
    pub(super) fn wake(&mut self) -> Option<Wake> {
        let Tunnels { deadlines, by_stream, .. } = self;
        let at = deadlines.next(|stream, at| waits(by_stream, stream, at))?;
        Some(Wake { at, why: "a WebSocket in a stream" })
    }

    pub(super) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether a drain was commanded, of which tunnels that still come must know.
    pub(super) const fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_stream.is_empty() && self.refused.is_none()
    }

    pub(super) fn memory(&self) -> usize {
        let tunnels =
            self.by_stream.iter().map(|(_, tunnel)| tunnel.session.memory() + tunnel.calls.memory());
        tunnels.sum::<usize>()
            + self.by_stream.memory()
            + self.calls.memory()
            + self.deadlines.memory()
            + self.out.memory()
            + self.ready.capacity() * size_of::<u64>()
    }

    /// The session of a call, and the call's number there.
    pub(super) fn session(&self, call: CallId) -> Option<(&WebSocketServer, CallId)> {
        let (stream, inner) = self.calls.get(call.0)?;
        Some((&self.by_stream.get(*stream)?.session, *inner))
    }

    /// The session of a call for a command, and the call's number there.
    pub(super) fn session_mut(&mut self, call: CallId) -> Result<(&mut WebSocketServer, CallId), Misuse> {
        let (stream, inner) = *self.calls.get(call.0).ok_or(Misuse::Gone)?;
        self.awake(stream);
        let tunnel = self.by_stream.get_mut(stream).ok_or(Misuse::Gone)?;
        Ok((&mut tunnel.session, inner))
    }

    /// Whether a call of this number is one of a tunnel.
    pub(super) const fn is_tunnelled(call: CallId) -> bool {
        call.0 & TUNNELLED != 0
    }

    fn awake(&mut self, stream: u64) {
        let Some(tunnel) = self.by_stream.get_mut(stream) else { return };
        if !core::mem::replace(&mut tunnel.is_ready, true) {
            self.ready.push_back(stream);
        }
    }

    fn take_due(&mut self, now: Time) -> Option<u64> {
        let Tunnels { deadlines, by_stream, .. } = self;
        deadlines.take_due(now, |stream, at| waits(by_stream, stream, at))
    }

    /// Polls a tunnel until it has an event or nothing more to do.
    fn poll_one(&mut self, now: Time, stream: u64, http2: &mut Connection) -> Option<ServerEvent> {
        loop {
            let tunnel = self.by_stream.get_mut(stream)?;
            self.out.set_room(if tunnel.is_blocked { 0 } else { ROOM });
            let output = tunnel.session.poll_output(now, &mut self.out);
            tunnel.flush(stream, &mut self.out, http2);
            let wake = match output {
                Output::Event(ServerEvent::Closed(_)) => {
                    tunnel.is_over = true;
                    continue;
                }
                Output::Event(event) => match self.told(stream, event) {
                    Some(event) => return Some(event),
                    None => continue,
                },
                Output::Full(_) if !tunnel.is_blocked => continue,
                Output::Full(wake) | Output::Idle(wake) => wake,
            };
            if tunnel.is_over && !tunnel.is_blocked {
                // What refuses it is a stream that is over.
                let _over = http2.finish(id(stream));
                let _over = http2.reset_when_sent(id(stream), ErrorCode::NO_ERROR);
                self.forget(stream);
                return None;
            }
            if tunnel.held > 0 && tunnel.session.wants_input() {
                http2.consume(id(stream), core::mem::take(&mut tunnel.held));
            }
            let at = wake.map(|wake| wake.at);
            if at != tunnel.wake {
                tunnel.wake = at;
                at.into_iter().for_each(|at| self.deadlines.add(at, stream));
                let Tunnels { deadlines, by_stream, .. } = self;
                deadlines.tidy(by_stream.len(), |stream, at| waits(by_stream, stream, at));
            }
            return None;
        }
    }

    fn forget(&mut self, stream: u64) {
        let Some(tunnel) = self.by_stream.remove(stream) else { return };
        for (_, call) in tunnel.calls.iter() {
            self.calls.remove(*call);
        }
    }

    /// An event as the connection tells it.
    fn told(&mut self, stream: u64, event: ServerEvent) -> Option<ServerEvent> {
        let Tunnels { by_stream, calls, next_call, .. } = self;
        let tunnel = by_stream.get_mut(stream)?;
        let outside = |inner: CallId| tunnel.calls.get(inner.0).copied().map(CallId);
        match event {
            ServerEvent::Opened { call } => {
                *next_call += 1;
                calls.insert(*next_call, (stream, call));
                tunnel.calls.insert(call.0, *next_call);
                Some(ServerEvent::Opened { call: CallId(*next_call) })
            }
            ServerEvent::Message { call, message, credit } => {
                outside(call).map(|call| ServerEvent::Message { call, message, credit })
            }
            ServerEvent::HalfClosed { call } => outside(call).map(|call| ServerEvent::HalfClosed { call }),
            ServerEvent::Writable { call } => outside(call).map(|call| ServerEvent::Writable { call }),
            ServerEvent::Ended { call, status } => {
                let outer = tunnel.calls.remove(call.0)?;
                calls.remove(outer);
                Some(ServerEvent::Ended { call: CallId(outer), status })
            }
            ServerEvent::Refused { why } => Some(ServerEvent::Refused { why }),
            ServerEvent::Closed(_) => None,
        }
    }
}

impl Tunnel {
    /// Gives the stream what the session wrote.
    fn flush(&mut self, stream: u64, out: &mut Out, http2: &mut Connection) {
        if out.is_empty() {
            return;
        }
        let data = Bytes::from(out.to_vec());
        out.clear();
        if self.is_gone {
            return;
        }
        match http2.send_data(id(stream), Prefix::NONE, data, false) {
            Ok(flow) => self.is_blocked = flow == Flow::Blocked,
            // The stream is over, of which its `Closed` tells.
            Err(_) => self.is_gone = true,
        }
    }
}

fn waits(tunnels: &IdTable<Tunnel>, stream: u64, at: Time) -> bool {
    tunnels.get(stream).is_some_and(|tunnel| tunnel.wake == Some(at))
}

fn key(stream: StreamId) -> u64 {
    u64::from(stream.as_u32())
}

fn id(stream: u64) -> StreamId {
    StreamId::from_u32(stream as u32)
}
