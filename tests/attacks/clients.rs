//! A14, A16, A17: what hostile servers do to clients.

use allocation_counter::measure;
use bytes::Bytes;
use zrpc::core::base::{Machine, Out, Output, Time};
use zrpc::core::rpc::{ClientEvent, ClientSession, Metadata, SessionEnd, StartCall};
use zrpc::core::stack::{ClientConfig, GrpcClient};
use zrpc_tests::attacks::wire::{PATH, Wire, block_of, kind};

/// A client with a call under way.
struct Client {
    machine: GrpcClient,
    out: Out,
    events: Vec<ClientEvent>,
    live: i64,
    peak: i64,
}

impl Client {
    fn new() -> Client {
        let (mut machine, metadata) =
            (GrpcClient::new(Time::START, &ClientConfig::default()), Metadata::new());
        let call = StartCall { path: PATH, metadata: &metadata, deadline: None, compression: None };
        machine.start(Time::START, call).expect("a new connection takes calls");
        let mut client =
            Client { machine, out: Out::with_room(1 << 20), events: Vec::new(), live: 0, peak: 0 };
        let mut wire = Wire::default();
        wire.settings(&[]).settings_ack();
        client.take(&wire.take());
        client.events.clear();
        (client.live, client.peak) = (0, 0);
        client
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        let counted = measure(|| {
            self.machine.handle_input(Time::START, Bytes::copy_from_slice(bytes));
            while let Output::Event(event) = self.machine.poll_output(Time::START, &mut self.out) {
                events.push(event);
            }
            let sent = self.out.len();
            self.out.advance(sent);
        });
        self.peak = self.peak.max(self.live + counted.bytes_max as i64);
        self.live += counted.bytes_current;
        self.events.extend(events);
    }

    fn end(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            ClientEvent::Closed(SessionEnd::Failed(status)) => Some(status.message().to_owned()),
            ClientEvent::Closed(_) => Some("gracefully".to_owned()),
            _ => None,
        })
    }

    /// Repeats until the client ends the connection; after how often, and why.
    fn ends(mut self, mut write: impl FnMut(&mut Wire, u32)) -> (u32, String) {
        for round in 0..10_000 {
            let mut wire = Wire::default();
            write(&mut wire, round);
            self.take(&wire.take());
            if let Some(why) = self.end() {
                assert!(self.peak <= 64 * 1024, "{} bytes of heap", self.peak);
                return (round + 1, why);
            }
        }
        panic!("the client still takes it: {:?}", self.events.last())
    }
}

#[test]
fn a14_a_client_whose_stream_ids_are_used_up_takes_no_more_and_ids_that_are_wrong_end_it() {
    for stream in [2, 4, 3, 0x7fff_ffff] {
        let (rounds, why) = Client::new().ends(|wire, _| {
            wire.block(stream, &block_of(&[(":status", "200")]), false);
        });
        assert_eq!(rounds, 1, "HEADERS on stream {stream}: {why}");
    }
}

#[test]
fn a16_push_is_fatal_and_informational_responses_are_counted() {
    let (rounds, why) = Client::new().ends(|wire, _| {
        let promise = [&2u32.to_be_bytes()[..], &block_of(&[(":method", "GET")])].concat();
        wire.frame(kind::PUSH_PROMISE, 4, 1, &promise);
    });
    assert_eq!(rounds, 1, "{why}");
    let mut client = Client::new();
    let mut rounds = 0;
    while !client.events.iter().any(|event| matches!(event, ClientEvent::Ended { .. })) && rounds < 10_000 {
        let mut wire = Wire::default();
        wire.block(1, &block_of(&[(":status", "103")]), false);
        client.take(&wire.take());
        rounds += 1;
    }
    assert_eq!(rounds, 17, "the call ends, {:?}", client.events);
    assert!(client.peak <= 64 * 1024);
}

#[test]
fn a16_frames_of_extensions_that_flood_a_client_end_it() {
    // ALTSVC, RFC 7838, and ORIGIN, RFC 8336.
    for kind in [0x0a, 0x0c] {
        let (rounds, why) = Client::new().ends(|wire, _| _ = wire.frame(kind, 0, 0, &[0; 64]));
        assert!(rounds <= 1_000, "{rounds}: {why}");
    }
    let (rounds, why) = Client::new().ends(|wire, _| _ = wire.settings(&[]));
    assert!(rounds <= 1_000, "CVE-2026-33814, {rounds}: {why}");
}

#[test]
fn a17_goaway_may_not_be_raised_repeated_without_end_or_speak_to_a_terminal() {
    let goaway = |last: u32, debug: &[u8]| [&last.to_be_bytes()[..], &2u32.to_be_bytes(), debug].concat();
    let (rounds, why) = Client::new().ends(|wire, round| {
        wire.frame(kind::GOAWAY, 0, 0, &goaway(1 + 2 * round, b""));
    });
    assert_eq!(rounds, 2, "{why}");
    let (rounds, why) = Client::new().ends(|wire, _| _ = wire.frame(kind::GOAWAY, 0, 0, &goaway(1, b"")));
    assert!(rounds <= 1_000, "{rounds}: {why}");
    // 16 KiB is the most that a frame may have; of that little is kept, and nothing that moves a cursor.
    let mut client = Client::new();
    let mut wire = Wire::default();
    let debug = "\u{1b}[2J\u{202e}\r\n".repeat(1_500);
    wire.frame(kind::GOAWAY, 0, 0, &goaway(0, debug.as_bytes()));
    client.take(&wire.take());
    let why = client.end().expect("its one call was refused");
    assert!(why.len() <= 4 * 256 + 128, "{} bytes", why.len());
    assert!(why.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{why:?}");
    assert!(client.live <= 8 * 1024, "{} bytes of heap", client.live);
}
