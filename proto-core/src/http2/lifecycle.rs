//! How a connection begins, waits, drains and ends; and how streams leave it.

use crate::base::TimerName;
use crate::http2::ErrorCode;
use crate::http2::Violation;
use crate::http2::closed_memory::EndedBy;
use crate::http2::connection::{Connection, Phase, Role};
use crate::http2::control::Control;
use crate::http2::event::{CloseReason, End, Event};
use crate::http2::frame::MAX_31_BITS;
use crate::http2::settings::local_pairs;
use crate::http2::stream::{StreamId, Turn};
use crate::http2::violation::Scope;
use core::time::Duration;

/// How long a drain waits for its PING before it draws the line all the same.
const DRAIN_PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection's drain waits for a stream that was on its way.
const IDLE_GRACE: Duration = Duration::from_secs(5);
/// A stream that is reset sooner than this was not meant to be answered.
const YOUNG: Duration = Duration::from_millis(10);
/// What its reset costs. Abuse: rapid reset (CVE-2023-44487), which starts work and throws it away.
const YOUNG_RESET_COST: u32 = 3;

/// Whether new streams are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drain {
    /// They are.
    No,
    /// The first GOAWAY is out; streams that were on their way are still taken.
    Announced,
    /// The last GOAWAY is out; the peer's streams above this one are ignored.
    Final { last: StreamId },
}

/// What PINGs are for; their answers are told apart by payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PingUse {
    Owner,
    Keepalive,
    Tuning,
    Drain,
}

impl PingUse {
    pub(super) const COUNT: usize = 4;
    pub(super) const ALL: [PingUse; 4] =
        [PingUse::Owner, PingUse::Keepalive, PingUse::Tuning, PingUse::Drain];
}

/// The instants that a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    Settings,
    Header,
    Frame,
    Keepalive,
    KeepaliveAck,
    DrainPing,
    Grace,
    Idle,
    Shrink,
}

impl Timer {
    pub(super) const COUNT: usize = 9;
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[
        Timer::Settings,
        Timer::Header,
        Timer::Frame,
        Timer::Keepalive,
        Timer::KeepaliveAck,
        Timer::DrainPing,
        Timer::Grace,
        Timer::Idle,
        Timer::Shrink,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn why(self) -> &'static str {
        match self {
            Timer::Settings => "http2: SETTINGS or their acknowledgement are due",
            Timer::Header => "http2: the end of a header block is due",
            Timer::Frame => "http2: the end of a frame is due",
            Timer::Keepalive => "http2: a keepalive PING is due",
            Timer::KeepaliveAck => "http2: the answer to a keepalive PING is due",
            Timer::DrainPing => "http2: the answer to a drain's PING is due",
            Timer::Grace => "http2: a drain's grace ends",
            Timer::Idle => "http2: the connection has been idle for long",
            Timer::Shrink => "http2: the memory of streams that are gone is given back",
        }
    }
}

impl Connection {
    /// Queues the preface and arms the first timers.
    pub(super) fn begin(&mut self) {
        if self.role == Role::Client {
            self.control.push(Control::Preface);
        }
        // RFC 9113 §3.4, §6.5: SETTINGS MUST be the first frame that both sides send. RFC 9113 §3.3: that is the
        // preface of a server, which sends it even where its client knew beforehand that it speaks HTTP/2.
        self.control.push(Control::Settings(local_pairs(self.role, &self.config)));
        if let Some(increment) = self.recv.take_update() {
            self.control.push(Control::WindowUpdate(StreamId::CONNECTION, increment));
        }
        self.timers.arm(Timer::Settings, self.now + self.config.settings_timeout);
        if let Some(interval) = self.config.keepalive_interval {
            self.timers.arm(Timer::Keepalive, self.now + interval);
        }
        self.rest();
    }

