//! A client and a server on links that carry a few bytes at a time, each with an owner that sends content which can be
//! checked. Neither can do wrong, so neither may ever accuse the other; and once the links carry everything again,
//! every stream that nobody ended comes to its end with all of its content.

use crate::base::{Entropy, Field, Fields, Flow, Machine, Out, Output, Time};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{
    CloseReason, Config, Connection, Credit, End, ErrorCode, Event, HeadersKind, Prefix, StreamId,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Longer than any script.
const A_DAY: Duration = Duration::from_secs(86_400);
/// Turns in which everything must have come to its end once the links are whole.
const TURNS_MAX: usize = 50_000;
const PART_BYTES_MAX: usize = 3_000;
const STREAMS_MAX: usize = 200;

/// The octet of a stream's content at an offset; every stream has another.
fn octet(stream: StreamId, offset: usize) -> u8 {
    (offset.wrapping_mul(31) ^ stream.as_u32() as usize) as u8
}

/// How long a server's answer is.
fn answer_len(stream: StreamId) -> usize {
    (stream.as_u32() as usize * 977) % 9_000
}

fn list(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
}

/// Small limits of every kind, and no clock.
fn config(chance: &mut Entropy) -> Config {
    let mut one_of = |choices: [u32; 4]| choices[chance.below(4) as usize];
    Config {
        max_concurrent_streams: one_of([1, 2, 5, 100]),
        stream_window_bytes: one_of([200, 1_000, 30_000, 100_000]),
        connection_window_bytes: one_of([65_535, 65_535, 80_000, 200_000]),
        window_bytes_max: one_of([1_000, 100_000, 200_000, 1 << 20]),
        max_frame_bytes: one_of([16_384, 16_384, 20_000, 1 << 20]),
        header_table_bytes: one_of([0, 100, 4_096, 8_192]),
        send_buffer_bytes: one_of([100, 1_000, 10_000, 100_000]) as usize,
        credit: if one_of([0, 0, 1, 1]) == 0 { Credit::OnDelivery } else { Credit::Manual },
        settings_timeout: A_DAY,
        header_timeout: A_DAY,
        ..Config::default()
    }
}

/// One end of the links, and its owner.
struct Side {
    machine: Connection,
    /// Bytes on their way to the other side.
    link: VecDeque<u8>,
    /// Content still to be sent: how much was, of how much.
    sending: BTreeMap<StreamId, (usize, usize)>,
    /// Content received so far.
    received: BTreeMap<StreamId, usize>,
    /// Content received and not consumed.
    held: BTreeMap<StreamId, u32>,
    /// Streams whose other half came to its end.
    whole: BTreeMap<StreamId, usize>,
    closed: BTreeMap<StreamId, CloseReason>,
    ended: Option<End>,
}

impl Side {
    fn new(machine: Connection) -> Side {
        Side {
            machine,
            link: VecDeque::new(),
            sending: BTreeMap::new(),
            received: BTreeMap::new(),
            held: BTreeMap::new(),
            whole: BTreeMap::new(),
            closed: BTreeMap::new(),
            ended: None,
        }
    }

    /// Polls until nothing is left, answering each event.
    fn turn(&mut self, now: Time) {
        let mut out = Out::with_room(1_000);
        loop {
            match self.machine.poll_output(now, &mut out) {
                Output::Event(event) => self.on_event(event),
                Output::Full(_) => self.link.extend(take(&mut out)),
                Output::Idle(_) => {
                    self.link.extend(take(&mut out));
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        assert!(self.ended.is_none(), "{event:?} came after the end");
        match event {
            Event::Headers { stream, kind, end, oversized } => {
                assert!(!oversized);
                if kind == HeadersKind::Request {
                    self.answer(stream);
                }
                self.note_end(stream, end);
            }
            Event::Data { stream, data, end } => {
                let received = self.received.entry(stream).or_default();
                for byte in &data {
                    assert_eq!(*byte, octet(stream, *received), "{stream:?} at {received}");
                    *received += 1;
                }
                *self.held.entry(stream).or_default() += data.len() as u32;
                self.note_end(stream, end);
            }
            Event::Writable { stream } => self.pump(stream),
            Event::Closed { stream, reason } => {
                assert!(!matches!(reason, CloseReason::Violation(_)), "{reason:?}");
                assert_eq!(self.closed.insert(stream, reason), None, "{stream:?} closed twice");
            }
            Event::Ended(end) => {
                assert!(matches!(end, End::Graceful), "{end:?}");
                self.ended = Some(end);
            }
            _ => {}
        }
    }

    fn note_end(&mut self, stream: StreamId, end: bool) {
        if end {
            let received = self.received.get(&stream).copied().unwrap_or(0);
            assert_eq!(self.whole.insert(stream, received), None, "{stream:?} ended twice");
        }
    }

    fn answer(&mut self, stream: StreamId) {
        if self.machine.send_headers(stream, list(&RESPONSE), false).is_ok() {
            self.sending.insert(stream, (0, answer_len(stream)));
            self.pump(stream);
        }
    }

    /// Sends content in parts of many sizes until it is blocked or done, and ends it in either way.
    fn pump(&mut self, stream: StreamId) {
        let Some((mut sent, len)) = self.sending.remove(&stream) else { return };
        while sent < len {
            let part = (len - sent).min(1 + sent * 7 % PART_BYTES_MAX);
            let mut content = (sent..sent + part).map(|at| octet(stream, at));
            let mut prefix = Prefix::NONE;
            if part > 5 {
                prefix = Prefix::new(core::array::from_fn(|_| content.next().unwrap_or_default()));
            }
            let flow = self.machine.send_data(stream, prefix, content.collect(), false);
            sent += part;
            match flow {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) => {
                    self.sending.insert(stream, (sent, len));
                    return;
                }
                Err(_) => return,
            }
        }
        // A stream that is over by now refuses its end; an event tells of that.
        let _refused = match stream.as_u32() % 4 {
            1 => self.machine.finish(stream),
            _ => self.machine.send_headers(stream, list(&[("checksum", "7")]), true),
        };
    }

    fn consume(&mut self) {
        for (stream, count) in core::mem::take(&mut self.held) {
            self.machine.consume(stream, count);
        }
    }
}

fn take(out: &mut Out) -> Vec<u8> {
    let bytes = out.to_vec();
    out.clear();
    bytes
}

struct Pair {
    now: Time,
    client: Side,
    server: Side,
    /// How long each request is.
    requests: BTreeMap<StreamId, usize>,
}

/// What is read of the fuzzer's input: `op (8)  argument (8)`, after the seed of both configurations.
pub fn pair(input: &[u8]) {
    let Some((seed, script)) = input.split_first() else { return };
    let mut chance = Entropy::from_seed(u64::from(*seed));
    let now = Time::START;
    let client = Connection::client(now, Arc::new(config(&mut chance)));
    let server = Connection::server(now, Arc::new(config(&mut chance)));
    let mut pair =
        Pair { now, client: Side::new(client), server: Side::new(server), requests: BTreeMap::new() };
    for step in script.as_chunks::<2>().0.iter().take(2 * STREAMS_MAX) {
        pair.step(step[0], usize::from(step[1]));
    }
    pair.heal();
}

impl Pair {
    fn step(&mut self, op: u8, argument: usize) {
        match op % 12 {
            0..=2 => self.open(argument * argument / 4),
            3..=4 => self.carry(argument * 13, 0),
            5..=6 => self.carry(0, argument * 13),
            7 => self.client.consume(),
            8 => self.server.consume(),
            9 => self.now = self.now + Duration::from_millis(argument as u64),
            10 if argument >= 0xf8 => self.server.machine.drain(self.now, A_DAY),
            10 if argument >= 0xf0 => self.client.machine.drain(self.now, A_DAY),
            10 => _ = self.client.machine.ping(),
            _ => {
                let id = StreamId::from_u32(2 * (argument as u32 >> 1) + 1);
                let side = if argument.is_multiple_of(2) { &mut self.client } else { &mut self.server };
                // The stream may be over or not there yet.
                let _refused = side.machine.reset(id, ErrorCode::CANCEL);
            }
        }
        self.client.turn(self.now);
        self.server.turn(self.now);
    }

    fn open(&mut self, len: usize) {
        if self.requests.len() < STREAMS_MAX
            && let Ok(id) = self.client.machine.open(list(&REQUEST), false)
        {
            self.requests.insert(id, len);
            self.client.sending.insert(id, (0, len));
            self.client.pump(id);
        }
    }

    fn carry(&mut self, to_server: usize, to_client: usize) {
        let count = to_server.min(self.client.link.len());
        let bytes: Bytes = self.client.link.drain(..count).collect();
        self.server.machine.handle_input(self.now, bytes);
        let count = to_client.min(self.server.link.len());
        let bytes: Bytes = self.server.link.drain(..count).collect();
        self.client.machine.handle_input(self.now, bytes);
    }

    /// The links carry everything and the owners consume all: every stream must come to its end.
    fn heal(&mut self) {
        for _ in 0..TURNS_MAX {
            self.carry(usize::MAX, usize::MAX);
            self.client.consume();
            self.server.consume();
            self.client.turn(self.now);
            self.server.turn(self.now);
            if self.is_quiet() {
                self.now = self.now + Duration::from_secs(2);
                self.client.turn(self.now);
                self.server.turn(self.now);
                if self.is_quiet() {
                    break;
                }
            }
        }
        assert_eq!(self.client.machine.open_streams(), 0, "streams that come to no end");
        for (id, len) in &self.requests {
            self.check(*id, *len);
        }
    }

    fn is_quiet(&self) -> bool {
        [&self.client, &self.server].iter().all(|side| side.link.is_empty() && side.held.is_empty())
    }

    fn check(&self, id: StreamId, len: usize) {
        match self.client.closed.get(&id) {
            Some(CloseReason::Finished) => {
                // A server that had answered may have reset the stream while the rest of the request was on its way.
                if self.server.closed.get(&id) == Some(&CloseReason::Finished) {
                    assert_eq!(self.server.whole.get(&id), Some(&len), "the request of {id:?}");
                }
                assert_eq!(self.client.whole.get(&id), Some(&answer_len(id)), "the answer of {id:?}");
            }
            Some(CloseReason::NotProcessed) => assert!(!self.server.whole.contains_key(&id), "{id:?}"),
            Some(CloseReason::ResetByUs(_) | CloseReason::ResetByPeer(_)) => {}
            other => panic!("{id:?} closed with {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_settings_made_negative_opens_again_once_its_content_is_consumed() {
        // Five long requests leave before the server's SETTINGS, which allow 1,000 bytes a stream, are known.
        pair(b"\xfc\x9d\xff\xc2\x60\xc2\xff\xc2\xff\xc2\xfe\xfa\x00");
    }

    #[test]
    fn whatever_two_machines_do_to_each_other_neither_accuses_and_every_stream_ends() {
        for seed in 0..300 {
            let mut chance = Entropy::from_seed(seed);
            let input: Vec<u8> = (0..chance.below(400)).map(|_| chance.next_u64() as u8).collect();
            std::panic::catch_unwind(|| pair(&input)).unwrap_or_else(|_| panic!("seed {seed}"));
        }
    }
}
