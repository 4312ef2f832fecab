//! Writing: control frames first, then calls in line, a frame each (docs/native-protocol.md §9).

use crate::base::Out;
use crate::native::Priority;
use crate::native::call::Turn;
use crate::native::codec::{CallOut, Codec, EndOut, HeadOut, Path, PathOut};
use crate::native::connection::{Connection, key};
use crate::native::event::Event;
use crate::native::lifecycle::YOUNG_RESET_COST;
use crate::native::outbound::{EndState, HeadState};

/// What a frame's sections take at the most beside head, status and message.
const FRAME_ROOM: usize = 64;

impl<C: Codec> Connection<C> {
    /// Writes what there is room for.
    pub(super) fn write(&mut self, out: &mut Out) {
        let is_client = self.is_client();
        loop {
            self.control.write(&mut self.codec, &self.config, is_client, out);
            self.admit_waiting();
            if !out.has_room() {
                return;
            }
            let Some((urgency, id)) = self.ready.pop() else { return };
            let Some(call) = self.calls.get_mut(key(id)) else { continue };
            if call.stands_in(Turn::Listed, urgency) {
                call.turn = Turn::Away;
                self.write_call(id, out);
            }
        }
    }

    /// Whether the server allows one more call.
    pub(super) fn may_start(&self) -> bool {
        self.active < self.remote.calls_max as usize
    }

    /// Gives calls that wait a turn, as many as the server allows.
    fn admit_waiting(&mut self) {
        while !self.waiting.is_empty() && self.may_start() {
            let Some((urgency, id)) = self.waiting.pop() else { return };
            let Some(call) = self.calls.get_mut(key(id)) else { continue };
            if !call.stands_in(Turn::Waiting, urgency) {
                continue;
            }
            call.turn = Turn::Listed;
            call.is_admitted = true;
            self.active += 1;
            self.ready.push_back(urgency, id);
        }
    }

    /// Gives a call its number in frames, when its first is written.
    fn number_call(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        if call.wire != 0 {
            return;
        }
        call.wire = id;
        // §7: numbers only grow. A call that was overtaken takes a fresh one, above all that were given out.
        if id <= self.last_wire {
            call.wire = self.next_id;
            self.next_id += 1;
            self.renamed.insert(call.wire, id);
        }
        self.last_wire = call.wire;
    }

    /// Puts a call in line if it has something that it can send.
    pub(super) fn list(&mut self, id: u64) {
        let initial_credit = self.remote.initial_credit;
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        if call.turn == Turn::Away && call.outbound.can_write(initial_credit, C::SPLITS) {
            call.turn = Turn::Listed;
            self.ready.push_back(call.priority.urgency(), id);
        }
    }

    /// Writes one frame of a call.
    fn write_call(&mut self, id: u64, out: &mut Out) {
        let is_client = self.is_client();
        if is_client {
            self.number_call(id);
        }
        let Connection { calls, codec, remote, config, .. } = self;
        let Some(call) = calls.get_mut(key(id)) else { return };
        let frame_max = remote.frame_bytes_max as usize;
        let has_head = call.outbound.head == HeadState::Due;
        let mut room = frame_max - FRAME_ROOM;
        if has_head {
            room = room.saturating_sub(call.path_text.len() + call.outbound.metadata.fields().size());
        }
        let part_max = room.min(config.part_bytes as usize);
        let part = call.outbound.take_part(part_max, remote.initial_credit, C::SPLITS);
        let is_drained = !call.outbound.has_messages();
        let end = match &call.outbound.end {
            EndState::HalfClose if is_drained => EndOut::HalfClose,
            // A status that is long goes alone, where it fits for sure.
            EndState::Status(status) if is_drained => EndOut::Status(status, &call.outbound.trailers),
            _ => EndOut::No,
        };
        let end = match (end, &part) {
            (EndOut::Status(status, trailers), Some(part))
                if status_size(status, trailers) + part.data.len() > frame_max - FRAME_ROOM =>
            {
                EndOut::No
            }
            (end, _) => end,
        };
        if !has_head && part.is_none() && matches!(end, EndOut::No) {
            return;
        }
        let head = has_head.then(|| HeadOut {
            path: match call.path {
                _ if !is_client => None,
                Path::None => None,
                Path::Text => Some(PathOut::Text(&call.path_text)),
                Path::Entry(number) => Some(PathOut::Entry(number)),
            },
            timeout: call.deadline.filter(|_| is_client).map(|deadline| deadline.saturating_since(self.now)),
            encoding: call.outbound.encoding,
            priority: Some(call.priority).filter(|priority| is_client && *priority != Priority::default()),
            metadata: &call.outbound.metadata,
        });
        if let Some(part) = &part {
            out.attach(id, part.attachments);
        }
        let is_message = part.is_some();
        let is_end = !matches!(end, EndOut::No);
        let frame = CallOut { call: call.wire, head, part, end };
        codec.put_call(frame, remote.interned_max.min(config.interned_max) as usize, out);
        call.outbound.head = HeadState::Sent;
        if has_head {
            call.outbound.metadata.clear();
        }
        if is_message {
            // The peer may answer each message with CREDIT and a PING.
            self.idle_frames.earn(config.idle_frames, 3);
        }
        self.after_frame(id, is_end);
    }

    fn after_frame(&mut self, id: u64, is_end: bool) {
        let is_client = self.is_client();
        let limit = self.config.send_buffer_bytes;
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        if is_end {
            call.outbound.end = EndState::Sent;
            if !is_client {
                if let Some(call) = self.remove(id) {
                    self.resets.earn(self.config.resets, YOUNG_RESET_COST);
                    self.recycle(call);
                }
                return;
            }
        }
        if call.outbound.unblock(limit) {
            self.pending.push_back(Event::Writable(id));
        }
        let Some(call) = self.calls.get_mut(key(id)) else { return };
        if !call.outbound.can_write(self.remote.initial_credit, C::SPLITS) {
            return;
        }
        call.turn = Turn::Listed;
        let urgency = call.priority.urgency();
        // §9: one that is not incremental keeps its turn.
        if call.priority.is_incremental() {
            self.ready.push_back(urgency, id);
        } else {
            self.ready.push_front(urgency, id);
        }
    }
}

/// What a status takes in a frame, at the most.
fn status_size(status: &crate::rpc::Status, trailers: &crate::rpc::Metadata) -> usize {
    status.message().len()
        + status.details().len()
        + status.metadata().fields().size()
        + trailers.fields().size()
}
