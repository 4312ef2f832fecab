//! The echo that both WebSocket programs of the conformance suites do: what was received is sent back, compressed where
//! that was agreed on, and no more is read than the peer takes back.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use zrpc::core::base::{Flow, Misuse};
use zrpc::core::websocket::{Config, Connection, Credit, Deflate, Event};

/// Messages that wait for room.
#[derive(Default)]
pub struct Echo {
    waiting: VecDeque<Event>,
    blocked: bool,
}

impl Echo {
    /// What to do with an event.
    pub fn on_event(&mut self, connection: &mut Connection, event: Event) -> ControlFlow<()> {
        match event {
            Event::Message { .. } => {
                self.waiting.push_back(event);
                self.send(connection);
            }
            Event::Writable => {
                self.blocked = false;
                self.send(connection);
            }
            Event::Closed(_) => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn send(&mut self, connection: &mut Connection) {
        while !self.blocked {
            let Some(Event::Message { kind, payload, credit }) = self.waiting.pop_front() else { return };
            match connection.send(kind, payload, true) {
                Ok(flow) => self.blocked = flow == Flow::Blocked,
                // The connection closes; its end is told.
                Err(Misuse::Closed | Misuse::OutOfOrder(_)) => {}
                Err(misuse) => eprintln!("cannot echo: {misuse}"),
            }
            connection.consume(credit);
        }
    }
}

/// Every window with and without takeover, as fast as may be, and the largest message of the suite.
#[must_use]
pub fn config() -> Config {
    let deflate =
        Deflate { takeover: true, peer_takeover: true, threshold_bytes: 0, level: 1, ..Deflate::default() };
    Config { credit: Credit::Manual, deflate: Some(deflate), ..Config::default() }
}
