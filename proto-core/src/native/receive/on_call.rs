//! CALL: a call begins, goes on, ends.

use crate::native::call::Told;
use crate::native::codec::{CallFrame, Codec, End, Head, Path};
use crate::native::connection::{Connection, key};
use crate::native::control::Control;
use crate::native::event::Event;
use crate::native::inbound::MESSAGE_COST;
use crate::native::lifecycle::{Drain, Timer};
use crate::native::{ErrorCode, Role, Violation, varint};
use crate::rpc::{Code, Metadata, Origin, Status, local_status};
use alloc::boxed::Box;

impl<C: Codec> Connection<C> {
    pub(super) fn on_call(&mut self, frame: CallFrame) -> Result<(), Violation> {
        let attachments = frame.part.as_ref().map_or(0, |part| part.attachments);
        if attachments > self.config.attachments_max {
            return Err(Violation::TooManyAttachments);
        }
        self.receiving = None;
        match self.role {
            Role::Server => self.on_request(frame),
            Role::Client => self.on_response(frame),
        }
    }

    fn on_request(&mut self, frame: CallFrame) -> Result<(), Violation> {
        let wire = frame.call;
        let id = match &frame.head {
            None => match self.id_of(wire)? {
                None => {
                    self.note_late(&frame);
                    return Ok(());
                }
                Some(id) => id,
            },
            Some(head) => {
                if !self.on_opening(wire, head)? {
                    self.unclaim(&frame);
                    return Ok(());
                }
                wire
            }
        };
        match self.calls.get(key(id)) {
            // The owner is done with it, and the client does not know yet.
            Some(call) if !call.is_told() => {
                self.note_late(&frame);
                return Ok(());
            }
            // §7: a side that has ended says nothing more.
            Some(call) if call.inbound.ended => {
                self.unclaim(&frame);
                self.violate_call(id, wire, Violation::AfterEnd);
                return Ok(());
            }
            _ => {}
        }
        let half_closes = matches!(frame.end, End::HalfClose);
        let is_going_on = match frame.part {
            Some(part) => self.on_part(id, wire, part),
            None => self.is_between_messages(id, wire, half_closes),
        };
        if half_closes && is_going_on {
            self.on_half_close(id);
        }
        Ok(())
    }

    /// A client's end came; where its message is still arriving, it counts once that has.
    fn on_half_close(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        call.inbound.ended = true;
        if !call.inbound.is_within_message() {
            self.pending.push_back(Event::HalfClosed(id));
        }
    }

    /// A request's head came. False when it does not become a call.
    fn on_opening(&mut self, wire: u64, head: &Head) -> Result<bool, Violation> {
        if wire <= self.last_wire || wire >= varint::MAX {
            return Err(Violation::CallOrder);
        }
        self.last_wire = wire;
        if let Drain::Final { last } = self.drain
            && wire > last
        {
            // The client knows by GOAWAY that it was not processed.
            self.charge_idle_frame();
            return Ok(false);
        }
        if self.calls.len() >= self.config.max_calls as usize {
            if self.charge_reset(None) {
                let text = Violation::TooManyCalls.text();
                self.control.push(Control::Reset(wire, ErrorCode::REFUSED, text));
                self.add_late_credit(self.config.initial_credit.into());
            }
            return Ok(false);
        }
        self.timers.disarm(Timer::Idle);
        let mut call = self.spare.pop().unwrap_or_default();
        call.wire = wire;
        call.since = Some(self.now);
        call.path = head.path;
        if head.path == Path::Text {
            core::mem::swap(&mut call.path_text, &mut self.scratch.path);
        }
        core::mem::swap(&mut call.metadata, &mut self.scratch.metadata);
        call.priority = head.priority.unwrap_or_default();
        call.inbound.begin(self.config.initial_credit);
        call.outbound.begin(self.remote.initial_credit);
        call.deadline = head.timeout.map(|timeout| self.now + timeout);
        call.inbound.encoding = head.encoding.flatten();
        if let Some(status) = refusal(head) {
            call.deadline = None;
            call.told = Told::Ended;
            self.calls.insert(key(wire), call);
            self.queue_status(wire, status, &Metadata::new());
            return Ok(false);
        }
        if let Some(deadline) = call.deadline {
            self.deadlines.add(deadline, wire);
        }
        self.calls.insert(key(wire), call);
        self.open += 1;
        self.pending.push_back(Event::Opened(wire));
        Ok(true)
    }

