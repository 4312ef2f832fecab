//! A connection of HTTP/1.1, either side: wiring only. Reading is in `receive.rs`, what the owner asks for in `commands.rs`.
//!
//! ```text
//! server  idle --request head--> exchange: body in, response out --both done--> idle, or closed
//! client  idle --request()-----> exchange: body out, response in --both done--> idle, or closed
//! ```
//!
//! One exchange at a time: what a client sends behind a request waits, unread and bounded, until that one is answered.
//! Whatever breaks a rule ends the connection, since nobody can tell any more where the next message begins; a client that
//! did it is told in an answer first.

use crate::base::{Machine, Out, Output, Time, TimerName, TimerTable, Wake};
use crate::http1::body::Body;
use crate::http1::config::Config;
use crate::http1::event::{End, Event};
use crate::http1::head::HeadReader;
use crate::http1::outbox::Outbox;
use crate::http1::violation::Violation;
use crate::http1::write;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::Bytes;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Client,
    Server,
}

/// What the peer sends next.
#[derive(Clone, Debug)]
pub(super) enum Receive {
    /// A head; for a client, once it has asked for something.
    Head,
    Body(Body),
    /// Its message is whole.
    Done,
}

/// What this side sends next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Send {
    /// No exchange is open.
    Idle,
    /// The response's head is due.
    Head,
    /// A body in chunks.
    Chunks,
    /// A body that ends with the connection, for a client of HTTP/1.0.
    UntilEnd,
    /// A body that is not sent: the response to HEAD has none.
    Nothing,
    /// Its message is whole.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    Head,
    Body,
    Write,
    Idle,
    Drain,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[Timer::Head, Timer::Body, Timer::Write, Timer::Idle, Timer::Drain];

    fn index(self) -> usize {
        self as usize
    }

    fn why(self) -> &'static str {
        match self {
            Timer::Head => "http1: the rest of a head",
            Timer::Body => "http1: more of a body",
            Timer::Write => "http1: the peer to read",
            Timer::Idle => "http1: the next request",
            Timer::Drain => "http1: the end of draining",
        }
    }
}

/// One connection, as a client or as a server. See the module for its two verbs, and [`crate::base::Machine`].
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) role: Role,
    pub(super) config: Arc<Config>,
    pub(super) input: VecDeque<Bytes>,
    pub(super) input_len: usize,
    pub(super) is_eof: bool,
    pub(super) head: HeadReader,
    pub(super) receive: Receive,
    pub(super) send: Send,
    /// The number of the exchange that is open, or was last.
    pub(super) exchange: u64,
    /// The connection may serve another exchange after this one.
    pub(super) is_persistent: bool,
    /// The client speaks HTTP/1.0.
    pub(super) is_old: bool,
    /// The request was HEAD.
    pub(super) is_head_request: bool,
    /// The client waits for `100 Continue`.
    pub(super) wants_continue: bool,
    pub(super) informational: u8,
    pub(super) is_draining: bool,
    pub(super) outbox: Outbox,
    pub(super) is_blocked: bool,
    /// Content that was handed out and not consumed.
    pub(super) unconsumed: u64,
    /// Content of the peer's message so far.
    pub(super) heard: u64,
    pub(super) timers: TimerTable<5>,
    /// Why the connection is over, before that is reported.
    pub(super) end: Option<End>,
    pub(super) is_ended: bool,
}

impl Connection {
    /// A connection that was just made.
    #[must_use]
    pub fn client(config: Arc<Config>) -> Connection {
        Connection::new(Role::Client, config)
    }

    /// A connection that was just accepted.
    #[must_use]
    pub fn server(now: Time, config: Arc<Config>) -> Connection {
        let head_timeout = config.head_timeout;
        let mut connection = Connection::new(Role::Server, config);
        connection.timers.arm(Timer::Head, now + head_timeout);
        connection
    }

    fn new(role: Role, config: Arc<Config>) -> Connection {
        Connection {
            role,
            head: HeadReader::new(config.head),
            config,
            input: VecDeque::new(),
            input_len: 0,
            is_eof: false,
            receive: Receive::Head,
            send: Send::Idle,
            exchange: 0,
            is_persistent: true,
            is_old: false,
            is_head_request: false,
            wants_continue: false,
            informational: 0,
            is_draining: false,
            outbox: Outbox::default(),
            is_blocked: false,
            unconsumed: 0,
            heard: 0,
            timers: TimerTable::default(),
            end: None,
            is_ended: false,
        }
    }

