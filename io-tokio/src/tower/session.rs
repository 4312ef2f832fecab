//! One HTTP exchange as a server's session: the core's gRPC engine over a stream that is two bodies.
//!
//! What the engine sends waits here until the response is asked for it; a response that nobody polls says `Blocked`.
//! What arrives is counted until the application took it, so that a request is read no further than a window ahead.

use super::STREAM;
use super::frames::Frames;
use bytes::Bytes;
use std::time::Duration;
use zrpc_core::base::{Fields, Flow, Machine, Misuse, Out, Output, Time};
use zrpc_core::rpc::grpc::server::Over;
use zrpc_core::rpc::grpc::{Limits, ServerCalls};
use zrpc_core::rpc::streams::{Reset, StreamEnd, Streams};
use zrpc_core::rpc::{CallId, Encoding, Metadata, RequestHead, ServerEvent, ServerSession, Status};

/// A response that has more than this waiting is full, in bytes.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;
/// A request is read while less than this of it was not taken, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub(super) struct HttpSession {
    calls: ServerCalls,
    stream: Stream,
}

/// What goes out next.
pub(super) enum Sent {
    Data(Bytes),
    Trailers(Fields),
    /// The response breaks off.
    Broken(Reset),
    /// The response is whole.
    End,
}

impl HttpSession {
    /// A session whose one call has this head.
    pub(super) fn new(now: Time, head: &Fields, end: bool, limits: Limits) -> HttpSession {
        let mut session = HttpSession { calls: ServerCalls::new(limits), stream: Stream::default() };
        let over = Over { end, oversized: false };
        session.calls.on_request(now, STREAM, head, over, &mut session.stream);
        session
    }

    /// Whether more of the request should be read.
    pub(super) fn wants_request(&self) -> bool {
        self.stream.unread < REQUEST_BYTES_MAX && !self.is_answered()
    }

    /// Whether no more of the request is of use.
    pub(super) fn is_answered(&self) -> bool {
        self.stream.ended || self.stream.broken.is_some()
    }

    /// The request's content has ended.
    pub(super) fn end_request(&mut self) {
        self.calls.on_trailers(STREAM);
    }

    /// The request broke off: the call ends, and whoever still listens hears why.
    pub(super) fn break_request(&mut self, status: &Status) {
        if self.finish(CallId::from_u64(STREAM), status, &Metadata::new()).is_err() {
            self.stream.reset(STREAM, Reset::Internal);
        }
    }

    /// Nobody waits for the response any more.
    pub(super) fn give_up(&mut self, now: Time) {
        self.calls.on_closed(now, STREAM, StreamEnd::ResetByPeer(Reset::Cancel));
    }

    /// The response's head, once it is known, and whether nothing follows it.
    pub(super) fn take_head(&mut self) -> Option<(Fields, bool)> {
        self.stream.head.take()
    }

    /// What goes out next, after the head.
    pub(super) fn take_sent(&mut self) -> Option<Sent> {
        let stream = &mut self.stream;
        if let Some(reset) = stream.broken {
            return Some(Sent::Broken(reset));
        }
        if let Some(piece) = stream.frames.pop() {
            if stream.blocked && stream.frames.len() < RESPONSE_BYTES_MAX {
                stream.blocked = false;
                self.calls.on_writable(STREAM);
            }
            return Some(Sent::Data(piece));
        }
        if let Some(trailers) = stream.trailers.take() {
            return Some(Sent::Trailers(trailers));
        }
        stream.ended.then_some(Sent::End)
    }
}

impl Machine for HttpSession {
    type Event = ServerEvent;

    fn handle_input(&mut self, _: Time, input: Bytes) {
        self.stream.unread += input.len();
        self.calls.on_data(STREAM, input, false, &mut self.stream);
    }

    fn handle_eof(&mut self, now: Time) {
        self.give_up(now);
    }

    fn poll_output(&mut self, now: Time, _: &mut Out) -> Output<ServerEvent> {
        self.calls.expire(now, &mut self.stream);
        match self.calls.next_event(&mut self.stream) {
            Some(event) => Output::Event(event),
            None => Output::Idle(self.calls.wake(&self.stream)),
        }
    }
}

impl ServerSession for HttpSession {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        self.calls.request(call)
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.calls.send_head(call, metadata, compression, &mut self.stream)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.calls.send(call, message, compress, &mut self.stream)
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.calls.finish(call, status, trailers, &mut self.stream)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.calls.consume(call, credit, &mut self.stream);
    }

    /// Whose exchange it is decides when it ends.
    fn drain(&mut self, _: Time, _: Duration) {}

    fn close(&mut self, now: Time) {
        self.give_up(now);
    }

    fn open_calls(&self) -> usize {
        self.calls.len()
    }
}

/// The two bodies as the one stream of a carrier.
#[derive(Default)]
struct Stream {
    head: Option<(Fields, bool)>,
    frames: Frames,
    trailers: Option<Fields>,
    /// The response is whole; parts of it may wait.
    ended: bool,
    broken: Option<Reset>,
    /// The last message found it full.
    blocked: bool,
    /// Bytes of the request that arrived and were not consumed.
    unread: usize,
}

impl Streams for Stream {
    fn blank(&mut self) -> Fields {
        Fields::new()
    }

    fn open(&mut self, _: Fields) -> Result<u64, Misuse> {
        Err(Misuse::OutOfOrder("a server opens no streams"))
    }

    fn send_head(&mut self, _: u64, head: Fields, end: bool) -> Result<(), Misuse> {
        self.head = Some((head, end));
        self.ended = end;
        Ok(())
    }

    fn send_message(&mut self, _: u64, prefix: [u8; 5], payload: Bytes) -> Result<Flow, Misuse> {
        self.frames.push(prefix, payload);
        self.blocked = self.frames.len() >= RESPONSE_BYTES_MAX;
        Ok(if self.blocked { Flow::Blocked } else { Flow::Ready })
    }

    fn send_last(&mut self, _: u64, prefix: [u8; 5], payload: Bytes) -> Result<(), Misuse> {
        self.frames.push(prefix, payload);
        self.ended = true;
        Ok(())
    }

    fn send_trailers(&mut self, _: u64, trailers: Fields) -> Result<(), Misuse> {
        self.trailers = Some(trailers);
        self.ended = true;
        Ok(())
    }

    fn finish(&mut self, _: u64) -> Result<(), Misuse> {
        self.ended = true;
        Ok(())
    }

    fn reset(&mut self, _: u64, why: Reset) {
        self.frames.clear();
        self.broken = Some(why);
    }

    /// A response that is whole ends the exchange: whatever is left of the request is dropped then.
    fn reset_when_sent(&mut self, _: u64, _: Reset) {}

    fn is_sent(&self, _: u64) -> bool {
        self.frames.len() == 0 && self.trailers.is_none() && self.head.is_none()
    }

    fn consume(&mut self, _: u64, bytes: u32) {
        self.unread = self.unread.saturating_sub(bytes as usize);
    }
}
