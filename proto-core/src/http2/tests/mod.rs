//! Two machines in memory on a virtual clock: what one sends, the other receives.

mod attacks;
mod bounds;
mod calls;
mod malformed;
mod rfc9113_3;
mod rfc9113_4;
mod rfc9113_5;
mod rfc9113_6;
mod rfc9113_6_7;
mod rfc9113_8;
mod timers;
mod violations;
mod windows;
mod wire;

use crate::base::{Machine, Out, Output, Time};
use crate::http2::{Config, Connection, Event};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// A client and a server, and the time.
pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) at_client: Vec<Event>,
    pub(super) at_server: Vec<Event>,
}

impl Pair {
    pub(super) fn new() -> Pair {
        Pair::with(Config::default(), Config::default())
    }

    pub(super) fn with(client: Config, server: Config) -> Pair {
        let now = Time::START;
        Pair {
            now,
            client: Connection::client(now, Arc::new(client)),
            server: Connection::server(now, Arc::new(server)),
            at_client: Vec::new(),
            at_server: Vec::new(),
        }
    }

    /// Carries bytes until both sides are quiet.
    pub(super) fn settle(&mut self) {
        loop {
            let mut moved = false;
            let sent = turn(&mut self.client, self.now, &mut self.at_client);
            moved |= !sent.is_empty();
            if !sent.is_empty() {
                self.server.handle_input(self.now, sent);
            }
            let sent = turn(&mut self.server, self.now, &mut self.at_server);
            moved |= !sent.is_empty();
            if !sent.is_empty() {
                self.client.handle_input(self.now, sent);
            }
            if !moved {
                return;
            }
        }
    }

    /// Lets time pass, then carries bytes.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.settle();
    }
}

/// Polls until nothing is left, collecting events; the bytes that it wants to send.
pub(super) fn turn(machine: &mut Connection, now: Time, events: &mut Vec<Event>) -> Bytes {
    let mut sent = Vec::new();
    let mut out = Out::with_room(16 * 1024);
    loop {
        match machine.poll_output(now, &mut out) {
            Output::Event(event) => events.push(event),
            Output::Full(_) => {
                sent.extend(out.to_vec());
                out.clear();
            }
            Output::Idle(wake) => {
                assert!(wake.is_none_or(|wake| wake.at > now), "{wake:?}");
                sent.extend(out.to_vec());
                return sent.into();
            }
        }
    }
}
