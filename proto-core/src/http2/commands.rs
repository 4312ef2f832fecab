//! Commands: what the owner asks of a connection. They queue; `poll_output` writes. A command that fails changes
//! nothing.

use crate::base::{Fields, Flow, Misuse, Time};
use crate::http2::ErrorCode;
use crate::http2::connection::{Connection, Phase, Role};
use crate::http2::event::CloseReason;
use crate::http2::frame::MAX_31_BITS;
use crate::http2::lifecycle::{PingUse, Timer};
use crate::http2::outbox::{Item, ListKind, Prefix};
use crate::http2::stream::{Exchange, Outbound, Stream, StreamId, Turn};
use crate::http2::validate::{self, Section};
use bytes::Bytes;

impl Connection {
    /// An empty header list to fill for a command; uses the memory of lists that were sent.
    #[must_use]
    pub fn blank_fields(&mut self) -> Fields {
        self.outbox.blank()
    }

    /// Opens a stream with a request's head; `end` when nothing follows. While the peer allows no more streams at once,
    /// it waits its turn.
    ///
    /// # Errors
    /// `Draining`, `Closed`, `Exhausted`: open another connection. `InvalidField`, `TooLarge`: the head cannot be sent.
    pub fn open(&mut self, fields: Fields, end: bool) -> Result<StreamId, Misuse> {
        if self.phase != Phase::Alive {
            return Err(Misuse::Closed);
        }
        if self.role == Role::Server {
            return Err(Misuse::OutOfOrder("a server opens no streams"));
        }
        // RFC 9113 §5.1.1: ids cannot be used again; a client that runs out of them MUST open another connection.
        if self.next_local > MAX_31_BITS {
            return Err(Misuse::Exhausted);
        }
        if !self.takes_streams() {
            return Err(Misuse::Draining);
        }
        let waiting = self.streams.len() - self.active_local as usize;
        if waiting >= self.config.max_queued_streams {
            return Err(Misuse::TooLarge { size: waiting + 1, limit: self.config.max_queued_streams });
        }
        let head = validate::check(&fields, Section::Request, self.remote.extended_connect)
            .map_err(Misuse::InvalidField)?;
        self.check_list_size(&fields)?;
        let id = StreamId(self.next_local);
        let mut stream =
            Stream::new(self.now, self.remote.initial_window_bytes, self.stream_window_open, &self.config);
        stream.exchange = Exchange::of_request(&head);
        stream.turn = Turn::Waiting;
        stream.outbound = if end { Outbound::Ended } else { Outbound::Content };
        self.outbox.push(&mut stream.queue, Item::Headers { fields, kind: ListKind::Head, end });
        self.streams.insert(u64::from(id.0), stream);
        self.outbox.waiting.push_back(id);
        self.next_local += 2;
        self.timers.disarm(Timer::Idle);
        Ok(id)
    }

    /// Sends an informational (1xx) response; any number may go before the final one.
    ///
    /// # Errors
    /// When the stream is over, the final head is sent, or the list is not a 1xx response.
    pub fn send_informational(&mut self, id: StreamId, fields: Fields) -> Result<(), Misuse> {
        self.live_stream(id)?;
        let head = validate::check(&fields, Section::Response, false).map_err(Misuse::InvalidField)?;
        // RFC 9113 §8.6: 101 is not used in HTTP/2.
        if !(100..200).contains(&head.status) || head.status == 101 {
            return Err(Misuse::InvalidField("an informational response has a status of 100 to 199 but 101"));
        }
        self.check_list_size(&fields)?;
        let stream = self.stream_for(id, Outbound::Head, "the final response is sent already")?;
        let mut queue = stream.queue;
        self.outbox.push(&mut queue, Item::Headers { fields, kind: ListKind::Informational, end: false });
        self.requeue(id, queue);
        Ok(())
    }

    /// Sends a response's head, or trailers once the head is sent; trailers always end the stream.
    ///
    /// # Errors
    /// When the stream is over or its end is sent, or the list cannot be sent.
    pub fn send_headers(&mut self, id: StreamId, fields: Fields, end: bool) -> Result<(), Misuse> {
        let Stream { outbound, exchange, .. } = *self.live_stream(id)?;
        let (section, kind) = match outbound {
            // RFC 9113 §8.5: nothing but DATA is sent on a connected stream.
            Outbound::Content if exchange == Exchange::Tunnel => {
                return Err(Misuse::OutOfOrder("a tunnel ends without trailers"));
            }
            Outbound::Head => (Section::Response, ListKind::Head),
            Outbound::Content if end => (Section::Trailers, ListKind::Trailers),
            Outbound::Content => return Err(Misuse::OutOfOrder("trailers end the stream")),
            Outbound::Ended => return Err(Misuse::OutOfOrder("the stream's end is sent already")),
        };
        let head = validate::check(&fields, section, false).map_err(Misuse::InvalidField)?;
        if kind == ListKind::Head && head.status < 200 {
            return Err(Misuse::InvalidField("a 1xx response is sent with send_informational"));
        }
        self.check_list_size(&fields)?;
        let stream = self.stream_mut(id).ok_or(Misuse::Gone)?;
        stream.outbound = if end { Outbound::Ended } else { Outbound::Content };
        if kind == ListKind::Head {
            stream.exchange = stream.exchange.answered(head.status);
        }
        let mut queue = stream.queue;
        self.outbox.push(&mut queue, Item::Headers { fields, kind, end });
        self.requeue(id, queue);
        Ok(())
    }

