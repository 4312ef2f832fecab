//! One direction of a connection: bytes in order, late and in pieces, until the link ends.
//!
//! Room in the `Out` that it is polled with is what the receiver's system still takes. Where there is none, bytes stay
//! under way, and once as many as the link holds are, [`StreamLink::room`] tells the sender to wait: back-pressure works as
//! between real sockets.

use crate::link::Conditions;
use bytes::{Buf, Bytes};
use core::time::Duration;
use std::collections::VecDeque;
use zrpc_core::base::{Entropy, Machine, Out, Output, Time, Wake};

/// What lies between two pieces at least, so that they are not read as one.
const PIECES_APART: Duration = Duration::from_micros(1);
/// Bytes after which pieces may be a byte longer.
const PIECES_GROW: u64 = 8;

/// How a direction ended for its receiver, after the bytes that came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkEnd {
    /// The sender sends no more.
    Eof,
    /// The connection was reset: what was under way is lost.
    Reset,
}

/// Bytes on their way from one end to the other.
#[derive(Debug)]
pub struct StreamLink {
    conditions: Conditions,
    entropy: Entropy,
    under_way: VecDeque<(Time, Bytes)>,
    bytes_under_way: usize,
    /// When the last byte handed in has left the sender.
    busy_until: Time,
    /// Nothing arrives before the one in front of it.
    last_arrival: Time,
    /// Nothing arrives before this; [`Time::MAX`] until the partition is healed.
    stalled_until: Time,
    end: Option<(Time, LinkEnd)>,
    is_over: bool,
    /// The sender goes on and the receiver hears nothing any more.
    is_dead: bool,
    taken: u64,
    arrived: u64,
}

impl StreamLink {
    /// A direction of a connection that was just made. The seed decides jitter and pieces.
    #[must_use]
    pub fn new(now: Time, conditions: Conditions, entropy: Entropy) -> StreamLink {
        StreamLink {
            conditions,
            entropy,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            busy_until: now,
            last_arrival: now,
            stalled_until: now,
            end: None,
            is_over: false,
            is_dead: false,
            taken: 0,
            arrived: 0,
        }
    }

    /// Bytes that the link takes at the moment; [`Machine::handle_input`] takes more, at the cost of memory.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.end {
            Some(_) => 0,
            None => self.conditions.buffer.saturating_sub(self.bytes_under_way),
        }
    }

    /// Bytes that were handed in and have not arrived.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.bytes_under_way
    }

    /// Bytes that arrived so far.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Whether the receiver has heard its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether it was cut off without a word.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Nothing arrives until then; what is handed in waits.
    pub fn stall(&mut self, until: Time) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// What was stalled moves again.
    pub fn resume(&mut self, now: Time) {
        self.stalled_until = now;
    }

    /// From now on the sender's bytes vanish, and the receiver is never told: half open.
    pub fn die(&mut self) {
        self.is_dead = true;
        self.forget();
    }

    /// The connection is reset: what is under way is lost, and the receiver hears of it at once.
    pub fn reset(&mut self, now: Time) {
        self.forget();
        if !self.is_over {
            self.stalled_until = now;
            self.end = Some((now, LinkEnd::Reset));
        }
    }

    fn forget(&mut self) {
        self.under_way.clear();
        self.bytes_under_way = 0;
    }

    /// When so many bytes arrive that are handed in at this moment, behind all that is under way.
    fn arrival(&mut self, now: Time, bytes: usize) -> Time {
        self.busy_until = self.busy_until.max(now) + self.conditions.busy_with(bytes);
        let arrival = self.busy_until + self.conditions.delay(&mut self.entropy);
        let apart = if self.conditions.piece_max > 0 { PIECES_APART } else { Duration::ZERO };
        self.last_arrival = arrival.max(self.last_arrival + apart);
        self.last_arrival
    }

    /// When something is delivered next, if the receiver takes it then.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        self.due()
    }

    fn due(&self) -> Option<Time> {
        let next = self.under_way.front().map(|(at, _)| *at).or(self.end.map(|(at, _)| at));
        next.filter(|_| self.stalled_until < Time::MAX).map(|at| at.max(self.stalled_until))
    }

    /// How long the next piece is of what is left. Pieces grow as more was sent: heads and handshakes are what small ones
    /// find mistakes in.
    fn piece(&mut self, left: usize) -> usize {
        let len = match self.conditions.piece_max as u64 {
            0 => left,
            longest => left.min(1 + self.entropy.below(longest + self.taken / PIECES_GROW) as usize),
        };
        self.taken += len as u64;
        len
    }
}

