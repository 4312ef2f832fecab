//! MESSAGE: a message, or a part of one, arrives.

use crate::native::Role;
use crate::native::codec::{Codec, Part};
use crate::native::connection::{Connection, key};
use crate::native::control::Control;
use crate::native::event::Event;
use crate::native::inbound::{Gathered, Whole};
use crate::rpc::grpc::{inflate, too_large};
use crate::rpc::message::wire_length_max;
use alloc::format;

impl<C: Codec> Connection<C> {
    /// A message, or a part of one, begins; false when the call is over with it.
    pub(super) fn on_part(&mut self, id: u64, wire: u64, mut part: Part) -> bool {
        let refusal = part.refusal.take();
        let limit = self.config.limits.receive_message_bytes_max;
        let initial_credit = self.config.initial_credit;
        let (attachments, missing) = (part.attachments, part.missing);
        let Some(call) = self.calls.get_mut(key(id)) else { return false };
        let before = call.inbound.memory();
        let length_max = |compressed| wire_length_max(compressed, limit);
        match call.inbound.on_part(part, length_max, initial_credit, C::SPLITS) {
            Err(violation) => {
                self.unclaimed += u32::from(attachments);
                self.violate_call(id, wire, violation);
                false
            }
            Ok(gathered) => {
                if let Some(status) = refusal {
                    self.fail(id, *status);
                    return false;
                }
                if missing > 0 {
                    self.receiving = Some(id);
                }
                self.idle_frames.earn(self.config.idle_frames, 1);
                self.on_gathered(id, gathered, attachments, before)
            }
        }
    }

    /// More of the message that is arriving; of a call that is over it is dropped.
    pub(super) fn on_more(&mut self, data: &[u8], missing: usize) {
        let Some(id) = self.receiving else { return };
        if missing == 0 {
            self.receiving = None;
        }
        let Some(call) = self.calls.get_mut(key(id)).filter(|call| call.is_told()) else { return };
        let before = call.inbound.memory();
        let gathered = call.inbound.on_more(data, missing);
        let is_last = matches!(gathered, Gathered::Message(_));
        let going_on = self.on_gathered(id, gathered, 0, before);
        // The end came with the frame whose last bytes these are.
        if going_on
            && is_last
            && self.role == Role::Server
            && self.calls.get(key(id)).is_some_and(|call| call.inbound.ended)
        {
            self.pending.push_back(Event::HalfClosed(id));
        }
    }

    /// What became of a part of a call that held `before` bytes; false when the call is over with it.
    fn on_gathered(&mut self, id: u64, gathered: Gathered, attachments: u8, before: usize) -> bool {
        let limit = self.config.limits.receive_message_bytes_max;
        let after = self.calls.get(key(id)).map_or(0, |call| call.inbound.memory());
        if let Err(status) = self.gathered.change(&self.config.limits, before, after) {
            self.fail(id, status);
            return false;
        }
        match gathered {
            Gathered::Incomplete => {
                self.give_credit(id, |inbound| inbound.settle());
                true
            }
            Gathered::TooLarge(length) => {
                self.unclaimed += u32::from(attachments);
                self.fail(id, too_large(format!("a message of {length} bytes exceeds the limit of {limit}")));
                false
            }
            Gathered::Message(whole) => self.on_message(id, whole, limit),
        }
    }

    fn on_message(&mut self, id: u64, whole: Whole, limit: usize) -> bool {
        let Whole { payload, compressed, credit, attachments } = whole;
        let encoding = self.calls.get(key(id)).and_then(|call| call.inbound.encoding);
        let message = if compressed { inflate(encoding, &payload, limit) } else { Ok(payload) };
        match message {
            Ok(message) => {
                self.pending.push_back(Event::Message { call: id, message, credit, attachments });
                true
            }
            Err(status) => {
                self.unclaimed += u32::from(attachments);
                self.fail(id, status);
                false
            }
        }
    }

    /// Accounts for credit, and tells the peer of it once that is worth a frame.
    pub(in crate::native) fn give_credit(
        &mut self,
        id: u64,
        account: impl FnOnce(&mut crate::native::inbound::Inbound),
    ) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        account(&mut call.inbound);
        if let Some(amount) = call.inbound.take_credit(self.config.initial_credit)
            && call.is_told()
        {
            self.control.push(Control::Credit(call.wire, amount));
        }
    }
}
