//! Frames about the connection, and about the way of a call: HELLO, PONG, GOAWAY, CREDIT, RESET, PRIORITY.

use crate::native::call::{Told, Turn};
use crate::native::capabilities::{Capabilities, DEFAULT};
use crate::native::codec::Codec;
use crate::native::connection::{Connection, key};
use crate::native::event::{End, Event};
use crate::native::lifecycle::{Drain, Timer, unprocessed};
use crate::native::{ErrorCode, Priority, Role, Violation};
use crate::rpc::{Metadata, Origin, Status, local_status};
use alloc::string::String;

impl<C: Codec> Connection<C> {
    pub(super) fn on_hello(&mut self, capabilities: Capabilities) {
        self.is_greeted = true;
        self.timers.disarm(Timer::Opening);
        self.remote = capabilities;
        if self.role == Role::Client {
            // §5: what calls began with before is raised to what it should have been, and never lowered.
            let more = capabilities.initial_credit.saturating_sub(DEFAULT.initial_credit);
            let mut at = None;
            while more > 0
                && let Some(key) = self.calls.next_id(at)
            {
                at = Some(key);
                if let Some(call) = self.calls.get_mut(key) {
                    // A window of 2^31-1 at the most cannot grow beyond that from the default.
                    let _widened = call.outbound.widen(more.into());
                }
                self.list(key >> 1);
            }
            self.pending.push_back(Event::Ready);
        } else if self.drain == Drain::Announced {
            self.announce_drain();
        }
    }

    pub(super) fn on_pong(&mut self, token: u64) {
        if self.drain_token.take_if(|awaited| *awaited == token).is_some() {
            self.draw_line();
        } else if self.keepalive_token.take_if(|awaited| *awaited == token).is_some() {
            self.timers.disarm(Timer::KeepaliveAnswer);
            if let Some(interval) = self.keepalive_interval() {
                self.timers.arm(Timer::Keepalive, self.now + interval);
            }
        } else {
            self.charge_idle_frame();
        }
    }

    pub(super) fn on_goaway(&mut self, last: u64, code: ErrorCode, text: String) -> Result<(), Violation> {
        // §10: the last call is never raised by a later GOAWAY.
        if self.goaway.is_some_and(|before| last > before) {
            return Err(Violation::GoAwayRaised);
        }
        if self.goaway.replace(last).is_some() {
            self.charge_idle_frame();
        } else if self.is_client() && code == ErrorCode::NO_ERROR {
            self.pending.push_back(Event::Draining);
        }
        if self.is_client() {
            // §10: calls above the line were not and will not be processed; nor those that never left.
            let mut at = None;
            while let Some(key) = self.calls.next_id(at) {
                at = Some(key);
                let wire = self.calls.get(key).map_or(0, |call| call.wire);
                if wire == 0 || wire > last {
                    self.over(key >> 1, unprocessed(), Metadata::new());
                }
            }
        }
        if code != ErrorCode::NO_ERROR {
            self.end(End::PeerError { code, text });
        }
        Ok(())
    }

    pub(super) fn on_credit(&mut self, wire: u64, amount: u64) -> Result<(), Violation> {
        if amount < u64::from(self.remote.initial_credit / 4) && !self.charge_idle_frame() {
            return Ok(());
        }
        let Some(id) = self.id_of(wire)? else { return Ok(()) };
        let Some(call) = self.calls.get_mut(key(id)) else { return Ok(()) };
        if let Err(violation) = call.outbound.widen(amount) {
            self.violate_call(id, wire, violation);
            return Ok(());
        }
        self.list(id);
        Ok(())
    }

    pub(super) fn on_priority(&mut self, wire: u64, priority: Priority) -> Result<(), Violation> {
        if self.charge_idle_frame()
            && let Some(id) = self.id_of(wire)?
        {
            self.change_priority(id, priority);
        }
        Ok(())
    }

    /// Moves a call to another line.
    pub(in crate::native) fn change_priority(&mut self, id: u64, priority: Priority) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        let before = core::mem::replace(&mut call.priority, priority);
        let turn = call.turn;
        if turn == Turn::Away || before.urgency() == priority.urgency() {
            return;
        }
        let line = if turn == Turn::Waiting { &mut self.waiting } else { &mut self.ready };
        line.push_back(priority.urgency(), id);
        let calls = &self.calls;
        line.note_stale(|urgency, id| calls.get(key(id)).is_some_and(|call| call.stands_in(turn, urgency)));
    }

    pub(super) fn on_reset(&mut self, wire: u64, code: ErrorCode) -> Result<(), Violation> {
        let Some(id) = self.id_of(wire)? else {
            self.charge_idle_frame();
            return Ok(());
        };
        if self.role == Role::Server && !self.charge_reset(Some(id)) {
            return Ok(());
        }
        let Some(call) = self.calls.get_mut(key(id)) else { return Ok(()) };
        // Nothing comes late of a call that its sender gave up.
        call.inbound.ended = true;
        if matches!(call.told, Told::Ending(_) | Told::EndingWell) {
            return Ok(());
        }
        let is_late = call.deadline.is_some_and(|at| at <= self.now);
        let status = match self.role {
            Role::Server => cancelled_by_client(code, is_late),
            Role::Client => reset_by_server(code, is_late),
        };
        self.over(id, status, Metadata::new());
        Ok(())
    }
}

fn cancelled_by_client(code: ErrorCode, is_late: bool) -> Status {
    match code {
        ErrorCode::DEADLINE => local_status::deadline_exceeded(),
        // A client that gives up because its deadline passed may say CANCELLED; our clock knows better.
        ErrorCode::CANCELLED if is_late => local_status::deadline_exceeded(),
        _ => Status::cancelled("the client cancelled the call").with_origin(Origin::Peer),
    }
}

/// §10: the table of codes.
fn reset_by_server(code: ErrorCode, is_late: bool) -> Status {
    let status = match code {
        ErrorCode::DEADLINE => return local_status::deadline_exceeded(),
        ErrorCode::CANCELLED if is_late => return local_status::deadline_exceeded(),
        ErrorCode::REFUSED => Status::unavailable("the server refused the call").with_safe_to_retry(),
        ErrorCode::CANCELLED => Status::cancelled("the peer cancelled the call"),
        ErrorCode::EXCESS => Status::resource_exhausted("the peer reset the call: too much of something"),
        ErrorCode(0..=9) => Status::internal("the peer reset the call"),
        _ => Status::unknown("the peer reset the call with a code that the protocol does not define"),
    };
    status.with_origin(Origin::Peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Code;

    #[test]
    fn codes_map_as_the_specification_says_and_unknown_ones_too() {
        for number in 0..20 {
            let status = reset_by_server(ErrorCode(number), false);
            let expected = match number {
                5 => Code::Unavailable,
                6 => Code::Cancelled,
                7 => Code::DeadlineExceeded,
                8 => Code::ResourceExhausted,
                0..=9 => Code::Internal,
                _ => Code::Unknown,
            };
            assert_eq!((status.code(), status.safe_to_retry()), (expected, number == 5), "{number}");
            let expected = if number == 7 { Code::DeadlineExceeded } else { Code::Cancelled };
            assert_eq!(cancelled_by_client(ErrorCode(number), false).code(), expected);
        }
        assert_eq!(cancelled_by_client(ErrorCode::CANCELLED, true).code(), Code::DeadlineExceeded);
    }
}
