//! From bytes as they arrive to frames.
//!
//! DATA is handed on piece by piece and never gathered. Every other frame is handed on whole: as a slice of the input
//! where it lies in one piece, gathered where it does not. Nothing is parsed before it is asked for.

use crate::http2::Violation;
use crate::http2::frame::{FrameHead, FrameType, HEAD_LEN, flags};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// What a client sends first, RFC 9113 §3.4.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The next thing in the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// A frame that is not DATA, with its whole payload.
    Frame(FrameHead, Bytes),
    /// A DATA frame begins; so many bytes of it are padding.
    DataHead { head: FrameHead, padding: u32 },
    /// Content of the DATA frame that began last.
    Data { head: FrameHead, data: Bytes, end: bool },
}

/// Chunks of input for which the list keeps its memory.
const REST_CHUNKS_MAX: usize = 16;

#[derive(Clone, Debug)]
enum Stage {
    Preface { matched: usize },
    Head { bytes: [u8; HEAD_LEN], filled: usize },
    Payload { head: FrameHead, gathered: Vec<u8> },
    PadLength { head: FrameHead },
    Data { head: FrameHead, left: u32, padding_left: u32 },
}

const NEXT_HEAD: Stage = Stage::Head { bytes: [0; HEAD_LEN], filled: 0 };

/// The input of a connection.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    current: Bytes,
    later: VecDeque<Bytes>,
    stage: Stage,
    /// Frames that have begun, for telling them apart.
    begun: u32,
}

impl Reader {
    /// Expects the client's preface first if `with_preface`.
    pub(super) fn new(with_preface: bool) -> Reader {
        let stage = if with_preface { Stage::Preface { matched: 0 } } else { NEXT_HEAD };
        Reader { current: Bytes::new(), later: VecDeque::new(), stage, begun: 0 }
    }

    /// Adds input.
    pub(super) fn push(&mut self, input: Bytes) {
        if self.current.is_empty() && self.later.is_empty() {
            self.current = input;
        } else if !input.is_empty() {
            self.later.push_back(input);
        }
    }

    /// Forgets all input.
    pub(super) fn clear(&mut self) {
        *self = Reader::new(false);
    }

    /// Whether the input so far ends between two frames.
    pub(super) fn is_between_frames(&self) -> bool {
        self.current.is_empty() && matches!(self.stage, Stage::Head { filled: 0, .. })
    }

    /// The number of the frame that the input broke off in. The content of DATA does not count, as it is handed on and not
    /// held.
    pub(super) fn broken_off(&self) -> Option<u32> {
        match &self.stage {
            Stage::Preface { .. } | Stage::Head { filled: 0, .. } | Stage::Data { .. } => None,
            Stage::Head { .. } | Stage::Payload { .. } | Stage::PadLength { .. } => Some(self.begun),
        }
    }

    /// Whether the preface is still due.
    pub(super) fn awaits_preface(&self) -> bool {
        matches!(self.stage, Stage::Preface { .. })
    }

