//! Known attacks on WebSocket servers, each with the memory or the count at which it ends.

use super::{Wire, secret};
use crate::base::{Flow, Machine, Out, Output, Time};
use crate::websocket::trial::peer::{KEY, Peer};
use crate::websocket::{Config, Connection, End, Event, Kind, Refusal, Violation};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// How many rounds a connection lets its peer go on, and how it ends.
fn ends(wire: &mut Wire, mut round: impl FnMut(&mut Peer)) -> (u32, Violation) {
    for rounds in 0..200_000 {
        wire.say(|peer| {
            round(peer);
            peer
        });
        if let Some(End::Violation(violation)) = wire.end() {
            return (rounds, *violation);
        }
    }
    panic!("the attack goes on for ever");
}

#[test]
fn cve_2026_48779_a_message_in_fragments_of_one_byte_ends_early_and_holds_little() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x02, b"x"));
    let mut most = 0;
    for rounds in 0..131_000 {
        wire.say(|peer| peer.frame(0x00, b"x"));
        most = most.max(wire.machine.memory());
        if wire.end().is_some() {
            assert!((2_000..2_300).contains(&rounds), "{rounds}");
            break;
        }
    }
    assert_eq!(wire.end(), Some(&End::Violation(Violation::FragmentFlood)));
    assert!(most <= 8 * 1024, "{most}");
    assert_eq!(wire.take_sent()[2..4], 1008u16.to_be_bytes());
}

#[test]
fn cve_2026_42786_empty_fragments_are_counted() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x02, b""));
    let (rounds, violation) = ends(&mut wire, |peer| {
        peer.frame(0x00, b"");
    });
    assert_eq!((rounds, violation), (2_047, Violation::FragmentFlood));
}

#[test]
fn a_message_in_65536_fragments_of_64_bytes_passes_in_twice_its_size() {
    let mut wire = Wire::server();
    let mut most = 0;
    for index in 0..65_536u32 {
        let first = if index == 0 { 0x02 } else { 0 } | if index == 65_535 { 0x80 } else { 0 };
        wire.say(|peer| peer.frame(first, &[index as u8; 64]));
        most = most.max(wire.machine.memory());
    }
    assert_eq!(wire.end(), None);
    let Some(Event::Message { payload, .. }) = wire.events.first() else { panic!("{:?}", wire.events) };
    assert_eq!(payload.len(), 1 << 22);
    assert!(most <= 2 << 22, "{most}");
}

#[test]
fn cve_2022_35922_a_length_that_lies_reserves_nothing() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.raw(&[0x82, 0xff, 0, 0, 0, 0, 0x01, 0, 0, 0, 1, 2, 3, 4]).raw(b"a few bytes"));
    assert_eq!(wire.end(), None);
    assert!(wire.machine.memory() < 1_024, "{}", wire.machine.memory());
    let mut wire = Wire::server();
    wire.say(|peer| peer.raw(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::MessageTooBig)));
}

#[test]
fn a_flood_of_pings_ends_and_its_answers_are_bounded_for_a_peer_that_does_not_read() {
    let mut wire = Wire::server();
    let (rounds, violation) = ends(&mut wire, |peer| {
        peer.frame(0x89, &[b'x'; 125]);
    });
    assert_eq!((rounds, violation), (1_000, Violation::ControlFlood));

    let mut wire = Wire::server();
    wire.take_sent();
    for index in 0..900u16 {
        wire.peer.frame(0x89, &index.to_be_bytes());
    }
    let bytes = wire.peer.take();
    wire.machine.handle_input(wire.now, bytes.into());
    let mut none = Out::with_room(0);
    assert!(matches!(wire.machine.poll_output(wire.now, &mut none), Output::Full(_)));
    assert!(wire.machine.memory() < 8 * 1024, "{}", wire.machine.memory());
    wire.settle();
    let sent = wire.take_sent();
    assert!(sent.len() <= 16 * 4, "{}", sent.len());
    assert!(sent.ends_with(&[0x8a, 2, 3, 131]), "the latest is answered: {sent:?}");
}

#[test]
fn a_flood_of_pongs_ends_too() {
    let mut wire = Wire::server();
    let (rounds, violation) = ends(&mut wire, |peer| {
        peer.frame(0x8a, b"");
    });
    assert_eq!((rounds, violation), (1_000, Violation::ControlFlood));
}

#[test]
fn an_honest_peer_that_pings_with_each_message_is_never_taken_for_an_attacker() {
    let mut wire = Wire::server();
    for _ in 0..10_000 {
        wire.say(|peer| peer.text("work").frame(0x89, b"still there?"));
        wire.take_events();
    }
    assert!(wire.machine.is_open());
}

/// What a server answers to these bytes.
fn answer_to(request: &str) -> (String, Vec<Event>) {
    let mut server = Connection::server(Time::START, Config::default().into());
    server.handle_input(Time::START, String::from(request).into());
    let mut events = Vec::new();
    let answer = super::turn(&mut server, Time::START, &mut events);
    assert!(server.memory() <= Config::default().memory_max());
    (String::from_utf8_lossy(&answer).into_owned(), events)
}

