//! The binary encoding: bytes cut into frames, and frames written (docs/native-protocol.md §3, §4).
//!
//! A frame that lies within one piece of input stays a slice of it. One that is cut is gathered, never reserving much
//! more than arrived; but the bytes of a long message are passed on as they come, once its frame's head is there.

use crate::base::Out;
use crate::native::capabilities::{self, Capabilities};
use crate::native::codec::{CallFrame, CallOut, Codec, End, EndOut, Frame, Part, ReadLimits, Scratch};
use crate::native::frame::{self, call, credit, goaway, hello, is_skipped, ping, priority, reset};
use crate::native::interned::Names;
use crate::native::preface::{self, Answer};
use crate::native::varint::{self, LEN_MAX, Sections};
use crate::native::{ErrorCode, Priority, Role, Violation};
use crate::rpc::message::reserved;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// The most that stands before the bytes of a message without a head or a status: length, type, call, attachments, rest.
const PART_HEAD_MAX: usize = LEN_MAX + 1 + LEN_MAX + 1 + LEN_MAX;

/// See the module.
#[derive(Clone, Debug)]
pub struct Binary {
    role: Role,
    /// The peer's preface has come.
    is_open: bool,
    is_untouched: bool,
    input: Bytes,
    /// The begin of a frame that is cut, or of the preface.
    cut: Vec<u8>,
    /// Bytes of a message that are still to come of the frame whose head was read.
    missing: usize,
    /// Names that the peer interned.
    learned: Names,
    /// Names that this side interned.
    taught: Names,
    authority: String,
    /// Where heads and statuses are put together.
    sections: Vec<u8>,
}

impl Codec for Binary {
    const SPLITS: bool = true;

    fn new(role: Role) -> Binary {
        Binary {
            role,
            is_open: false,
            is_untouched: true,
            input: Bytes::new(),
            cut: Vec::new(),
            missing: 0,
            learned: Names::default(),
            taught: Names::default(),
            authority: String::new(),
            sections: Vec::new(),
        }
    }

    fn push(&mut self, input: Bytes) {
        self.is_untouched &= input.is_empty();
        if self.input.is_empty() {
            self.input = input;
        } else {
            self.input = [&self.input[..], &input[..]].concat().into();
        }
    }

