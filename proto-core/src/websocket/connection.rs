//! The connection: what it is made of, and its two verbs. What each frame means stands in `receive.rs`, each command in
//! `commands.rs`, beginning and end in `lifecycle.rs`.

use crate::base::{Budget, Machine, Misuse, Out, Output, Secret, Time, TimerTable};
use crate::http1::{HeadReader, RequestHead, ResponseHead};
use crate::websocket::codec::{Deflater, Inflater};
use crate::websocket::config::Config;
use crate::websocket::event::Event;
use crate::websocket::handshake::client::{Asked, ask};
use crate::websocket::handshake::{Agreement, Request};
use crate::websocket::lifecycle::{Closing, Timer};
use crate::websocket::message::Incoming;
use crate::websocket::outbox::Outbox;
use crate::websocket::reader::Reader;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::{Bytes, BytesMut};
use core::time::Duration;

/// Which side of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The side that connected; its frames are masked.
    Client,
    /// The side that accepted.
    Server,
}

/// How far the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The handshake is under way.
    Opening,
    Open,
    /// We said close and wait for the peer's.
    Closing,
    /// A client whose closing handshake is done: the server ends the transport first (RFC 6455 §7.1.1).
    Leaving,
    /// Over: only what is queued still goes out.
    Ended,
}

/// A head that is read while the handshake is under way.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) reader: HeadReader,
    /// What the client asked for; a server has nothing to remember.
    pub(super) asked: Option<Asked>,
}

/// The head that opened the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Head {
    /// What the client asked, as a server sees it.
    Request(RequestHead),
    /// What the server answered, as a client sees it.
    Response(ResponseHead),
}

/// A WebSocket connection, RFC 6455, either side, usable alone for plain messages.
///
/// Inputs: [`Machine::handle_input`], [`Machine::handle_eof`]. Outputs: [`Machine::poll_output`]. Commands: `send`, `ping`,
/// `consume`, `close`. The rest are getters.
///
/// Polling is the back-pressure: a driver that does not poll reads no messages. One that must poll for other reasons sets
/// [`Credit::Manual`](crate::websocket::Credit::Manual) and consumes; beyond the limit nothing more is read, and
/// [`Machine::wants_input`] says that nothing more should be.
#[derive(Debug)]
pub struct Connection {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) input_ended: bool,
    pub(super) config: Arc<Config>,
    pub(super) now: Time,
    pub(super) received_at: Time,
    /// When the heartbeat asked last.
    pub(super) pinged_at: Time,
    /// Masks what a client sends.
    pub(super) secret: Option<Box<Secret>>,

    pub(super) opening: Option<Box<Opening>>,
    pub(super) head: Option<Box<Head>>,
    pub(super) subprotocol: Option<Box<str>>,

    pub(super) reader: Reader,
    pub(super) message: Option<Incoming>,
    /// Where short messages are unmasked side by side; slices of it leave as messages.
    pub(super) scratch: BytesMut,
    /// Bytes of the scratch buffer, those among them that left as messages and may come back; and of its last size, from
    /// which the next one grows.
    pub(super) scratch_held: usize,
    pub(super) scratch_bytes: usize,
    pub(super) inflater: Option<Box<Inflater>>,
    pub(super) deflater: Option<Box<Deflater>>,

    pub(super) outbox: Outbox,
    pub(super) pending: VecDeque<Event>,
    /// The last send said `Blocked`.
    pub(super) blocked: bool,
    /// Bytes of messages that were delivered and not taken.
    pub(super) unread: usize,
    /// The application took messages after which the peer was kept waiting: its time begins anew.
    pub(super) released: bool,
    /// The payload of the owner's last ping that was not answered.
    pub(super) asked_pong: Option<Box<[u8]>>,
    pub(super) closing: Option<Box<Closing>>,

    pub(super) timers: TimerTable<{ Timer::COUNT }>,
    pub(super) fragments: Budget,
    pub(super) control_frames: Budget,
}

impl Connection {
    /// The side that accepted: takes the connection's bytes from the first of the HTTP/1.1 request on.
    #[must_use]
    pub fn server(now: Time, config: Arc<Config>) -> Connection {
        let mut connection = Connection::new(Role::Server, now, config, None);
        connection.begin(None);
        connection
    }

    /// The side that connected: its request is queued at once. `secret` masks what it sends; each connection needs its own.
    ///
    /// # Errors
    /// `InvalidField`, when the request cannot be sent.
    pub fn client(
        now: Time,
        config: Arc<Config>,
        request: &Request,
        mut secret: Secret,
    ) -> Result<Connection, Misuse> {
        let (head, asked) = ask(request, &config, &mut secret)?;
        let mut connection = Connection::new(Role::Client, now, config, Some(secret));
        connection.outbox.set_handshake(head);
        connection.begin(Some(asked));
        Ok(connection)
    }

