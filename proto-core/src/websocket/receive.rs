//! What each head and each frame means.

use crate::websocket::close;
use crate::websocket::codec::InflateLimits;
use crate::websocket::connection::{Connection, Head, Opening, Phase, Role};
use crate::websocket::event::{Event, Kind};
use crate::websocket::frame::{FrameHead, Opcode};
use crate::websocket::handshake::client::check_upgraded;
use crate::websocket::handshake::{Refusal, server};
use crate::websocket::mask;
use crate::websocket::message::Incoming;
use crate::websocket::reader::{Part, Piece};
use crate::websocket::{Credit, Delivery, Violation};
use alloc::boxed::Box;
use bytes::{Bytes, BytesMut};

/// Payload below which a fragment is charged what it lacks: its head and its turn cost about as much.
const FRAGMENT_MIN: u64 = 32;
/// What a message costs the reader of a connection beside its payload.
const MESSAGE_OVERHEAD: usize = 64;
/// The first and the largest buffer for short messages.
const SCRATCH_MIN: usize = 1024;
pub(super) const SCRATCH_MAX: usize = 64 * 1024;

impl Connection {
    /// Reads as far as the next event.
    pub(super) fn read(&mut self) -> Option<Event> {
        if self.phase == Phase::Opening {
            self.read_head();
            if !self.pending.is_empty() {
                return self.pending.pop_front();
            }
        }
        while matches!(self.phase, Phase::Open | Phase::Closing) && !self.is_held() {
            let read = self.reader.next(self.role == Role::Server);
            let piece = match read {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(violation) => {
                    self.violate(violation);
                    break;
                }
            };
            match self.on_piece(piece) {
                Ok(Some(event)) => return Some(event),
                Ok(None) if self.pending.is_empty() => {}
                Ok(None) => break,
                Err(violation) => {
                    self.violate(violation);
                    break;
                }
            }
        }
        None
    }

