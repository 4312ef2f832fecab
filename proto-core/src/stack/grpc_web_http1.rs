//! gRPC-Web on HTTP/1.1: what both sides share. An exchange behind the port that calls ask for, and how connections end.

use crate::base::{Fields, Flow, Misuse};
use crate::http1::{Connection, End, RequestBody};
use crate::rpc::session::SessionEnd;
use crate::rpc::streams::{Reset, Streams};
use crate::rpc::{Origin, Status};
use alloc::format;
use bytes::Bytes;

impl Streams for Connection {
    fn blank(&mut self) -> Fields {
        Fields::new()
    }

    fn open(&mut self, head: Fields) -> Result<u64, Misuse> {
        self.request(&head, RequestBody::Chunks)
    }

    fn send_head(&mut self, stream: u64, head: Fields, end: bool) -> Result<(), Misuse> {
        self.respond(stream, &head, end)
    }

    fn send_message(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<Flow, Misuse> {
        self.send_data(stream, &prefix, payload)
    }

    fn send_last(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<(), Misuse> {
        self.send_last_data(stream, &prefix, payload)
    }

    fn send_trailers(&mut self, stream: u64, trailers: Fields) -> Result<(), Misuse> {
        Connection::finish(self, stream, &trailers)
    }

    fn finish(&mut self, stream: u64) -> Result<(), Misuse> {
        Connection::finish(self, stream, &Fields::new())
    }

    fn reset(&mut self, stream: u64, _why: Reset) {
        // An exchange that is over needs no reset.
        let _ = Connection::reset(self, stream);
    }

    fn reset_when_sent(&mut self, _stream: u64, _why: Reset) {
        // A connection whose response is sent before the whole request came ends by itself.
    }

    fn is_sent(&self, stream: u64) -> bool {
        Connection::is_sent(self, stream)
    }

    fn consume(&mut self, stream: u64, bytes: u32) {
        Connection::consume(self, stream, bytes);
    }
}

/// How a connection ended: for its owner, and for the calls that it takes along.
pub(super) fn session_end(end: End, lost: &'static str) -> (SessionEnd, Status) {
    let status = match end {
        End::Violation(violation) => {
            let text = format!("the connection was ended: {violation}");
            Status::unavailable(text).with_origin(Origin::Library)
        }
        End::TransportClosed => Status::unavailable(lost).with_origin(Origin::Transport),
        _ => {
            let status = Status::unavailable("the connection was closed").with_origin(Origin::Transport);
            return (SessionEnd::Graceful, status);
        }
    };
    (SessionEnd::Failed(status.clone()), status)
}
