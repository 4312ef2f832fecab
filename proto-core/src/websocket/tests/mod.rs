//! A connection and the bytes that a peer sends it; two connections in memory on a virtual clock.

mod attacks;
mod closing;
#[cfg(feature = "deflate")]
mod codec;
mod compressed;
mod frames;
mod messages;
mod timers;
mod violations;

use crate::base::{Machine, Out, Output, Secret, Time};
use crate::websocket::trial::peer::Peer;
use crate::websocket::{Agreement, Config, Connection, End, Event, Kind, Request};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

pub(super) fn secret() -> Secret {
    Secret::from_seed([3; 32])
}

/// A machine whose handshake is done, and a peer that writes bytes.
pub(super) struct Wire {
    pub(super) now: Time,
    pub(super) machine: Connection,
    pub(super) peer: Peer,
    pub(super) events: Vec<Event>,
    /// All that the machine sent.
    pub(super) sent: Vec<u8>,
}

impl Wire {
    pub(super) fn server() -> Wire {
        Wire::server_with(Config::default())
    }

    pub(super) fn server_with(config: Config) -> Wire {
        Wire::agreed(config, &Agreement::default())
    }

    pub(super) fn agreed(config: Config, agreement: &Agreement) -> Wire {
        let now = Time::START;
        Wire::of(Connection::accepted(now, Arc::new(config), agreement), true)
    }

    pub(super) fn client_with(config: Config) -> Wire {
        let now = Time::START;
        Wire::of(Connection::connected(now, Arc::new(config), &Agreement::default(), secret()), false)
    }

    fn of(machine: Connection, masked: bool) -> Wire {
        let peer = Peer::new(masked);
        let mut wire = Wire { now: Time::START, machine, peer, events: Vec::new(), sent: Vec::new() };
        wire.settle();
        assert_eq!(wire.take_events(), [Event::Opened]);
        wire
    }

    /// The peer says something, and the machine acts on it.
    pub(super) fn say(&mut self, say: impl FnOnce(&mut Peer) -> &mut Peer) -> &mut Wire {
        say(&mut self.peer);
        let bytes = self.peer.take();
        self.machine.handle_input(self.now, bytes.into());
        self.settle();
        self
    }

    /// Polls until nothing is left.
    pub(super) fn settle(&mut self) {
        self.sent.extend(turn(&mut self.machine, self.now, &mut self.events));
    }

    pub(super) fn wait(&mut self, duration: Duration) -> &mut Wire {
        self.now = self.now + duration;
        self.settle();
        self
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    pub(super) fn take_sent(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.sent)
    }

    /// How it ended.
    pub(super) fn end(&self) -> Option<&End> {
        match self.events.last() {
            Some(Event::Closed(end)) => Some(end),
            _ => None,
        }
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

/// A client and a server, and the time.
pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) at_client: Vec<Event>,
    pub(super) at_server: Vec<Event>,
}

impl Pair {
    pub(super) fn new(client: Config, server: Config, request: &Request) -> Pair {
        let now = Time::START;
        let mut pair = Pair {
            now,
            client: Connection::client(now, Arc::new(client), request, secret()).expect("a valid request"),
            server: Connection::server(now, Arc::new(server)),
            at_client: Vec::new(),
            at_server: Vec::new(),
        };
        pair.settle();
        pair
    }

    /// Carries bytes until both sides are quiet.
    pub(super) fn settle(&mut self) {
        loop {
            let to_server = turn(&mut self.client, self.now, &mut self.at_client);
            if !to_server.is_empty() {
                self.server.handle_input(self.now, to_server.clone());
            }
            let to_client = turn(&mut self.server, self.now, &mut self.at_server);
            if !to_client.is_empty() {
                self.client.handle_input(self.now, to_client.clone());
            }
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
        }
    }
}

pub(super) fn message(kind: Kind, payload: &[u8]) -> Event {
    Event::Message { kind, payload: Bytes::copy_from_slice(payload), credit: payload.len() + 64 }
}

pub(super) fn text(payload: &str) -> Event {
    message(Kind::Text, payload.as_bytes())
}

pub(super) fn binary(payload: &[u8]) -> Event {
    message(Kind::Binary, payload)
}