    fn on_response(&mut self, frame: CallFrame) -> Result<(), Violation> {
        let wire = frame.call;
        let Some(id) = self.id_of(wire)? else {
            self.note_late(&frame);
            return Ok(());
        };
        if self.calls.get(key(id)).is_some_and(|call| call.inbound.ended) {
            self.unclaim(&frame);
            self.note_late_frame(0);
            return Ok(());
        }
        let CallFrame { head, part, end, .. } = frame;
        if let Some(head) = head
            && !self.on_response_head(id, wire, &head)
        {
            self.unclaimed += part.map_or(0, |part| u32::from(part.attachments));
            return Ok(());
        }
        let is_going_on = match part {
            Some(part) => {
                self.note_response(id);
                self.on_part(id, wire, part)
            }
            None => self.is_between_messages(id, wire, false),
        };
        if is_going_on {
            self.on_status(id, end);
        }
        Ok(())
    }

    /// A response's head came; false when the call is over with it.
    fn on_response_head(&mut self, id: u64, wire: u64, head: &Head) -> bool {
        let Some(call) = self.calls.get_mut(key(id)) else { return false };
        if call.has_response || call.inbound.is_within_message() {
            self.violate_call(id, wire, Violation::LateHead);
            return false;
        }
        if head.oversized {
            let text = "the response's metadata exceeds the limit";
            self.fail(id, Status::resource_exhausted(text).with_origin(Origin::Library));
            return false;
        }
        let known = head.encoding.flatten().filter(|encoding| encoding.is_built_in());
        if head.encoding.is_some() && known.is_none() {
            let text = "the server uses an encoding that was not offered";
            self.fail(id, Status::internal(text).with_origin(Origin::Peer));
            return false;
        }
        call.inbound.encoding = known;
        core::mem::swap(&mut call.metadata, &mut self.scratch.metadata);
        self.note_response(id);
        true
    }

    /// The response has begun: with a head, or with a message in its place.
    fn note_response(&mut self, id: u64) {
        if let Some(call) = self.calls.get_mut(key(id))
            && !core::mem::replace(&mut call.has_response, true)
        {
            self.pending.push_back(Event::Head(id));
        }
    }

    fn on_status(&mut self, id: u64, end: End) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        let is_within = call.inbound.is_within_message();
        let (status, trailers) = match end {
            End::No | End::HalfClose => return,
            End::Status(status, _) if status.is_ok() && is_within => (truncated(), Metadata::new()),
            End::Status(status, trailers) => (status, trailers),
            End::Oversized => {
                let text = "the response's metadata exceeds the limit";
                (Status::resource_exhausted(text).with_origin(Origin::Library), Metadata::new())
            }
        };
        call.inbound.ended = true;
        call.deadline = None;
        call.told = if status.code() == Code::Ok && trailers.is_empty() {
            Told::EndingWell
        } else {
            Told::Ending(Box::new((status, trailers)))
        };
        // The server needs no more of the request: what is queued of it, its end included, is dropped.
        call.outbound.drop_messages();
        self.pending.push_back(Event::Ending(id));
    }

    /// Nothing but the parts of a message may come between them; false when the call is over with it.
    fn is_between_messages(&mut self, id: u64, wire: u64, half_closes: bool) -> bool {
        let Some(call) = self.calls.get(key(id)) else { return false };
        if half_closes && call.inbound.is_within_message() {
            self.violate_call(id, wire, Violation::Parts);
            return false;
        }
        true
    }

    /// A frame on a call that is over: its sender did not know yet.
    fn note_late(&mut self, frame: &CallFrame) {
        self.unclaim(frame);
        let cost = frame.part.as_ref().map_or(0, |part| part.cost);
        self.note_late_frame(cost);
    }

    fn note_late_frame(&mut self, cost: u64) {
        match self.late_credit.checked_sub(cost + MESSAGE_COST) {
            Some(left) => self.late_credit = left,
            None => _ = self.charge_idle_frame(),
        }
    }

    fn unclaim(&mut self, frame: &CallFrame) {
        self.unclaimed += frame.part.as_ref().map_or(0, |part| u32::from(part.attachments));
    }
}

/// Why a request does not become a call that the application sees.
fn refusal(head: &Head) -> Option<Status> {
    if head.oversized {
        let text = "the request's metadata exceeds the limit";
        return Some(Status::resource_exhausted(text).with_origin(Origin::Library));
    }
    if head.timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Some(local_status::deadline_exceeded());
    }
    let is_unknown =
        |encoding: Option<crate::rpc::Encoding>| encoding.is_none_or(|encoding| !encoding.is_built_in());
    if head.encoding.is_some_and(is_unknown) {
        let text = "the request's messages are in an encoding that is not built in here";
        return Some(Status::unimplemented(text).with_origin(Origin::Library));
    }
    None
}

/// The status of a response that ended within a message.
fn truncated() -> Status {
    Status::internal("the stream ended within a message").with_origin(Origin::Library)
}
