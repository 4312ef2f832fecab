//! A client's connection: calls of the native protocol in a WebSocket, which is a stream of HTTP/2 (RFC 8441).
//!
//! ```text
//! SETTINGS of the server (it serves extended CONNECT) -> CONNECT -> 200 -> what WebSocket sends and gets, in DATA
//! ```
//!
//! Calls may be started at once. The session below exists from the beginning and what it writes waits for the server's
//! answer, which can only be the one that was asked for: exactly one subprotocol is offered, and no extension.

use crate::base::{Fields, Flow, Machine, Misuse, Out, Output, Secret, Time, Wake};
use crate::http2::{Config, Connection, Credit, Event, HeadersKind, Prefix, StreamId};
use crate::rpc::session::{CallId, ClientEvent, ClientSession, SessionEnd, StartCall};
use crate::rpc::{Code, Metadata, Origin, Status};
use crate::stack::WebSocketClient;
use crate::stack::grpc_http2::session_end;
use crate::stack::websocket::WebSocketClientConfig;
use crate::websocket::{Agreement, Request, check_connect_response, connect_fields};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Bytes that the session hands to its stream at once.
const ROOM: usize = 32 * 1024;
/// How long the server may take to end its side of the stream and of the connection.
const LEAVING: Duration = Duration::from_secs(5);

/// Calls in a WebSocket over HTTP/2, client side.
#[derive(Debug)]
pub struct WebSocketHttp2Client {
    http2: Connection,
    session: WebSocketClient,
    websocket: crate::websocket::Config,
    request: Request,
    stage: Stage,
    frames: Out,
    /// Credit of HTTP/2 that has not gone back.
    held: u32,
    /// The stream said `Blocked`, and has not said `Writable` since.
    is_blocked: bool,
    /// How the session ended, and whether that was told.
    end: Option<SessionEnd>,
    is_told: bool,
    /// The connection below drains, since the session has ended.
    is_leaving: bool,
    /// Why the session's end is not what it thinks.
    why: Option<Status>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The server's settings have not come.
    Waiting,
    Asked(StreamId),
    Open(StreamId),
    /// The stream is over, or never was.
    Gone,
}

impl WebSocketHttp2Client {
    /// A connection that was just made. The seed of `secret` comes from the system's randomness, a fresh one for each
    /// connection. Messages are never compressed by permessage-deflate.
    ///
    /// # Errors
    /// `InvalidField` when the request cannot be sent.
    pub fn new(
        now: Time,
        http2: &Config,
        config: &WebSocketClientConfig,
        secret: Secret,
    ) -> Result<WebSocketHttp2Client, Misuse> {
        let websocket = crate::websocket::Config { deflate: None, ..config.websocket.clone() };
        let config = WebSocketClientConfig { websocket: websocket.clone(), ..config.clone() };
        let request = config.offering();
        connect_fields(&request, &websocket, "http")?;
        let agreement = only_agreement(&request, &websocket)?;
        let session = WebSocketClient::connected(now, &config, &agreement, secret);
        let http2 = Arc::new(Config { credit: Credit::Manual, ..http2.clone() });
        Ok(WebSocketHttp2Client {
            http2: Connection::client(now, http2),
            session,
            websocket,
            request,
            stage: Stage::Waiting,
            frames: Out::default(),
            held: 0,
            is_blocked: false,
            end: None,
            is_told: false,
            is_leaving: false,
            why: None,
        })
    }

    /// The connection below.
    #[must_use]
    pub fn http2(&self) -> &Connection {
        &self.http2
    }

