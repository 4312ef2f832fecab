//! Where a body ends, and what of it is content (RFC 9112 §6, §7).
//!
//! ```text
//! chunked-body = (size [;extensions] CRLF  content CRLF)*  0 [;extensions] CRLF  (trailer CRLF)*  CRLF
//! ```

use crate::base::{Budget, Fields, Time};
use crate::http1::config::Config;
use crate::http1::head::HeadReader;
use crate::http1::violation::Violation;
use alloc::boxed::Box;
use bytes::{Buf, Bytes};

/// A chunk with less content than this is charged twice for what it lacks. Nobody who sends messages has smaller ones: an
/// empty message is as long as this.
const CHUNK_CONTENT_MIN: u64 = 5;
/// A line before a chunk costs nothing up to this length: digits of a size and CRLF.
const CHUNK_LINE_FREE: u64 = 10;

/// What of a body comes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Content; `true` when it is the last.
    Content(Bytes, bool),
    /// The end, with trailers.
    Trailers(Fields),
}

/// A body that is being read.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks.
    Chunked(Box<Chunks>),
    /// All that comes until the connection ends.
    UntilEnd,
}

/// A chunked body that is being read.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    at: At,
    /// Content of all chunks so far.
    total: u64,
    /// Bytes of the line before the chunk so far.
    line: usize,
    budget: Budget,
}

#[derive(Clone, Debug)]
enum At {
    /// In the digits of a size.
    Size {
        size: u64,
        digits: u8,
    },
    /// In extensions.
    Extensions {
        size: u64,
    },
    /// After the CR of the line with the size.
    LineCr {
        size: u64,
    },
    Content {
        left: u64,
    },
    ContentCr,
    ContentLf,
    Trailers(Box<HeadReader>),
}

impl Body {
    pub(super) fn chunked(config: &Config, now: Time) -> Body {
        Body::Chunked(Box::new(Chunks {
            at: At::Size { size: 0, digits: 0 },
            total: 0,
            line: 0,
            budget: Budget::new(config.chunk_overhead, now),
        }))
    }

    /// The next part out of `input`; `None` when that is used up.
    pub(super) fn next(
        &mut self,
        now: Time,
        config: &Config,
        input: &mut Bytes,
    ) -> Result<Option<Part>, Violation> {
        match self {
            _ if input.is_empty() => Ok(None),
            Body::Length(left) => {
                let count = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= count as u64;
                Ok(Some(Part::Content(input.split_to(count), *left == 0)))
            }
            Body::UntilEnd => Ok(Some(Part::Content(input.split_to(input.len()), false))),
            Body::Chunked(chunks) => chunks.next(now, config, input),
        }
    }

    pub(super) fn memory(&self) -> usize {
        match self {
            Body::Chunked(chunks) => size_of::<Chunks>() + chunks.memory(),
            _ => 0,
        }
    }
}

impl Chunks {
    fn next(&mut self, now: Time, config: &Config, input: &mut Bytes) -> Result<Option<Part>, Violation> {
        while !input.is_empty() {
            match &mut self.at {
                At::Content { left } => {
                    let count = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    *left -= count as u64;
                    if *left == 0 {
                        self.at = At::ContentCr;
                    }
                    self.budget.earn(config.chunk_overhead, u32::try_from(count).unwrap_or(u32::MAX));
                    return Ok(Some(Part::Content(input.split_to(count), false)));
                }
                At::Trailers(reader) => {
                    reader.push(core::mem::take(input));
                    let Some(fields) = reader.poll_trailers()? else { return Ok(None) };
                    *input = reader.take_rest();
                    let part = if fields.is_empty() {
                        Part::Content(Bytes::new(), true)
                    } else {
                        Part::Trailers(fields)
                    };
                    return Ok(Some(part));
                }
                _ => {
                    let byte = input.get_u8();
                    self.step(now, config, byte)?;
                }
            }
        }
        Ok(None)
    }

    fn step(&mut self, now: Time, config: &Config, byte: u8) -> Result<(), Violation> {
        self.line += 1;
        if self.line > config.chunk_line_bytes_max {
            return Err(Violation::ChunkLine);
        }
        self.at = match (&self.at, byte) {
            (At::Size { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                // RFC 9112 §7.1: a size too large to be counted must not wrap around.
                let size = size.checked_mul(16).ok_or(Violation::ChunkSize)? + digit;
                At::Size { size, digits: digits.saturating_add(1) }
            }
            (At::Size { digits: 0, .. }, _) => return Err(Violation::ChunkSize),
            (At::Size { size, .. } | At::Extensions { size }, b'\r') => At::LineCr { size: *size },
            // RFC 9112 §7.1.1: extensions that are not known are ignored. A space before them is what some peers pad with.
            (At::Size { size, .. }, b';' | b' ' | b'\t') => At::Extensions { size: *size },
            (At::Size { .. }, _) => return Err(Violation::ChunkSize),
            (At::Extensions { .. }, b'\n') => return Err(Violation::BareLf),
            (At::Extensions { .. }, 0..=8 | 11..=31 | 127) => return Err(Violation::ControlByte),
            (At::Extensions { size }, _) => At::Extensions { size: *size },
            (At::LineCr { size }, b'\n') => {
                let size = *size;
                return self.begin(now, config, size);
            }
            (At::LineCr { .. }, _) => return Err(Violation::BareCr),
            (At::ContentCr, b'\r') => At::ContentLf,
            (At::ContentLf, b'\n') => {
                self.line = 0;
                At::Size { size: 0, digits: 0 }
            }
            _ => return Err(Violation::ChunkEnd),
        };
        Ok(())
    }

    /// The line before a chunk is whole.
    fn begin(&mut self, now: Time, config: &Config, size: u64) -> Result<(), Violation> {
        if size == 0 {
            self.at = At::Trailers(Box::new(HeadReader::of_trailers(config.trailers)));
            return Ok(());
        }
        self.total = self.total.saturating_add(size);
        if self.total > config.body_bytes_max {
            return Err(Violation::BodyTooLarge);
        }
        let extensions = (self.line as u64).saturating_sub(CHUNK_LINE_FREE);
        let cost = extensions + 2 * CHUNK_CONTENT_MIN.saturating_sub(size);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        if !self.budget.charge(config.chunk_overhead, now, cost) {
            return Err(Violation::ChunkFlood);
        }
        self.line = 0;
        self.at = At::Content { left: size };
        Ok(())
    }

    fn memory(&self) -> usize {
        match &self.at {
            At::Trailers(reader) => size_of::<HeadReader>() + reader.memory(),
            _ => 0,
        }
    }
}