    /// Fires every timer that is due.
    pub(super) fn fire_due(&mut self) {
        while self.phase != Phase::Ended {
            let Some(timer) = self.timers.take_due::<Timer>(self.now) else { return };
            match timer {
                Timer::Settings if self.remote.received => self.violate(Violation::SettingsTimeout),
                Timer::Settings => self.violate(Violation::PrefaceTimeout),
                Timer::Header | Timer::Frame => self.violate(Violation::HeaderTimeout),
                Timer::Keepalive => self.keep_alive(),
                Timer::KeepaliveAck => self.check_alive(),
                Timer::DrainPing => self.draw_line(),
                Timer::Grace => {
                    self.draw_line();
                    self.end(End::Graceful);
                }
                Timer::Idle => self.begin_drain(IDLE_GRACE),
                Timer::Shrink => self.shrink_if_due(),
            }
        }
    }

    /// The input ends here: a frame that it breaks off in has so long to end.
    pub(super) fn await_frame(&mut self) {
        match self.reader.broken_off() {
            None => self.timers.disarm(Timer::Frame),
            broken_off if broken_off == self.broken_off => return,
            Some(_) => self.timers.arm(Timer::Frame, self.now + self.config.header_timeout),
        }
        self.broken_off = self.reader.broken_off();
    }

    fn keep_alive(&mut self) {
        let Some(interval) = self.config.keepalive_interval else { return };
        let due = self.received_at + interval;
        // Any received byte counts as life, so the timer only moves.
        if due > self.now {
            self.timers.arm(Timer::Keepalive, due);
            return;
        }
        if self.streams.is_empty() && !self.config.keepalive_without_streams {
            self.timers.arm(Timer::Keepalive, self.now + interval);
            return;
        }
        self.send_ping(PingUse::Keepalive);
        self.timers.arm(Timer::KeepaliveAck, self.now + self.config.keepalive_timeout);
    }

    fn check_alive(&mut self) {
        let due = self.received_at + self.config.keepalive_timeout;
        if due <= self.now {
            self.violate(Violation::KeepaliveTimeout);
            return;
        }
        self.timers.arm(Timer::Keepalive, self.now + self.config.keepalive_interval.unwrap_or(Duration::MAX));
    }

    pub(super) fn send_ping(&mut self, for_what: PingUse) -> [u8; 8] {
        let payload = self.entropy.next_u64().to_be_bytes();
        self.pings.note(for_what, payload);
        self.control.push(Control::Ping { ack: false, payload });
        payload
    }

    /// First half of a drain.
    pub(super) fn begin_drain(&mut self, grace: Duration) {
        if self.phase == Phase::Ended {
            return;
        }
        let ends = self.now + grace;
        self.timers.disarm(Timer::Idle);
        self.timers.arm(Timer::Grace, ends);
        if self.drain != Drain::No {
            return;
        }
        if self.role == Role::Client {
            // A client's peer opens no streams, so there is no line to draw.
            self.drain = Drain::Final { last: StreamId::CONNECTION };
            self.say_goaway(StreamId::CONNECTION);
            return;
        }
        // RFC 9113 §6.8: a server first says 2^31-1, so that requests on their way are not lost.
        self.drain = Drain::Announced;
        self.say_goaway(StreamId(MAX_31_BITS));
        self.send_ping(PingUse::Drain);
        self.timers.arm(Timer::DrainPing, self.now + DRAIN_PING_TIMEOUT.min(grace));
    }

    /// Second half: what was on its way has arrived.
    pub(super) fn draw_line(&mut self) {
        if self.drain == Drain::Announced {
            self.drain = Drain::Final { last: self.last_remote };
            self.timers.disarm(Timer::DrainPing);
            self.say_goaway(self.last_remote);
        }
    }

    /// The last stream of the peer's that may have been processed. RFC 9113 §8.7: GOAWAY MUST include every stream that
    /// the application saw.
    pub(super) fn line(&self) -> StreamId {
        match (self.role, self.drain) {
            // What a server promises is refused.
            (Role::Client, _) => StreamId::CONNECTION,
            // RFC 9113 §6.8: the last stream in GOAWAY never grows.
            (Role::Server, Drain::Final { last }) => last,
            (Role::Server, Drain::No | Drain::Announced) => self.last_remote,
        }
    }

