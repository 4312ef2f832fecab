//! The other side of a connection under test: writes any frame, right or wrong, byte by byte as the specification says.

use crate::native::varint::put;
use alloc::vec::Vec;
use bytes::Bytes;

pub(crate) const HEAD: u8 = 0x01;
pub(crate) const MESSAGE: u8 = 0x02;
pub(crate) const MORE: u8 = 0x04;
pub(crate) const END: u8 = 0x08;
pub(crate) const COMPRESSED: u8 = 0x10;
#[cfg(test)]
pub(crate) const ATTACHED: u8 = 0x20;

/// A peer; what it wrote is taken with [`Peer::take`].
#[derive(Default)]
pub(crate) struct Peer {
    written: Vec<u8>,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        Peer::default()
    }

    /// What was written since it was last taken.
    pub(crate) fn take(&mut self) -> Bytes {
        core::mem::take(&mut self.written).into()
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Peer {
        self.written.extend_from_slice(bytes);
        self
    }

    /// A client's preface.
    pub(crate) fn preface(&mut self) -> &mut Peer {
        self.raw(b"\xfazRPC\x01\0\0")
    }

    /// A server's preface.
    pub(crate) fn answer(&mut self) -> &mut Peer {
        self.raw(b"\xfazRPC\x01\x01\x01")
    }

    /// Any frame at all.
    pub(crate) fn frame(&mut self, kind: u8, body: &[u8]) -> &mut Peer {
        put(body.len() as u64 + 1, &mut self.written);
        self.written.push(kind);
        self.raw(body)
    }

    /// HELLO with settings that are numbers.
    pub(crate) fn hello(&mut self, settings: &[(u64, u64)]) -> &mut Peer {
        self.frame(0x01, &numbers(settings.iter().flat_map(|(id, value)| [*id, *value])))
    }

    /// A frame whose body is numbers.
    pub(crate) fn numbers(&mut self, kind: u8, values: &[u64]) -> &mut Peer {
        self.frame(kind, &numbers(values.iter().copied()))
    }

    pub(crate) fn credit(&mut self, call: u64, amount: u64) -> &mut Peer {
        self.numbers(0x02, &[call, amount])
    }

    pub(crate) fn reset(&mut self, call: u64, code: u64) -> &mut Peer {
        self.numbers(0x03, &[call, code])
    }

    pub(crate) fn ping(&mut self, token: [u8; 8]) -> &mut Peer {
        self.frame(0x05, &token)
    }

    #[cfg(test)]
    pub(crate) fn pong(&mut self, token: [u8; 8]) -> &mut Peer {
        self.frame(0x06, &token)
    }

    pub(crate) fn goaway(&mut self, last: u64, code: u64) -> &mut Peer {
        self.numbers(0x07, &[last, code])
    }

    /// CALL with these flags and sections after the call's number.
    pub(crate) fn call(&mut self, flags: u8, call: u64, sections: &[u8]) -> &mut Peer {
        let mut body = numbers([call]);
        body.extend_from_slice(sections);
        self.frame(0x80 | flags, &body)
    }

    /// A request whole: head without anything but a path, a message, the end.
    #[cfg(test)]
    pub(crate) fn unary(&mut self, call: u64, message: &[u8]) -> &mut Peer {
        let sections = [&head("/trial.Service/Method")[..], message].concat();
        self.call(HEAD | MESSAGE | END, call, &sections)
    }

    /// The head of a request, and nothing else.
    pub(crate) fn open(&mut self, call: u64) -> &mut Peer {
        self.call(HEAD, call, &head("/trial.Service/Method"))
    }

    /// A message whole, and perhaps the end; of a client.
    pub(crate) fn message(&mut self, call: u64, message: &[u8], end: bool) -> &mut Peer {
        self.call(MESSAGE | if end { END } else { 0 }, call, message)
    }

    /// A part of a message that is not the last.
    pub(crate) fn part(&mut self, call: u64, rest: u64, bytes: &[u8]) -> &mut Peer {
        let sections = [&numbers([rest])[..], bytes].concat();
        self.call(MESSAGE | MORE, call, &sections)
    }
}

/// The head of a request with a path alone.
pub(crate) fn head(path: &str) -> Vec<u8> {
    let mut head = alloc::vec![0];
    name(path, &mut head);
    head
}

/// A head with metadata; of a request where there is a path.
pub(crate) fn head_with(path: Option<&str>, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut head = alloc::vec![2];
    if let Some(path) = path {
        name(path, &mut head);
    }
    entries(metadata, &mut head);
    head
}

/// Appends metadata, names as text.
pub(crate) fn entries(metadata: &[(&str, &str)], out: &mut Vec<u8>) {
    put(metadata.len() as u64, out);
    for (key, value) in metadata {
        name(key, out);
        put(value.len() as u64, out);
        out.extend_from_slice(value.as_bytes());
    }
}

/// Appends a name as text.
pub(crate) fn name(text: &str, out: &mut Vec<u8>) {
    put((text.len() as u64) << 2, out);
    out.extend_from_slice(text.as_bytes());
}

/// Numbers one after the other.
pub(crate) fn numbers(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.into_iter().for_each(|value| put(value, &mut bytes));
    bytes
}
