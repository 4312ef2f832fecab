//! How a connection begins, waits, drains and ends; and how calls leave it.

use crate::base::TimerName;
use crate::native::call::{Call, Told, Turn};
use crate::native::codec::Codec;
use crate::native::connection::{Connection, Phase, key, waits};
use crate::native::control::{Control, ControlQueue};
use crate::native::event::{End, Event};
use crate::native::inbound::MESSAGE_COST;
use crate::native::violation::Scope;
use crate::native::{ErrorCode, Violation, varint};
use crate::rpc::local_status;
use crate::rpc::session::SessionEnd;
use crate::rpc::{Metadata, Origin, Status};
use alloc::boxed::Box;
use alloc::format;
use core::time::Duration;

/// How long a drain waits for its PONG before it draws the line all the same.
const DRAIN_PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection's drain waits for a call that was on its way.
const IDLE_GRACE: Duration = Duration::from_secs(5);
/// What GOAWAY says while every call that is on its way is still taken.
const LAST_OF_ALL: u64 = varint::MAX - 1;
/// The most that late frames may cost in sum before they count as idle.
const LATE_CREDIT_MAX: u64 = 1 << 40;
/// A call that is reset sooner than this was not meant to be answered.
const YOUNG: Duration = Duration::from_millis(10);
/// What its reset costs. Abuse: rapid reset, which starts work and throws it away.
pub(super) const YOUNG_RESET_COST: u32 = 3;

/// Whether new calls are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drain {
    /// They are.
    No,
    /// The first GOAWAY is out; calls that were on their way are still taken.
    Announced,
    /// The last GOAWAY is out; the peer's calls above this one are ignored.
    Final { last: u64 },
}

/// The instants that a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    Opening,
    Keepalive,
    KeepaliveAnswer,
    DrainPing,
    Grace,
    Idle,
    Shrink,
}

impl Timer {
    pub(super) const COUNT: usize = 7;
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[
        Timer::Opening,
        Timer::Keepalive,
        Timer::KeepaliveAnswer,
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
            Timer::Opening => "native: the preface and HELLO are due",
            Timer::Keepalive => "native: a keepalive PING is due",
            Timer::KeepaliveAnswer => "native: the answer to a keepalive PING is due",
            Timer::DrainPing => "native: the answer to a drain's PING is due",
            Timer::Grace => "native: a drain's grace ends",
            Timer::Idle => "native: the connection has been idle for long",
            Timer::Shrink => "native: the memory of calls that are gone is given back",
        }
    }
}

