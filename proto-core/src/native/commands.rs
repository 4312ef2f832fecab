//! What the owner of a connection may ask for. A command writes nothing, and changes nothing when it fails.

use crate::base::{Flow, Misuse, Time};
use crate::native::call::{Call, Told, Turn};
use crate::native::capabilities::HEAD_ROOM;
use crate::native::codec::{Codec, Path, status_size};
use crate::native::connection::{Connection, Phase, key};
use crate::native::control::Control;
use crate::native::event::Event;
use crate::native::lifecycle::{Drain, Timer};
use crate::native::outbound::{EndState, HeadState};
use crate::native::{ErrorCode, Priority, Role, varint};
use crate::rpc::grpc::pack;
use crate::rpc::session::StartCall;
use crate::rpc::{Encoding, Metadata, Status};
use bytes::Bytes;

impl<C: Codec> Connection<C> {
    /// Whether calls may be started.
    pub(super) fn takes_calls(&self) -> bool {
        self.phase == Phase::Alive
            && self.drain == Drain::No
            && self.goaway.is_none()
            && self.next_id < varint::MAX / 2
    }

    /// Whether a call started now would leave at once.
    pub(super) fn has_room(&self) -> bool {
        self.takes_calls() && self.calls.len() < self.remote.calls_max as usize
    }

    /// Starts a call; a client's.
    pub(super) fn start(&mut self, now: Time, start: StartCall<'_>) -> Result<u64, Misuse> {
        self.now = self.now.max(now);
        self.alive()?;
        if !self.takes_calls() {
            return Err(if self.phase == Phase::InputEnded { Misuse::Closed } else { Misuse::Draining });
        }
        let waiting = self.calls.len() - self.active;
        if waiting >= self.config.max_queued_calls {
            return Err(Misuse::TooLarge { size: waiting + 1, limit: self.config.max_queued_calls });
        }
        self.check_size(start.metadata.fields().size())?;
        let room = (self.remote.frame_bytes_max - HEAD_ROOM) as usize;
        let size = start.path.len() + start.metadata.fields().size();
        if size > room {
            return Err(Misuse::TooLarge { size, limit: room });
        }
        let id = self.next_id;
        self.next_id += 1;
        let mut call = self.spare.pop().unwrap_or_default();
        match self.codec.find_path(start.path) {
            Some(entry) => call.path = Path::Entry(entry),
            None => {
                call.path = Path::Text;
                call.path_text.push_str(start.path);
            }
        }
        if !start.metadata.is_empty() {
            start.metadata.fields().iter().for_each(|field| call.outbound.metadata.push(field));
            if let Some(value) = start.metadata.get(Priority::KEY) {
                call.priority = Priority::from_field(value.as_bytes());
            }
        }
        call.deadline = start.deadline;
        if let Some(deadline) = start.deadline {
            self.deadlines.add(deadline, id);
        }
        let known = start.compression.filter(|encoding| encoding.is_built_in());
        call.outbound.encoding = known.filter(|encoding| !self.is_greeted || self.remote.accepts(*encoding));
        call.outbound.head = HeadState::Due;
        call.outbound.begin(self.remote.initial_credit);
        call.inbound.begin(self.config.initial_credit);
        call.turn = Turn::Waiting;
        self.waiting.push_back(call.priority.urgency(), id);
        self.calls.insert(key(id), call);
        self.open += 1;
        self.timers.disarm(Timer::Idle);
        Ok(id)
    }

    /// Sends a response's head; a server's.
    pub(super) fn send_head(
        &mut self,
        id: u64,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.check_size(metadata.fields().size())?;
        let remote = self.remote;
        let call = self.open_call(id)?;
        if call.outbound.head != HeadState::None {
            return Err(Misuse::OutOfOrder("the response's head is sent already"));
        }
        // Only what the client accepts, or has used itself, may be sent.
        let accepts = |encoding| remote.accepts(encoding) || call.inbound.encoding == Some(encoding);
        let encoding = compression.filter(|encoding| encoding.is_built_in() && accepts(*encoding));
        call.outbound.encoding = encoding;
        call.outbound.head = HeadState::Due;
        metadata.fields().iter().for_each(|field| call.outbound.metadata.push(field));
        self.list(id);
        Ok(())
    }

