//! Counts what a unary call of the native protocol allocates in the core once its connection is warm: nothing, on either
//! side; how many bytes it puts around a message; and what an idle connection holds.
//!
//! Both machines run in this thread. Only their turns and commands are counted; carrying the bytes from one to the
//! other is the driver's work. As a driver does, the carrier cuts its input from one shared buffer, so that a slice of
//! it costs a reference count and no memory.

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use zrpc_core::base::{Machine, Out, Output, Time};
use zrpc_core::native::{Config, NativeClient, NativeServer};
use zrpc_core::rpc::{ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status};

/// Rounds before the first that is counted: buffers reach their size and tables their entries.
const WARM_UP: usize = 100;

/// Rounds that are counted.
const COUNTED: usize = 100;

/// Bytes of heap that a connection without calls may hold: the names that were interned.
const AT_REST: usize = 400;

/// Bytes that a session may take, with what it holds at rest.
const SESSION_BYTES: usize = 1500;

const NOTHING: Count = Count { client: 0, server: 0, up: 0, down: 0 };

#[test]
fn a_warm_unary_call_of_32_bytes_allocates_nothing_on_either_side() {
    assert_eq!(allocations(32, 1, &Metadata::new(), None), NOTHING);
}

#[test]
fn a_warm_unary_call_of_4096_bytes_allocates_nothing_on_either_side() {
    assert_eq!(allocations(4096, 1, &Metadata::new(), None), NOTHING);
}

#[test]
fn a_warm_unary_call_with_metadata_and_a_deadline_allocates_nothing_on_either_side() {
    let mut metadata = Metadata::new();
    metadata.insert("x-request-id", "7f3a").expect("a valid field");
    assert_eq!(allocations(32, 1, &metadata, Some(Duration::from_secs(1))), NOTHING);
}

#[test]
fn sixty_four_warm_unary_calls_at_once_allocate_nothing_on_either_side() {
    assert_eq!(allocations(32, 64, &Metadata::new(), None), NOTHING);
}

/// The bar is 24 bytes each way, and the aim 10.
#[test]
fn a_warm_unary_call_of_32_bytes_costs_at_most_ten_bytes_of_overhead_each_way() {
    let mut pair = Pair::new(Bytes::from(vec![7; 32]));
    for calls in [2, 100, 20_000] {
        for _ in 0..calls {
            pair.calls(1, &Metadata::new(), None);
        }
        pair.count = Count::default();
        pair.calls(1, &Metadata::new(), None);
        let overhead = (pair.count.up - 32, pair.count.down - 32);
        println!("after {calls} calls: {} bytes of overhead up, {} down", overhead.0, overhead.1);
        assert!(overhead.0 <= 10 && overhead.1 <= 10, "{overhead:?}");
    }
}

#[test]
fn no_credit_travels_for_unary_calls_until_much_was_taken() {
    let mut pair = Pair::new(Bytes::from(vec![7; 32]));
    pair.calls(1, &Metadata::new(), None);
    pair.count = Count::default();
    for _ in 0..1_000 {
        pair.calls(1, &Metadata::new(), None);
    }
    assert!(pair.count.up <= 1_000 * (32 + 8) && pair.count.down <= 1_000 * (32 + 7), "{:?}", pair.count);
}

#[test]
fn an_idle_connection_holds_a_few_names_and_nothing_else() {
    let mut pair = Pair::new(Bytes::from_static(b"echo"));
    for _ in 0..3 {
        pair.calls(1, &Metadata::new(), None);
        pair.rest(Duration::from_secs(1));
        let (client, server) = (pair.client.memory(), pair.server.memory());
        println!(
            "at rest: client {client} + {}, server {server} + {} bytes",
            size_of::<NativeClient>(),
            size_of::<NativeServer>()
        );
        assert!(client < AT_REST && server < AT_REST, "{client} bytes in the client, {server} in the server");
        assert!(client + size_of::<NativeClient>() < SESSION_BYTES);
        assert!(server + size_of::<NativeServer>() < SESSION_BYTES);
    }
}

#[test]
fn a_connection_gives_the_memory_of_bursts_back_when_they_are_over() {
    let mut pair = Pair::new(Bytes::from_static(b"echo"));
    for _ in 0..10 {
        pair.calls(64, &Metadata::new(), None);
    }
    assert!(pair.server.memory() > 10 * AT_REST, "{} bytes in use", pair.server.memory());
    pair.rest(Duration::from_secs(2));
    let (client, server) = (pair.client.memory(), pair.server.memory());
    assert!(client < AT_REST && server < AT_REST, "{client} bytes in the client, {server} in the server");
}

/// Allocations of all counted calls together, and bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Count {
    client: u64,
    server: u64,
    up: usize,
    down: usize,
}