impl Machine for StreamLink {
    type Event = LinkEnd;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        if self.is_dead || self.end.is_some() || self.is_over || input.is_empty() {
            return;
        }
        self.bytes_under_way += input.len();
        let mut input = input;
        while !input.is_empty() {
            let len = self.piece(input.len());
            let at = self.arrival(now, len);
            self.under_way.push_back((at, input.split_to(len)));
        }
    }

    fn handle_eof(&mut self, now: Time) {
        if !self.is_dead && self.end.is_none() && !self.is_over {
            self.end = Some((self.arrival(now, 0), LinkEnd::Eof));
        }
    }

    fn wants_input(&self) -> bool {
        self.room() > 0
    }

    /// Writes what has arrived by now, as far as there is room; its end comes as an event after the last byte.
    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<LinkEnd> {
        loop {
            let Some(due) = self.due() else { return Output::Idle(None) };
            if due > now {
                return Output::Idle(Some(Wake { at: due, why: "bytes on the link" }));
            }
            let Some((_, front)) = self.under_way.front_mut() else {
                let Some((_, end)) = self.end.take() else { return Output::Idle(None) };
                self.is_over = true;
                return Output::Event(end);
            };
            let len = front.len().min(out.room());
            if len == 0 {
                return Output::Full(None);
            }
            out.put_slice(&front[..len]);
            front.advance(len);
            if front.is_empty() {
                self.under_way.pop_front();
            }
            self.bytes_under_way -= len;
            self.arrived += len as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(conditions: Conditions) -> StreamLink {
        StreamLink::new(Time::START, conditions, Entropy::from_seed(1))
    }

    /// Polls whenever the link asks for it, until it asks no more.
    fn drain(link: &mut StreamLink) -> (Vec<u8>, Vec<usize>, Option<LinkEnd>, Time) {
        let (mut bytes, mut pieces, mut now) = (Vec::new(), Vec::new(), Time::START);
        loop {
            let mut out = Out::with_room(usize::MAX);
            let output = link.poll_output(now, &mut out);
            if !out.is_empty() {
                pieces.push(out.len());
                bytes.extend(out.to_vec());
            }
            match output {
                Output::Event(end) => return (bytes, pieces, Some(end), now),
                Output::Idle(Some(wake)) => now = wake.at,
                Output::Idle(None) | Output::Full(_) => return (bytes, pieces, None, now),
            }
        }
    }

    #[test]
    fn bytes_arrive_in_order_late_and_in_pieces_and_the_end_after_them() {
        let conditions = Conditions {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(5),
            bandwidth: 1000,
            piece_max: 7,
            ..Conditions::default()
        };
        let mut link = link(conditions);
        let sent: Vec<u8> = (0..100).collect();
        sent.chunks(30).for_each(|chunk| link.handle_input(Time::START, Bytes::copy_from_slice(chunk)));
        link.handle_eof(Time::START);
        let (arrived, pieces, end, at) = drain(&mut link);
        assert_eq!((arrived, end), (sent, Some(LinkEnd::Eof)));
        assert!(pieces.iter().all(|piece| *piece <= 7 + 100 / 8), "{pieces:?}");
        let took = at.saturating_since(Time::START);
        assert!(
            (105..=120).contains(&took.as_millis()),
            "100 bytes at 1000 a second, and 5 to 10 ms: {took:?}"
        );
    }

    #[test]
    fn a_receiver_without_room_holds_up_the_sender() {
        let mut link = link(Conditions { buffer: 10, ..Conditions::default() });
        link.handle_input(Time::START, Bytes::from_static(b"0123456789"));
        assert_eq!(link.room(), 0);
        let mut out = Out::with_room(0);
        assert_eq!(link.poll_output(Time::START, &mut out), Output::Full(None));
        out.set_room(4);
        assert_eq!(link.poll_output(Time::START, &mut out), Output::Full(None));
        assert_eq!((out.len(), link.room()), (4, 4));
    }

    #[test]
    fn a_stalled_link_moves_on_when_it_is_resumed() {
        let mut link = link(Conditions::default());
        link.stall(Time::MAX);
        link.handle_input(Time::START, Bytes::from_static(b"late"));
        assert_eq!(drain(&mut link).0, b"");
        link.resume(Time::START);
        assert_eq!(drain(&mut link).0, b"late");
    }

    #[test]
    fn a_reset_loses_what_is_under_way_and_a_dead_link_tells_nobody() {
        let mut broken = link(Conditions::default());
        broken.handle_input(Time::START, Bytes::from_static(b"lost"));
        broken.reset(Time::START);
        let (arrived, _, end, _) = drain(&mut broken);
        assert_eq!((arrived.len(), end), (0, Some(LinkEnd::Reset)));

        let mut dead = link(Conditions::default());
        dead.die();
        dead.handle_input(Time::START, Bytes::from_static(b"lost"));
        dead.handle_eof(Time::START);
        let (arrived, _, end, _) = drain(&mut dead);
        assert_eq!((arrived.len(), end), (0, None));
    }
}
