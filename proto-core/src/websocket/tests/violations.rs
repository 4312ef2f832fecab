//! Each violation: what provokes it, and the close frame that answers it.

use super::{Wire, text};
use crate::websocket::trial::peer::Peer;
use crate::websocket::{Config, Delivery, End, Event, Violation};
use core::time::Duration;

/// What a client does wrong, and what it is told.
#[track_caller]
fn provokes(violation: Violation, say: impl FnOnce(&mut Peer) -> &mut Peer) {
    let mut wire = Wire::server_with(Config { message_bytes_max: 1_000, ..Config::default() });
    check(&mut wire, violation, say);
}

#[track_caller]
fn check(wire: &mut Wire, violation: Violation, say: impl FnOnce(&mut Peer) -> &mut Peer) {
    wire.say(|peer| say(peer).text("never read"));
    assert_eq!(wire.end(), Some(&End::Violation(violation)));
    let sent = wire.take_sent();
    let masked = sent[sent.len() - 1 - violation.text().len()..].first().is_some_and(|byte| byte & 0x80 != 0);
    let _ = masked;
    if wire.machine.role() == crate::websocket::Role::Server {
        let close = &sent[sent.len() - violation.text().len() - 4..];
        assert_eq!(close[..2], [0x88, 2 + violation.text().len() as u8]);
        assert_eq!(close[2..4], violation.code().as_u16().to_be_bytes());
        assert_eq!(&close[4..], violation.text().as_bytes());
    }
    assert!(!wire.events.contains(&text("never read")));
    wire.machine.send(crate::websocket::Kind::Text, "x".into(), false).expect_err("the connection is over");
}

// RFC 6455 §7.1.7: a connection that fails says so in a close frame, and the transport is closed: a violation.
#[test]
fn rfc6455_5_2_reserved_bits_opcodes_and_lengths_fail_the_connection() {
    for first in [0xa1, 0x91, 0xb1, 0xf1, 0xc9] {
        provokes(Violation::ReservedBits, |peer| peer.frame(first, b"x"));
    }
    for opcode in (3..8).chain(11..16) {
        provokes(Violation::ReservedOpcode, |peer| peer.frame(0x80 | opcode, b"x"));
    }
    provokes(Violation::Length, |peer| peer.raw(&[0x82, 0xfe, 0, 125, 1, 2, 3, 4]));
    provokes(Violation::Length, |peer| peer.raw(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]));
    provokes(Violation::Length, |peer| peer.raw(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
}

#[test]
fn rfc6455_5_1_a_server_closes_on_an_unmasked_frame_and_a_client_on_a_masked_one() {
    provokes(Violation::Unmasked, |peer| peer.frame_masked(0x81, b"hello", false));
    let mut client = Wire::client_with(Config::default());
    check(&mut client, Violation::Masked, |peer| peer.frame_masked(0x81, b"hello", true));
}

#[test]
fn rfc6455_5_5_control_frames_that_are_fragmented_or_longer_than_125_bytes_fail_the_connection() {
    for opcode in [0x08, 0x09, 0x0a] {
        provokes(Violation::FragmentedControl, |peer| peer.frame(opcode, b"x"));
        provokes(Violation::LongControl, |peer| peer.frame(0x80 | opcode, &[b'x'; 126]));
    }
}

#[test]
fn rfc6455_5_4_continuations_without_a_message_and_messages_within_messages_fail_the_connection() {
    provokes(Violation::StrayContinuation, |peer| peer.frame(0x80, b"x"));
    provokes(Violation::StrayContinuation, |peer| peer.text("whole").frame(0x00, b"x"));
    provokes(Violation::InterruptedMessage, |peer| peer.frame(0x01, b"x").frame(0x81, b"y"));
    provokes(Violation::InterruptedMessage, |peer| peer.frame(0x02, b"x").frame(0x02, b"y"));
}

#[test]
fn rfc6455_8_1_text_that_is_not_utf8_fails_at_the_byte_that_shows_it() {
    provokes(Violation::BadText, |peer| peer.frame(0x81, &[0xff]));
    provokes(Violation::BadText, |peer| peer.frame(0x81, &[b'a', 0xe2, 0x82]));
    provokes(Violation::BadText, |peer| peer.frame(0x01, &[0xe2]).frame(0x80, &[0x82]));
    provokes(Violation::BadText, |peer| {
        peer.frame(0x01, &[0xce, 0xba, 0xe1]).frame(0x00, &[0xbd, 0xb9, 0xf4, 0x90])
    });
    // The frame announces ten bytes; the fifth is wrong, and the rest never comes.
    let mut wire = Wire::server();
    wire.say(|peer| peer.raw(&[0x81, 0x8a, 0, 0, 0, 0]).raw(b"abc\xf4"));
    assert_eq!(wire.end(), None);
    wire.say(|peer| peer.raw(&[0x90]));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::BadText)));
    // Nothing is wrong with the same bytes in a binary message.
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x82, &[0xff]));
    assert_eq!(wire.end(), None);
}