    /// The side that accepted, when somebody else read the request and answers it, such as a stream of HTTP/2 that
    /// [`accept_connect`](crate::websocket::accept_connect) was asked about. The bytes are frames from the first on.
    #[must_use]
    pub fn accepted(now: Time, config: Arc<Config>, agreement: &Agreement) -> Connection {
        let mut connection = Connection::new(Role::Server, now, config, None);
        connection.open(agreement);
        connection.pending.push_back(Event::Opened);
        connection
    }

    /// The side that connected, when somebody else sent the request and read the answer.
    #[must_use]
    pub fn connected(now: Time, config: Arc<Config>, agreement: &Agreement, secret: Secret) -> Connection {
        let mut connection = Connection::new(Role::Client, now, config, Some(secret));
        connection.open(agreement);
        connection.pending.push_back(Event::Opened);
        connection
    }

    fn new(role: Role, now: Time, config: Arc<Config>, secret: Option<Secret>) -> Connection {
        Connection {
            role,
            phase: Phase::Opening,
            input_ended: false,
            now,
            received_at: now,
            pinged_at: now,
            secret: secret.map(Box::new),
            opening: None,
            head: None,
            subprotocol: None,
            reader: Reader::new(),
            message: None,
            scratch: BytesMut::new(),
            scratch_held: 0,
            scratch_bytes: 0,
            inflater: None,
            deflater: None,
            outbox: Outbox::default(),
            pending: VecDeque::new(),
            blocked: false,
            unread: 0,
            released: false,
            asked_pong: None,
            closing: None,
            timers: TimerTable::default(),
            fragments: Budget::new(config.fragments, now),
            control_frames: Budget::new(config.control_frames, now),
            config,
        }
    }

    /// Which side this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The head that opened the connection, from [`Event::Opened`] to the next poll; none where somebody else read it.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_deref()
    }

    /// The path and query that the client asked for, where [`Connection::head`] shows it.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self.head()? {
            Head::Request(head) => core::str::from_utf8(head.path()).ok(),
            Head::Response(_) => None,
        }
    }

    /// Whose page the client is, where [`Connection::head`] shows it; none when it is no page.
    #[must_use]
    pub fn origin(&self) -> Option<&[u8]> {
        match self.head()? {
            Head::Request(head) => head.fields.value(b"origin"),
            Head::Response(_) => None,
        }
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Whether the peer takes compressed messages.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.deflater.is_some()
    }

    /// Whether messages may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the connection is over; its last frames may still wait to be written.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// How long a closing handshake may take.
    pub(crate) fn close_timeout(&self) -> Duration {
        self.config.close_timeout
    }

    /// Bytes that wait to be sent, with what each message costs beside its payload.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.outbox.queued()
    }

    /// Whether messages wait for the application, so that nothing more is read.
    pub(super) fn is_held(&self) -> bool {
        self.unread > 0 && self.unread >= self.config.unread_bytes_max
    }
}

impl Machine for Connection {
    type Event = Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.now = self.now.max(now);
        if matches!(self.phase, Phase::Leaving | Phase::Ended) || self.input_ended {
            return;
        }
        self.received_at = self.now;
        // The messages of the last input are mostly gone when the next one comes; amid one, they are not.
        if self.scratch.capacity() < self.scratch_held / 2 {
            let _ = self.scratch.try_reclaim(self.scratch_held);
        }
        match &mut self.opening {
            Some(opening) => opening.reader.push(input),
            None => self.reader.push(input),
        }
    }

    fn handle_eof(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.input_ended = true;
    }

    fn wants_input(&self) -> bool {
        !self.is_held() || self.reader.is_empty()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Event> {
        self.now = self.now.max(now);
        self.head = None;
        if core::mem::take(&mut self.released) {
            self.received_at = self.now;
        }
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Output::Event(event);
            }
            if self.phase != Phase::Ended {
                if let Some(event) = self.read() {
                    return Output::Event(event);
                }
                self.fire_due();
                self.check_end();
                if !self.pending.is_empty() {
                    continue;
                }
            }
            let is_open = self.phase != Phase::Opening;
            self.outbox.write(out, is_open, &mut self.secret);
            if self.has_become_writable() {
                return Output::Event(Event::Writable);
            }
            if self.phase != Phase::Ended {
                self.rest();
            }
            let is_written = self.outbox.is_empty();
            let wake = self.timers.wake::<Timer>();
            return if is_written { Output::Idle(wake) } else { Output::Full(wake) };
        }
    }
}
