//! How a connection opens, waits and ends.

use crate::base::TimerName;
use crate::http1::HeadReader;
use crate::websocket::close;
use crate::websocket::codec::{Deflater, Inflater};
use crate::websocket::connection::{Connection, Opening, Phase, Role};
use crate::websocket::event::{End, Event};
use crate::websocket::handshake::client::Asked;
use crate::websocket::handshake::{Agreement, Refusal, server};
use crate::websocket::outbox::PINGS_MAX;
use crate::websocket::{CloseCode, Violation};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// How long a connection keeps what the last messages needed.
const SHRINK_AFTER: Duration = Duration::from_secs(1);
/// A heartbeat without a pause between two would never let go.
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);
/// What the heartbeat's pings say.
const HEARTBEAT: &[u8] = b"heartbeat";

/// Why the connection closes, in the words of the side that closed first.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    code: Option<CloseCode>,
    reason: String,
    by_peer: bool,
}

/// The instants that a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    Handshake,
    Close,
    Message,
    Heartbeat,
    HeartbeatPong,
    Shrink,
}

impl Timer {
    pub(super) const COUNT: usize = 6;
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[
        Timer::Handshake,
        Timer::Close,
        Timer::Message,
        Timer::Heartbeat,
        Timer::HeartbeatPong,
        Timer::Shrink,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn why(self) -> &'static str {
        match self {
            Timer::Handshake => "websocket: the end of the opening handshake is due",
            Timer::Close => "websocket: the end of the closing handshake is due",
            Timer::Message => "websocket: the rest of a message is due",
            Timer::Heartbeat => "websocket: a heartbeat's ping is due",
            Timer::HeartbeatPong => "websocket: the answer to a heartbeat is due",
            Timer::Shrink => "websocket: the memory of messages that are gone is given back",
        }
    }
}

impl Connection {
    /// Waits for the peer's head.
    pub(super) fn begin(&mut self, asked: Option<Asked>) {
        let reader = HeadReader::new(self.config.head);
        self.opening = Some(Box::new(Opening { reader, asked }));
        self.timers.arm(Timer::Handshake, self.now + self.config.handshake_timeout);
    }

    /// The handshake is done.
    pub(super) fn open(&mut self, agreement: &Agreement) {
        self.phase = Phase::Open;
        self.subprotocol = agreement.subprotocol.as_deref().map(Box::from);
        if let Some(agreed) = agreement.deflate {
            let level = self.config.deflate.unwrap_or_default().level;
            self.inflater = Inflater::new(agreed.peer_takeover).map(Box::new);
            self.deflater = Deflater::new(agreed.window_bits, level, agreed.takeover).map(Box::new);
        }
        self.timers.disarm(Timer::Handshake);
        if let Some(interval) = self.heartbeat_interval() {
            self.timers.arm(Timer::Heartbeat, self.now + interval);
        }
    }