#[test]
fn rfc6455_5_5_1_and_7_4_close_frames_are_checked() {
    provokes(Violation::CloseLength, |peer| peer.frame(0x88, &[3]));
    provokes(Violation::CloseCode, |peer| peer.close(1005, ""));
    provokes(Violation::CloseReason, |peer| peer.frame(0x88, &[3, 0xe8, 0xff]));
}

#[test]
fn rfc6455_10_4_a_message_above_its_limit_fails_by_its_head_and_holds_nothing() {
    provokes(Violation::MessageTooBig, |peer| peer.raw(&[0x82, 0xfe, 0x03, 0xe9, 1, 2, 3, 4]));
    provokes(Violation::MessageTooBig, |peer| peer.frame(0x02, &[0; 600]).frame(0x80, &[0; 401]));
    let mut wire = Wire::server_with(Config { message_bytes_max: 1_000, ..Config::default() });
    wire.say(|peer| peer.frame(0x02, &[0; 600]).frame(0x80, &[0; 400]));
    assert_eq!((wire.end(), wire.events.len()), (None, 1));
}

#[test]
fn rfc7692_6_compression_that_was_not_agreed_on_fails_the_connection() {
    provokes(Violation::CompressedUnasked, |peer| peer.frame(0xc1, &[0]));
    provokes(Violation::CompressedContinuation, |peer| peer.frame(0x01, b"x").frame(0x40, b"x"));
}

#[test]
fn a_violation_comes_after_the_messages_before_it_and_their_answers() {
    let mut wire = Wire::server();
    wire.peer.text("first").frame(0x83, b"");
    let bytes = wire.peer.take();
    crate::base::Machine::handle_input(&mut wire.machine, wire.now, bytes.into());
    let mut out = crate::base::Out::with_room(1000);
    let first = crate::base::Machine::poll_output(&mut wire.machine, wire.now, &mut out);
    assert_eq!(first, crate::base::Output::Event(text("first")));
    assert!(wire.machine.send(crate::websocket::Kind::Text, "echo".into(), false).is_ok());
    wire.settle();
    assert!(wire.sent.starts_with(b"\x81\x04echo\x88"), "{:?}", wire.sent);
}

#[test]
fn in_parts_the_good_bytes_of_a_bad_text_come_before_its_violation() {
    let mut wire = Wire::server_with(Config { delivery: Delivery::Parts, ..Config::default() });
    wire.say(|peer| peer.frame(0x81, b"good\xc3\x28bad"));
    let Event::Part { payload, end: false, .. } = &wire.events[0] else { panic!("{:?}", wire.events) };
    assert_eq!(&payload[..], b"good\xc3");
    assert_eq!(wire.end(), Some(&End::Violation(Violation::BadText)));
}

#[test]
fn the_rest_of_the_table_is_provoked_by_time_and_floods() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x01, b"begun"));
    wire.wait(Duration::from_secs(29)).say(|peer| peer.frame(0x00, b"on"));
    wire.wait(Duration::from_millis(29_999));
    assert_eq!(wire.end(), None);
    wire.wait(Duration::from_millis(1));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::MessageTimeout)));
}
