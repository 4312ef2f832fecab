//! What a machine under test sent, read by other code than its own: frames, and what they mean a stream.

use crate::base::Fields;
use crate::hpack::{Decoder, ListLimits, TABLE_SIZE_DEFAULT};
use crate::http2::PREFACE;
use crate::http2::frame::{FrameHead, FrameType, HEAD_LEN, flags};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A frame as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: FrameType,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The frames in `bytes`, after the client's preface if there is one.
pub(crate) fn frames(bytes: &[u8]) -> Result<Vec<Frame>, String> {
    let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    let mut frames = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<HEAD_LEN>() {
        let FrameHead { length, kind, flags, stream } = FrameHead::parse(*head);
        let payload = tail.get(..length as usize).ok_or_else(|| format!("{kind:?} is cut short"))?;
        frames.push(Frame { kind, flags, stream: stream.as_u32(), payload: payload.to_vec() });
        rest = &tail[length as usize..];
    }
    if rest.is_empty() { Ok(frames) } else { Err(format!("{} bytes are no frame", rest.len())) }
}

/// One thing said on a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Headers(Fields),
    Data(Vec<u8>),
    End,
    Reset(u32),
}

/// What was sent, where the cut between DATA frames no longer matters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// SETTINGS, PING and GOAWAY, in order.
    control: Vec<Frame>,
    /// Credit given, by stream.
    credit: BTreeMap<u32, u64>,
    /// By stream, in order.
    streams: BTreeMap<u32, Vec<Said>>,
}

/// Reads all that was sent.
pub(crate) fn read(bytes: &[u8]) -> Result<Sent, String> {
    if bytes.starts_with(b"HTTP/1.1 505 ") {
        return Ok(Sent::default());
    }
    let mut sent = Sent::default();
    let mut decoder = Decoder::new(TABLE_SIZE_DEFAULT);
    let mut block = Vec::new();
    let mut block_ends = false;
    for frame in frames(bytes)? {
        let said = sent.streams.entry(frame.stream).or_default();
        match frame.kind {
            FrameType::Headers | FrameType::Continuation => {
                block.extend_from_slice(&frame.payload);
                block_ends |= frame.kind == FrameType::Headers && frame.has(flags::END_STREAM);
                if frame.has(flags::END_HEADERS) {
                    said.push(Said::Headers(decoded(&mut decoder, &core::mem::take(&mut block))?));
                    said.extend(core::mem::take(&mut block_ends).then_some(Said::End));
                }
            }
            FrameType::Data => {
                match said.last_mut() {
                    Some(Said::Data(before)) => before.extend_from_slice(&frame.payload),
                    _ if frame.payload.is_empty() => {}
                    _ => said.push(Said::Data(frame.payload.clone())),
                }
                said.extend(frame.has(flags::END_STREAM).then_some(Said::End));
            }
            FrameType::RstStream => said.push(Said::Reset(number(&frame.payload)?)),
            FrameType::WindowUpdate => {
                *sent.credit.entry(frame.stream).or_default() += u64::from(number(&frame.payload)?);
            }
            FrameType::Settings | FrameType::Ping | FrameType::GoAway => sent.control.push(frame),
            FrameType::Priority | FrameType::PushPromise | FrameType::Unknown(_) => {
                return Err(format!("{:?} is never sent", frame.kind));
            }
        }
    }
    Ok(sent)
}

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, String> {
    let limits = ListLimits { bytes_max: usize::MAX, fields_max: usize::MAX };
    let mut fields = Fields::new();
    let _size = decoder.decode(block, limits, &mut fields).map_err(|error| format!("a block: {error}"))?;
    Ok(fields)
}

fn number(payload: &[u8]) -> Result<u32, String> {
    payload.try_into().map(u32::from_be_bytes).map_err(|_| format!("{} bytes are no number", payload.len()))
}
