//! What an owner asks of a connection. Commands write no bytes, and change nothing when they fail.

use crate::base::{Fields, Flow, Misuse, Time};
use crate::http1::body::Body;
use crate::http1::connection::{Connection, Receive, Role, Send, Timer};
use crate::http1::event::End;
use crate::http1::head::is_token;
use crate::http1::write;
use alloc::format;
use bytes::Bytes;
use core::time::Duration;

/// The body of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RequestBody {
    /// All of it; empty when there is none.
    Whole(Bytes),
    /// It follows in pieces.
    Chunks,
}

impl Connection {
    /// Asks for something, as a client, and says the number of the exchange. Method, target and authority are the fields
    /// `:method`, `:path` and `:authority`; how long the body is needs no field.
    ///
    /// # Errors
    /// When an exchange is open, the connection takes none, or a field cannot be sent.
    pub fn request(&mut self, head: &Fields, body: RequestBody) -> Result<u64, Misuse> {
        self.alive()?;
        if self.role == Role::Server {
            return Err(Misuse::OutOfOrder("a server answers requests and makes none"));
        }
        if self.is_draining {
            return Err(Misuse::Draining);
        }
        if self.is_busy() {
            return Err(Misuse::OutOfOrder("the exchange before is not over"));
        }
        check_request(head)?;
        let pseudo = |name: &[u8]| head.value(name).unwrap_or_default();
        let (method, target) = (pseudo(b":method"), pseudo(b":path"));
        let mut fields = Fields::new();
        fields.add(b"host", pseudo(b":authority"));
        add_all(&mut fields, head);
        match &body {
            RequestBody::Whole(body) => add_length(&mut fields, body.len()),
            RequestBody::Chunks => fields.add(b"transfer-encoding", b"chunked"),
        }
        self.outbox.put_with(|bytes| write::request_head(bytes, method, target, &fields));
        self.is_head_request = method == b"HEAD";
        self.exchange += 1;
        self.send = Send::Chunks;
        if let RequestBody::Whole(body) = body {
            self.outbox.put(body);
            self.send = Send::Done;
        }
        Ok(self.exchange)
    }

    /// Sends a response's head, as a server; its status is the field `:status`. With `end` nothing follows.
    ///
    /// # Errors
    /// When the exchange is over or its head is sent, or a field cannot be sent.
    pub fn respond(&mut self, exchange: u64, head: &Fields, end: bool) -> Result<(), Misuse> {
        self.check_open(exchange, &[Send::Head], "the response's head is sent already")?;
        let status = status_of(head).ok_or(Misuse::InvalidField(":status is a number of three digits"))?;
        let is_bodiless = matches!(status, 204 | 304);
        if is_bodiless && !end {
            return Err(Misuse::InvalidField("a response with 204 or 304 has no body"));
        }
        let mut fields = Fields::new();
        add_all(&mut fields, head);
        let (is_empty, is_old) = (end || self.is_head_request, self.is_old);
        match is_empty {
            // RFC 9110 §8.6: 204 has no Content-Length, nor has the answer to HEAD that is not known.
            true if is_bodiless || self.is_head_request => {}
            true => add_length(&mut fields, 0),
            false if is_old => {}
            // RFC 9112 §6.1: Transfer-Encoding is sent to clients of HTTP/1.1 only.
            false => fields.add(b"transfer-encoding", b"chunked"),
        }
        write::check_fields(&fields)?;
        // RFC 9112 §9.3: a request that is too long to be read for nothing, or whose rest may never come because its client
        // still waits for 100-continue, ends the connection when it is answered early.
        let is_cut_off = end && (self.wants_continue || self.is_long_and_unread());
        self.is_persistent &= !self.is_draining && !is_cut_off;
        if !self.is_persistent {
            // RFC 9112 §9.6: whoever closes after this response says so in it.
            fields.add(b"connection", b"close");
        }
        self.outbox.put_with(|bytes| write::response_head(bytes, status, &fields));
        self.send = match () {
            () if end => Send::Done,
            () if self.is_head_request => Send::Nothing,
            () if is_old => Send::UntilEnd,
            () => Send::Chunks,
        };
        Ok(())
    }

    /// Sends content: the prefix, then the payload, in one chunk.
    ///
    /// # Errors
    /// When the last send said `Blocked`, or this side's body is not open.
    pub fn send_data(&mut self, exchange: u64, prefix: &[u8], payload: Bytes) -> Result<Flow, Misuse> {
        self.check_open(exchange, &OPEN, "the body is not open")?;
        if self.is_blocked {
            return Err(Misuse::Blocked);
        }
        let length = prefix.len() + payload.len();
        // RFC 9112 §7.1: a chunk without content would be the last.
        if length > 0 && self.send == Send::Chunks {
            self.outbox.put_with(|bytes| {
                bytes.extend_from_slice(format!("{length:x}\r\n").as_bytes());
                bytes.extend_from_slice(prefix);
            });
            self.outbox.put(payload);
            self.outbox.put_with(|bytes| bytes.extend_from_slice(b"\r\n"));
        } else if self.send == Send::UntilEnd {
            self.outbox.put_with(|bytes| bytes.extend_from_slice(prefix));
            self.outbox.put(payload);
        }
        self.is_blocked = self.outbox.len() >= self.config.send_buffer_bytes;
        Ok(if self.is_blocked { Flow::Blocked } else { Flow::Ready })
    }

