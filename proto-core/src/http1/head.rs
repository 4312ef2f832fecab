//! Where a head ends, out of bytes that come in any pieces.
//!
//! ```text
//! (CRLF)  first-line CRLF  (field-line CRLF)*  CRLF  rest
//! ```
//!
//! Each byte is looked at once, by a small automaton that refuses what must not stand in any head as soon as it comes: a
//! peer that speaks something else is told so at its first bytes, not after a timeout. A head that came in one piece is
//! never copied.

use crate::base::Fields;
use crate::http1::field_lines::{lines, read_fields};
use crate::http1::{RequestHead, ResponseHead, Violation, request_head, response_head};
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What a head may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head. Abuse: a head that never ends.
    pub head_bytes_max: usize,
    /// Bytes of its first line. Abuse: a target as large as the head may be.
    pub first_line_bytes_max: usize,
    /// Fields. Abuse: many empty fields, each of which costs more here than on the wire.
    pub fields_max: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { head_bytes_max: 16 * 1024, first_line_bytes_max: 8 * 1024, fields_max: 128 }
    }
}

impl HeadLimits {
    /// The most that [`HeadReader::memory`] says, in bytes.
    #[must_use]
    pub const fn memory_max(&self) -> usize {
        2 * self.head_bytes_max
    }
}

/// Gathers one head after the other; what comes after a head waits, untouched.
///
/// ```
/// use bytes::Bytes;
/// use zrpc_core::http1::{HeadLimits, HeadReader};
///
/// let mut reader = HeadReader::new(HeadLimits::default());
/// reader.push(Bytes::from("GET /chat HTTP/1.1\r\nHost: loc"));
/// assert_eq!(reader.poll_request(), Ok(None));
/// reader.push(Bytes::from("alhost\r\n\r\nthe rest"));
/// let head = reader.poll_request()?.expect("the head is whole");
/// assert_eq!((&head.method[..], &head.target[..]), (&b"GET"[..], &b"/chat"[..]));
/// assert_eq!(head.fields.value(b"host"), Some(&b"localhost"[..]));
/// assert_eq!(reader.take_rest(), "the rest");
/// # Ok::<(), zrpc_core::http1::Violation>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeadReader {
    limits: HeadLimits,
    /// What arrived and was not looked at.
    input: Bytes,
    /// The begin of a head that came in pieces.
    gathered: Vec<u8>,
    at: At,
    /// Bytes of the head so far.
    length: usize,
    /// Whole lines of it.
    lines: usize,
    /// One empty line may stand before a head.
    skipped: bool,
    violation: Option<Violation>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Start,
    /// After the CR of an empty line before the head.
    StartCr,
    Line,
    LineCr,
    LineStart,
    /// After the CR of the empty line that ends the head.
    EndCr,
}

enum Step {
    More,
    Skipped,
    FirstLine,
    End,
}

impl HeadReader {
    /// Nothing has arrived yet.
    #[must_use]
    pub const fn new(limits: HeadLimits) -> HeadReader {
        HeadReader {
            limits,
            input: Bytes::new(),
            gathered: Vec::new(),
            at: At::Start,
            length: 0,
            lines: 0,
            skipped: false,
            violation: None,
        }
    }

    /// A reader of the trailers of a chunked body, which look like a head without its first line (RFC 9112 §7.1.2).
    pub(super) fn of_trailers(limits: HeadLimits) -> HeadReader {
        HeadReader { at: At::LineStart, lines: 1, ..HeadReader::new(limits) }
    }

    /// Takes what arrived, in order.
    pub fn push(&mut self, input: Bytes) {
        if self.input.is_empty() {
            self.input = input;
        } else if !input.is_empty() {
            self.input = [&self.input[..], &input[..]].concat().into();
        }
    }

    /// The head of a request once it is whole; then the next one is read.
    ///
    /// # Errors
    /// When what came is no head that can be trusted, or too much; from then on, always.
    pub fn poll_request(&mut self) -> Result<Option<RequestHead>, Violation> {
        let head = self.poll(request_head::check_first_line)?;
        head.map(|head| RequestHead::read(head).inspect_err(|why| self.violation = Some(*why))).transpose()
    }

    /// The head of a response once it is whole; then the next one is read.
    ///
    /// # Errors
    /// As [`HeadReader::poll_request`].
    pub fn poll_response(&mut self) -> Result<Option<ResponseHead>, Violation> {
        let head = self.poll(response_head::check_first_line)?;
        head.map(|head| ResponseHead::read(head).inspect_err(|why| self.violation = Some(*why))).transpose()
    }

    /// The trailers once they are whole, of a reader that was made for them.
    pub(super) fn poll_trailers(&mut self) -> Result<Option<Fields>, Violation> {
        let whole = self.poll(|_| Ok(()))?;
        whole.map(|trailers| read_fields(lines(&trailers))).transpose()
    }