    pub(super) fn say_goaway(&mut self, last_stream: StreamId) {
        self.control.push(Control::GoAway { last_stream, code: ErrorCode::NO_ERROR, debug: "" });
    }

    /// Ends the connection if nothing is left that it lives for.
    pub(super) fn check_end(&mut self) {
        match self.phase {
            Phase::Ended => {}
            Phase::Alive => self.leave_if_done(),
            Phase::InputEnded => {
                let whole =
                    self.reader.is_between_frames() && self.block.is_none() || self.reader.awaits_preface();
                let end = match self.peer_error.take() {
                    Some(error) => *error,
                    None if self.streams.is_empty() && whole => End::Graceful,
                    None => End::TransportClosed,
                };
                self.end(end);
            }
        }
    }

    /// Ends the connection when it drains, or the server wants it to, and the last stream is over.
    pub(super) fn leave_if_done(&mut self) {
        let leaving = matches!(self.drain, Drain::Final { .. })
            || self.role == Role::Client && self.goaway_received.is_some();
        if self.phase == Phase::Alive && leaving && self.streams.is_empty() {
            let end = self.peer_error.take().map_or(End::Graceful, |end| *end);
            if self.drain == Drain::No {
                self.say_goaway(StreamId::CONNECTION);
            }
            self.end(end);
        }
    }

    /// Ends the connection: the last event is queued, and all but control frames is forgotten.
    pub(super) fn end(&mut self, end: End) {
        // What never left this side is safe to try elsewhere; its owner learns that first.
        let mut at = None;
        while let Some(id) = self.streams.next_id(at) {
            at = Some(id);
            let id = StreamId(id as u32);
            if self.is_own(id) && self.is_idle(id) {
                self.pending.push_back(Event::Closed { stream: id, reason: CloseReason::NotProcessed });
            }
        }
        self.phase = Phase::Ended;
        self.streams.clear();
        self.outbox.clear();
        self.reader.clear();
        self.block = None;
        self.timers.clear();
        self.pending.push_back(Event::Ended(end));
    }

    /// Answers what is no HTTP/2 preface: an HTTP/1 client gets words that it can show.
    pub(super) fn refuse_preface(&mut self) {
        if self.reader.looks_like_http1() {
            self.control.clear();
            self.control.push(Control::Http1Reply);
            self.end(End::Violation(Violation::Preface));
        } else {
            self.violate(Violation::Preface);
        }
    }

    /// Answers a violation as its scope says; for those of a stream see [`Connection::violate_stream`].
    pub(super) fn violate(&mut self, violation: Violation) {
        if self.phase == Phase::Ended {
            return;
        }
        if self.control.replies() > self.config.unread_replies_max {
            self.control.keep_opening();
        }
        // RFC 9113 §5.4.1: GOAWAY with the last stream and the code, then the connection MUST be closed.
        let debug = violation.text();
        self.control.push(Control::GoAway { last_stream: self.line(), code: violation.code(), debug });
        self.end(End::Violation(violation));
    }

    /// Answers a violation on a stream: RST_STREAM where its scope is the stream, the end of the connection otherwise.
    pub(super) fn violate_stream(&mut self, id: StreamId, violation: Violation) {
        // RFC 9113 §6.4: RST_STREAM MUST NOT be sent for an idle stream, so there the connection ends.
        if violation.scope() == Scope::Connection || self.is_idle(id) {
            self.violate(violation);
            return;
        }
        // Resets that a peer makes us send cost as much as its own (CVE-2025-8671).
        if !self.charge_reset(id) {
            return;
        }
        if self.streams.get(u64::from(id.0)).is_some() {
            self.reset_stream(id, violation.code(), CloseReason::Violation(violation));
        } else {
            self.control.push(Control::Reset(id, violation.code()));
        }
    }