fn with_lines(lines: &str) -> String {
    let mut peer = Peer::new(true);
    peer.request("/", lines);
    String::from_utf8_lossy(&peer.take()).into_owned()
}

#[test]
fn cve_2023_43669_and_cve_2024_37890_heads_are_bounded_in_bytes_and_in_fields() {
    let (answer, events) = answer_to(&with_lines(&"x-filler: 1\r\n".repeat(200)));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(matches!(events[..], [Event::Closed(End::Refused(Refusal::Head(_)))]), "{events:?}");
    let (answer, _) = answer_to(&with_lines(&format!("x-filler: {}\r\n", "x".repeat(20_000))));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let (answer, _) = answer_to(&format!("GET /{}", "x".repeat(20_000)));
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
}

#[test]
fn cve_2021_32640_a_long_list_of_subprotocols_is_read_once() {
    let lines = format!("Sec-WebSocket-Protocol: {}\r\n", "a, ".repeat(4_000));
    let (answer, events) = answer_to(&with_lines(&lines));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_eq!(events, [Event::Opened]);
    let (answer, _) = answer_to(&with_lines("Sec-WebSocket-Protocol: \u{e9}\u{fc}\u{1f4a9}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 101 "), "no subprotocol is chosen: {answer}");
}

#[test]
fn cve_2019_13209_a_page_of_another_origin_is_refused_and_a_client_that_is_no_page_is_not() {
    for origin in ["http://evil.example", "null", "http://localhost:81", "file://"] {
        let (answer, events) = answer_to(&with_lines(&format!("Origin: {origin}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("origin"), "{answer}");
        assert_eq!(events, [Event::Closed(End::Refused(Refusal::Origin))]);
    }
    let twice = "Origin: http://localhost:80\r\nOrigin: http://evil.example\r\n";
    assert!(answer_to(&with_lines(twice)).0.starts_with("HTTP/1.1 403 "));
    assert!(answer_to(&with_lines("Origin: http://localhost\r\n")).0.starts_with("HTTP/1.1 101 "));
    assert!(answer_to(&with_lines("")).0.starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_handshake_with_a_body_is_no_way_to_smuggle_a_request() {
    for lines in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert!(answer_to(&with_lines(lines)).0.starts_with("HTTP/1.1 400 "), "{lines}");
    }
    assert!(answer_to(&with_lines("Content-Length: 0\r\n")).0.starts_with("HTTP/1.1 101 "));
}

#[test]
fn garbage_where_a_handshake_is_due_is_refused_with_http_s_own_answer() {
    for garbage in [
        "\u{16}\u{3}\u{1}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\0",
    ] {
        let (answer, events) = answer_to(garbage);
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505 "),
            "{garbage:?}: {answer}"
        );
        assert!(matches!(events[..], [Event::Closed(End::Refused(_))]), "{garbage:?}");
    }
}

#[test]
fn a_peer_that_never_reads_makes_a_server_queue_no_more_than_its_owner_chose() {
    let config = Config { send_buffer_bytes: 10_000, ..Config::default() };
    let bound = config.memory_max();
    let mut wire = Wire::server_with(config);
    let mut queued = 0;
    while wire.machine.send(Kind::Binary, (&[7; 1_000][..]).into(), false) == Ok(Flow::Ready) {
        queued += 1_000;
    }
    assert!(queued <= 10_000 && wire.machine.memory() <= bound);
    let mut none = Out::with_room(0);
    for _ in 0..100 {
        wire.peer.frame(0x89, b"ping");
        let bytes = wire.peer.take();
        wire.machine.handle_input(wire.now, bytes.into());
        assert!(matches!(wire.machine.poll_output(wire.now, &mut none), Output::Full(_)));
    }
    assert!(wire.machine.memory() < 20_000, "{}", wire.machine.memory());
}

#[test]
fn a_half_open_connection_is_given_up() {
    let config = Config { heartbeat_interval: Some(Duration::from_secs(30)), ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.wait(Duration::from_secs(30)).wait(Duration::from_secs(20));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::HeartbeatTimeout)));
}

// RFC 6455 §4.1: the key is 16 random bytes, fresh for each connection.
#[test]
fn a_client_s_key_is_fresh_for_each_connection() {
    let request = crate::websocket::Request::new("localhost", "/");
    let mut first = secret();
    let mut second = crate::base::Secret::from_seed([4; 32]);
    let config = Config::default();
    let keys = [&mut first, &mut second].map(|secret| {
        let (head, _) = crate::websocket::handshake::client::ask(&request, &config, secret).unwrap();
        String::from_utf8(head).unwrap()
    });
    assert_ne!(keys[0], keys[1]);
    assert!(!keys[0].contains(KEY));
}