    /// Sends content: `prefix`, then `data`, which is not copied when it is long. `end` when nothing follows.
    ///
    /// # Errors
    /// `Blocked` after a send that said so; otherwise when the stream is over, has no head yet, or its end is sent.
    pub fn send_data(
        &mut self,
        id: StreamId,
        prefix: Prefix,
        data: Bytes,
        end: bool,
    ) -> Result<Flow, Misuse> {
        let limit = self.config.send_buffer_bytes;
        let stream = self.stream_for(id, Outbound::Content, "content follows a head and precedes the end")?;
        // What ends the stream is the last that comes, so that it may go beyond the limit.
        if stream.blocked && !end {
            return Err(Misuse::Blocked);
        }
        if prefix.is_empty() && data.is_empty() && !end {
            // A frame that says nothing; the peer might take many for an attack.
            return Ok(Flow::Ready);
        }
        let item = Item::Data { prefix, data, end };
        stream.queued_bytes += item.cost();
        stream.blocked = !end && stream.queued_bytes >= limit;
        let flow = if stream.blocked { Flow::Blocked } else { Flow::Ready };
        if end {
            stream.outbound = Outbound::Ended;
        }
        let mut queue = stream.queue;
        self.outbox.push(&mut queue, item);
        self.requeue(id, queue);
        Ok(flow)
    }

    /// Says that nothing more comes from this side of the stream.
    ///
    /// # Errors
    /// When the stream is over, has no head yet, or its end is sent.
    pub fn finish(&mut self, id: StreamId) -> Result<(), Misuse> {
        let stream = self.stream_for(id, Outbound::Content, "an end follows a head and comes once")?;
        stream.outbound = Outbound::Ended;
        stream.blocked = false;
        let mut queue = stream.queue;
        if !self.outbox.end_last(queue) {
            let item = Item::Data { prefix: Prefix::NONE, data: Bytes::new(), end: true };
            self.outbox.push(&mut queue, item);
        }
        self.requeue(id, queue);
        Ok(())
    }

    /// Ends a stream at once; what is queued on it is dropped. Its `Closed` follows.
    ///
    /// # Errors
    /// When the stream is over.
    pub fn reset(&mut self, id: StreamId, code: ErrorCode) -> Result<(), Misuse> {
        self.live_stream(id)?;
        self.reset_stream(id, code, CloseReason::ResetByUs(code));
        Ok(())
    }

    /// Ends a stream once all that is queued on it is written. A server does so with NO_ERROR after a response that
    /// needs no more of the request (RFC 9113 §8.1).
    ///
    /// # Errors
    /// When the stream is over.
    pub fn reset_when_sent(&mut self, id: StreamId, code: ErrorCode) -> Result<(), Misuse> {
        let mut queue = self.live_stream(id)?.queue;
        self.outbox.push(&mut queue, Item::Reset(code));
        self.requeue(id, queue);
        Ok(())
    }

    /// Whether all that was commanded on a stream is written; true of streams that are over.
    #[must_use]
    pub fn is_sent(&self, id: StreamId) -> bool {
        self.streams.get(u64::from(id.0)).is_none_or(|stream| self.outbox.front(stream.queue).is_none())
    }

    /// Gives `count` bytes of credit back to the peer, with [`Credit::Manual`](crate::http2::Credit). Late calls for
    /// streams that are over do nothing: their credit is back already.
    pub fn consume(&mut self, id: StreamId, count: u32) {
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        let count = count.min(stream.recv.held());
        stream.recv.consume(count);
        self.recv.consume(count);
        self.announce_credit(id);
    }

    /// Asks whether the peer is there; `Pong` brings the payload back. One at a time.
    ///
    /// # Errors
    /// When the connection is over, or the last one is not answered yet.
    pub fn ping(&mut self) -> Result<[u8; 8], Misuse> {
        if self.phase != Phase::Alive {
            return Err(Misuse::Closed);
        }
        if self.pings.awaits(PingUse::Owner) {
            return Err(Misuse::OutOfOrder("the last PING is not answered yet"));
        }
        Ok(self.send_ping(PingUse::Owner))
    }

    /// Takes no new streams, lets the open ones go on for `grace`, then ends the connection (RFC 9113 §6.8): a first
    /// GOAWAY warns, a PING waits for what is on its way, a second GOAWAY says where the line is.
    pub fn drain(&mut self, now: Time, grace: core::time::Duration) {
        self.now = self.now.max(now);
        self.begin_drain(grace);
    }

    /// Ends the connection now, and every stream with it.
    pub fn close(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.phase == Phase::Ended {
            return;
        }
        self.say_goaway(self.line());
        self.end(crate::http2::event::End::Graceful);
    }

    pub(super) fn stream_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(u64::from(id.0))
    }

    fn live_stream(&self, id: StreamId) -> Result<&Stream, Misuse> {
        if self.phase == Phase::Ended {
            return Err(Misuse::Closed);
        }
        let is_given_out = if self.is_own(id) { id.0 < self.next_local } else { id <= self.last_remote };
        self.streams.get(u64::from(id.0)).ok_or(if is_given_out { Misuse::Gone } else { Misuse::Unknown })
    }

    fn stream_for(
        &mut self,
        id: StreamId,
        needs: Outbound,
        why: &'static str,
    ) -> Result<&mut Stream, Misuse> {
        if self.live_stream(id)?.outbound != needs {
            return Err(Misuse::OutOfOrder(why));
        }
        self.stream_mut(id).ok_or(Misuse::Gone)
    }

    fn check_list_size(&self, fields: &Fields) -> Result<(), Misuse> {
        let limit = self.remote.header_list_bytes_max as usize;
        if fields.size() > limit {
            return Err(Misuse::TooLarge { size: fields.size(), limit });
        }
        Ok(())
    }
}
