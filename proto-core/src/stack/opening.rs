//! The first bytes of a connection: which protocol they begin.
//!
//! They are kept as they came and looked at once. A client of HTTP/1.1 is known by its whole head only, since the
//! `Upgrade` field may come last; that head is bounded as any other is.

use crate::base::Time;
use crate::http1::{HeadLimits, HeadReader, list_has};
use crate::native::preface;
use crate::rpc::{Origin, SessionEnd, Status};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// How HTTP/2 begins (RFC 9113 §3.4). No method of HTTP/1.1 is called PRI: the name is reserved for this.
const HTTP2: &[u8] = b"PRI";

/// What the bytes begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spoken {
    Native,
    Http2,
    WebSocket,
    /// HTTP/1.1, or what only its answer can help.
    Http1,
}

/// What has arrived of a connection whose protocol is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// The only piece so far, or nothing.
    first: Bytes,
    /// All pieces, when there were several: a peer that sends single bytes must not make this side keep a buffer for each.
    gathered: Vec<u8>,
    /// Bytes at the end that were not looked at.
    unseen: usize,
    head: HeadReader,
    /// When the client must have said enough.
    pub(super) until: Time,
    /// The client sends nothing more.
    pub(super) has_ended: bool,
    /// A drain was commanded, with this grace.
    pub(super) drain: Option<Duration>,
}

impl Opening {
    pub(super) fn new(limits: HeadLimits, until: Time) -> Opening {
        Opening {
            first: Bytes::new(),
            gathered: Vec::new(),
            unseen: 0,
            head: HeadReader::new(limits),
            until,
            has_ended: false,
            drain: None,
        }
    }

    /// The most that [`Opening::memory`] says, in bytes, for pieces of input that are looked at as they come.
    pub(super) fn memory_max(limits: &HeadLimits) -> usize {
        size_of::<Opening>() + 2 * limits.head_bytes_max + limits.memory_max()
    }

    pub(super) fn memory(&self) -> usize {
        self.gathered.capacity() + self.head.memory()
    }

    pub(super) fn handle_input(&mut self, input: Bytes) {
        self.unseen += input.len();
        if self.first.is_empty() && self.gathered.is_empty() {
            self.first = input;
        } else {
            self.gathered.extend_from_slice(&core::mem::take(&mut self.first));
            self.gathered.extend_from_slice(&input);
        }
    }

    /// What the client speaks, once that is certain.
    pub(super) fn look(&mut self) -> Option<Spoken> {
        let arrived = if self.gathered.is_empty() { &self.first[..] } else { &self.gathered[..] };
        let begin = arrived.get(..HTTP2.len().min(arrived.len())).unwrap_or_default();
        match begin {
            [] => return None,
            [preface::FIRST_BYTE, ..] => return Some(Spoken::Native),
            HTTP2 => return Some(Spoken::Http2),
            begin if HTTP2.starts_with(begin) => return None,
            _ => {}
        }
        let unseen = match self.gathered.is_empty() {
            true => self.first.slice(self.first.len() - self.unseen..),
            false => Bytes::copy_from_slice(&self.gathered[self.gathered.len() - self.unseen..]),
        };
        self.unseen = 0;
        self.head.push(unseen);
        match self.head.poll_request() {
            Ok(None) => None,
            Ok(Some(head)) if list_has(&head.fields, b"upgrade", b"websocket") => Some(Spoken::WebSocket),
            Ok(Some(_)) | Err(_) => Some(Spoken::Http1),
        }
    }

    /// All that arrived.
    pub(super) fn take_input(&mut self) -> Bytes {
        match self.gathered.is_empty() {
            true => core::mem::take(&mut self.first),
            false => core::mem::take(&mut self.gathered).into(),
        }
    }

    /// Whether nothing has arrived.
    pub(super) fn is_silent(&self) -> bool {
        self.first.is_empty() && self.gathered.is_empty()
    }

    /// How a connection ends whose client has gone.
    pub(super) fn end(&self) -> SessionEnd {
        if self.is_silent() {
            return SessionEnd::Graceful;
        }
        let text = "the client went away before it was known which protocol it speaks";
        SessionEnd::Failed(Status::unavailable(text).with_origin(Origin::Transport))
    }

    /// How a connection ends whose client takes too long.
    pub(super) fn late(&self) -> SessionEnd {
        let text = match self.is_silent() {
            true => "the client connected and said nothing; its time is up",
            false => "the client did not finish its first words in time",
        };
        SessionEnd::Failed(Status::unavailable(text).with_origin(Origin::Peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8], step: usize) -> (Option<Spoken>, Bytes) {
        let mut opening = Opening::new(HeadLimits::default(), Time::START);
        let mut spoken = None;
        for piece in bytes.chunks(step) {
            opening.handle_input(Bytes::copy_from_slice(piece));
            spoken = spoken.or(opening.look());
        }
        (spoken, opening.take_input())
    }

    #[test]
    fn the_first_bytes_tell_what_is_spoken_however_they_are_cut_and_none_is_lost() {
        let websocket =
            "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
        let post = "POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\n\r\n";
        let cases: [(&[u8], Spoken); 7] = [
            (b"\xfazRPC\x01\0\0", Spoken::Native),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Spoken::Http2),
            (websocket.as_bytes(), Spoken::WebSocket),
            (post.as_bytes(), Spoken::Http1),
            (b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", Spoken::Http1),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Spoken::Http1),
            (b"hello, are you there?\r\n", Spoken::Http1),
        ];
        for (bytes, expected) in cases {
            for step in 1..=bytes.len() {
                let (spoken, kept) = look(bytes, step);
                assert_eq!(spoken, Some(expected), "{bytes:?} by {step}");
                assert_eq!(kept, bytes, "by {step}");
            }
        }
    }

    #[test]
    fn what_may_still_become_one_or_the_other_waits() {
        for bytes in [&b""[..], b"P", b"PR", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
            assert_eq!(look(bytes, 1).0, None, "{bytes:?}");
        }
    }
}
