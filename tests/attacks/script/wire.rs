//! What an attacker writes: frames of HTTP/2 and header blocks, octet by octet, right or wrong.

/// The types of frames, RFC 9113 §6.
pub mod kind {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM, and ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 0x01;
/// END_HEADERS.
pub const END_HEADERS: u8 = 0x04;
/// PADDED.
pub const PADDED: u8 = 0x08;

/// The settings that attacks turn.
pub const HEADER_TABLE_SIZE: u16 = 1;
/// See RFC 9113 §6.5.2.
pub const INITIAL_WINDOW_SIZE: u16 = 4;
/// See RFC 9113 §6.5.2.
pub const MAX_FRAME_SIZE: u16 = 5;

/// Octets in the making.
#[derive(Clone, Default, Debug)]
pub struct Wire(pub Vec<u8>);

impl Wire {
    /// What an HTTP/2 client opens with.
    #[must_use]
    pub fn http2(settings: &[(u16, u32)]) -> Wire {
        let mut wire = Wire::default();
        wire.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").settings(settings);
        wire
    }

    /// Takes what was written.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Any octets.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Wire {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The head of a frame that says this length.
    pub fn head(&mut self, kind: u8, flags: u8, stream: u32, length: u32) -> &mut Wire {
        self.raw(&length.to_be_bytes()[1..]).raw(&[kind, flags]).raw(&stream.to_be_bytes())
    }

    /// Any frame.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Wire {
        self.head(kind, flags, stream, payload.len() as u32).raw(payload)
    }

    /// SETTINGS.
    pub fn settings(&mut self, pairs: &[(u16, u32)]) -> &mut Wire {
        let payload: Vec<u8> = pairs
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        self.frame(kind::SETTINGS, 0, 0, &payload)
    }

    /// The acknowledgement of SETTINGS.
    pub fn settings_ack(&mut self) -> &mut Wire {
        self.frame(kind::SETTINGS, END_STREAM, 0, &[])
    }

    /// PING.
    pub fn ping(&mut self, number: u32) -> &mut Wire {
        self.frame(kind::PING, 0, 0, &u64::from(number).to_be_bytes())
    }

    /// RST_STREAM with CANCEL.
    pub fn reset(&mut self, stream: u32) -> &mut Wire {
        self.frame(kind::RST_STREAM, 0, stream, &8u32.to_be_bytes())
    }

    /// WINDOW_UPDATE.
    pub fn window_update(&mut self, stream: u32, increment: u32) -> &mut Wire {
        self.frame(kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
    }

    /// DATA.
    pub fn data(&mut self, stream: u32, content: &[u8], end: bool) -> &mut Wire {
        self.frame(kind::DATA, u8::from(end), stream, content)
    }

    /// HEADERS with a whole block.
    pub fn block(&mut self, stream: u32, block: &[u8], end: bool) -> &mut Wire {
        self.frame(kind::HEADERS, END_HEADERS | u8::from(end), stream, block)
    }

    /// HEADERS of a unary gRPC call to [`PATH`].
    pub fn call(&mut self, stream: u32, end: bool) -> &mut Wire {
        let block = block_of(&call_fields(PATH));
        self.block(stream, &block, end)
    }
}

/// What attackers call: the victims answer it as a unary echo.
pub const PATH: &str = "/attacks.Victim/Echo";

/// A gRPC message of `payload`, not compressed.
#[must_use]
pub fn message(payload: &[u8]) -> Vec<u8> {
    [&[0][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

/// The fields of a gRPC request.
#[must_use]
pub fn call_fields(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "victim"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
}

/// A header block of literals that enter no table (RFC 7541 §6.2.2).
#[must_use]
pub fn block_of(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        literal(&mut block, 0x00, name.as_bytes(), value.as_bytes());
    }
    block
}

/// A literal with a new name: `first` is 0x00 without indexing, 0x40 with (RFC 7541 §6.2).
pub fn literal(block: &mut Vec<u8>, first: u8, name: &[u8], value: &[u8]) {
    block.push(first);
    for text in [name, value] {
        integer(block, 0, 7, text.len() as u32);
        block.extend_from_slice(text);
    }
}

/// An integer with a prefix of so many bits (RFC 7541 §5.1).
pub fn integer(block: &mut Vec<u8>, first: u8, bits: u8, value: u32) {
    let most = (1u32 << bits) - 1;
    if value < most {
        block.push(first | value as u8);
        return;
    }
    block.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}