    /// Whether nothing more can be asked of it.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.is_ended || self.end.is_some()
    }

    /// Whether the connection may serve another exchange after the one that is open, as far as is known yet.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.is_persistent
    }

    /// Whether an exchange is open.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.send != Send::Idle
    }

    /// Whether a client may ask for something now.
    #[must_use]
    pub fn takes_request(&self) -> bool {
        !self.is_ended() && !self.is_draining && !self.is_busy()
    }

    /// Whether all that was queued in an exchange is written; true of those that are over.
    #[must_use]
    pub fn is_sent(&self, exchange: u64) -> bool {
        exchange != self.exchange || !self.is_busy() || self.outbox.is_empty()
    }

    /// Whether it waits for nothing but the peer's next message.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        !self.is_busy() && self.outbox.is_empty() && self.input_len == 0
    }

    /// Bytes of heap memory held, without payloads that the owner or the input own; at most [`Config::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        let body = match &self.receive {
            Receive::Body(body) => body.memory(),
            Receive::Head | Receive::Done => 0,
        };
        self.head.memory() + body + self.outbox.memory()
    }

    /// Ends the connection because of what the peer did.
    pub(super) fn fail(&mut self, why: Violation) {
        let is_answered = !matches!(self.send, Send::Idle | Send::Head);
        // RFC 9110 §15.5: an error in what a client sent is told to it, unless an answer has begun that cannot be taken back.
        if self.role == Role::Server && !is_answered && why != Violation::WriteTimeout {
            let answer = write::refusal(why, self.config.expected);
            self.outbox.put_with(|bytes| bytes.extend_from_slice(&answer));
        } else {
            self.outbox.clear();
        }
        self.end = Some(End::Violation(why));
    }

    /// Ends the connection at once; what is queued is dropped.
    pub(super) fn abort(&mut self, end: End) {
        self.outbox.clear();
        self.end.get_or_insert(end);
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Head if self.head.is_within_head() || self.role == Role::Client => {
                self.fail(Violation::HeadTimeout);
            }
            // A client that has said nothing gets no answer that it would take for one to its first request.
            Timer::Head => self.end = Some(End::Violation(Violation::HeadTimeout)),
            Timer::Body if self.send == Send::Done => self.is_persistent = false,
            Timer::Body => self.fail(Violation::BodyTimeout),
            Timer::Write => self.fail(Violation::WriteTimeout),
            Timer::Idle | Timer::Drain => self.abort(End::Graceful),
        }
    }

    /// The exchange is over, when it is: then the connection is idle, or it ends.
    fn take_finished(&mut self, now: Time) -> Option<Event> {
        let is_whole = matches!(self.receive, Receive::Done);
        let is_over = match self.role {
            Role::Client => is_whole && self.is_busy(),
            // The rest of a request that is answered already is read and dropped, as long as it is short.
            Role::Server => {
                self.send == Send::Done && self.outbox.is_empty() && (is_whole || self.gives_up_rest())
            }
        };
        if !is_over {
            return None;
        }
        // RFC 9112 §9.3: who answers before the whole request was sent reads no more of it, most likely.
        self.is_persistent &= self.send == Send::Done && self.outbox.is_empty();
        self.outbox.clear();
        let exchange = self.exchange;
        self.send = Send::Idle;
        self.receive = Receive::Head;
        self.wants_continue = false;
        self.informational = 0;
        self.is_blocked = false;
        self.unconsumed = 0;
        self.heard = 0;
        self.timers.disarm(Timer::Body);
        // RFC 9112 §9.3: after a message that is not read to its end, the next one's begin is unknown.
        if !is_whole || !self.is_persistent || self.is_draining {
            self.end = Some(End::Graceful);
        } else if self.role == Role::Server && self.input_len == 0 {
            self.timers.arm(Timer::Idle, now + self.config.idle_timeout);
        }
        Some(Event::Finished { exchange })
    }

    /// Whether the rest of an answered request is not worth waiting for.
    fn gives_up_rest(&self) -> bool {
        self.is_eof || !self.is_persistent
    }

    fn write(&mut self, now: Time, out: &mut Out) {
        let before = self.outbox.len();
        self.outbox.write(out);
        if self.outbox.is_empty() {
            self.timers.disarm(Timer::Write);
        } else if self.outbox.len() < before || !self.timers.is_armed(Timer::Write) {
            self.timers.arm(Timer::Write, now + self.config.write_timeout);
        }
    }

    fn take_writable(&mut self) -> Option<Event> {
        let has_room = self.outbox.len() <= self.config.send_buffer_bytes / 2;
        let is_due = self.is_blocked && has_room;
        self.is_blocked &= !is_due;
        is_due.then_some(Event::Writable { exchange: self.exchange })
    }

    /// After the end: what is queued drains.
    fn drain_out(&mut self, out: &mut Out) -> Output<Event> {
        self.outbox.write(out);
        if self.outbox.is_empty() { Output::Idle(None) } else { Output::Full(None) }
    }

    fn report_end(&mut self) -> Option<Event> {
        let end = self.end.take()?;
        self.is_ended = true;
        self.timers.clear();
        self.input = VecDeque::new();
        self.input_len = 0;
        self.receive = Receive::Done;
        self.head = HeadReader::new(self.config.head);
        Some(Event::Ended(end))
    }
}

impl Machine for Connection {
    type Event = Event;

    fn handle_input(&mut self, _now: Time, input: Bytes) {
        if !self.is_ended && !input.is_empty() {
            self.input_len += input.len();
            self.input.push_back(input);
        }
    }

    fn handle_eof(&mut self, _now: Time) {
        self.is_eof = true;
    }

    /// HTTP/1.1 has no credit that would hold the peer back; what is not read here, the transport holds back.
    fn wants_input(&self) -> bool {
        let waiting = self.unconsumed.saturating_add(self.input_len as u64);
        waiting < self.config.receive_buffer_bytes as u64
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Event> {
        loop {
            if self.is_ended {
                return self.drain_out(out);
            }
            if let Some(event) = self.report_end() {
                return Output::Event(event);
            }
            match self.read(now) {
                Ok(Some(event)) => return Output::Event(event),
                Ok(None) => {}
                Err(why) => {
                    self.fail(why);
                    continue;
                }
            }
            if let Some(timer) = self.timers.take_due::<Timer>(now) {
                self.on_timer(timer);
                continue;
            }
            self.write(now, out);
            if let Some(event) = self.take_writable().or_else(|| self.take_finished(now)) {
                return Output::Event(event);
            }
            if self.end.is_none() {
                break;
            }
        }
        let wake: Option<Wake> = self.timers.wake::<Timer>();
        if self.outbox.is_empty() { Output::Idle(wake) } else { Output::Full(wake) }
    }
}