    fn read_head(&mut self) {
        let Some(opening) = &mut self.opening else { return };
        let read = match self.role {
            Role::Server => read_request(opening),
            Role::Client => read_response(opening),
        };
        let opened = match read {
            Ok(None) => return,
            Ok(Some(Head::Request(head))) => server::accept_upgrade(&head, &self.config).map(|agreement| {
                self.outbox.set_handshake(server::opening(&head, &agreement));
                (Head::Request(head), agreement)
            }),
            Ok(Some(Head::Response(head))) => match &opening.asked {
                Some(asked) => check_upgraded(&head, asked, &self.config)
                    .map(|agreement| (Head::Response(head), agreement)),
                None => Err(Refusal::ResponseUpgrade),
            },
            Err(refusal) => Err(refusal),
        };
        match opened {
            Ok((head, agreement)) => {
                // Bytes after the head belong to the connection.
                let rest = opening.reader.take_rest();
                self.opening = None;
                self.reader.push(rest);
                self.open(&agreement);
                self.head = Some(Box::new(head));
                self.pending.push_back(Event::Opened);
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn on_piece(&mut self, piece: Piece) -> Result<Option<Event>, Violation> {
        match piece {
            Piece::Begin(frame) => self.on_begin(&frame).map(|()| None),
            Piece::Part(part) => self.on_part(part),
            Piece::Control(opcode) => {
                if !self.control_frames.charge(self.config.control_frames, self.now, 1) {
                    return Err(Violation::ControlFlood);
                }
                self.on_control(opcode)
            }
        }
    }

    /// A data frame begins.
    fn on_begin(&mut self, frame: &FrameHead) -> Result<(), Violation> {
        self.control_frames.earn(self.config.control_frames, 1);
        let kind = match frame.opcode {
            Opcode::Text => Some(Kind::Text),
            Opcode::Binary => Some(Kind::Binary),
            _ => None,
        };
        let so_far = match (kind, &self.message) {
            // RFC 6455 §5.4: fragments of one message MUST NOT be interleaved with those of another.
            (Some(_), Some(_)) => return Err(Violation::InterruptedMessage),
            // RFC 6455 §5.4: a continuation needs a message that it continues.
            (None, None) => return Err(Violation::StrayContinuation),
            (None, Some(message)) => message.len(),
            (Some(kind), None) => {
                // RFC 7692 §6: RSV1 without an agreement MUST fail the connection.
                if frame.compressed && self.inflater.is_none() {
                    return Err(Violation::CompressedUnasked);
                }
                self.message = Some(Incoming::new(kind, frame.compressed));
                0
            }
        };
        if !(frame.fin && kind.is_some()) {
            let lacks = FRAGMENT_MIN.saturating_sub(frame.length) as u32;
            if !self.fragments.charge(self.config.fragments, self.now, lacks) {
                return Err(Violation::FragmentFlood);
            }
        }
        let is_compressed = self.message.as_ref().is_some_and(|message| message.compressed);
        let limit = self.config.message_bytes_max as u64;
        if !is_compressed && frame.length > limit.saturating_sub(so_far as u64) {
            return Err(Violation::MessageTooBig);
        }
        Ok(())
    }

    fn on_part(&mut self, part: Part) -> Result<Option<Event>, Violation> {
        let earned = u32::try_from(part.data.len()).unwrap_or(u32::MAX);
        self.fragments.earn(self.config.fragments, earned);
        let Some(mut message) = self.message.take() else { return Ok(None) };
        let ends = part.frame.fin && part.last;
        let is_whole = ends && message.len() == 0;
        let (payload, broken) = if message.compressed {
            let inflated = self.inflate(&mut message, &part, ends);
            // What was inflated before it broke is judged first.
            let broken = message.check().and(inflated).err();
            if !ends && broken.is_none() && self.config.delivery == Delivery::Whole {
                self.message = Some(message);
                return Ok(None);
            }
            (message.take(), broken)
        } else if self.config.delivery == Delivery::Parts || is_whole {
            let mut payload = self.unmasked(&part);
            let broken = message.check_part(&mut payload).err();
            message.delivered = message.delivered.saturating_add(payload.len());
            (payload, broken)
        } else {
            match part.frame.mask {
                Some(key) => mask::append_shared(&mut message.buffer, &part.data, key, part.offset),
                None => message.buffer.extend_from_slice(&part.data),
            }
            message.check()?;
            if !ends {
                self.message = Some(message);
                return Ok(None);
            }
            (message.take(), None)
        };
        let broken = broken.or_else(|| if ends { message.check_end().err() } else { None });
        self.deliver(message, payload, ends, broken)
    }

    /// Hands on a message, or a part of one. A part that breaks is handed on as far as it is good, so that what the owner
    /// sees does not depend on how the input was cut.
    fn deliver(
        &mut self,
        message: Incoming,
        payload: Bytes,
        end: bool,
        broken: Option<Violation>,
    ) -> Result<Option<Event>, Violation> {
        let kind = message.kind;
        let credit = payload.len() + MESSAGE_OVERHEAD;
        let is_nothing = payload.is_empty() && !(end && broken.is_none());
        let event = match (self.config.delivery, broken) {
            (Delivery::Whole, Some(violation)) => return Err(violation),
            (Delivery::Whole, None) => Event::Message { kind, payload, credit },
            (Delivery::Parts, Some(violation)) => {
                if !is_nothing {
                    self.pending.push_back(Event::Part { kind, payload, end: false, credit });
                }
                return Err(violation);
            }
            (Delivery::Parts, None) => {
                if !end {
                    self.message = Some(message);
                }
                if is_nothing {
                    return Ok(None);
                }
                Event::Part { kind, payload, end, credit }
            }
        };
        if self.config.credit == Credit::Manual {
            self.unread = self.unread.saturating_add(credit);
        }
        Ok(Some(event))
    }

    /// The bytes of a part: a slice of the input, or unmasked beside those of other messages.
    fn unmasked(&mut self, part: &Part) -> Bytes {
        let Some(key) = part.frame.mask else { return part.data.clone() };
        self.reserve_scratch(part.data.len());
        mask::append_shared(&mut self.scratch, &part.data, key, part.offset);
        self.scratch.split().freeze()
    }

    /// Sees to it that the scratch buffer takes `len` bytes: the memory of messages that are gone, or a fresh buffer, the
    /// larger the more often one is needed.
    fn reserve_scratch(&mut self, len: usize) {
        if self.scratch.capacity() >= len || self.scratch.try_reclaim(len.max(self.scratch_bytes)) {
            return;
        }
        self.scratch_bytes = (2 * self.scratch_bytes).clamp(SCRATCH_MIN, SCRATCH_MAX);
        self.scratch_held = self.scratch_bytes.max(len);
        self.scratch = BytesMut::with_capacity(self.scratch_held);
    }

    fn inflate(&mut self, message: &mut Incoming, part: &Part, ends: bool) -> Result<(), Violation> {
        let deflate = self.config.deflate.unwrap_or_default();
        let bytes_max = self.config.message_bytes_max;
        let limits = InflateLimits { bytes_max, ratio_max: deflate.ratio_max };
        let compressed = self.unmasked(part);
        let Some(inflater) = &mut self.inflater else { return Err(Violation::CompressedUnasked) };
        inflater.push(&compressed, &mut message.buffer, limits)?;
        if ends {
            inflater.finish(&mut message.buffer, limits)?;
        }
        Ok(())
    }

    fn on_control(&mut self, opcode: Opcode) -> Result<Option<Event>, Violation> {
        let payload = self.reader.control();
        match opcode {
            Opcode::Close => {
                let (code, reason) = close::parse(payload)?;
                let reason = reason.into();
                self.on_close(code, reason);
            }
            // RFC 6455 §5.5.2: a ping MUST be answered with a pong, unless a close frame came; §5.5.3: the pong MUST have the
            // ping's payload.
            Opcode::Ping if self.phase == Phase::Open => {
                self.outbox.push_pong(payload, self.config.pongs_max)
            }
            // RFC 6455 §5.5.3: a pong that nobody asked for is no error.
            Opcode::Pong if self.asked_pong.as_deref() == Some(payload) => {
                let payload = Bytes::copy_from_slice(payload);
                self.asked_pong = None;
                return Ok(Some(Event::Pong { payload }));
            }
            _ => {}
        }
        Ok(None)
    }
}

fn read_request(opening: &mut Opening) -> Result<Option<Head>, Refusal> {
    Ok(opening.reader.poll_request().map_err(Refusal::Head)?.map(Head::Request))
}

/// The final response; informational ones before it are passed over.
fn read_response(opening: &mut Opening) -> Result<Option<Head>, Refusal> {
    loop {
        match opening.reader.poll_response().map_err(Refusal::Head)? {
            Some(head) if head.is_informational() => {}
            head => return Ok(head.map(Head::Response)),
        }
    }
}
