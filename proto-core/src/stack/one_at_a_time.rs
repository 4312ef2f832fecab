//! A client's streams on a connection that carries one exchange at a time: the others wait, each with its whole request.

use crate::base::{Fields, Flow, Misuse};
use crate::http1::{Connection, RequestBody, check_request};
use crate::rpc::streams::{Reset, Streams};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Calls that may wait; further ones are refused.
const WAITING_MAX: usize = 10_000;

/// A request that was not sent yet.
#[derive(Clone, Debug)]
struct Waiting {
    call: u64,
    head: Fields,
    body: Vec<u8>,
    is_whole: bool,
}

/// A connection and who waits for it.
#[derive(Clone, Debug)]
pub(super) struct OneAtATime {
    pub(super) connection: Connection,
    waiting: VecDeque<Waiting>,
    /// The call whose exchange is open, and the exchange.
    open: Option<(u64, u64)>,
    last_call: u64,
}

impl OneAtATime {
    pub(super) fn new(connection: Connection) -> OneAtATime {
        OneAtATime { connection, waiting: VecDeque::new(), open: None, last_call: 0 }
    }

    /// The call whose answer is being read.
    pub(super) fn current(&self) -> Option<u64> {
        self.open.map(|(call, _)| call)
    }

    /// Whether a call that is started now is sent at once.
    pub(super) fn is_free(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none()
    }

    /// The exchange is over: the next one's turn.
    pub(super) fn on_finished(&mut self) {
        self.open = None;
        self.send_next();
    }

    /// Takes a call that was never sent.
    pub(super) fn take_waiting(&mut self) -> Option<u64> {
        self.waiting.pop_front().map(|waiting| waiting.call)
    }

    /// Content of an answer that nobody waits for was dropped.
    pub(super) fn consume_unread(&mut self, bytes: u32) {
        if let Some((_, exchange)) = self.open {
            self.connection.consume(exchange, bytes);
        }
    }

    /// Bytes of heap memory held, without the requests' own messages.
    pub(super) fn memory(&self) -> usize {
        self.connection.memory() + self.waiting.capacity() * size_of::<Waiting>()
    }

    fn send_next(&mut self) {
        if !self.connection.takes_request() {
            return;
        }
        let Some(at) = self.waiting.iter().position(|waiting| waiting.is_whole) else { return };
        let Some(next) = self.waiting.remove(at) else { return };
        // What can be refused was refused when the call was opened.
        if let Ok(exchange) = self.connection.request(&next.head, RequestBody::Whole(next.body.into())) {
            self.open = Some((next.call, exchange));
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    fn waiting(&mut self, call: u64) -> Result<&mut Waiting, Misuse> {
        let is_known = call > 0 && call <= self.last_call;
        let found = self.waiting.iter_mut().find(|waiting| waiting.call == call && !waiting.is_whole);
        let otherwise = match is_known {
            true => Misuse::OutOfOrder("the request has ended"),
            false => Misuse::Unknown,
        };
        found.ok_or(otherwise)
    }
}

impl Streams for OneAtATime {
    fn blank(&mut self) -> Fields {
        Fields::new()
    }

    fn open(&mut self, head: Fields) -> Result<u64, Misuse> {
        check_request(&head)?;
        if self.waiting.len() >= WAITING_MAX {
            return Err(Misuse::Exhausted);
        }
        self.last_call += 1;
        let call = self.last_call;
        self.waiting.push_back(Waiting { call, head, body: Vec::new(), is_whole: false });
        Ok(call)
    }

    fn send_head(&mut self, _stream: u64, _head: Fields, _end: bool) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client sends no response"))
    }

    fn send_message(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<Flow, Misuse> {
        let waiting = self.waiting(stream)?;
        waiting.body.reserve_exact(prefix.len() + payload.len());
        waiting.body.extend_from_slice(&prefix);
        waiting.body.extend_from_slice(&payload);
        Ok(Flow::Ready)
    }

    fn send_last(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<(), Misuse> {
        let _ready = self.send_message(stream, prefix, payload)?;
        self.finish(stream)
    }

    fn send_trailers(&mut self, stream: u64, _trailers: Fields) -> Result<(), Misuse> {
        self.finish(stream)
    }

    fn finish(&mut self, stream: u64) -> Result<(), Misuse> {
        self.waiting(stream)?.is_whole = true;
        if self.open.is_none() {
            self.send_next();
        }
        Ok(())
    }

    fn reset(&mut self, stream: u64, why: Reset) {
        self.waiting.retain(|waiting| waiting.call != stream);
        match self.open {
            // The answer is whole, and so was the request: the connection serves the next call.
            Some((call, _)) if call == stream && why == Reset::NoError => {}
            Some((call, exchange)) if call == stream => {
                // An exchange that is over needs no reset.
                let _ = self.connection.reset(exchange);
            }
            _ => {}
        }
    }

    fn reset_when_sent(&mut self, _stream: u64, _why: Reset) {}

    fn is_sent(&self, stream: u64) -> bool {
        match self.open {
            Some((call, exchange)) if call == stream => self.connection.is_sent(exchange),
            _ => !self.waiting.iter().any(|waiting| waiting.call == stream),
        }
    }

    fn consume(&mut self, stream: u64, bytes: u32) {
        if let Some((call, exchange)) = self.open
            && call == stream
        {
            self.connection.consume(exchange, bytes);
        }
    }
}
