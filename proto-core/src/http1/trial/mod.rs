//! A connection on trial: its owner and its world, for the laws suite and for fuzzing.
//!
//! The owner answers only when the script says so, as with HTTP/2 on trial.

pub mod fuzz;
mod scripts;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Field, Fields, Flow, Misuse, Rate, Time};
use crate::http1::{Config, Connection, Event, HeadLimits, RequestBody};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Bytes that an owner hands over at once.
const PART_BYTES: usize = 700;
/// More than any head that an owner sends.
const OWN_HEAD_BYTES_MAX: usize = 1024;

/// What a script tells the owner.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Asks for something, with so much content; in chunks when that is odd.
    Ask {
        /// Bytes.
        content: usize,
    },
    /// Answers with so much content, and trailers when that is odd.
    Answer {
        /// Bytes.
        content: usize,
    },
    /// Takes content that the owner has not taken yet.
    Consume,
    /// Gives the exchange up.
    Reset,
    /// Drains with this grace.
    Drain(Duration),
    /// Ends the connection.
    Close,
}

/// A client or a server, and what its owner remembers.
#[derive(Clone, Debug)]
pub struct Trial<const IS_CLIENT: bool> {
    connection: Connection,
    exchange: u64,
    /// Content still to be sent.
    left: usize,
    ends_with_trailers: bool,
    unconsumed: u32,
    consumes_at_once: bool,
}

/// A server on trial.
pub type ServerTrial = Trial<false>;
/// A client on trial.
pub type ClientTrial = Trial<true>;

/// Small limits and short times, so that a short script meets them.
fn config() -> Config {
    Config {
        head: HeadLimits { head_bytes_max: 600, first_line_bytes_max: 200, fields_max: 12 },
        trailers: HeadLimits { head_bytes_max: 100, first_line_bytes_max: 100, fields_max: 3 },
        body_bytes_max: 20_000,
        chunk_line_bytes_max: 40,
        chunk_overhead: Rate { burst: 500, per_second: 100 },
        pipelined_bytes_max: 400,
        informational_max: 3,
        send_buffer_bytes: 2 * PART_BYTES,
        receive_buffer_bytes: 3_000,
        head_timeout: Duration::from_millis(60),
        body_timeout: Duration::from_millis(50),
        write_timeout: Duration::from_millis(55),
        idle_timeout: Duration::from_millis(90),
        expected: "a trial is expected here",
    }
}

impl<const IS_CLIENT: bool> Trial<IS_CLIENT> {
    fn ask(&mut self, content: usize) -> Result<(), Misuse> {
        let head = fields(&[(":method", "POST"), (":path", "/trial"), (":authority", "a"), ("x", "y")]);
        let is_chunked = !content.is_multiple_of(2);
        let body = if is_chunked { RequestBody::Chunks } else { RequestBody::Whole(vec![7; content].into()) };
        self.exchange = self.connection.request(&head, body)?;
        if is_chunked {
            self.left = content;
            self.pump();
        }
        Ok(())
    }

    fn answer(&mut self, content: usize) -> Result<(), Misuse> {
        let head = fields(&[(":status", "200"), ("x", "y")]);
        self.connection.respond(self.exchange, &head, content == 0)?;
        self.left = content;
        self.ends_with_trailers = !content.is_multiple_of(2);
        if content > 0 {
            self.pump();
        }
        Ok(())
    }

    /// Sends content until it is `Blocked` or done.
    fn pump(&mut self) {
        while self.left > 0 {
            let part: Vec<u8> = (0..self.left.min(PART_BYTES)).map(|at| (self.left - at) as u8).collect();
            self.left -= part.len();
            match self.connection.send_data(self.exchange, b"part:", part.into()) {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) if self.left > 0 => return,
                Ok(Flow::Blocked) => {}
                Err(_) => return,
            }
        }
        let trailers = if self.ends_with_trailers { fields(&[("checksum", "7")]) } else { Fields::new() };
        // What refuses the end is an exchange that is over, of which an event tells.
        let _refused = self.connection.finish(self.exchange, &trailers);
    }

    fn consume(&mut self) {
        self.connection.consume(self.exchange, core::mem::take(&mut self.unconsumed));
    }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
}

impl<const IS_CLIENT: bool> Subject for Trial<IS_CLIENT> {
    const NAME: &'static str = if IS_CLIENT { "http1 client" } else { "http1 server" };
    type Machine = Connection;
    type Command = Command;
    /// One stream of bytes, which room may cut anywhere.
    type Sent = Vec<u8>;

    fn build(seed: u64, now: Time) -> Self {
        let config = Arc::new(config());
        Trial {
            connection: if IS_CLIENT { Connection::client(config) } else { Connection::server(now, config) },
            exchange: 0,
            left: 0,
            ends_with_trailers: false,
            unconsumed: 0,
            consumes_at_once: Entropy::from_seed(seed).below(2) == 0,
        }
    }

    fn script(seed: u64) -> Script<Command> {
        if IS_CLIENT { scripts::for_client(seed) } else { scripts::for_server(seed) }
    }

    fn machine(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn on_event(&mut self, _now: Time, event: &Event) {
        match event {
            Event::Request { exchange, .. } => {
                self.exchange = *exchange;
                self.unconsumed = 0;
            }
            Event::Data { data, .. } => {
                self.unconsumed += data.len() as u32;
                if self.consumes_at_once {
                    self.consume();
                }
            }
            Event::Writable { .. } => self.pump(),
            _ => {}
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Ask { content } => return self.ask(content),
            Command::Answer { content } => return self.answer(content),
            Command::Consume => self.consume(),
            Command::Reset => return self.connection.reset(self.exchange),
            Command::Drain(grace) => self.connection.drain(now, grace),
            Command::Close => self.connection.close(now),
        }
        Ok(())
    }

    fn is_infallible(command: &Command) -> bool {
        matches!(command, Command::Drain(_) | Command::Close | Command::Consume)
    }

    fn is_fatal(event: &Event) -> bool {
        matches!(event, Event::Ended(_))
    }

    fn told(event: &Event) -> Option<Event> {
        (!matches!(event, Event::Writable { .. })).then(|| event.clone())
    }

    fn join(last: &mut EventOf<Self>, next: &EventOf<Self>) -> bool {
        match (last, next) {
            (Event::Data { exchange, data, end }, Event::Data { exchange: same, data: more, end: ends })
                if exchange == same && !*end =>
            {
                *data = [&data[..], &more[..]].concat().into();
                *end = *ends;
                true
            }
            _ => false,
        }
    }

    fn sent(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Ok(bytes.to_vec())
    }

    fn memory(&self) -> usize {
        self.connection.memory()
    }

    fn memory_max() -> usize {
        config().memory_max(OWN_HEAD_BYTES_MAX)
    }
}

/// Content that is there as bytes.
fn content(length: usize) -> Bytes {
    (0..length).map(|at| at as u8).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }

    #[test]
    fn a_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }
}
