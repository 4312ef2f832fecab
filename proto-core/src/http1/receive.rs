//! Reading: heads and bodies out of the input, the end of the input, and what waits behind an exchange.

use crate::base::Time;
use crate::http1::body::{Body, Part};
use crate::http1::connection::{Connection, Receive, Role, Send, Timer};
use crate::http1::event::{End, Event};
use crate::http1::field_lines::Framing;
use crate::http1::violation::Violation;
use crate::http1::{RequestHead, ResponseHead, Version};
use bytes::Bytes;

impl Connection {
    /// Reads as far as the next event; nothing when the input is used up, or must wait.
    pub(super) fn read(&mut self, now: Time) -> Result<Option<Event>, Violation> {
        let event = match (&self.receive, self.role, self.send) {
            (Receive::Head, Role::Server, _) => self.read_request(now)?,
            (Receive::Head, Role::Client, Send::Idle) => self.read_unasked()?,
            (Receive::Head, Role::Client, _) => self.read_response(now)?,
            (Receive::Body(_), ..) => self.read_body(now)?,
            (Receive::Done, ..) => {
                // RFC 9112 §9.3.2: what comes behind a request waits, so that answers go in order.
                self.hold_back();
                None
            }
        };
        if event.is_some() || !self.is_eof {
            return Ok(event);
        }
        self.read_eof()
    }

    fn take_input(&mut self) -> Option<Bytes> {
        let input = self.input.pop_front()?;
        self.input_len -= input.len();
        Some(input)
    }