    /// Bytes of heap memory held, without payloads that the application or the input own.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.http2.memory() + self.session.memory() + self.frames.memory()
    }

    /// The most that [`WebSocketHttp2Client::memory`] says, whatever its server does, in bytes: with so many calls open at
    /// once.
    #[must_use]
    pub fn memory_max(http2: &Config, config: &WebSocketClientConfig, calls: usize) -> usize {
        // One stream; what the session writes waits in a vector, which may have twice the capacity of what it holds.
        http2.memory_max(1) + config.memory_max(calls) + 2 * ROOM
    }

    /// There will be no WebSocket; calls that wait for it end with the reason.
    fn fail(&mut self, now: Time, why: String) {
        self.why.get_or_insert(Status::unavailable(why).with_origin(Origin::Peer));
        self.stage = Stage::Gone;
        self.session.handle_eof(now);
    }

    fn ask(&mut self, now: Time) {
        if !self.http2.remote_settings().extended_connect {
            let why = "the server does not serve WebSocket over HTTP/2 (RFC 8441); use ws:// for HTTP/1.1";
            return self.fail(now, why.into());
        }
        let asked = connect_fields(&self.request, &self.websocket, "http");
        match asked.and_then(|fields| self.http2.open(fields, false)) {
            Ok(stream) => self.stage = Stage::Asked(stream),
            Err(misuse) => self.fail(now, format!("the WebSocket could not be asked for: {misuse}")),
        }
    }

    fn on_event(&mut self, now: Time, event: Event) {
        match event {
            Event::Settings if self.stage == Stage::Waiting => self.ask(now),
            Event::Headers { stream, kind: HeadersKind::Response, end, .. } => {
                match check_connect_response(self.http2.fields(), &self.request, &self.websocket) {
                    Ok(_) if !end => self.stage = Stage::Open(stream),
                    Ok(_) => self.fail(now, "the server took the WebSocket and ended it at once".into()),
                    Err(refusal) => self.fail(now, format!("the server refused the WebSocket: {refusal}")),
                }
            }
            Event::Data { data, end, .. } => {
                self.held = self.held.saturating_add(data.len() as u32);
                if !data.is_empty() {
                    self.session.handle_input(now, data);
                }
                if end {
                    self.session.handle_eof(now);
                }
            }
            Event::Writable { .. } => self.is_blocked = false,
            Event::Closed { .. } => {
                // Nothing waits for a window of a stream that is over.
                self.is_blocked = false;
                self.stage = Stage::Gone;
                self.session.handle_eof(now);
            }
            Event::Ended(end) => {
                let (_, status) = session_end(end);
                self.why.get_or_insert(status);
                self.is_blocked = false;
                self.stage = Stage::Gone;
                self.session.handle_eof(now);
            }
            _ => {}
        }
    }

    /// Gives the stream what the session wrote.
    fn flush(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        let data = Bytes::from(self.frames.to_vec());
        self.frames.clear();
        let Stage::Open(stream) = self.stage else { return };
        match self.http2.send_data(stream, Prefix::NONE, data, false) {
            Ok(flow) => self.is_blocked = flow == Flow::Blocked,
            Err(_) => self.stage = Stage::Gone,
        }
    }

    /// The session is over: the connection follows once the last words are written, or its time to leave has passed. A
    /// server that reads nothing holds up neither.
    fn leave(&mut self, now: Time) {
        if let (Stage::Open(stream) | Stage::Asked(stream), false) = (self.stage, self.is_blocked) {
            // What refuses it is a stream that is over.
            let _over = self.http2.finish(stream);
        }
        // Once: its time begins anew with each drain.
        if !core::mem::replace(&mut self.is_leaving, true) {
            self.http2.drain(now, LEAVING);
        }
    }

    /// An event of the session as this connection tells it.
    fn told(&mut self, event: ClientEvent) -> Option<ClientEvent> {
        match (event, &self.why) {
            (ClientEvent::Closed(end), why) => {
                self.end = Some(why.clone().map_or(end, SessionEnd::Failed));
                None
            }
            // A call that was never sent ends for the reason for which there is no WebSocket.
            (ClientEvent::Ended { call, status, trailers }, Some(why))
                if status.code() == Code::Unavailable =>
            {
                let status = why.clone();
                Some(ClientEvent::Ended { call, status, trailers })
            }
            (event, _) => Some(event),
        }
    }
}

/// The one answer that opens the WebSocket: exactly what was offered.
fn only_agreement(request: &Request, config: &crate::websocket::Config) -> Result<Agreement, Misuse> {
    let mut answer = Fields::new();
    answer.add(b":status", b"200");
    for name in &request.subprotocols {
        answer.add(b"sec-websocket-protocol", name.as_bytes());
    }
    let refused = |_| Misuse::InvalidField("one subprotocol is offered, and no more");
    check_connect_response(&answer, request, config).map_err(refused)
}

impl Machine for WebSocketHttp2Client {
    type Event = ClientEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.http2.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.http2.handle_eof(now);
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            let may_write = !matches!(self.stage, Stage::Waiting | Stage::Asked(_)) && !self.is_blocked;
            self.frames.set_room(if may_write { ROOM } else { 0 });
            let output = self.session.poll_output(now, &mut self.frames);
            self.flush();
            let wake = match output {
                Output::Event(event) => match self.told(event) {
                    Some(event) => return Output::Event(event),
                    None => continue,
                },
                Output::Full(_) if may_write && !self.is_blocked => continue,
                Output::Full(wake) | Output::Idle(wake) => wake,
            };
            if self.end.is_some() {
                self.leave(now);
            }
            if let (Stage::Open(stream), true) = (self.stage, self.held > 0 && self.session.wants_input()) {
                self.http2.consume(stream, core::mem::take(&mut self.held));
            }
            match self.http2.poll_output(now, out) {
                Output::Event(event) => self.on_event(now, event),
                Output::Full(at) => return Output::Full(Wake::earlier(at, wake)),
                Output::Idle(at) => {
                    return match self.last_event() {
                        Some(event) => Output::Event(event),
                        None => Output::Idle(Wake::earlier(at, wake)),
                    };
                }
            }
        }
    }
}

impl WebSocketHttp2Client {
    /// The end, once both have ended.
    fn last_event(&mut self) -> Option<ClientEvent> {
        if self.is_told || !self.http2.is_ended() {
            return None;
        }
        let end = self.end.clone()?;
        self.is_told = true;
        Some(ClientEvent::Closed(end))
    }

    fn alive(&self) -> Result<(), Misuse> {
        if self.end.is_some() { Err(Misuse::Closed) } else { Ok(()) }
    }
}

impl ClientSession for WebSocketHttp2Client {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        self.alive()?;
        self.session.start(now, head)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.alive()?;
        self.session.send(call, message, compress)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.session.half_close(call)
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.alive()?;
        self.session.cancel(call)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.session.consume(call, credit);
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.session.response_metadata(call)
    }

    fn drain(&mut self, now: Time) {
        self.session.drain(now);
    }

    fn close(&mut self, now: Time) {
        self.session.close(now);
    }

    fn open_calls(&self) -> usize {
        self.session.open_calls()
    }

    fn takes_calls(&self) -> bool {
        self.alive().is_ok() && self.session.takes_calls()
    }

    fn awaits_server(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Asked(_))
    }

    fn has_room(&self) -> bool {
        self.alive().is_ok() && self.session.has_room()
    }
}
