//! A connection on trial: its owner and its world, for the laws suite and for fuzzing.
//!
//! The owner answers streams only when the script says so. If it answered events by itself, when an answer is written
//! would depend on how input was cut, and with it whether a peer's next frame finds its stream open: a race that every
//! HTTP/2 connection has, and no law speaks of.

pub mod fuzz;
pub mod pair;
pub(crate) mod peer;
mod scripts;
pub(crate) mod sent;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Field, Fields, Flow, Misuse, Time};
use crate::http2::{Config, Connection, Credit, ErrorCode, Event, Prefix, StreamId};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Bytes that an owner hands over at once.
const PART_BYTES: usize = 700;
const HEADER_LIST_BYTES_MAX: usize = 2048;
const STREAMS_MAX: usize = 8;
/// More than a script opens.
const CLIENT_STREAMS_MAX: usize = 64;

/// What a script tells the owner; `nth` counts the streams that it has seen.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Opens a stream and sends so much content.
    Open {
        /// Bytes.
        content: usize,
    },
    /// Answers a stream with so much content, and trailers on every other one.
    Answer {
        /// Which stream.
        nth: usize,
        /// Bytes.
        content: usize,
    },
    /// Resets a stream.
    Reset {
        /// Which stream.
        nth: usize,
    },
    /// Asks whether the peer is there.
    Ping,
    /// Drains with this grace.
    Drain(Duration),
    /// Ends the connection.
    Close,
}

/// A client or a server, and what its owner remembers.
#[derive(Clone, Debug)]
pub struct Trial<const IS_CLIENT: bool> {
    connection: Connection,
    seen: Vec<StreamId>,
    /// Content still to be sent.
    left: BTreeMap<StreamId, usize>,
    credit: Credit,
}

/// A server on trial.
pub type ServerTrial = Trial<false>;
/// A client on trial.
pub type ClientTrial = Trial<true>;

/// Small limits and short times, so that a short script meets them.
fn config(seed: u64) -> Config {
    let mut chance = Entropy::from_seed(seed);
    let mut one_in = |count| chance.below(count) == 0;
    Config {
        max_concurrent_streams: if one_in(2) { 3 } else { STREAMS_MAX as u32 },
        max_queued_streams: STREAMS_MAX,
        stream_window_bytes: if one_in(2) { 20_000 } else { 65_535 },
        connection_window_bytes: if one_in(2) { 65_535 } else { 100_000 },
        window_bytes_max: 200_000,
        header_list_bytes_max: HEADER_LIST_BYTES_MAX as u32,
        header_fields_max: 32,
        send_buffer_bytes: 2 * PART_BYTES,
        unread_replies_max: 2000,
        extended_connect: one_in(2),
        credit: if one_in(2) { Credit::OnDelivery } else { Credit::Manual },
        settings_timeout: Duration::from_secs(1),
        header_timeout: Duration::from_millis(300),
        keepalive_interval: one_in(2).then_some(Duration::from_millis(200)),
        keepalive_timeout: Duration::from_millis(150),
        keepalive_without_streams: one_in(2),
        idle_timeout: one_in(3).then_some(Duration::from_millis(700)),
        seed,
        ..Config::default()
    }
}

impl<const IS_CLIENT: bool> Trial<IS_CLIENT> {
    fn nth(&self, nth: usize) -> StreamId {
        let count = self.seen.len().max(1);
        self.seen.get(nth % count).copied().unwrap_or(StreamId(1))
    }

    fn open(&mut self, content: usize) -> Result<(), Misuse> {
        let fields = fields(&peer::REQUEST);
        let id = self.connection.open(fields, content == 0)?;
        self.seen.push(id);
        self.left.insert(id, content);
        self.pump(id);
        Ok(())
    }