    /// Sends the last of this side's body; also when the last send said `Blocked`.
    ///
    /// # Errors
    /// When this side's body is not open.
    pub fn send_last_data(&mut self, exchange: u64, prefix: &[u8], payload: Bytes) -> Result<(), Misuse> {
        self.check_open(exchange, &OPEN, "the body is not open")?;
        self.is_blocked = false;
        let _flow = self.send_data(exchange, prefix, payload)?;
        self.finish(exchange, &Fields::new())
    }

    /// Ends this side's body, with trailers where there are some.
    ///
    /// # Errors
    /// When this side's body is not open, or a field cannot be sent.
    pub fn finish(&mut self, exchange: u64, trailers: &Fields) -> Result<(), Misuse> {
        self.check_open(exchange, &OPEN, "the body is not open")?;
        write::check_fields(trailers)?;
        if self.send == Send::Chunks {
            self.outbox.put_with(|bytes| {
                bytes.extend_from_slice(b"0\r\n");
                write::field_lines(bytes, trailers);
            });
        }
        self.send = Send::Done;
        self.is_blocked = false;
        Ok(())
    }

    /// Gives an exchange up. HTTP/1.1 knows no other way than to end the connection, without what is queued.
    ///
    /// # Errors
    /// When the exchange is over.
    pub fn reset(&mut self, exchange: u64) -> Result<(), Misuse> {
        self.alive()?;
        if exchange != self.exchange || !self.is_busy() {
            return Err(Misuse::Gone);
        }
        self.abort(End::Graceful);
        Ok(())
    }

    /// The owner took content of this exchange; more than there is counts as all there is.
    pub fn consume(&mut self, exchange: u64, bytes: u32) {
        if exchange == self.exchange {
            self.unconsumed = self.unconsumed.saturating_sub(u64::from(bytes));
        }
    }

    /// Lets the open exchange go on for `grace` at the most, then ends the connection.
    pub fn drain(&mut self, now: Time, grace: Duration) {
        if self.is_ended() {
            return;
        }
        self.is_draining = true;
        if self.is_busy() {
            self.timers.arm(Timer::Drain, now + grace.max(Duration::from_nanos(1)));
        } else {
            self.abort(End::Graceful);
        }
    }

    /// Ends the connection now.
    pub fn close(&mut self, _now: Time) {
        if !self.is_ended() {
            self.abort(End::Graceful);
        }
    }

    fn is_long_and_unread(&self) -> bool {
        let Receive::Body(Body::Length(left)) = self.receive else { return false };
        left.saturating_add(self.heard) > self.config.pipelined_bytes_max as u64
    }

    fn alive(&self) -> Result<(), Misuse> {
        if self.is_ended() { Err(Misuse::Closed) } else { Ok(()) }
    }

    fn check_open(&self, exchange: u64, states: &[Send], otherwise: &'static str) -> Result<(), Misuse> {
        self.alive()?;
        if exchange == 0 || exchange > self.exchange {
            return Err(Misuse::Unknown);
        }
        if exchange < self.exchange || !self.is_busy() {
            return Err(Misuse::Gone);
        }
        if states.contains(&self.send) { Ok(()) } else { Err(Misuse::OutOfOrder(otherwise)) }
    }
}

/// Whether [`Connection::request`] would take this head, once it is its turn.
///
/// # Errors
/// `InvalidField`, with what is wrong.
pub fn check_request(head: &Fields) -> Result<(), Misuse> {
    let pseudo = |name: &[u8]| head.value(name).unwrap_or_default();
    let is_text = |text: &[u8]| text.iter().all(u8::is_ascii_graphic);
    let target = pseudo(b":path");
    if !is_token(pseudo(b":method"))
        || target.is_empty()
        || !is_text(target)
        || !is_text(pseudo(b":authority"))
    {
        return Err(Misuse::InvalidField("a method is a token; target and authority have no spaces"));
    }
    write::check_fields(head)
}

/// States in which content may be sent.
const OPEN: [Send; 3] = [Send::Chunks, Send::UntilEnd, Send::Nothing];

fn status_of(head: &Fields) -> Option<u16> {
    match head.value(b":status")? {
        [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            let digit = |byte: &u8| u16::from(*byte - b'0');
            Some(digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => None,
    }
}

/// Adds what an owner may say itself: no pseudo-fields, and nothing that says how the message is framed.
fn add_all(fields: &mut Fields, head: &Fields) {
    let is_ours = |name: &[u8]| {
        name.starts_with(b":")
            || matches!(name, b"host" | b"connection" | b"content-length" | b"transfer-encoding" | b"te")
    };
    head.iter().filter(|field| !is_ours(field.name)).for_each(|field| fields.push(field));
}

fn add_length(fields: &mut Fields, length: usize) {
    fields.add(b"content-length", format!("{length}").as_bytes());
}
