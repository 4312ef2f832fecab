//! The other side of a connection on trial: it writes bytes, valid or not, and follows no protocol.

use crate::websocket::mask;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The key of RFC 6455 §1.3, for requests whose key does not matter.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The fields that every request needs beside its key.
const UPGRADE: &str = "Host: localhost:80\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";

/// Bytes of frames; those of a client are masked.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    bytes: Vec<u8>,
    masked: bool,
    next_key: u32,
}

impl Peer {
    pub(crate) fn new(masked: bool) -> Peer {
        Peer { bytes: Vec::new(), masked, next_key: 0x1234_5678 }
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.bytes)
    }

    /// A client's request for `path`, with further lines, each ended by CRLF.
    pub(crate) fn request(&mut self, path: &str, lines: &str) -> &mut Peer {
        let key = format!("Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n");
        self.raw(format!("GET {path} HTTP/1.1\r\n{UPGRADE}{key}{lines}\r\n").as_bytes())
    }

    /// A server's response that takes the connection.
    pub(crate) fn response(&mut self, accept: &str, lines: &str) -> &mut Peer {
        let start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        let head: String = format!("{start}Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n");
        self.raw(head.as_bytes())
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Peer {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A frame with this first byte.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) -> &mut Peer {
        self.frame_masked(first, payload, self.masked)
    }

    /// The same, masked or not.
    pub(crate) fn frame_masked(&mut self, first: u8, payload: &[u8], masked: bool) -> &mut Peer {
        let mask_bit = if masked { 0x80 } else { 0 };
        self.bytes.push(first);
        match payload.len() {
            len @ 0..=125 => self.bytes.push(mask_bit | len as u8),
            len @ 126..=0xffff => {
                self.bytes.push(mask_bit | 126);
                self.bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                self.bytes.push(mask_bit | 127);
                self.bytes.extend((len as u64).to_be_bytes());
            }
        }
        if masked {
            self.next_key = self.next_key.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            let key = self.next_key.to_be_bytes();
            self.bytes.extend(key);
            mask::append(&mut self.bytes, payload, key, 0);
        } else {
            self.bytes.extend_from_slice(payload);
        }
        self
    }

    /// A text in one frame.
    pub(crate) fn text(&mut self, text: &str) -> &mut Peer {
        self.frame(0x81, text.as_bytes())
    }

    /// A close frame.
    pub(crate) fn close(&mut self, code: u16, reason: &str) -> &mut Peer {
        let payload: Vec<u8> = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
        self.frame(0x88, &payload)
    }
}