    /// Takes what arrived and belongs to no head that was polled.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        let input = core::mem::take(&mut self.input);
        let gathered = core::mem::take(&mut self.gathered);
        *self = HeadReader::new(self.limits);
        if gathered.is_empty() { input } else { [&gathered[..], &input[..]].concat().into() }
    }

    /// Whether a head has begun and not ended.
    #[must_use]
    pub fn is_within_head(&self) -> bool {
        self.length > 0 || !self.input.is_empty()
    }

    /// Bytes of heap memory held apart from the input.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.gathered.capacity()
    }

    fn poll(
        &mut self,
        check_first_line: fn(&[u8]) -> Result<(), Violation>,
    ) -> Result<Option<Bytes>, Violation> {
        if let Some(violation) = self.violation {
            return Err(violation);
        }
        self.gather(check_first_line).inspect_err(|why| self.violation = Some(*why))
    }

    fn gather(
        &mut self,
        check_first_line: fn(&[u8]) -> Result<(), Violation>,
    ) -> Result<Option<Bytes>, Violation> {
        let mut looked_at = 0;
        while let Some(byte) = self.input.get(looked_at) {
            looked_at += 1;
            match self.step(*byte)? {
                Step::More => {}
                Step::Skipped => {
                    self.input.advance(looked_at);
                    self.gathered.clear();
                    looked_at = 0;
                }
                Step::FirstLine if self.gathered.is_empty() => {
                    check_first_line(&self.input[..looked_at - 2])?
                }
                Step::FirstLine => {
                    self.gathered.extend_from_slice(&self.input[..looked_at]);
                    self.input.advance(looked_at);
                    looked_at = 0;
                    check_first_line(&self.gathered[..self.gathered.len() - 2])?;
                }
                Step::End => return Ok(Some(self.cut(looked_at))),
            }
        }
        self.gathered.extend_from_slice(&self.input);
        self.input = Bytes::new();
        Ok(None)
    }

    /// Cuts off a head that ends after `count` bytes of the input.
    fn cut(&mut self, count: usize) -> Bytes {
        let end = self.input.split_to(count);
        self.at = At::Start;
        self.length = 0;
        self.lines = 0;
        self.skipped = false;
        if self.gathered.is_empty() {
            return end;
        }
        self.gathered.extend_from_slice(&end);
        core::mem::take(&mut self.gathered).into()
    }

    fn step(&mut self, byte: u8) -> Result<Step, Violation> {
        self.length += 1;
        let is_first_line = self.lines == 0;
        if is_first_line && self.length > self.limits.first_line_bytes_max {
            return Err(Violation::TargetTooLong);
        }
        if self.length > self.limits.head_bytes_max {
            return Err(Violation::HeadTooLarge);
        }
        self.at = match (self.at, byte) {
            (At::StartCr, b'\n') => {
                self.length = 0;
                self.skipped = true;
                self.at = At::Start;
                return Ok(Step::Skipped);
            }
            (At::LineCr, b'\n') => {
                self.lines += 1;
                self.at = At::LineStart;
                return Ok(if is_first_line { Step::FirstLine } else { Step::More });
            }
            (At::EndCr, b'\n') => return Ok(Step::End),
            (At::StartCr | At::LineCr | At::EndCr, _) => return Err(Violation::BareCr),
            // RFC 9112 §2.2: an empty line before a request line is passed over.
            (At::Start, b'\r') if !self.skipped => At::StartCr,
            (At::Start, TLS_HANDSHAKE) => return Err(Violation::Tls),
            (At::Start, byte) if !is_token_byte(byte) => return Err(Violation::FirstLine),
            (At::LineStart, b'\r') => At::EndCr,
            // RFC 9112 §2.2: whitespace between the start line and the first field is refused, not skipped.
            (At::LineStart, b' ' | b'\t') if self.lines == 1 => return Err(Violation::LeadingSpace),
            // RFC 9112 §5.2: obs-fold in a request is refused with 400.
            (At::LineStart, b' ' | b'\t') => return Err(Violation::Fold),
            (At::LineStart, _) if self.lines > self.limits.fields_max => {
                return Err(Violation::TooManyFields);
            }
            (At::Line, b'\r') => At::LineCr,
            // RFC 9112 §2.2: a recipient may take a bare LF as the end of a line; two that differ on it are how requests
            // are smuggled, so it is refused. A bare CR is invalid in any case.
            (_, b'\n') => return Err(Violation::BareLf),
            // RFC 9110 §5.5: NUL, CR and LF are dangerous in a value; the other control bytes are invalid, too.
            (_, 0..=8 | 11..=31 | 127) => return Err(Violation::ControlByte),
            _ => At::Line,
        };
        Ok(Step::More)
    }
}

/// RFC 9110 §5.6.2: the bytes of a token.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §5.6.2: a token is not empty.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}