    /// Charges the reset of a stream; false when that was one too many and the connection has ended.
    pub(super) fn charge_reset(&mut self, id: StreamId) -> bool {
        // Work was begun for a stream that the peer opened and at once gives up, and nobody wanted its result. One that is
        // refused never got so far, and a deadline that passes lets more time pass than this.
        let is_young = self.role == Role::Server
            && self.streams.get(u64::from(id.0)).is_some_and(|stream| self.now < stream.since + YOUNG);
        let cost = if is_young { YOUNG_RESET_COST } else { 1 };
        let affordable = self.resets.charge(self.config.resets, self.now, cost);
        self.spend(affordable, Violation::ResetFlood)
    }

    /// Charges a frame that carries no work; false when that was one too many and the connection has ended.
    pub(super) fn charge_idle_frame(&mut self) -> bool {
        self.charge_idle(1)
    }

    /// The same for one that costs as much as several.
    pub(super) fn charge_idle(&mut self, cost: u32) -> bool {
        let affordable = self.idle_frames.charge(self.config.idle_frames, self.now, cost);
        self.spend(affordable, Violation::ControlFlood)
    }

    fn spend(&mut self, affordable: bool, violation: Violation) -> bool {
        if !affordable {
            self.violate(violation);
        }
        affordable
    }

    /// Whether the id is one that this side gives out.
    pub(super) fn is_own(&self, id: StreamId) -> bool {
        id.is_client() == (self.role == Role::Client)
    }

    /// Whether no HEADERS of a stream have been on the wire (RFC 9113 §5.1.1: lower ids of a used parity are closed).
    /// One of ours that waits for its turn is idle still.
    pub(super) fn is_idle(&self, id: StreamId) -> bool {
        id > if self.is_own(id) { self.written_local } else { self.last_remote }
    }

    /// Whether the peer has acknowledged our SETTINGS.
    pub(super) fn is_acknowledged(&self) -> bool {
        !self.timers.is_armed(Timer::Settings)
    }

    /// Takes a stream out, gives its credit back and reports how it ended.
    pub(super) fn remove(&mut self, id: StreamId, reason: CloseReason) {
        let Some(mut stream) = self.streams.remove(u64::from(id.0)) else { return };
        // RFC 9113 §5.1: a stream that is closed sends nothing more.
        self.outbox.drop_queue(&mut stream.queue);
        // What it held counts for the connection still (a classic leak).
        self.recv.consume(stream.recv.held());
        self.announce_credit(id);
        if !self.is_own(id) {
            self.active_remote -= 1;
        } else if stream.is_started() {
            self.active_local -= 1;
        }
        if stream.turn != Turn::Away {
            let streams = &self.streams;
            self.outbox.note_stale(|id| streams.get(u64::from(id.0)).is_some());
        }
        match reason {
            _ if self.is_idle(id) => {}
            CloseReason::ResetByPeer(_) => self.closed.note(id, EndedBy::Reset),
            CloseReason::Finished => self.closed.note(id, EndedBy::EndStream),
            // Whether the peer's end had arrived before our reset went out is a race that late frames must not decide.
            _ => self.closed.note(id, EndedBy::Us),
        }
        if reason == CloseReason::Finished {
            // Whoever asks twice and takes the first answer throws away one of two.
            self.resets.earn(self.config.resets, YOUNG_RESET_COST);
        }
        self.pending.push_back(Event::Closed { stream: id, reason });
        if self.streams.is_empty() {
            self.note_rest();
        }
        self.rest();
    }

    /// Starts the idle timer when no stream is open.
    fn rest(&mut self) {
        if let Some(timeout) = self.config.idle_timeout
            && self.streams.is_empty()
            && self.drain == Drain::No
        {
            self.timers.arm(Timer::Idle, self.now + timeout);
        }
    }
}
