//! Counts what a WebSocket message allocates in the core once its connection is warm: nothing, on either side. And what a
//! connection that rests holds.
//!
//! Both machines run in this thread. Only their turns and commands are counted; carrying the bytes from one to the other is
//! the driver's work, which cuts its input from one shared buffer.

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Duration;
use zrpc_core::base::{Machine, Out, Output, Secret, Time};
use zrpc_core::websocket::{Config, Connection, Event, Kind, Request};

const WARM_UP: usize = 200;
const COUNTED: usize = 200;

/// What the server of a connection at rest takes, with all that it holds on the heap.
const AT_REST: usize = 1536;

#[test]
fn a_warm_message_of_32_bytes_allocates_nothing_on_either_side() {
    assert_eq!(allocations(Kind::Text, 32, 1), (0, 0));
}

#[test]
fn a_warm_message_of_4096_bytes_allocates_nothing_on_either_side() {
    assert_eq!(allocations(Kind::Binary, 4096, 1), (0, 0));
}

#[test]
fn sixty_four_warm_messages_at_once_allocate_nothing_on_either_side() {
    assert_eq!(allocations(Kind::Text, 64, 64), (0, 0));
}

#[test]
fn a_server_s_connection_at_rest_is_small() {
    let mut pair = Pair::new();
    for _ in 0..WARM_UP {
        pair.echo(Kind::Binary, &Bytes::from_static(&[7; 4096]), 4);
    }
    pair.rest(Duration::from_secs(2));
    let held = size_of::<Connection>() + pair.server.memory();
    assert!(held <= AT_REST, "{held} bytes");
}

/// Allocations of the client and of the server.
fn allocations(kind: Kind, size: usize, at_once: usize) -> (u64, u64) {
    let payload = Bytes::from(vec![b'x'; size]);
    // Once cloned, the next clones are no more than a count.
    let payload = (payload.clone(), payload).0;
    let mut pair = Pair::new();
    for _ in 0..WARM_UP {
        pair.echo(kind, &payload, at_once);
    }
    (pair.at_client, pair.at_server) = (0, 0);
    for _ in 0..COUNTED {
        pair.echo(kind, &payload, at_once);
    }
    (pair.at_client, pair.at_server)
}

struct Pair {
    now: Time,
    client: Connection,
    server: Connection,
    out: Out,
    wire: BytesMut,
    at_client: u64,
    at_server: u64,
}

impl Pair {
    fn new() -> Pair {
        let (now, config) = (Time::START, Arc::new(Config::default()));
        let request = Request::new("localhost", "/");
        let secret = Secret::from_seed([1; 32]);
        let client = Connection::client(now, Arc::clone(&config), &request, secret).expect("a valid request");
        let mut pair = Pair {
            now,
            client,
            server: Connection::server(now, config),
            out: Out::with_room(1 << 20),
            wire: BytesMut::with_capacity(1 << 24),
            at_client: 0,
            at_server: 0,
        };
        while !pair.client.is_open() {
            pair.turn(true, 0);
            pair.turn(false, 0);
        }
        pair
    }

    /// Messages to the server and back.
    fn echo(&mut self, kind: Kind, payload: &Bytes, at_once: usize) {
        self.now = self.now + Duration::from_micros(100);
        let client = &mut self.client;
        self.at_client += measure(|| {
            for _ in 0..at_once {
                let _ = client.send(kind, payload.clone(), false).expect("an open connection");
            }
        })
        .count_total;
        self.turn(true, 0);
        self.turn(false, at_once);
        self.turn(true, at_once);
    }

    /// Nothing is said for a while.
    fn rest(&mut self, time: Duration) {
        self.now = self.now + time;
        self.turn(true, 0);
        self.turn(false, 0);
    }

    /// The turn of one side: a server echoes. What it wrote is carried to the other side.
    fn turn(&mut self, is_client: bool, messages: usize) {
        let (machine, other) = if is_client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        };
        let (out, now) = (&mut self.out, self.now);
        let mut seen = 0;
        let counted = measure(|| {
            while let Output::Event(event) = machine.poll_output(now, out) {
                match event {
                    Event::Message { kind, payload, .. } => {
                        seen += 1;
                        if !is_client {
                            let _ = machine.send(kind, payload, false).expect("an open connection");
                        }
                    }
                    Event::Closed(end) => panic!("the connection closed: {end}"),
                    _ => {}
                }
            }
        });
        assert_eq!(seen, messages);
        for chunk in self.out.chunks() {
            self.wire.extend_from_slice(chunk);
        }
        self.out.clear();
        let input = self.wire.split().freeze();
        let taken = if input.is_empty() { 0 } else { measure(|| other.handle_input(now, input)).count_total };
        let (mine, theirs) = if is_client {
            (&mut self.at_client, &mut self.at_server)
        } else {
            (&mut self.at_server, &mut self.at_client)
        };
        *mine += counted.count_total;
        *theirs += taken;
    }
}
