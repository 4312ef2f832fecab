//! Messages from end to end: whole and in parts, with back-pressure in both directions.

use super::{Pair, Wire, binary, text};
use crate::base::{Flow, Machine, Misuse, Out, Output};
use crate::websocket::{CloseCode, Config, Credit, Delivery, End, Event, Kind, Policy, Request};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

fn pair() -> Pair {
    let pair = Pair::new(Config::default(), Config::default(), &Request::new("localhost", "/"));
    assert_eq!((&pair.at_client[..], &pair.at_server[..]), (&[Event::Opened][..], &[Event::Opened][..]));
    pair
}

#[test]
fn messages_of_any_size_cross_in_both_directions() {
    let mut pair = pair();
    for size in [0, 1, 125, 126, 1023, 1024, 65_535, 65_536, 300_000] {
        let payload: Vec<u8> = (0..size).map(|n: u32| n as u8).collect();
        pair.at_client.clear();
        pair.at_server.clear();
        assert!(pair.client.send(Kind::Binary, payload.clone().into(), true).is_ok());
        pair.settle();
        assert_eq!(pair.at_server.first(), Some(&binary(&payload)), "{size}");
        assert!(pair.server.send(Kind::Text, "x".repeat(size as usize).into(), true).is_ok());
        pair.settle();
        assert_eq!(
            pair.at_client.iter().find(|event| **event != Event::Writable),
            Some(&text(&"x".repeat(size as usize)))
        );
    }
}

#[test]
fn the_path_the_subprotocol_and_the_origin_are_known_when_the_connection_opens() {
    let policy = Policy { subprotocols: ["b".into(), "c".into()].into(), ..Policy::default() };
    let request =
        Request::new("localhost:7", "/chat?room=1").subprotocol("a").subprotocol("c").subprotocol("b");
    let request = request.field("origin", "http://localhost:7").field("x-token", "secret");
    let now = crate::base::Time::START;
    let mut client =
        crate::websocket::Connection::client(now, Config::default().into(), &request, super::secret())
            .unwrap();
    let config = Config { policy, ..Config::default() };
    let mut server = crate::websocket::Connection::server(now, config.into());
    let mut out = Out::with_room(4096);
    assert!(matches!(client.poll_output(now, &mut out), Output::Idle(_)));
    server.handle_input(now, out.to_vec().into());
    out.clear();
    assert_eq!(server.poll_output(now, &mut out), Output::Event(Event::Opened));
    assert_eq!(server.path(), Some("/chat?room=1"));
    assert_eq!(server.origin(), Some(&b"http://localhost:7"[..]));
    assert_eq!(server.subprotocol(), Some("c"));
    assert!(matches!(server.poll_output(now, &mut out), Output::Idle(_)));
    assert_eq!((server.head(), server.subprotocol()), (None, Some("c")));
    client.handle_input(now, out.to_vec().into());
    assert_eq!(client.poll_output(now, &mut out), Output::Event(Event::Opened));
    assert_eq!(client.subprotocol(), Some("c"));
}

#[test]
fn early_bytes_after_the_head_belong_to_the_connection() {
    let now = crate::base::Time::START;
    let mut peer = crate::websocket::trial::peer::Peer::new(true);
    peer.request("/", "").text("early");
    let mut server = crate::websocket::Connection::server(now, Config::default().into());
    server.handle_input(now, peer.take().into());
    let mut events = Vec::new();
    let _ = super::turn(&mut server, now, &mut events);
    assert_eq!(events, [Event::Opened, text("early")]);
}