    /// Sends a message with so many attachments.
    pub(super) fn send(
        &mut self,
        id: u64,
        message: Bytes,
        with_compression: bool,
        attachments: u8,
    ) -> Result<Flow, Misuse> {
        if attachments > self.attachments_max() {
            return Err(Misuse::Unsupported(
                "the peer takes no attachments, or not as many with one message",
            ));
        }
        let config = alloc::sync::Arc::clone(&self.config);
        let call = self.open_call(id)?;
        call.outbound.check_open()?;
        let encoding = call.outbound.encoding.filter(|_| with_compression);
        let (compressed, payload) = pack(message, encoding, &config.limits)?;
        if call.outbound.head == HeadState::None {
            // A response begins with its first message, where no head came before.
            call.outbound.head = HeadState::Sent;
        }
        let flow = call.outbound.send(payload, compressed, attachments, config.send_buffer_bytes);
        self.list(id);
        Ok(flow)
    }

    /// How many attachments may go with one message.
    pub(super) fn attachments_max(&self) -> u8 {
        self.remote.attachments_max.min(self.config.attachments_max)
    }

    /// Says that no more messages come; a client.
    pub(super) fn half_close(&mut self, id: u64) -> Result<(), Misuse> {
        let call = self.open_call(id)?;
        if !matches!(call.outbound.end, EndState::Open) {
            return Err(Misuse::OutOfOrder("this side of the call has ended"));
        }
        call.outbound.end = EndState::HalfClose;
        call.outbound.blocked = false;
        self.list(id);
        Ok(())
    }

    /// Gives a call up; a client.
    pub(super) fn cancel(&mut self, id: u64, status: Status) -> Result<(), Misuse> {
        self.open_call(id)?;
        self.cancel_call(id, ErrorCode::CANCELLED);
        self.over(id, status, Metadata::new());
        Ok(())
    }

    /// Ends a call with a status; a server.
    pub(super) fn finish(&mut self, id: u64, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.open_call(id)?;
        let own = status_size(status.message().as_bytes(), status.details(), status.metadata());
        self.check_size(own + trailers.fields().size())?;
        self.open -= 1;
        self.pending.push_back(Event::Ended { call: id, status: status.clone(), trailers: Metadata::new() });
        self.queue_status(id, status.clone(), trailers);
        Ok(())
    }

    /// Queues a server's status; nothing that arrives on the call counts any more.
    pub(super) fn queue_status(&mut self, id: u64, status: Status, trailers: &Metadata) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        call.told = Told::Ended;
        call.outbound.blocked = false;
        call.outbound.end = EndState::Status(status);
        trailers.fields().iter().for_each(|field| call.outbound.trailers.push(field));
        let inbound = core::mem::take(&mut call.inbound);
        call.inbound.ended = true;
        self.gathered.give_back(inbound.memory());
        self.unclaimed += u32::from(inbound.attachments());
        if !inbound.ended {
            self.add_late_credit(inbound.left());
        }
        self.list(id);
    }

    /// Ends a call because of what the peer did.
    pub(super) fn fail(&mut self, id: u64, status: Status) {
        if self.role == Role::Client {
            self.cancel_call(id, ErrorCode::CANCELLED);
            self.over(id, status, Metadata::new());
            return;
        }
        // A status of ours is short enough for every client.
        if self.finish(id, &status, &Metadata::new()).is_err() {
            self.cancel_call(id, ErrorCode::INTERNAL);
            self.over(id, status, Metadata::new());
        }
    }

    /// Changes a call's priority, and tells the server of it.
    pub(super) fn set_priority(&mut self, id: u64, priority: Priority) -> Result<(), Misuse> {
        let call = self.open_call(id)?;
        let wire = call.wire;
        if call.priority != priority {
            self.change_priority(id, priority);
            if self.role == Role::Client && wire != 0 {
                self.control.push(Control::Priority(wire, priority));
            }
        }
        Ok(())
    }

    /// The application took messages that came with this much credit.
    pub(super) fn consume(&mut self, id: u64, credit: u32) {
        self.give_credit(id, |inbound| inbound.consume(credit));
    }

    /// The call, while it is open to its owner.
    fn open_call(&mut self, id: u64) -> Result<&mut Call, Misuse> {
        self.alive()?;
        let call = self.calls.get_mut(key(id)).filter(|call| call.is_told());
        call.map(|call| &mut **call).ok_or(Misuse::Gone)
    }

    fn alive(&self) -> Result<(), Misuse> {
        if self.phase == Phase::Ended { Err(Misuse::Closed) } else { Ok(()) }
    }

    fn check_size(&self, size: usize) -> Result<(), Misuse> {
        let limit = self.remote.metadata_bytes_max as usize;
        if size > limit { Err(Misuse::TooLarge { size, limit }) } else { Ok(()) }
    }
}
