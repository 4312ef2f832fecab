//! Frames as bytes: the examples of RFC 6455, masking on both sides, control frames between fragments.

use super::{Wire, binary, text};
use crate::base::{Flow, Machine, Misuse};
use crate::websocket::{Config, Event, Kind};
use alloc::vec::Vec;

#[test]
fn rfc6455_5_7_the_examples_are_read_by_the_side_they_are_for() {
    let mut server = Wire::server();
    server.say(|peer| peer.raw(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]));
    assert_eq!(server.take_events(), [text("Hello")]);
    server.say(|peer| peer.raw(&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]));
    assert_eq!(server.take_events(), [], "a pong that nobody asked for");

    let mut client = Wire::client_with(Config::default());
    client.say(|peer| peer.raw(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]));
    client.say(|peer| peer.raw(&[0x01, 0x03, 0x48, 0x65, 0x6c]).raw(&[0x80, 0x02, 0x6c, 0x6f]));
    assert_eq!(client.take_events(), [text("Hello"), text("Hello")]);
    let long: Vec<u8> = (0..65_536u32).map(|n| n as u8).collect();
    client.say(|peer| peer.raw(&[0x82, 0x7e, 0x01, 0x00]).raw(&long[..256]));
    client.say(|peer| peer.raw(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]).raw(&long));
    assert_eq!(client.take_events(), [binary(&long[..256]), binary(&long)]);
}

// RFC 6455 §10.3: a fresh key for each frame, whoever chose the payload.
#[test]
fn rfc6455_5_1_a_server_never_masks_and_a_client_masks_each_frame_with_a_fresh_key() {
    let mut server = Wire::server();
    for length in [0, 125, 126, 65_536] {
        let payload = alloc::vec![b'x'; length];
        let flow = server.machine.send(Kind::Binary, payload.into(), false);
        assert!(flow.is_ok());
        server.settle();
        let sent = server.take_sent();
        assert_eq!(sent[1] & 0x80, 0, "{length}");
        assert!(sent.ends_with(&alloc::vec![b'x'; length]));
    }
    let mut client = Wire::client_with(Config::default());
    let mut keys = Vec::new();
    for _ in 0..100 {
        assert_eq!(client.machine.send(Kind::Text, "Hello".into(), false), Ok(Flow::Ready));
        client.settle();
        let sent = client.take_sent();
        assert_eq!((sent.len(), sent[1]), (11, 0x85));
        let key: [u8; 4] = sent[2..6].try_into().unwrap();
        let payload: Vec<u8> =
            sent[6..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert_eq!(payload, b"Hello");
        keys.push(key);
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 100);
}

#[test]
fn rfc6455_5_4_control_frames_between_fragments_are_answered_before_the_message_is_whole() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(0x01, "fragm".as_bytes()).frame(0x89, b"ping"));
    assert_eq!(wire.take_sent(), b"\x8a\x04ping");
    assert_eq!(wire.take_events(), []);
    wire.say(|peer| peer.frame(0x00, b"").frame(0x89, b"").frame(0x80, b"ents"));
    assert_eq!(wire.take_sent(), b"\x8a\x00");
    assert_eq!(wire.take_events(), [text("fragments")]);
}

// RFC 6455 §5.5.3: a pong has the payload of its ping.
#[test]
fn rfc6455_5_5_2_and_5_5_3_a_ping_is_answered_with_its_payload() {
    let mut wire = Wire::server();
    for length in [0, 1, 125] {
        let payload = alloc::vec![0xfe; length];
        wire.say(|peer| peer.frame(0x89, &payload));
        let sent = wire.take_sent();
        assert_eq!(sent[..2], [0x8a, length as u8]);
        assert_eq!(sent[2..], payload[..]);
    }
}

#[test]
fn rfc6455_5_5_3_a_pong_is_reported_when_the_owner_asked_for_it() {
    let mut wire = Wire::server();
    wire.machine.ping(b"there?").unwrap();
    wire.settle();
    assert_eq!(wire.take_sent(), b"\x89\x06there?");
    wire.say(|peer| peer.frame(0x8a, b"else").frame(0x8a, b"there?").frame(0x8a, b"there?"));
    assert_eq!(wire.take_events(), [Event::Pong { payload: (&b"there?"[..]).into() }]);
    assert_eq!(wire.machine.ping(&[0; 126]), Err(Misuse::TooLarge { size: 126, limit: 125 }));
}

#[test]
fn rfc6455_5_4_a_long_message_of_a_client_leaves_in_fragments_with_control_frames_between() {
    let mut client = Wire::client_with(Config::default());
    let payload: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    assert_eq!(client.machine.send(Kind::Binary, payload.clone().into(), false), Ok(Flow::Ready));
    client.settle();
    let sent = client.take_sent();
    assert_eq!(sent[0], 0x02, "the first of several fragments");
    let mut server = Wire::server();
    server.machine.handle_input(server.now, sent.into());
    server.settle();
    assert_eq!(server.take_events(), [binary(&payload)]);
}
