//! HEADERS, CONTINUATION and PUSH_PROMISE, RFC 9113 §6.2, §6.10, §6.6 and §8.1: header lists open streams, answer them
//! and end them. Every block is decoded, whatever becomes of its stream: the compression state belongs to the
//! connection.

use crate::base::Fields;
use crate::hpack::{ListLimits, ListSize};
use crate::http2::closed_memory::EndedBy;
use crate::http2::connection::{Connection, Role};
use crate::http2::control::Control;
use crate::http2::event::{CloseReason, Event, HeadersKind};
use crate::http2::frame::{FrameHead, flags, headers, push_promise};
use crate::http2::header_block::{BlockHead, HeaderBlock, block_bytes_max};
use crate::http2::lifecycle::{Drain, Timer};
use crate::http2::state;
use crate::http2::stream::{Exchange, Inbound, Stream, StreamId};
use crate::http2::validate::{self, Section};
use crate::http2::{ErrorCode, Violation};
use alloc::boxed::Box;

impl Connection {
    pub(super) fn on_headers(&mut self, head: FrameHead, payload: &[u8]) -> Result<Option<Event>, Violation> {
        let frame = headers::parse(head, payload)?;
        let block = BlockHead {
            stream: head.stream,
            promised: None,
            end: head.has(flags::END_STREAM),
            depends_on_itself: frame.dependency == Some(head.stream),
        };
        self.begin_block(block, frame.fragment, head.has(flags::END_HEADERS))
    }

    pub(super) fn on_push_promise(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        // RFC 9113 §8.4: a client cannot push; a server MUST treat PUSH_PROMISE as a connection error.
        if self.role == Role::Server {
            return Err(Violation::PushFromClient);
        }
        // RFC 9113 §6.5.2, §6.6: PUSH_PROMISE after our ENABLE_PUSH = 0 was acknowledged MUST be a connection error.
        if self.is_acknowledged() {
            return Err(Violation::Push);
        }
        if !self.takes_promise(head.stream) {
            return Err(Violation::PushUnasked);
        }
        let (promised, fragment) = push_promise::parse(head, payload)?;
        let block =
            BlockHead { stream: head.stream, promised: Some(promised), end: false, depends_on_itself: false };
        self.begin_block(block, fragment, head.has(flags::END_HEADERS))
    }

    /// RFC 9113 §6.6: a promise on a stream that is neither open nor half closed (local) MUST be a connection error;
    /// one that was created before our reset of the stream arrived MUST be handled.
    fn takes_promise(&self, id: StreamId) -> bool {
        match self.streams.get(u64::from(id.0)) {
            _ if !self.is_own(id) || self.is_idle(id) => false,
            Some(stream) => stream.state.receives(),
            None => !matches!(self.closed.recall(id), Some(EndedBy::EndStream | EndedBy::Reset)),
        }
    }

    pub(super) fn on_continuation(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        let block = self.block.as_mut().ok_or(Violation::StrayContinuation)?;
        block.go_on(payload, &self.config)?;
        if !head.has(flags::END_HEADERS) {
            return Ok(None);
        }
        self.timers.disarm(Timer::Header);
        match self.block.take() {
            Some(block) => self.finish_block(block.head, &block.bytes),
            None => Ok(None),
        }
    }

    fn begin_block(
        &mut self,
        head: BlockHead,
        fragment: &[u8],
        whole: bool,
    ) -> Result<Option<Event>, Violation> {
        if whole && fragment.len() <= block_bytes_max(&self.config) {
            return self.finish_block(head, fragment);
        }
        self.block = Some(Box::new(HeaderBlock::new(head, fragment, &self.config)?));
        self.timers.arm(Timer::Header, self.now + self.config.header_timeout);
        Ok(None)
    }