impl<C: Codec> Connection<C> {
    /// Queues what a client says first, and arms the first timers. A server answers the preface when it has come.
    pub(super) fn begin(&mut self) {
        if self.is_client() {
            self.control.push(Control::Preface);
            self.control.push(Control::Hello);
        }
        self.timers.arm(Timer::Opening, self.now + self.config.opening_timeout);
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
                Timer::Opening => self.violate(Violation::OpeningTimeout),
                Timer::Keepalive => self.keep_alive(),
                Timer::KeepaliveAnswer => self.check_alive(),
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

    /// Ends calls whose deadline has passed.
    pub(super) fn expire(&mut self) {
        loop {
            let calls = &self.calls;
            let Some(id) = self.deadlines.take_due(self.now, |id, at| waits(calls, id, at)) else { return };
            let Some(call) = self.calls.get(key(id)) else { return };
            let is_stuck = call.outbound.has_messages();
            if self.is_client() || is_stuck || matches!(call.told, Told::Ended) {
                // Behind what the client does not read, a status would wait for ever.
                self.cancel_call(id, ErrorCode::DEADLINE);
                self.over(id, local_status::deadline_exceeded(), Metadata::new());
            } else {
                self.fail(id, local_status::deadline_exceeded());
            }
        }
    }

    /// How often a PING may ask: as this side wants, and the peer bears.
    pub(super) fn keepalive_interval(&self) -> Option<Duration> {
        let least = Duration::from_millis(self.remote.ping_interval_min_ms.into());
        self.config.keepalive_interval.map(|interval| interval.max(least))
    }

    fn keep_alive(&mut self) {
        let Some(interval) = self.keepalive_interval() else { return };
        let due = self.received_at + interval;
        // Any received byte counts as life, so the timer only moves.
        if due > self.now {
            self.timers.arm(Timer::Keepalive, due);
            return;
        }
        if self.calls.is_empty() && !self.config.keepalive_without_calls {
            self.timers.arm(Timer::Keepalive, self.now + interval);
            return;
        }
        self.keepalive_token = Some(self.send_ping());
        self.timers.arm(Timer::KeepaliveAnswer, self.now + self.config.keepalive_timeout);
    }

    fn check_alive(&mut self) {
        let due = self.received_at + self.config.keepalive_timeout;
        if due <= self.now {
            self.violate(Violation::KeepaliveTimeout);
            return;
        }
        let interval = self.keepalive_interval().unwrap_or(Duration::MAX);
        self.timers.arm(Timer::Keepalive, self.now + interval);
    }

    fn send_ping(&mut self) -> u64 {
        let token = self.entropy.next_u64();
        self.control.push(Control::Ping(token.to_be_bytes()));
        token
    }

    /// First half of a drain.
    pub(super) fn begin_drain(&mut self, grace: Duration) {
        if self.phase == Phase::Ended {
            return;
        }
        self.timers.disarm(Timer::Idle);
        self.timers.arm(Timer::Grace, self.now + grace);
        if self.drain != Drain::No {
            return;
        }
        if self.is_client() {
            self.drain = Drain::Final { last: 0 };
            self.say_goaway(0);
            return;
        }
        self.drain = Drain::Announced;
        self.timers.arm(Timer::DrainPing, self.now + DRAIN_PING_TIMEOUT.min(grace));
        if self.is_greeted {
            self.announce_drain();
        }
    }

    /// Warns the client, once it can read that.
    pub(super) fn announce_drain(&mut self) {
        self.say_goaway(LAST_OF_ALL);
        self.drain_token = Some(self.send_ping());
    }

    /// Second half: what was on its way has arrived.
    pub(super) fn draw_line(&mut self) {
        if self.drain == Drain::Announced {
            self.drain = Drain::Final { last: self.last_wire };
            self.timers.disarm(Timer::DrainPing);
            if self.codec.is_open() {
                self.say_goaway(self.last_wire);
            }
        }
    }

    /// The last call of the peer's that the application may have seen.
    fn line(&self) -> u64 {
        match self.drain {
            _ if self.is_client() => 0,
            // §10: the last call in GOAWAY never grows.
            Drain::Final { last } => last,
            Drain::No | Drain::Announced => self.last_wire,
        }
    }

    fn say_goaway(&mut self, last: u64) {
        self.control.push(Control::GoAway { last, code: ErrorCode::NO_ERROR, text: "" });
    }

    /// Ends the connection now, by the owner's will.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Ended {
            return;
        }
        self.is_closed_here = true;
        if self.is_client() || self.codec.is_open() {
            self.say_goaway(self.line());
        }
        self.end(End::Graceful);
    }

    /// Ends the connection if nothing is left that it lives for.
    pub(super) fn check_end(&mut self) {
        match self.phase {
            Phase::Ended => {}
            Phase::Alive => self.leave_if_done(),
            Phase::InputEnded => {
                let whole = self.codec.is_between_frames() && self.receiving.is_none();
                let whole = whole || self.codec.is_untouched();
                self.end(if self.calls.is_empty() && whole { End::Graceful } else { End::TransportClosed });
            }
        }
    }

    /// Ends the connection when it drains, or the server wants it to, and the last call is over.
    fn leave_if_done(&mut self) {
        let leaving = matches!(self.drain, Drain::Final { .. }) || self.is_client() && self.goaway.is_some();
        if leaving && self.calls.is_empty() && self.pending.is_empty() {
            if self.drain == Drain::No {
                self.say_goaway(0);
            }
            self.end(End::Graceful);
        }
    }

    /// What carries the connection has ended: there is nobody left to write to.
    pub(super) fn lose(&mut self, status: Status) {
        if self.phase != Phase::Ended {
            self.end(End::Carrier(status));
            self.control = ControlQueue::default();
        }
    }

    /// Ends the connection: its calls and the last event are told, and all but control frames is forgotten.
    pub(super) fn end(&mut self, end: End) {
        if self.phase == Phase::Ended {
            return;
        }
        let carrier_says = matches!(end, End::Carrier(_));
        let (end, lost) = self.statuses(end);
        // What never left this side is safe to try elsewhere; its owner learns that first.
        for unsent in [true, false] {
            let mut at = None;
            while let Some(key) = self.calls.next_id(at) {
                at = Some(key);
                let has_left = self.calls.get(key).is_some_and(|call| call.wire != 0);
                if has_left == unsent {
                    continue;
                }
                let is_safe = unsent && !self.is_closed_here;
                let status = match (is_safe, carrier_says) {
                    (true, true) => lost.clone().with_safe_to_retry(),
                    (true, false) => unprocessed(),
                    (false, _) => lost.clone(),
                };
                self.over(key >> 1, status, Metadata::new());
            }
        }
        self.phase = Phase::Ended;
        self.calls.clear();
        self.spare.clear();
        self.renamed.clear();
        self.ready = Default::default();
        self.waiting = Default::default();
        self.deadlines.clear();
        self.codec.clear();
        self.receiving = None;
        self.timers.clear();
        self.pending.push_back(Event::Closed(end));
    }

    /// How the connection ended: for its owner, and for the calls that it takes along.
    fn statuses(&self, end: End) -> (SessionEnd, Status) {
        let status = match end {
            End::Graceful => {
                let status = if self.is_closed_here && self.is_client() {
                    local_status::closed_here()
                } else {
                    local_status::connection_closed()
                };
                return (SessionEnd::Graceful, status);
            }
            End::TransportClosed => local_status::connection_lost(),
            End::Carrier(status) => status,
            End::Violation(violation) => local_status::connection_broken(violation),
            End::PeerError { code, text } => local_status::ended_by_peer(code.name(), &text),
            End::Refused { lowest, highest, text } => Status::unavailable(format!(
                "the server speaks versions {lowest} to {highest} of the native protocol, and not 1: {text}"
            ))
            .with_origin(Origin::Peer)
            .with_safe_to_retry(),
        };
        (SessionEnd::Failed(status.clone()), status)
    }

    /// Answers a violation of the connection.
    pub(super) fn violate(&mut self, violation: Violation) {
        if self.phase == Phase::Ended {
            return;
        }
        self.violation = Some(violation);
        if self.control.replies() > self.config.unread_replies_max {
            self.control.keep_opening();
        }
        // §3: who does not speak the protocol gets the refusal that every version has.
        let is_stranger = !self.is_client() && !self.codec.is_open();
        if is_stranger {
            self.control.push(Control::Refusal(violation.text()));
        } else {
            let (last, code, text) = (self.line(), violation.code(), violation.text());
            self.control.push(Control::GoAway { last, code, text });
        }
        self.end(End::Violation(violation));
    }

    /// Answers a violation on a call: RESET where its scope is the call, the end of the connection otherwise.
    pub(super) fn violate_call(&mut self, id: u64, wire: u64, violation: Violation) {
        if violation.scope() == Scope::Connection {
            return self.violate(violation);
        }
        // Resets that a peer makes us send cost as much as its own.
        if !self.charge_reset(Some(id)) {
            return;
        }
        self.control.push(Control::Reset(wire, violation.code(), violation.text()));
        let text = format!("the peer broke the protocol: {}", violation.text());
        self.over(id, Status::internal(text).with_origin(Origin::Library), Metadata::new());
    }

    /// Charges the reset of a call, or of what never became one; false when that was one too many and the connection has
    /// ended.
    pub(super) fn charge_reset(&mut self, id: Option<u64>) -> bool {
        // Work was begun for a call that the client opens and at once gives up, and nobody wanted its result.
        let since = id.and_then(|id| self.calls.get(key(id))).and_then(|call| call.since);
        let is_young = since.is_some_and(|since| self.now < since + YOUNG);
        let cost = if is_young { YOUNG_RESET_COST } else { 1 };
        let affordable = self.resets.charge(self.config.resets, self.now, cost);
        if !affordable {
            self.violate(Violation::ResetFlood);
        }
        affordable
    }

    /// Charges a frame that carries no work; false when that was one too many and the connection has ended.
    pub(super) fn charge_idle_frame(&mut self) -> bool {
        let affordable = self.idle_frames.charge(self.config.idle_frames, self.now, 1);
        if !affordable {
            self.violate(Violation::IdleFlood);
        }
        affordable
    }

    /// Frames of a call may come until the peer knows that it is over: as many as its credit allows.
    pub(super) fn add_late_credit(&mut self, left: u64) {
        self.late_credit = (self.late_credit + left + 2 * MESSAGE_COST).min(LATE_CREDIT_MAX);
    }

    /// Queues the RESET of a call that this side gives up, if the peer knows of it.
    pub(super) fn cancel_call(&mut self, id: u64, code: ErrorCode) {
        if let Some(call) = self.calls.get(key(id))
            && call.wire != 0
        {
            self.control.push(Control::Cancel(call.wire, code));
        }
    }

    /// A call is over on this side at once: told, and forgotten with all that is queued on it.
    pub(super) fn over(&mut self, id: u64, status: Status, trailers: Metadata) {
        let Some(call) = self.remove(id) else { return };
        if !matches!(call.told, Told::Ended) {
            self.open -= 1;
            self.pending.push_back(Event::Ended { call: id, status, trailers });
        }
        self.recycle(call);
    }

    /// Tells how a client's call ended whose status has come.
    pub(super) fn end_told(&mut self, id: u64) -> Option<Event> {
        let mut call = self.remove(id)?;
        self.open -= 1;
        self.resets.earn(self.config.resets, YOUNG_RESET_COST);
        let (status, trailers) = match core::mem::take(&mut call.told) {
            Told::Ending(told) => *told,
            _ => (Status::OK, Metadata::new()),
        };
        self.recycle(call);
        Some(Event::Ended { call: id, status, trailers })
    }

    /// Takes a call out of every table.
    pub(super) fn remove(&mut self, id: u64) -> Option<Box<Call>> {
        let call = self.calls.remove(key(id))?;
        self.active -= usize::from(call.is_admitted);
        if call.wire != id {
            self.renamed.remove(&call.wire);
        }
        self.gathered.give_back(call.inbound.memory());
        self.unclaimed += u32::from(call.inbound.attachments());
        if !call.inbound.ended && call.wire != 0 {
            self.add_late_credit(call.inbound.left());
        }
        if call.turn != Turn::Away {
            let line = if call.turn == Turn::Waiting { &mut self.waiting } else { &mut self.ready };
            let calls = &self.calls;
            line.note_stale(|urgency, id| {
                calls.get(key(id)).is_some_and(|other| other.stands_in(call.turn, urgency))
            });
        }
        let calls = &self.calls;
        self.deadlines.tidy(calls.len(), |id, at| waits(calls, id, at));
        if self.calls.is_empty() {
            self.note_rest();
            self.rest();
        }
        Some(call)
    }

    /// Starts the idle timer when no call is open.
    fn rest(&mut self) {
        if let Some(timeout) = self.config.idle_timeout
            && self.drain == Drain::No
        {
            self.timers.arm(Timer::Idle, self.now + timeout);
        }
    }
}

/// The status of a call that the server has not seen.
pub(super) fn unprocessed() -> Status {
    Status::unavailable("the server went away before it processed the call")
        .with_origin(Origin::Transport)
        .with_safe_to_retry()
}
