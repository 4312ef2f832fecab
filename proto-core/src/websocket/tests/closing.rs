//! The closing handshake, RFC 6455 §7, begun by either side, and its races.

use super::{Pair, Wire, text};
use crate::base::{Flow, Machine, Misuse};
use crate::websocket::{CloseCode, Config, End, Event, Kind, Request, Violation};
use alloc::vec::Vec;
use core::time::Duration;

fn closed(code: u16, reason: &str, by_peer: bool) -> Event {
    Event::Closed(End::Closed { code: CloseCode::new(code), reason: reason.into(), by_peer })
}

fn closing(code: u16, reason: &str) -> Event {
    Event::Closing { code: CloseCode::new(code), reason: reason.into() }
}

#[test]
fn rfc6455_5_5_1_a_close_frame_is_answered_with_its_code_after_what_is_queued() {
    let mut wire = Wire::server();
    assert_eq!(wire.machine.send(Kind::Text, "queued".into(), false), Ok(Flow::Ready));
    wire.say(|peer| peer.close(1000, "bye").text("after the end"));
    assert_eq!(wire.take_sent(), b"\x81\x06queued\x88\x02\x03\xe8");
    assert_eq!(wire.take_events(), [closing(1000, "bye"), closed(1000, "bye", true)]);
    assert_eq!(wire.machine.send(Kind::Text, "late".into(), false), Err(Misuse::Closed));
}

#[test]
fn rfc6455_5_5_1_a_close_frame_without_a_code_is_answered_with_one_without() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x88, b""));
    assert_eq!(wire.take_sent(), b"\x88\x00");
    assert_eq!(wire.take_events(), [closing(0, ""), closed(0, "", true)]);
}

#[test]
fn rfc6455_5_5_1_nothing_is_sent_after_a_close_frame_and_messages_are_read_until_the_answer() {
    let mut wire = Wire::server();
    wire.machine.close(wire.now, CloseCode::GOING_AWAY, "restart").unwrap();
    assert!(matches!(wire.machine.send(Kind::Text, "x".into(), false), Err(Misuse::OutOfOrder(_))));
    assert!(matches!(wire.machine.close(wire.now, CloseCode::NORMAL, ""), Err(Misuse::OutOfOrder(_))));
    wire.settle();
    assert_eq!(wire.take_sent(), b"\x88\x09\x03\xe9restart");
    wire.say(|peer| peer.text("crossed").frame(0x89, b"crossed").close(1001, ""));
    assert_eq!(wire.take_events(), [text("crossed"), closing(1001, ""), closed(1001, "restart", false)]);
    assert_eq!(wire.take_sent(), b"");
}

#[test]
fn rfc6455_7_1_1_a_client_waits_for_the_server_to_end_the_transport() {
    let mut wire = Wire::client_with(Config::default());
    wire.say(|peer| peer.close(1000, ""));
    assert_eq!(wire.take_events(), [closing(1000, "")]);
    assert_eq!(wire.take_sent().len(), 8, "a masked close frame");
    wire.machine.handle_eof(wire.now);
    wire.settle();
    assert_eq!(wire.take_events(), [closed(1000, "", true)]);

    let mut wire = Wire::client_with(Config::default());
    wire.machine.close(wire.now, CloseCode::NORMAL, "").unwrap();
    wire.say(|peer| peer.close(1000, "").raw(b"noise"));
    wire.wait(Duration::from_millis(4_999));
    assert_eq!(wire.take_events(), [closing(1000, "")]);
    wire.wait(Duration::from_millis(1));
    assert_eq!(wire.take_events(), [closed(1000, "", false)]);
}

#[test]
fn a_peer_that_does_not_answer_a_close_is_left_after_the_timeout() {
    let mut wire = Wire::server();
    wire.machine.close(wire.now, CloseCode::NORMAL, "").unwrap();
    wire.wait(Duration::from_millis(4_999));
    assert_eq!(wire.end(), None);
    wire.wait(Duration::from_millis(1));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::CloseTimeout)));
    assert_eq!(wire.take_sent(), b"\x88\x02\x03\xe8", "one close frame, not two");
}

#[test]
fn both_sides_may_close_at_once() {
    let mut pair = Pair::new(Config::default(), Config::default(), &Request::new("localhost", "/"));
    pair.client.close(pair.now, CloseCode::NORMAL, "mine").unwrap();
    pair.server.close(pair.now, CloseCode::GOING_AWAY, "yours").unwrap();
    pair.settle();
    assert_eq!(pair.at_server[1..], [closing(1000, "mine"), closed(1001, "yours", false)]);
    pair.client.handle_eof(pair.now);
    pair.settle();
    assert_eq!(pair.at_client[1..], [closing(1001, "yours"), closed(1000, "mine", false)]);
}

#[test]
fn rfc6455_7_1_5_a_transport_that_ends_without_a_close_frame_is_reported() {
    for wire in [Wire::server(), Wire::client_with(Config::default())] {
        let mut wire = wire;
        wire.say(|peer| peer.text("whole").raw(&[0x81]));
        wire.machine.handle_eof(wire.now);
        wire.settle();
        assert_eq!(wire.take_events(), [text("whole"), Event::Closed(End::TransportClosed)]);
    }
}

#[test]
fn rfc6455_7_4_1_codes_that_stand_for_silence_are_not_sent() {
    let mut wire = Wire::server();
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL] {
        assert!(matches!(wire.machine.close(wire.now, code, ""), Err(Misuse::InvalidPayload(_))));
    }
    assert!(wire.machine.is_open());
}

#[test]
fn rfc6455_7_4_each_close_code_from_0_to_4999_is_echoed_or_answered_with_1002() {
    let mut echoed = Vec::new();
    for code in 0..5_000 {
        let mut wire = Wire::server();
        wire.say(|peer| peer.close(code, ""));
        let sent = wire.take_sent();
        if sent[2..4] == code.to_be_bytes() && wire.end() != Some(&End::Violation(Violation::CloseCode)) {
            echoed.push(code);
        } else {
            assert_eq!(sent[2..4], 1002u16.to_be_bytes(), "{code}");
        }
    }
    let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
    assert_eq!(echoed, expected);
}