    fn finish_block(&mut self, head: BlockHead, bytes: &[u8]) -> Result<Option<Event>, Violation> {
        let limits = ListLimits {
            bytes_max: self.config.header_list_bytes_max as usize,
            fields_max: self.config.header_fields_max,
        };
        // RFC 9113 §4.3: every block is decoded, whatever becomes of its stream. RFC 9113 §10.5.1: so is one that is
        // too large, as far as keeps the tables of both sides in step; beyond that the connection ends.
        self.fields.clear();
        // RFC 9113 §4.3: a block that cannot be decoded MUST be a connection error COMPRESSION_ERROR.
        let size = self.decoder.decode(bytes, limits, &mut self.fields).map_err(Violation::Compression)?;
        let oversized = matches!(size, ListSize::Exceeded { .. });
        if let Some(promised) = head.promised {
            return self.refuse_promise(promised);
        }
        let id = head.stream;
        let is_open = self.streams.get(u64::from(id.0)).is_some() && !self.is_idle(id);
        if !is_open && !self.open_remote(id)? {
            return Ok(None);
        }
        if head.depends_on_itself {
            return Err(Violation::SelfDependency);
        }
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return Ok(None) };
        let kind = advance(stream, self.role, &self.fields, head.end, self.config.extended_connect)?;
        if let HeadersKind::Informational = kind
            && let Inbound::Head { informational } = stream.inbound
            && informational > self.config.informational_max
        {
            return Err(Violation::TooManyInformational);
        }
        let event = Event::Headers { stream: id, kind, end: head.end, oversized };
        if stream.state == state::State::Closed {
            self.pending.push_back(event);
            self.remove(id, CloseReason::Finished);
            return Ok(None);
        }
        Ok(Some(event))
    }

    /// HEADERS for a stream that is not open: opens it if the peer may, says what is wrong otherwise. False when the
    /// frame is to be ignored.
    fn open_remote(&mut self, id: StreamId) -> Result<bool, Violation> {
        if !self.is_idle(id) {
            return self.check_late_headers(id).map(|()| false);
        }
        // RFC 9113 §5.1.1: a stream opened with the wrong parity MUST be a connection error PROTOCOL_ERROR.
        if self.is_own(id) {
            return Err(Violation::IdleStream);
        }
        // RFC 9113 §5.1: on a client, HEADERS on an idle stream that a server opened MUST be a connection error.
        if self.role == Role::Client {
            return Err(Violation::StreamIdParity);
        }
        self.last_remote = id;
        if let Drain::Final { last } = self.drain
            && id > last
        {
            // RFC 9113 §6.8: frames on streams above the line are ignored; this header block was decoded all the same.
            self.closed.note(id, EndedBy::Us);
            self.charge_idle_frame();
            return Ok(false);
        }
        // RFC 9113 §5.1.2: a stream above the limit MUST be a stream error PROTOCOL_ERROR or REFUSED_STREAM.
        if self.active_remote >= self.config.max_concurrent_streams {
            // RFC 9113 §8.7: REFUSED_STREAM guarantees that the stream was not processed: it was never passed on.
            self.closed.note(id, EndedBy::Us);
            return Err(Violation::TooManyStreams);
        }
        // HEADERS open a stream whatever they say: one that is malformed is open too, so that it can be reset.
        let mut stream =
            Stream::new(self.now, self.remote.initial_window_bytes, self.stream_window_open, &self.config);
        stream.state = stream.state.on(state::Event::RecvHeaders).unwrap_or(stream.state);
        self.streams.insert(u64::from(id.0), stream);
        self.active_remote += 1;
        self.timers.disarm(Timer::Idle);
        Ok(true)
    }

    /// HEADERS for a stream that is over.
    fn check_late_headers(&mut self, id: StreamId) -> Result<(), Violation> {
        match self.closed.recall(id) {
            // RFC 9113 §5.1: frames on a stream that both sides finished MUST be a connection error STREAM_CLOSED.
            Some(EndedBy::EndStream) => Err(Violation::ClosedStream),
            Some(EndedBy::Reset) => Err(Violation::AfterReset),
            // RFC 9113 §5.1.1: a new stream's id MUST be above all that the peer used before.
            None if self.role == Role::Server && !self.closed.may_have_forgotten(id) => {
                Err(Violation::StreamIdOrder)
            }
            // RFC 9113 §5.1: frames that come after our reset of a stream are discarded.
            Some(EndedBy::Us) | None => {
                self.charge_idle_frame();
                Ok(())
            }
        }
    }

    /// Refuses a pushed stream that was promised before the server knew better.
    fn refuse_promise(&mut self, promised: StreamId) -> Result<Option<Event>, Violation> {
        // RFC 9113 §6.6: a promised stream whose id is illegal MUST be a connection error PROTOCOL_ERROR.
        if self.is_own(promised) || promised <= self.last_remote {
            return Err(Violation::StreamIdParity);
        }
        self.last_remote = promised;
        // RFC 9113 §5.1: on a stream that is reserved by the peer nothing but RST_STREAM is sent, and what comes on it
        // then is late, not wrong.
        self.closed.note(promised, EndedBy::Us);
        if self.charge_reset(promised) {
            self.control.push(Control::Reset(promised, ErrorCode::REFUSED_STREAM));
        }
        Ok(None)
    }
}

/// Checks a header list against its stream, and moves the stream on.
fn advance(
    stream: &mut Stream,
    role: Role,
    fields: &Fields,
    end: bool,
    extended_connect: bool,
) -> Result<HeadersKind, Violation> {
    let kind = match stream.inbound {
        // RFC 9113 §5.1: frames after END_STREAM MUST be a stream error STREAM_CLOSED.
        Inbound::Ended => return Err(Violation::HalfClosed),
        // RFC 9113 §8.5: other frames than DATA on a connected stream MUST be a stream error.
        Inbound::Content { .. } if stream.exchange == Exchange::Tunnel => {
            return Err(Violation::TunnelHeaders);
        }
        Inbound::Content { due } => {
            // RFC 9113 §8.1: HEADERS after the head without END_STREAM are malformed.
            if !end || validate::check(fields, Section::Trailers, false).is_err() {
                return Err(Violation::MalformedTrailers);
            }
            if due.is_some_and(|due| due > 0) {
                return Err(Violation::ContentLength);
            }
            HeadersKind::Trailers
        }
        Inbound::Head { informational } => {
            let section = if role == Role::Server { Section::Request } else { Section::Response };
            let head =
                validate::check(fields, section, extended_connect).map_err(|_| Violation::MalformedHead)?;
            if section == Section::Response && head.status < 200 {
                // RFC 9113 §8.1: a 1xx response with END_STREAM is malformed. RFC 9113 §8.6: so is 101.
                if end || head.status == 101 {
                    return Err(Violation::MalformedHead);
                }
                stream.inbound = Inbound::Head { informational: informational.saturating_add(1) };
                return Ok(HeadersKind::Informational);
            }
            stream.exchange = match role {
                Role::Server => Exchange::of_request(&head),
                Role::Client => stream.exchange.answered(head.status),
            };
            let has_content = match (role, stream.exchange) {
                (_, Exchange::Tunnel) | (Role::Client, Exchange::HeadOnly) => false,
                _ => head.status != 304 && head.status != 204,
            };
            let due = head.content_length.filter(|_| has_content);
            if end && due.is_some_and(|due| due > 0) {
                return Err(Violation::ContentLength);
            }
            stream.inbound = Inbound::Content { due };
            if role == Role::Server { HeadersKind::Request } else { HeadersKind::Response }
        }
    };
    if end {
        stream.inbound = Inbound::Ended;
        stream.state = stream.state.on(state::Event::RecvEnd).unwrap_or(stream.state);
    }
    Ok(kind)
}
