//! The other side of a connection under test: writes any frame, right or wrong, with a compressor of its own.

use crate::base::{Field, Fields};
use crate::hpack::{Encoder, TABLE_SIZE_DEFAULT};
use crate::http2::PREFACE;
use crate::http2::StreamId;
use crate::http2::frame::{FrameHead, FrameType, flags, settings};
use alloc::vec::Vec;
use bytes::Bytes;

/// A peer; what it wrote is taken with [`Peer::take`].
pub(crate) struct Peer {
    encoder: Encoder,
    written: Vec<u8>,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        Peer { encoder: Encoder::new(TABLE_SIZE_DEFAULT), written: Vec::new() }
    }

    /// What was written since it was last taken.
    pub(crate) fn take(&mut self) -> Bytes {
        core::mem::take(&mut self.written).into()
    }

    /// The client's 24 octets.
    pub(crate) fn preface(&mut self) -> &mut Peer {
        self.written.extend_from_slice(PREFACE);
        self
    }

    /// Any frame at all.
    pub(crate) fn frame(&mut self, kind: FrameType, flags: u8, stream: u32, payload: &[u8]) -> &mut Peer {
        let head = FrameHead { length: payload.len() as u32, kind, flags, stream: StreamId(stream) };
        self.written.extend_from_slice(&head.to_bytes());
        self.written.extend_from_slice(payload);
        self
    }

    pub(crate) fn settings(&mut self, pairs: &[(u16, u32)]) -> &mut Peer {
        settings::emit(pairs, &mut self.written);
        self
    }

    pub(crate) fn settings_ack(&mut self) -> &mut Peer {
        self.frame(FrameType::Settings, flags::ACK, 0, &[])
    }

    pub(crate) fn ping(&mut self, payload: [u8; 8]) -> &mut Peer {
        self.frame(FrameType::Ping, 0, 0, &payload)
    }

    pub(crate) fn window_update(&mut self, stream: u32, increment: u32) -> &mut Peer {
        self.frame(FrameType::WindowUpdate, 0, stream, &increment.to_be_bytes())
    }

    pub(crate) fn reset(&mut self, stream: u32, code: u32) -> &mut Peer {
        self.frame(FrameType::RstStream, 0, stream, &code.to_be_bytes())
    }

    pub(crate) fn goaway(&mut self, last_stream: u32, code: u32) -> &mut Peer {
        let payload = [last_stream.to_be_bytes(), code.to_be_bytes()].concat();
        self.frame(FrameType::GoAway, 0, 0, &payload)
    }

    pub(crate) fn data(&mut self, stream: u32, content: &[u8], end: bool) -> &mut Peer {
        self.frame(FrameType::Data, if end { flags::END_STREAM } else { 0 }, stream, content)
    }

    /// A header list in one HEADERS frame.
    pub(crate) fn headers(&mut self, stream: u32, list: &[(&str, &str)], end: bool) -> &mut Peer {
        let block = self.block(list);
        let end = if end { flags::END_STREAM } else { 0 };
        self.frame(FrameType::Headers, flags::END_HEADERS | end, stream, &block)
    }

    /// The block for a header list; it must be written before the next one is asked for.
    pub(crate) fn block(&mut self, list: &[(&str, &str)]) -> Vec<u8> {
        let fields: Fields =
            list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect();
        let mut block = Vec::new();
        self.encoder.encode(&fields, &mut block);
        block
    }
}

/// A request for `/` with content to follow or not.
pub(crate) const REQUEST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "example.com")];

/// A final response.
pub(crate) const RESPONSE: [(&str, &str); 1] = [(":status", "200")];