    fn next(&mut self, limits: &ReadLimits, scratch: &mut Scratch) -> Result<Option<Frame>, Violation> {
        if self.missing > 0 {
            return Ok(self.more());
        }
        if !self.is_open {
            return self.open();
        }
        if !self.cut.is_empty() {
            return self.next_of_cut(limits, scratch);
        }
        let Some((length, at)) = self.length(limits)? else { return Ok(None) };
        if self.input.len() >= at + length {
            let mut frame = self.input.split_to(at + length);
            frame.advance(at);
            return self.parse(frame, 0, limits, scratch).map(Some);
        }
        self.next_of_cut(limits, scratch)
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    fn is_between_frames(&self) -> bool {
        self.missing == 0 && self.cut.is_empty() && self.input.is_empty()
    }

    fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    fn path(&self, entry: u32) -> &str {
        self.learned.get(entry).unwrap_or_default()
    }

    fn authority(&self) -> &str {
        &self.authority
    }

    fn find_path(&mut self, path: &str) -> Option<u32> {
        self.taught.find(path.as_bytes())
    }

    fn put_preface(&mut self, out: &mut Out) {
        out.put_slice(preface::of(self.role));
    }

    fn put_refusal(&mut self, text: &str, out: &mut Out) {
        out.put_with(|out| preface::refuse(text, out));
    }

    fn put_hello(&mut self, capabilities: &Capabilities, authority: &str, agent: &str, out: &mut Out) {
        out.put_with(|out| hello::emit(capabilities, authority, agent, out));
    }

    fn put_credit(&mut self, call: u64, amount: u32, out: &mut Out) {
        out.put_with(|out| credit::emit(call, amount, out));
    }

    fn put_reset(&mut self, call: u64, code: ErrorCode, text: &str, out: &mut Out) {
        out.put_with(|out| reset::emit(call, code, text, out));
    }

    fn put_priority(&mut self, call: u64, priority: Priority, out: &mut Out) {
        out.put_with(|out| priority::emit(call, priority, out));
    }

    fn put_ping(&mut self, is_answer: bool, token: [u8; 8], out: &mut Out) {
        out.put_with(|out| ping::emit(is_answer, token, out));
    }

    fn put_goaway(&mut self, last: u64, code: ErrorCode, text: &str, out: &mut Out) {
        out.put_with(|out| goaway::emit(last, code, text, out));
    }

    fn put_call(&mut self, frame: CallOut<'_>, interned_max: usize, out: &mut Out) {
        let Binary { sections, taught, .. } = self;
        sections.clear();
        let mut kind = call::CALL;
        if let Some(head) = &frame.head {
            kind |= call::HEAD;
            call::emit_head(head, taught, interned_max, sections);
        }
        if !matches!(frame.end, EndOut::No) {
            kind |= call::END;
            call::emit_status(frame.end, taught, interned_max, sections);
        }
        let mut data = Bytes::new();
        if let Some(part) = frame.part {
            kind |= call::MESSAGE;
            if part.rest > 0 {
                kind |= call::MORE;
                varint::put(part.rest, sections);
            }
            if part.compressed {
                kind |= call::COMPRESSED;
            }
            if part.attachments > 0 {
                kind |= call::ATTACHED;
                sections.push(part.attachments);
            }
            data = part.data;
        }
        let len = 1 + varint::len(frame.call) + sections.len() + data.len();
        out.put_with(|out| {
            frame::begin(kind, len, out);
            varint::put(frame.call, out);
            out.extend_from_slice(sections);
        });
        out.put_bytes(data);
    }

    fn shrink(&mut self) {
        self.sections = Vec::new();
        if self.cut.is_empty() {
            self.cut = Vec::new();
        }
        if self.input.is_empty() {
            self.input = Bytes::new();
        }
    }

    fn clear(&mut self) {
        self.input = Bytes::new();
        self.cut = Vec::new();
        self.missing = 0;
    }

    fn memory(&self) -> usize {
        self.cut.capacity()
            + self.sections.capacity()
            + self.learned.memory()
            + self.taught.memory()
            + self.authority.capacity()
    }

    fn memory_max(limits: &ReadLimits) -> usize {
        let tables =
            Names::memory_max(limits.interned_max) + Names::memory_max(capabilities::INTERNED_MAX as usize);
        // What is written is the owner's: heads and statuses, which the peer's limits bound.
        let sections = 2 * capabilities::FRAME_BYTES_MAX as usize;
        2 * (limits.frame_bytes_max + PART_HEAD_MAX) + sections + tables + 1024
    }
}

impl Binary {
    /// Reads the peer's preface.
    fn open(&mut self) -> Result<Option<Frame>, Violation> {
        while let Some(&byte) = self.input.first() {
            self.input.advance(1);
            self.cut.push(byte);
            let answer = match self.role {
                Role::Server => preface::read(&self.cut)?,
                Role::Client => preface::read_answer(&self.cut)?,
            };
            let frame = match answer {
                Answer::Incomplete => continue,
                Answer::Agreed => {
                    self.is_open = true;
                    Frame::Preface
                }
                Answer::Refused { lowest, highest, text } => Frame::Refused { lowest, highest, text },
            };
            self.cut = Vec::new();
            return Ok(Some(frame));
        }
        Ok(None)
    }

    /// Passes more of a message on.
    fn more(&mut self) -> Option<Frame> {
        if self.input.is_empty() {
            self.input = Bytes::new();
            return None;
        }
        let data = self.input.split_to(self.missing.min(self.input.len()));
        self.missing -= data.len();
        Some(Frame::More { data, missing: self.missing })
    }

    /// The length of the frame at the begin of the input, and where it starts.
    fn length(&mut self, limits: &ReadLimits) -> Result<Option<(usize, usize)>, Violation> {
        match varint::read(&self.input) {
            Some((length, at)) => Ok(Some((checked(length, limits)?, at))),
            None => {
                self.cut.extend_from_slice(&self.input);
                self.input = Bytes::new();
                Ok(None)
            }
        }
    }