    fn answer(&mut self, id: StreamId, content: usize) -> Result<(), Misuse> {
        if content.is_multiple_of(3) {
            self.connection.send_informational(id, fields(&[(":status", "103")]))?;
        }
        self.connection.send_headers(id, fields(&peer::RESPONSE), content == 0)?;
        self.left.insert(id, content);
        self.pump(id);
        Ok(())
    }

    /// Sends content until it is `Blocked` or done.
    fn pump(&mut self, id: StreamId) {
        let Some(mut left) = self.left.remove(&id) else { return };
        while left > 0 {
            let part: Vec<u8> = (0..left.min(PART_BYTES)).map(|at| (left - at) as u8).collect();
            let (len, data) = (part.len(), Bytes::from(part));
            let flow = self.connection.send_data(id, Prefix::new(*b"part:"), data, false);
            left -= len;
            match flow {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) => {
                    self.left.insert(id, left);
                    return;
                }
                Err(_) => return,
            }
        }
        // What refuses the end is a stream that is over, of which an event tells.
        let _refused = match id.as_u32() % 4 {
            1 => self.connection.finish(id),
            _ => self.connection.send_headers(id, fields(&[("checksum", "7")]), true),
        };
    }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
}

impl<const IS_CLIENT: bool> Subject for Trial<IS_CLIENT> {
    const NAME: &'static str = if IS_CLIENT { "http2 client" } else { "http2 server" };
    type Machine = Connection;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        let config = config(seed);
        let credit = config.credit;
        let new = if IS_CLIENT { Connection::client } else { Connection::server };
        Trial { connection: new(now, Arc::new(config)), seen: Vec::new(), left: BTreeMap::new(), credit }
    }

    fn script(seed: u64) -> Script<Command> {
        if IS_CLIENT { scripts::for_client(seed) } else { scripts::for_server(seed) }
    }

    fn machine(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn on_event(&mut self, _now: Time, event: &Event) {
        match event {
            Event::Headers { stream, .. } if !self.seen.contains(stream) => self.seen.push(*stream),
            Event::Data { stream, data, .. } if self.credit == Credit::Manual => {
                self.connection.consume(*stream, data.len() as u32);
            }
            Event::Writable { stream } => self.pump(*stream),
            _ => {}
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Open { content } => self.open(content),
            Command::Answer { nth, content } => self.answer(self.nth(nth), content),
            Command::Reset { nth } => self.connection.reset(self.nth(nth), ErrorCode::CANCEL),
            Command::Ping => self.connection.ping().map(|_| ()),
            Command::Drain(grace) => {
                self.connection.drain(now, grace);
                Ok(())
            }
            Command::Close => {
                self.connection.close(now);
                Ok(())
            }
        }
    }

    fn is_infallible(command: &Command) -> bool {
        matches!(command, Command::Drain(_) | Command::Close)
    }

    fn is_fatal(event: &Event) -> bool {
        matches!(event, Event::Ended(_))
    }

    fn told(event: &Event) -> Option<Event> {
        (!matches!(event, Event::Writable { .. })).then(|| event.clone())
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        match event {
            Event::Headers { stream, .. }
            | Event::Data { stream, .. }
            | Event::Writable { stream }
            | Event::Closed { stream, .. } => u64::from(stream.as_u32()),
            _ => 0,
        }
    }

    fn join(last: &mut Event, next: &Event) -> bool {
        match (last, next) {
            (Event::Data { stream, data, end }, Event::Data { stream: same, data: more, end: ends })
                if stream == same && !*end =>
            {
                *data = [&data[..], &more[..]].concat().into();
                *end = *ends;
                true
            }
            _ => false,
        }
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        sent::read(bytes)
    }

    fn memory(&self) -> usize {
        self.connection.memory()
    }

    fn memory_max() -> usize {
        let streams = if IS_CLIENT { CLIENT_STREAMS_MAX } else { STREAMS_MAX };
        config(0).memory_max(streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 9_000, "{report:?}");
    }

    #[test]
    fn a_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 9_000, "{report:?}");
    }
}
