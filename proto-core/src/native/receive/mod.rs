//! What each frame that arrives means.

mod on_call;
mod on_control;
mod on_message;

use crate::native::codec::{Codec, Frame};
use crate::native::connection::{Connection, key};
use crate::native::control::Control;
use crate::native::event::End;
use crate::native::{Role, Violation};

impl<C: Codec> Connection<C> {
    /// Reads one frame; false when there is none.
    pub(super) fn read(&mut self) -> bool {
        let limits = self.read_limits();
        let frame = match self.codec.next(&limits, &mut self.scratch) {
            Ok(Some(frame)) => frame,
            Ok(None) => return false,
            Err(violation) => {
                self.violate(violation);
                return true;
            }
        };
        match self.on_frame(frame) {
            Err(violation) => self.violate(violation),
            Ok(()) if self.control.replies() > self.config.unread_replies_max => {
                self.violate(Violation::UnreadReplies);
            }
            Ok(()) => {}
        }
        true
    }

    fn on_frame(&mut self, frame: Frame) -> Result<(), Violation> {
        // §5: HELLO comes first, and once.
        match &frame {
            Frame::Preface | Frame::Refused { .. } => {}
            Frame::Hello(_) if self.is_greeted => return Err(Violation::SecondHello),
            Frame::Hello(_) => {}
            _ if !self.is_greeted => return Err(Violation::FirstFrame),
            _ => {}
        }
        match frame {
            Frame::Call(frame) => self.on_call(frame),
            Frame::More { data, missing } => {
                self.on_more(&data, missing);
                Ok(())
            }
            Frame::Preface => {
                if self.role == Role::Server {
                    self.control.push(Control::Preface);
                    self.control.push(Control::Hello);
                }
                Ok(())
            }
            Frame::Refused { lowest, highest, text } => {
                self.end(End::Refused { lowest, highest, text });
                Ok(())
            }
            Frame::Hello(capabilities) => {
                self.on_hello(capabilities);
                Ok(())
            }
            Frame::Credit { call, amount } => self.on_credit(call, amount),
            Frame::Reset { call, code, .. } => self.on_reset(call, code),
            Frame::Priority { call, priority } => self.on_priority(call, priority),
            Frame::Ping(token) => {
                if self.charge_idle_frame() {
                    self.control.push(Control::Pong(token));
                }
                Ok(())
            }
            Frame::Pong(token) => {
                self.on_pong(u64::from_be_bytes(token));
                Ok(())
            }
            Frame::GoAway { last, code, text } => self.on_goaway(last, code, text),
            Frame::Skipped => {
                self.charge_idle_frame();
                Ok(())
            }
        }
    }

    /// The id of the call with this number in frames; `None` when it is over.
    ///
    /// # Errors
    /// When it was never opened.
    pub(super) fn id_of(&self, wire: u64) -> Result<Option<u64>, Violation> {
        if wire == 0 || wire > self.last_wire {
            return Err(Violation::UnknownCall);
        }
        let id = if self.renamed.is_empty() { wire } else { *self.renamed.get(&wire).unwrap_or(&wire) };
        let call = self.calls.get(key(id));
        // An id that was overtaken is not the number of its call.
        Ok(call.filter(|call| call.wire == wire).map(|_| id))
    }
}