#[test]
fn parts_are_handed_on_as_they_arrive_and_nothing_is_gathered() {
    let config = Config { delivery: Delivery::Parts, message_bytes_max: usize::MAX, ..Config::default() };
    let mut wire = Wire::server_with(config);
    let mut seen = Vec::new();
    let payload: Vec<u8> = (0..1_000_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    wire.peer.frame(0x01, &payload[..400_000]).frame(0x80, &payload[400_000..]);
    let bytes = wire.peer.take();
    for chunk in bytes.chunks(30_000) {
        wire.machine.handle_input(wire.now, Bytes::copy_from_slice(chunk));
        wire.settle();
        assert!(wire.machine.memory() < 100_000, "{}", wire.machine.memory());
        for event in wire.take_events() {
            let Event::Part { kind: Kind::Text, payload, end, .. } = event else { panic!("{event:?}") };
            seen.extend_from_slice(&payload);
            assert_eq!(end, seen.len() == 1_000_000);
        }
    }
    assert_eq!(seen, payload);
}

#[test]
fn a_send_that_says_blocked_is_followed_by_one_writable() {
    let config = Config { send_buffer_bytes: 1_000, ..Config::default() };
    let mut wire = Wire::server_with(config);
    let part = Bytes::from_static(&[1; 600]);
    assert_eq!(wire.machine.send(Kind::Binary, part.clone(), false), Ok(Flow::Ready));
    assert_eq!(wire.machine.send(Kind::Binary, part.clone(), false), Ok(Flow::Blocked));
    assert_eq!(wire.machine.send(Kind::Binary, part, false), Err(Misuse::Blocked));
    assert!(wire.machine.queued_bytes() > 1_200);
    wire.settle();
    assert_eq!(wire.take_events(), [Event::Writable]);
    assert_eq!(wire.machine.queued_bytes(), 0);
}

#[test]
fn an_application_that_takes_nothing_stops_the_reading_and_goes_on_when_it_does() {
    let config = Config { credit: Credit::Manual, unread_bytes_max: 1_000, ..Config::default() };
    let mut wire = Wire::server_with(config);
    for _ in 0..10 {
        wire.peer.frame(0x82, &[7; 300]);
    }
    wire.say(|peer| peer.frame(0x89, b"behind"));
    assert_eq!(wire.events.len(), 3);
    assert!(!wire.machine.wants_input());
    assert_eq!(wire.take_sent(), b"");
    wire.machine.consume(3 * 364);
    wire.settle();
    assert_eq!(wire.events.len(), 6);
    for _ in 0..4 {
        wire.machine.consume(3 * 364);
        wire.settle();
    }
    assert_eq!(wire.events.len(), 10);
    assert_eq!(wire.take_sent(), b"\x8a\x06behind");
    assert!(wire.machine.wants_input());
}

#[test]
fn rfc6455_5_6_a_text_that_is_not_utf8_is_not_sent() {
    let mut wire = Wire::server();
    let bad = wire.machine.send(Kind::Text, Bytes::from_static(&[0xff]), false);
    assert_eq!(bad, Err(Misuse::InvalidPayload("a text message is UTF-8")));
    assert_eq!(wire.machine.send(Kind::Binary, Bytes::from_static(&[0xff]), false), Ok(Flow::Ready));
}

#[test]
fn commands_before_and_after_the_connection_are_misuse() {
    let now = crate::base::Time::START;
    let mut server = crate::websocket::Connection::server(now, Config::default().into());
    assert!(matches!(server.send(Kind::Text, "x".into(), false), Err(Misuse::OutOfOrder(_))));
    assert!(matches!(server.ping(b""), Err(Misuse::OutOfOrder(_))));
    assert_eq!(server.close(now, CloseCode::NORMAL, ""), Ok(()));
    let mut out = Out::with_room(100);
    assert_eq!(server.poll_output(now, &mut out), Output::Event(Event::Closed(End::Abandoned)));
    assert_eq!(server.poll_output(now, &mut out), Output::Idle(None));
    assert_eq!(server.send(Kind::Text, "x".into(), false), Err(Misuse::Closed));
    assert_eq!(server.close(now, CloseCode::NORMAL, ""), Err(Misuse::Closed));
}

#[test]
fn every_end_reads_as_a_sentence() {
    let closed = End::Closed { code: Some(CloseCode::GOING_AWAY), reason: "bye\n".into(), by_peer: true };
    let shown: Vec<String> =
        [closed, End::TransportClosed, End::Abandoned, End::Violation(crate::websocket::Violation::BadText)]
            .iter()
            .map(alloc::string::ToString::to_string)
            .collect();
    assert_eq!(shown[0], "the peer closed the connection: 1001 going away, bye\\n");
    assert!(shown[3].contains("RFC 6455 §8.1"), "{}", shown[3]);
}