fn allocations(payload: usize, at_once: usize, metadata: &Metadata, timeout: Option<Duration>) -> Count {
    let message = Bytes::from(vec![7; payload]);
    // Once cloned, the next clones are no more than a count.
    let message = (message.clone(), message).0;
    let mut pair = Pair::new(message);
    for _ in 0..WARM_UP {
        pair.calls(at_once, metadata, timeout);
    }
    pair.count = Count::default();
    for _ in 0..COUNTED {
        pair.calls(at_once, metadata, timeout);
    }
    Count { up: 0, down: 0, ..pair.count }
}

/// A client and a server, and the wire between them.
struct Pair {
    now: Time,
    client: NativeClient,
    server: NativeServer,
    message: Bytes,
    out: Out,
    wire: BytesMut,
    count: Count,
}

impl Pair {
    fn new(message: Bytes) -> Pair {
        let now = Time::START;
        let config = Config::default().shared();
        Pair {
            now,
            client: NativeClient::new(now, config.clone()),
            server: NativeServer::new(now, config),
            message,
            out: Out::with_room(1 << 20),
            wire: BytesMut::with_capacity(1 << 24),
            count: Count::default(),
        }
    }

    /// Echoes, started together, from their start to their status.
    fn calls(&mut self, at_once: usize, metadata: &Metadata, timeout: Option<Duration>) {
        self.now = self.now + Duration::from_micros(100);
        let deadline = timeout.map(|timeout| self.now + timeout);
        let (client, now, message) = (&mut self.client, self.now, &self.message);
        let head = StartCall { path: "/bench.Echo/Unary", metadata, deadline, compression: None };
        let counted = measure(|| {
            for _ in 0..at_once {
                let call = client.start(now, head).expect("the connection takes calls");
                let _ = client.send(call, message.clone(), false).expect("a first message");
                client.half_close(call).expect("an open call");
            }
        });
        self.count.client += counted.count_total;
        let mut ended = self.client_turn();
        while ended < at_once {
            self.server_turn();
            ended += self.client_turn();
        }
    }

    /// Nothing is said for a while.
    fn rest(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client_turn();
        let polled = self.server.poll_output(self.now, &mut self.out);
        assert!(matches!(polled, Output::Idle(_)), "{polled:?}");
    }

    /// The client's turn; what it wrote is carried to the server. Answers how many calls ended well.
    fn client_turn(&mut self) -> usize {
        let (client, out, now) = (&mut self.client, &mut self.out, self.now);
        let (mut replies, mut ended) = (0, 0);
        let message = &self.message;
        let counted = measure(|| {
            while let Output::Event(event) = client.poll_output(now, out) {
                match event {
                    ClientEvent::Message { call, message: reply, credit } => {
                        client.consume(call, credit);
                        assert_eq!(&reply, message);
                        replies += 1;
                    }
                    ClientEvent::Ended { status, .. } => {
                        assert!(status.is_ok(), "{status:?}");
                        ended += 1;
                    }
                    ClientEvent::Closed(end) => panic!("the connection closed: {end:?}"),
                    _ => {}
                }
            }
        });
        self.count.client += counted.count_total;
        assert_eq!(replies, ended, "each call has one reply");
        let input = carried(&mut self.out, &mut self.wire);
        self.count.up += input.len();
        if !input.is_empty() {
            let (server, now) = (&mut self.server, self.now);
            self.count.server += measure(|| server.handle_input(now, input)).count_total;
        }
        ended
    }

    /// The server's turn: it echoes a message when its call is half closed; what it wrote is carried to the client.
    fn server_turn(&mut self) {
        let (server, out, now) = (&mut self.server, &mut self.out, self.now);
        let mut echo = Bytes::new();
        let counted = measure(|| {
            while let Output::Event(event) = server.poll_output(now, out) {
                match event {
                    ServerEvent::Message { call, message, credit } => {
                        server.consume(call, credit);
                        echo = message;
                    }
                    ServerEvent::HalfClosed { call } => {
                        let reply = std::mem::take(&mut echo);
                        let _ = server.send(call, reply, false).expect("an open call");
                        server.finish(call, &Status::OK, &Metadata::new()).expect("an open call");
                    }
                    ServerEvent::Closed(end) => panic!("the connection closed: {end:?}"),
                    _ => {}
                }
            }
        });
        self.count.server += counted.count_total;
        let input = carried(&mut self.out, &mut self.wire);
        self.count.down += input.len();
        assert!(!input.is_empty(), "neither side has anything to say, and a call has not ended");
        let (client, now) = (&mut self.client, self.now);
        self.count.client += measure(|| client.handle_input(now, input)).count_total;
    }
}

/// Takes all that waits in `out`, cut from the shared buffer.
fn carried(out: &mut Out, wire: &mut BytesMut) -> Bytes {
    for chunk in out.chunks() {
        wire.extend_from_slice(chunk);
    }
    out.clear();
    wire.split().freeze()
}