    /// Gathers a frame that is cut, as far as it must be.
    fn next_of_cut(
        &mut self,
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Option<Frame>, Violation> {
        loop {
            let due = match varint::read(&self.cut) {
                None => self.cut.first().map_or(1, |first| 1 << (first >> 6)),
                Some((length, at)) => {
                    let length = checked(length, limits)?;
                    let whole = at + length;
                    if self.cut.len() == whole {
                        let mut frame = Bytes::from(core::mem::take(&mut self.cut));
                        frame.advance(at);
                        return self.parse(frame, 0, limits, scratch).map(Some);
                    }
                    if self.cut.get(at).is_some_and(|kind| self.passes_on(*kind)) {
                        let begin = whole.min(PART_HEAD_MAX);
                        if self.cut.len() >= begin && begin < whole {
                            let mut frame = Bytes::from(core::mem::take(&mut self.cut));
                            frame.advance(at);
                            let missing = length - frame.len();
                            return self.parse(frame, missing, limits, scratch).map(Some);
                        }
                        begin
                    } else if self.cut.len() <= at {
                        at + 1
                    } else {
                        whole
                    }
                }
            };
            if self.input.is_empty() {
                self.input = Bytes::new();
                return Ok(None);
            }
            let count = (due - self.cut.len()).min(self.input.len());
            if self.cut.capacity() - self.cut.len() < count {
                let arrived = self.cut.len() + count;
                self.cut.reserve_exact(reserved(arrived, due) - self.cut.len());
            }
            self.cut.extend_from_slice(&self.input[..count]);
            self.input.advance(count);
        }
    }

    /// Whether a frame's message is passed on before it is whole: there is nothing long before it.
    fn passes_on(&self, kind: u8) -> bool {
        let has_status = kind & call::END != 0 && self.role == Role::Client;
        kind & call::KIND == call::CALL && kind & call::MESSAGE != 0 && kind & call::HEAD == 0 && !has_status
    }

    /// Reads a frame of which `missing` bytes at the end are still to come.
    fn parse(
        &mut self,
        mut frame: Bytes,
        missing: usize,
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Frame, Violation> {
        let Some(&kind) = frame.first() else { return Err(Violation::FrameShort) };
        if kind & call::KIND == call::CALL {
            return self.parse_call(kind, frame, missing, limits, scratch);
        }
        frame.advance(1);
        let body = &frame[..];
        Ok(match kind {
            frame::HELLO => {
                let (capabilities, authority) = hello::parse(body)?;
                if self.role == Role::Server {
                    self.authority = authority;
                }
                Frame::Hello(capabilities)
            }
            frame::CREDIT => {
                let (call, amount) = credit::parse(body)?;
                Frame::Credit { call, amount }
            }
            frame::RESET => {
                let (call, code, text) = reset::parse(body)?;
                Frame::Reset { call, code, text }
            }
            frame::PRIORITY if self.role == Role::Client => return Err(Violation::NotFromServer),
            frame::PRIORITY => {
                let (call, priority) = priority::parse(body)?;
                Frame::Priority { call, priority }
            }
            frame::PING => Frame::Ping(ping::parse(body)?),
            frame::PONG => Frame::Pong(ping::parse(body)?),
            frame::GOAWAY => {
                let (last, code, text) = goaway::parse(body)?;
                Frame::GoAway { last, code, text }
            }
            kind if is_skipped(kind) => Frame::Skipped,
            _ => return Err(Violation::FrameType),
        })
    }

    fn parse_call(
        &mut self,
        kind: u8,
        mut frame: Bytes,
        missing: usize,
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Frame, Violation> {
        call::check_flags(kind)?;
        let mut sections = Sections { rest: &frame[1..] };
        let number = sections.number()?;
        let head = match kind & call::HEAD {
            0 => None,
            _ => {
                let learned = &mut self.learned;
                Some(call::parse_head(&mut sections, self.role.peer(), learned, limits, scratch)?)
            }
        };
        let end = match (kind & call::END, self.role) {
            (0, _) => End::No,
            (_, Role::Server) => End::HalfClose,
            (_, Role::Client) => match call::parse_status(&mut sections, &mut self.learned, limits)? {
                Some((status, metadata)) => End::Status(status, metadata),
                None => End::Oversized,
            },
        };
        if kind & call::MESSAGE == 0 {
            sections.end()?;
            return Ok(Frame::Call(CallFrame { call: number, head, part: None, end }));
        }
        let attachments = if kind & call::ATTACHED == 0 { 0 } else { sections.byte()? };
        let rest = if kind & call::MORE == 0 { 0 } else { sections.number()? };
        // §4.1: a section is there to say something.
        if (rest == 0 && kind & call::MORE != 0) || (attachments == 0 && kind & call::ATTACHED != 0) {
            return Err(Violation::Flags);
        }
        let arrived = sections.rest.len();
        frame.advance(frame.len() - arrived);
        self.missing = missing;
        let part = Part {
            cost: (arrived + missing) as u64,
            data: frame,
            missing,
            rest,
            compressed: kind & call::COMPRESSED != 0,
            attachments,
            refusal: None,
        };
        Ok(Frame::Call(CallFrame { call: number, head, part: Some(part), end }))
    }
}

/// §4: a length is at least 1, and at most what this side takes.
fn checked(length: u64, limits: &ReadLimits) -> Result<usize, Violation> {
    match usize::try_from(length) {
        Ok(0) => Err(Violation::FrameShort),
        Ok(length) if length <= limits.frame_bytes_max => Ok(length),
        _ => Err(Violation::FrameTooLarge),
    }
}