    fn give_back(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.input_len += rest.len();
            self.input.push_front(rest);
        }
    }

    fn read_request(&mut self, now: Time) -> Result<Option<Event>, Violation> {
        while let Some(input) = self.take_input() {
            self.head.push(input);
            let head = self.head.poll_request();
            if let Some(head) = head? {
                let rest = self.head.take_rest();
                self.give_back(rest);
                return self.on_request(now, head).map(Some);
            }
        }
        if self.head.is_within_head() && self.exchange > 0 && !self.timers.is_armed(Timer::Head) {
            self.timers.disarm(Timer::Idle);
            self.timers.arm(Timer::Head, now + self.config.head_timeout);
        }
        Ok(None)
    }

    fn on_request(&mut self, now: Time, head: RequestHead) -> Result<Event, Violation> {
        let expects = head.fields.value(b"expect");
        let body = match head.framing {
            Framing::Unsaid | Framing::Length(0) => None,
            Framing::Length(length) if length > self.config.body_bytes_max => {
                return Err(Violation::BodyTooLarge);
            }
            Framing::Length(length) => Some(Body::Length(length)),
            Framing::Chunked => Some(Body::chunked(&self.config, now)),
        };
        // RFC 9110 §10.1.1: 100-continue is the only expectation there is, and one that comes in HTTP/1.0 is ignored.
        if expects.is_some_and(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Violation::Expectation);
        }
        self.timers.disarm(Timer::Head);
        self.timers.disarm(Timer::Idle);
        self.exchange += 1;
        self.is_old = head.version == Version::Http10;
        self.is_persistent = head.is_persistent() && !self.is_old;
        self.is_head_request = &head.method[..] == b"HEAD";
        self.wants_continue = expects.is_some() && body.is_some() && !self.is_old;
        self.send = Send::Head;
        let end = body.is_none();
        self.receive = body.map_or(Receive::Done, Receive::Body);
        Ok(Event::Request { exchange: self.exchange, head, end })
    }

    /// RFC 9112 §9.2: what comes where nothing was asked for is no response; the connection is of no more use.
    fn read_unasked(&mut self) -> Result<Option<Event>, Violation> {
        if self.input_len > 0 { Err(Violation::Unasked) } else { Ok(None) }
    }

    fn read_response(&mut self, now: Time) -> Result<Option<Event>, Violation> {
        while let Some(input) = self.take_input() {
            self.head.push(input);
            let head = self.head.poll_response();
            if let Some(head) = head? {
                let rest = self.head.take_rest();
                self.give_back(rest);
                if let Some(event) = self.on_response(now, head)? {
                    return Ok(Some(event));
                }
            }
        }
        Ok(None)
    }

    fn on_response(&mut self, now: Time, head: ResponseHead) -> Result<Option<Event>, Violation> {
        // RFC 9110 §15.2: any number of informational responses may come before the final one; a client passes over them.
        if head.is_informational() {
            self.informational = self.informational.saturating_add(1);
            let is_too_many = self.informational > self.config.informational_max;
            return if is_too_many { Err(Violation::TooManyInformational) } else { Ok(None) };
        }
        if head.status == 101 {
            return Err(Violation::SwitchUnasked);
        }
        // RFC 9112 §6.3: the response to HEAD, and 204 and 304, end with their head.
        let is_bodiless = self.is_head_request || matches!(head.status, 204 | 304);
        let body = match head.framing {
            _ if is_bodiless => None,
            Framing::Length(0) => None,
            Framing::Length(length) if length > self.config.body_bytes_max => {
                return Err(Violation::BodyTooLarge);
            }
            Framing::Length(length) => Some(Body::Length(length)),
            Framing::Chunked => Some(Body::chunked(&self.config, now)),
            // RFC 9112 §6.3: a response without a length lasts until the connection ends.
            Framing::Unsaid => Some(Body::UntilEnd),
        };
        let ends_with_connection = matches!(body, Some(Body::UntilEnd));
        self.is_persistent = head.is_persistent() && !ends_with_connection;
        let end = body.is_none();
        self.receive = body.map_or(Receive::Done, Receive::Body);
        Ok(Some(Event::Response { exchange: self.exchange, head, end }))
    }

    fn read_body(&mut self, now: Time) -> Result<Option<Event>, Violation> {
        if core::mem::take(&mut self.wants_continue) && self.send == Send::Head {
            // RFC 9110 §10.1.1: whoever will read the body says so, unless the final response has begun.
            self.outbox.put_with(|bytes| bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
        let drops = self.role == Role::Server && self.send == Send::Done;
        if drops {
            self.unconsumed = 0;
        }
        let buffer = self.config.receive_buffer_bytes as u64;
        let room = usize::try_from(buffer.saturating_sub(self.unconsumed)).unwrap_or(usize::MAX);
        if room == 0 {
            // Nobody can blame the peer for a pause that this side makes.
            self.timers.disarm(Timer::Body);
            return Ok(None);
        }
        while matches!(self.receive, Receive::Body(_))
            && let Some(mut input) = self.take_input()
        {
            self.timers.disarm(Timer::Body);
            let Receive::Body(body) = &mut self.receive else { return Ok(None) };
            let mut piece = input.split_to(room.min(input.len()));
            let part = body.next(now, &self.config, &mut piece);
            self.give_back(input);
            self.give_back(piece);
            match part? {
                Some(part) if drops => self.drop_part(&part),
                Some(part) => return Ok(Some(self.on_part(part))),
                None => {}
            }
        }
        let is_open = matches!(self.receive, Receive::Body(_)) && (!drops || self.is_persistent);
        if is_open && self.role == Role::Server && !self.timers.is_armed(Timer::Body) {
            self.timers.arm(Timer::Body, now + self.config.body_timeout);
        }
        Ok(None)
    }

    /// The response is whole: what still comes of the request is only counted, and little of it read.
    fn drop_part(&mut self, part: &Part) {
        match part {
            Part::Content(data, end) => {
                self.heard += data.len() as u64;
                self.is_persistent &= self.heard <= self.config.pipelined_bytes_max as u64;
                if *end {
                    self.receive = Receive::Done;
                }
            }
            Part::Trailers(_) => self.receive = Receive::Done,
        }
    }

    fn on_part(&mut self, part: Part) -> Event {
        let exchange = self.exchange;
        match part {
            Part::Content(data, end) => {
                self.unconsumed += data.len() as u64;
                self.heard += data.len() as u64;
                if end {
                    self.receive = Receive::Done;
                }
                Event::Data { exchange, data, end }
            }
            Part::Trailers(fields) => {
                self.receive = Receive::Done;
                Event::Trailers { exchange, fields }
            }
        }
    }

    /// What waits behind a request that is not answered yet is bounded.
    fn hold_back(&mut self) {
        if self.role == Role::Server && self.input_len > self.config.pipelined_bytes_max {
            self.input.clear();
            self.input_len = 0;
            self.is_persistent = false;
        }
    }

    /// The peer sends no more, and all that it sent is read as far as it can be now.
    fn read_eof(&mut self) -> Result<Option<Event>, Violation> {
        let has_answered = self.role == Role::Server && self.send == Send::Done;
        match (&self.receive, self.send) {
            // What is answered already may still be read by a client that only finished its own direction.
            _ if has_answered => {}
            // RFC 9112 §8: a message that is cut short is incomplete, and its connection lost.
            (Receive::Head, _) if self.head.is_within_head() => return Err(Violation::HeadCut),
            (Receive::Head, Send::Idle) => self.end = Some(End::Graceful),
            (Receive::Body(Body::UntilEnd), _) if self.input_len == 0 => {
                self.receive = Receive::Done;
                return Ok(Some(Event::Data { exchange: self.exchange, data: Bytes::new(), end: true }));
            }
            (Receive::Body(_), _) if self.input_len == 0 => return Err(Violation::BodyCut),
            (Receive::Body(_), _) => {}
            (Receive::Done, Send::Done) if self.role == Role::Client => {}
            (Receive::Head | Receive::Done, _) => self.abort(End::TransportClosed),
        }
        Ok(None)
    }
}
