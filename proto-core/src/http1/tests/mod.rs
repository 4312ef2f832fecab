//! Conformance, by section of RFC 9112, and what a hostile peer tries.

mod exchanges;
mod heads;
mod violations;

use crate::base::{Machine, Out, Output, Time};
use crate::http1::{Config, Connection, Event};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A connection, what it reported, and what it sent.
struct Bench {
    connection: Connection,
    now: Time,
    sent: String,
}

impl Bench {
    fn server(config: Config) -> Bench {
        let now = Time::from_nanos(1_000);
        Bench { connection: Connection::server(now, Arc::new(config)), now, sent: String::new() }
    }

    fn client(config: Config) -> Bench {
        let now = Time::from_nanos(1_000);
        Bench { connection: Connection::client(Arc::new(config)), now, sent: String::new() }
    }

    /// Feeds input and returns the events.
    fn feed(&mut self, input: &str) -> Vec<Event> {
        self.connection.handle_input(self.now, Bytes::copy_from_slice(input.as_bytes()));
        self.poll()
    }

    fn poll(&mut self) -> Vec<Event> {
        let mut out = Out::with_room(1 << 20);
        let mut events = Vec::new();
        while let Output::Event(event) = self.connection.poll_output(self.now, &mut out) {
            events.push(event);
        }
        self.sent.push_str(&String::from_utf8_lossy(&out.to_vec()));
        events
    }

    fn take_sent(&mut self) -> String {
        core::mem::take(&mut self.sent)
    }
}