    /// Whether the input begins like a request of HTTP/1.
    pub(super) fn looks_like_http1(&self) -> bool {
        const METHODS: [&[u8]; 7] =
            [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT "];
        matches!(self.stage, Stage::Preface { matched: 0 | 1 })
            && METHODS.iter().any(|m| self.current.starts_with(m))
    }

    /// Bytes held that are not the input's own: the parts of a frame that did not come in one piece.
    pub(super) fn memory(&self) -> usize {
        match &self.stage {
            Stage::Payload { gathered, .. } => gathered.capacity(),
            _ => 0,
        }
    }

    /// The next piece; `None` when more input is needed.
    pub(super) fn next(&mut self, max_frame_bytes: u32) -> Result<Option<Piece>, Violation> {
        loop {
            if !self.refill() && !self.stage_needs_nothing() {
                return Ok(None);
            }
            match &mut self.stage {
                Stage::Preface { matched } => {
                    let due = &PREFACE[*matched..];
                    let count = due.len().min(self.current.len());
                    // RFC 9113 §3.4: an invalid preface MUST be treated as a connection error PROTOCOL_ERROR.
                    if self.current[..count] != due[..count] {
                        return Err(Violation::Preface);
                    }
                    *matched += count;
                    self.current.advance(count);
                    if *matched == PREFACE.len() {
                        self.stage = NEXT_HEAD;
                    }
                }
                Stage::Head { bytes, filled } => {
                    self.begun = self.begun.wrapping_add(u32::from(*filled == 0));
                    let count = (HEAD_LEN - *filled).min(self.current.len());
                    bytes[*filled..*filled + count].copy_from_slice(&self.current[..count]);
                    *filled += count;
                    self.current.advance(count);
                    if *filled < HEAD_LEN {
                        continue;
                    }
                    let head = FrameHead::parse(*bytes);
                    self.stage = begin(head, max_frame_bytes)?;
                    if let Stage::Data { head, .. } = self.stage {
                        return Ok(Some(Piece::DataHead { head, padding: 0 }));
                    }
                }
                Stage::Payload { head, gathered } => {
                    let head = *head;
                    let due = head.length as usize - gathered.len();
                    if gathered.is_empty() && self.current.len() >= due {
                        let payload = self.current.split_to(due);
                        self.stage = NEXT_HEAD;
                        return Ok(Some(Piece::Frame(head, payload)));
                    }
                    let count = due.min(self.current.len());
                    gathered.extend_from_slice(&self.current[..count]);
                    self.current.advance(count);
                    if count == due {
                        let payload = Bytes::from(core::mem::take(gathered));
                        self.stage = NEXT_HEAD;
                        return Ok(Some(Piece::Frame(head, payload)));
                    }
                }
                Stage::PadLength { head } => {
                    let head = *head;
                    let pad = u32::from(self.current.get_u8());
                    // RFC 9113 §6.1: padding as long as the payload or longer MUST be a connection error
                    // PROTOCOL_ERROR.
                    let left = (head.length - 1).checked_sub(pad).ok_or(Violation::Padding)?;
                    self.stage = Stage::Data { head, left, padding_left: pad };
                    return Ok(Some(Piece::DataHead { head, padding: pad + 1 }));
                }
                Stage::Data { .. } => {
                    if let Some(piece) = self.next_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// Makes `current` the next input that is not empty.
    fn refill(&mut self) -> bool {
        while self.current.is_empty() {
            match self.later.pop_front() {
                Some(next) => self.current = next,
                None => {
                    // An idle connection holds no buffers: a drained slice would pin the whole read.
                    self.current = Bytes::new();
                    if self.later.capacity() > REST_CHUNKS_MAX {
                        self.later = VecDeque::new();
                    }
                    return false;
                }
            }
        }
        true
    }

    /// Whether the stage can be finished without another byte.
    fn stage_needs_nothing(&self) -> bool {
        match &self.stage {
            Stage::Payload { head, .. } => head.length == 0,
            Stage::Data { left, padding_left, .. } => *left == 0 && *padding_left == 0,
            _ => false,
        }
    }

    fn next_data(&mut self) -> Option<Piece> {
        let Stage::Data { head, left, padding_left } = &mut self.stage else { return None };
        let head = *head;
        let count = (*left).min(u32::try_from(self.current.len()).unwrap_or(u32::MAX));
        let data = self.current.split_to(count as usize);
        *left -= count;
        if *left == 0 {
            let skipped = (*padding_left).min(u32::try_from(self.current.len()).unwrap_or(u32::MAX));
            self.current.advance(skipped as usize);
            *padding_left -= skipped;
        }
        let whole = *left == 0 && *padding_left == 0;
        if whole {
            self.stage = NEXT_HEAD;
        }
        let end = whole && head.has(flags::END_STREAM);
        (end || !data.is_empty()).then_some(Piece::Data { head, data, end })
    }
}

/// The stage after a frame's head.
fn begin(head: FrameHead, max_frame_bytes: u32) -> Result<Stage, Violation> {
    // RFC 9113 §4.2: a frame above SETTINGS_MAX_FRAME_SIZE MUST be answered with FRAME_SIZE_ERROR.
    if head.length > max_frame_bytes {
        return Err(Violation::FrameTooLarge);
    }
    if head.kind != FrameType::Data {
        return Ok(Stage::Payload { head, gathered: Vec::new() });
    }
    if !head.has(flags::PADDED) {
        return Ok(Stage::Data { head, left: head.length, padding_left: 0 });
    }
    if head.length == 0 {
        return Err(Violation::FrameSize);
    }
    Ok(Stage::PadLength { head })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::StreamId;
    use crate::http2::frame;

    fn padded_data(data: &[u8], pad: u8, end: bool) -> Vec<u8> {
        let mut head = frame::data::head(StreamId(1), (1 + data.len() + usize::from(pad)) as u32, end);
        head.flags |= flags::PADDED;
        let mut bytes = head.to_bytes().to_vec();
        bytes.push(pad);
        bytes.extend_from_slice(data);
        bytes.extend(core::iter::repeat_n(0, usize::from(pad)));
        bytes
    }

    /// The pieces of `bytes` cut after each `cut` bytes, with DATA of one frame joined.
    fn pieces(bytes: &[u8], cut: usize) -> Vec<Piece> {
        let mut reader = Reader::new(true);
        let mut pieces: Vec<Piece> = Vec::new();
        for chunk in bytes.chunks(cut) {
            reader.push(Bytes::copy_from_slice(chunk));
            while let Some(piece) = reader.next(16_384).unwrap() {
                match (pieces.last_mut(), &piece) {
                    (Some(Piece::Data { data: before, end, .. }), Piece::Data { data, end: ends, .. }) => {
                        *before = [&before[..], &data[..]].concat().into();
                        *end = *ends;
                    }
                    _ => pieces.push(piece),
                }
            }
        }
        assert!(reader.is_between_frames());
        pieces
    }

    #[test]
    fn any_cut_of_the_input_gives_the_same_pieces() {
        let mut bytes = PREFACE.to_vec();
        frame::settings::emit(&[(3, 100)], &mut bytes);
        frame::settings::emit_ack(&mut bytes);
        bytes.extend(padded_data(b"hello", 7, false));
        bytes.extend(padded_data(b"", 3, true));
        frame::ping::emit(false, *b"12345678", &mut bytes);
        let whole = pieces(&bytes, bytes.len());
        assert_eq!(whole.len(), 7);
        for cut in 1..bytes.len() {
            assert_eq!(pieces(&bytes, cut), whole, "cut every {cut} bytes");
        }
    }

    #[test]
    fn rfc9113_6_1_padding_longer_than_the_payload_is_a_violation() {
        let mut bytes = padded_data(b"", 5, false);
        bytes[9] = 6;
        let mut reader = Reader::new(false);
        reader.push(bytes.into());
        assert_eq!(reader.next(16_384), Err(Violation::Padding));
    }

    #[test]
    fn rfc9113_4_2_a_frame_above_the_maximum_is_refused_by_its_head() {
        let mut reader = Reader::new(false);
        let head = FrameHead { length: 16_385, kind: FrameType::Headers, flags: 0, stream: StreamId(1) };
        reader.push(Bytes::copy_from_slice(&head.to_bytes()));
        assert_eq!(reader.next(16_384), Err(Violation::FrameTooLarge));
    }
}