    /// Ends a handshake; a client that asked for what is not to be had gets HTTP's own answer.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if self.role == Role::Server {
            self.outbox.set_handshake(server::refusal(refusal));
        }
        self.end(End::Refused(refusal));
    }

    /// Fires every timer that is due.
    pub(super) fn fire_due(&mut self) {
        while self.phase != Phase::Ended {
            let Some(timer) = self.timers.take_due::<Timer>(self.now) else { return };
            match timer {
                Timer::Handshake => self.refuse(Refusal::Timeout),
                Timer::Close if self.phase == Phase::Leaving => self.end_closed(),
                Timer::Close => self.violate(Violation::CloseTimeout),
                Timer::Message => self.check_message(),
                Timer::Heartbeat => self.beat(),
                Timer::HeartbeatPong => self.check_alive(),
                Timer::Shrink => self.shrink_if_due(),
            }
        }
    }

    /// What the end of a poll finds left: a message that is not complete, memory that may soon be given back.
    pub(super) fn rest(&mut self) {
        self.reader.let_go();
        if self.message.is_none() {
            self.timers.disarm(Timer::Message);
        } else if !self.timers.is_armed(Timer::Message) {
            // What waits because the application does not take messages is no fault of the peer's.
            let since = if self.is_held() { self.now } else { self.received_at };
            self.timers
                .arm(Timer::Message, (since + self.config.message_timeout).max(self.now + HEARTBEAT_MIN));
        }
        if !self.timers.is_armed(Timer::Shrink) && self.can_give_back() {
            self.timers.arm(Timer::Shrink, self.now + SHRINK_AFTER);
        }
    }

    fn check_message(&mut self) {
        // Where it goes on, the end of this poll waits anew.
        let due = self.received_at + self.config.message_timeout;
        if self.message.is_some() && !self.is_held() && due <= self.now {
            self.violate(Violation::MessageTimeout);
        }
    }

    fn shrink_if_due(&mut self) {
        let due = self.received_at + SHRINK_AFTER;
        if due > self.now {
            self.timers.arm(Timer::Shrink, due);
        } else {
            self.give_back();
        }
    }

    fn heartbeat_interval(&self) -> Option<Duration> {
        self.config.heartbeat_interval.map(|interval| interval.max(HEARTBEAT_MIN))
    }

    fn beat(&mut self) {
        let Some(interval) = self.heartbeat_interval().filter(|_| self.phase == Phase::Open) else { return };
        // Any received byte counts as life, so the timer only moves. What was not read may hold a pong.
        let due = self.received_at + interval;
        let is_asked = self.timers.is_armed(Timer::HeartbeatPong) && self.received_at < self.pinged_at;
        if due > self.now || self.is_held() || is_asked {
            self.timers.arm(Timer::Heartbeat, if due > self.now { due } else { self.now + interval });
            return;
        }
        if self.outbox.pings() < PINGS_MAX {
            self.outbox.push_ping(HEARTBEAT);
        }
        self.pinged_at = self.now;
        self.timers.arm(Timer::Heartbeat, self.now + interval);
        self.timers.arm(Timer::HeartbeatPong, self.now + self.config.heartbeat_timeout.max(HEARTBEAT_MIN));
    }

    fn check_alive(&mut self) {
        // Whatever came since the ping is life, however late this is looked at.
        if self.received_at < self.pinged_at && !self.is_held() {
            self.violate(Violation::HeartbeatTimeout);
        }
    }

    /// The peer's close frame.
    pub(super) fn on_close(&mut self, code: Option<CloseCode>, reason: String) {
        let is_answer = self.phase == Phase::Closing;
        self.pending.push_back(Event::Closing { code, reason: reason.clone() });
        if !is_answer {
            // RFC 6455 §5.5.1: a close frame MUST be answered with one, which has the same code.
            self.say_close(code, "");
            self.closing = Some(Box::new(Closing { code, reason, by_peer: true }));
        }
        if self.role == Role::Server {
            // RFC 6455 §7.1.1: a server closes the transport at once.
            self.end_closed();
            return;
        }
        // RFC 6455 §7.1.1: a client lets the server close it.
        self.phase = Phase::Leaving;
        self.forget_input();
        self.timers.clear();
        self.timers.arm(Timer::Close, self.now + self.config.close_timeout.max(HEARTBEAT_MIN));
    }

    /// Begins the closing handshake.
    pub(super) fn begin_close(&mut self, code: CloseCode, reason: &str) {
        let reason = close::fitting(reason);
        self.say_close(Some(code), reason);
        self.closing = Some(Box::new(Closing { code: Some(code), reason: reason.into(), by_peer: false }));
        self.phase = Phase::Closing;
        self.timers.disarm(Timer::Heartbeat);
        self.timers.disarm(Timer::HeartbeatPong);
        self.timers.arm(Timer::Close, self.now + self.config.close_timeout.max(HEARTBEAT_MIN));
    }

    fn say_close(&mut self, code: Option<CloseCode>, reason: &str) {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.extend_from_slice(&code.as_u16().to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        self.outbox.set_close(&payload);
    }

    /// Ends a connection on which both sides said close.
    fn end_closed(&mut self) {
        let end = match self.closing.take() {
            Some(closing) => {
                let Closing { code, reason, by_peer } = *closing;
                End::Closed { code, reason, by_peer }
            }
            None => End::TransportClosed,
        };
        self.end(end);
    }

    /// Ends the connection once the input has ended and is read.
    pub(super) fn check_end(&mut self) {
        if !self.input_ended || self.phase == Phase::Ended || (self.is_held() && !self.reader.is_empty()) {
            return;
        }
        match self.phase {
            Phase::Leaving => self.end_closed(),
            // RFC 6455 §7.1.5: without a close frame the connection was not closed cleanly.
            _ => self.end(End::TransportClosed),
        }
    }

    /// Answers a violation. RFC 6455 §7.1.7: the connection fails: a close frame says why, then the transport MUST be
    /// closed, and nothing more that came is read.
    pub(super) fn violate(&mut self, violation: Violation) {
        if self.phase == Phase::Open {
            self.say_close(Some(violation.code()), violation.text());
        }
        self.end(End::Violation(violation));
    }

    /// Ends the connection: the last event is queued, what was to be sent still is.
    pub(super) fn end(&mut self, end: End) {
        if matches!(end, End::TransportClosed | End::Abandoned) {
            self.outbox.clear();
        }
        self.phase = Phase::Ended;
        self.opening = None;
        self.forget_input();
        self.inflater = None;
        self.deflater = None;
        self.blocked = false;
        self.timers.clear();
        self.pending.push_back(Event::Closed(end));
    }

    /// RFC 6455 §1.4, §5.5.1: what comes after a close frame is ignored.
    fn forget_input(&mut self) {
        self.reader.clear();
        self.message = None;
        self.scratch = bytes::BytesMut::new();
        self.scratch_held = 0;
        self.unread = 0;
    }
}
