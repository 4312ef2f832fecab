//! From bytes as they arrive to frames.
//!
//! The payload of a data frame is handed on piece by piece, as slices of the input, still masked; that of a control frame
//! is gathered. Nothing is parsed before it is asked for.

use crate::websocket::Violation;
use crate::websocket::frame::{CONTROL_MAX, FrameHead, HEAD_MAX, Opcode};
use crate::websocket::mask;
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes};

/// Chunks of input for which the list keeps its memory.
const REST_CHUNKS_MAX: usize = 16;

/// The next thing in the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// A data frame begins.
    Begin(FrameHead),
    /// Payload of the data frame that began last.
    Part(Part),
    /// A control frame; [`Reader::control`] has its payload.
    Control(Opcode),
}

/// Payload of a data frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) frame: FrameHead,
    /// Where in the frame's payload it begins.
    pub(super) offset: u64,
    /// As it came, masked if the frame is.
    pub(super) data: Bytes,
    /// Whether the frame ends with it.
    pub(super) last: bool,
}

#[derive(Clone, Debug)]
enum Stage {
    Head { bytes: [u8; HEAD_MAX], filled: u8 },
    Payload { frame: FrameHead, offset: u64 },
    Control { frame: FrameHead },
}

const NEXT_HEAD: Stage = Stage::Head { bytes: [0; HEAD_MAX], filled: 0 };

/// The input of a connection.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    current: Bytes,
    later: VecDeque<Bytes>,
    stage: Stage,
    control: [u8; CONTROL_MAX],
    control_len: u8,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader {
            current: Bytes::new(),
            later: VecDeque::new(),
            stage: NEXT_HEAD,
            control: [0; CONTROL_MAX],
            control_len: 0,
        }
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
        *self = Reader::new();
    }

    /// Whether no input waits.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.later.is_empty()
    }

    /// The payload of the control frame that came last.
    pub(super) fn control(&self) -> &[u8] {
        self.control.get(..usize::from(self.control_len)).unwrap_or_default()
    }

    /// The next piece, from a peer whose frames are masked if `masked`; `None` when more input is needed.
    pub(super) fn next(&mut self, masked: bool) -> Result<Option<Piece>, Violation> {
        loop {
            match &mut self.stage {
                Stage::Head { bytes, filled } => {
                    let frame = if *filled == 0
                        && let Some(len) = FrameHead::len_from(&self.current)
                        && let Some(head) = self.current.get(..len)
                    {
                        let frame = FrameHead::parse(head, masked)?;
                        self.current.advance(len);
                        frame
                    } else {
                        // The head came in pieces.
                        if !refill(&mut self.current, &mut self.later) {
                            return Ok(None);
                        }
                        if let Some(free) = bytes.get_mut(usize::from(*filled)) {
                            *free = self.current.get_u8();
                            *filled += 1;
                        }
                        let head = bytes.get(..usize::from(*filled)).unwrap_or_default();
                        if let [first, second] = head {
                            FrameHead::check_start(*first, *second, masked)?;
                        }
                        if FrameHead::len_from(head) != Some(head.len()) {
                            continue;
                        }
                        FrameHead::parse(head, masked)?
                    };
                    if frame.opcode.is_control() {
                        self.control_len = 0;
                        self.stage = Stage::Control { frame };
                    } else {
                        self.stage = Stage::Payload { frame, offset: 0 };
                        return Ok(Some(Piece::Begin(frame)));
                    }
                }
                Stage::Payload { frame, offset } => {
                    let left = frame.length - *offset;
                    if left > 0 && !refill(&mut self.current, &mut self.later) {
                        return Ok(None);
                    }
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.current.len());
                    let part = Part {
                        frame: *frame,
                        offset: *offset,
                        data: self.current.split_to(count),
                        last: count as u64 == left,
                    };
                    *offset += count as u64;
                    if part.last {
                        self.stage = NEXT_HEAD;
                    }
                    return Ok(Some(Piece::Part(part)));
                }
                Stage::Control { frame } => {
                    let frame = *frame;
                    let filled = usize::from(self.control_len);
                    let due = frame.length as usize - filled;
                    if due > 0 && !refill(&mut self.current, &mut self.later) {
                        return Ok(None);
                    }
                    let count = due.min(self.current.len());
                    if let Some(free) = self.control.get_mut(filled..filled + count) {
                        self.current.copy_to_slice(free);
                    }
                    self.control_len += count as u8;
                    if count < due {
                        continue;
                    }
                    if let Some(key) = frame.mask {
                        mask::apply(self.control.get_mut(..filled + count).unwrap_or_default(), key, 0);
                    }
                    self.stage = NEXT_HEAD;
                    return Ok(Some(Piece::Control(frame.opcode)));
                }
            }
        }
    }

    /// Lets go of an input that was read to its end: a drained slice would pin the whole read.
    pub(super) fn let_go(&mut self) {
        let _ = refill(&mut self.current, &mut self.later);
    }
}

/// Makes `current` the next input that is not empty.
fn refill(current: &mut Bytes, later: &mut VecDeque<Bytes>) -> bool {
    while current.is_empty() {
        match later.pop_front() {
            Some(next) => *current = next,
            None => {
                *current = Bytes::new();
                if later.capacity() > REST_CHUNKS_MAX {
                    *later = VecDeque::new();
                }
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let head = FrameHead {
            fin: true,
            compressed: false,
            opcode,
            mask: Some([1, 2, 3, 4]),
            length: payload.len() as u64,
        };
        let (bytes, len) = head.to_bytes();
        let mut frame = bytes[..len].to_vec();
        mask::append(&mut frame, payload, [1, 2, 3, 4], 0);
        frame
    }

    /// What comes of `bytes` cut after each `cut` bytes, with the parts of one frame joined and unmasked.
    fn read(bytes: &[u8], cut: usize) -> Vec<(Opcode, Vec<u8>)> {
        let mut reader = Reader::new();
        let mut read: Vec<(Opcode, Vec<u8>)> = Vec::new();
        for chunk in bytes.chunks(cut) {
            reader.push(Bytes::copy_from_slice(chunk));
            while let Some(piece) = reader.next(true).unwrap() {
                match piece {
                    Piece::Begin(head) => read.push((head.opcode, Vec::new())),
                    Piece::Part(part) => {
                        let (_, payload) = read.last_mut().unwrap();
                        assert_eq!(payload.len() as u64, part.offset);
                        mask::append(payload, &part.data, part.frame.mask.unwrap(), part.offset);
                    }
                    Piece::Control(opcode) => read.push((opcode, reader.control().to_vec())),
                }
            }
        }
        assert!(reader.is_empty());
        read
    }

    #[test]
    fn any_cut_of_the_input_gives_the_same_frames() {
        let long: Vec<u8> = (0..300u16).map(|n| n as u8).collect();
        let expected: [(Opcode, Vec<u8>); 5] = [
            (Opcode::Text, b"hello".to_vec()),
            (Opcode::Ping, b"are you there".to_vec()),
            (Opcode::Binary, long),
            (Opcode::Pong, Vec::new()),
            (Opcode::Binary, Vec::new()),
        ];
        let bytes: Vec<u8> = expected.iter().flat_map(|(opcode, payload)| frame(*opcode, payload)).collect();
        for cut in 1..bytes.len() + 1 {
            assert_eq!(read(&bytes, cut), expected, "cut every {cut} bytes");
        }
    }
}
