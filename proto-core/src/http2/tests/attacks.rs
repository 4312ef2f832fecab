//! The attacks that other implementations fell to, by the name under which they became known. Each is repeated as often as
//! an attacker likes; the connection must end after a bounded number of frames, or cost no more however long it goes on.

use super::wire::{Wire, fields};
use crate::base::Flow;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{Peer, REQUEST, RESPONSE};
use crate::http2::{Config, End, ErrorCode, Event, Prefix, StreamId, Violation};
use alloc::vec;
use bytes::Bytes;

/// Resets of new streams that a connection may cause at one instant: of the two hundred whose work an attack may begin.
const RESETS: u32 = 500 / 3;

/// Repeats what `write` writes until the connection ends: after how many rounds, and why. Memory is bounded throughout.
#[track_caller]
fn ends(mut wire: Wire, write: impl Fn(&mut Peer, u32) -> &mut Peer) -> (u32, Violation) {
    let bound = Config::default().memory_max(Config::default().max_concurrent_streams as usize);
    for round in 0..20_000 {
        wire.say(|peer| write(peer, round));
        assert!(wire.machine.memory() <= bound);
        if let Some(Event::Ended(End::Violation(violation))) = wire.events.last() {
            assert_eq!(wire.goaways().last().map(|(_, code)| *code), Some(violation.code()));
            return (round, *violation);
        }
    }
    panic!("the connection still takes it")
}

/// A server with an open stream.
fn busy() -> Wire {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire
}

#[test]
fn cve_2023_44487_rapid_reset() {
    let (rounds, why) = ends(Wire::server(), |peer, round| {
        peer.headers(2 * round + 1, &REQUEST, true).reset(2 * round + 1, 8)
    });
    assert_eq!((rounds, why), (RESETS, Violation::ResetFlood));
}

#[test]
fn cve_2025_8671_resets_that_the_server_is_made_to_send() {
    let zero_increment = ends(Wire::server(), |peer, round| {
        peer.headers(2 * round + 1, &REQUEST, true).window_update(2 * round + 1, 0)
    });
    assert_eq!(zero_increment, (RESETS, Violation::ResetFlood));
    let after_the_end = ends(Wire::server(), |peer, round| {
        peer.headers(2 * round + 1, &REQUEST, true).data(2 * round + 1, b"x", true)
    });
    assert_eq!(after_the_end, (RESETS, Violation::ResetFlood));
    let malformed = ends(Wire::server(), |peer, round| peer.headers(2 * round + 1, &RESPONSE, true));
    assert_eq!(malformed, (RESETS, Violation::ResetFlood));
}

#[test]
fn cve_2024_27316_continuation_without_end() {
    let empty = ends(Wire::server(), |peer, round| {
        let kind = if round == 0 { FrameType::Headers } else { FrameType::Continuation };
        peer.frame(kind, 0, 1, b"")
    });
    assert_eq!(empty, (9, Violation::TooManyContinuations));
    let full = ends(Wire::server(), |peer, round| {
        let kind = if round == 0 { FrameType::Headers } else { FrameType::Continuation };
        peer.frame(kind, 0, 1, &[0; 16_384])
    });
    assert_eq!(full, (4, Violation::HeaderBlockTooLarge));
}

#[test]
fn cve_2016_6581_a_small_block_that_inflates() {
    let mut wire = Wire::server();
    let large = "x".repeat(3_000);
    let block = wire.peer.block(&[("bomb", &large)]);
    // Each further octet refers to the whole entry.
    let bomb = [&block[..], &vec![0xbe; 16_384 - block.len()]].concat();
    wire.say(|peer| peer.frame(FrameType::Headers, flags::END_HEADERS, 1, &bomb));
    let Some(Event::Ended(End::Violation(Violation::Compression(_)))) = wire.events.last() else {
        panic!("{:?}", wire.events)
    };
    assert!(wire.machine.memory() < 200_000, "{}", wire.machine.memory());
}

#[test]
fn cve_2019_9512_ping_flood() {
    let (rounds, why) = ends(busy(), |peer, _| peer.ping(*b"flooding"));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
}

#[test]
fn cve_2019_9515_settings_flood() {
    let (rounds, why) = ends(busy(), |peer, round| peer.settings(&[(id::INITIAL_WINDOW_SIZE, round)]));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
}

#[test]
fn cve_2019_9513_priority_flood() {
    let (rounds, why) =
        ends(busy(), |peer, round| peer.frame(FrameType::Priority, 0, 2 * round + 3, &[0, 0, 0, 1, 9]));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
}

#[test]
fn cve_2019_9518_empty_frames_flood() {
    let (rounds, why) = ends(busy(), |peer, _| peer.data(1, b"", false));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
    let padded = ends(busy(), |peer, _| peer.frame(FrameType::Data, flags::PADDED, 1, &[3, 0, 0, 0]));
    assert_eq!(padded, (899, Violation::ControlFlood));
}

#[test]
fn cve_2019_9514_frames_on_streams_that_are_over() {
    let (rounds, why) = ends(Wire::server(), |peer, round| {
        let stream = 2 * (round / 2) + 1;
        if round % 2 == 0 {
            peer.headers(stream, &REQUEST, true)
        } else {
            peer.reset(stream, 8).reset(stream, 8)
        }
    });
    assert!(rounds <= 2 * RESETS + 1 && why == Violation::ResetFlood, "{why:?} after {rounds}");
}

#[test]
fn cve_2019_9516_header_fields_without_names() {
    let (rounds, why) = ends(Wire::server(), |peer, round| {
        peer.frame(FrameType::Headers, flags::END_HEADERS | flags::END_STREAM, 2 * round + 1, &[0, 0, 0])
    });
    assert_eq!((rounds, why), (RESETS, Violation::ResetFlood));
}

#[test]
fn cve_2019_9511_and_9517_a_peer_that_takes_a_byte_at_a_time_holds_a_bounded_buffer() {
    let config = Config { send_buffer_bytes: 10_000, ..Config::default() };
    let bound = config.memory_max(100);
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 1)]));
    let mut queued = 0;
    for stream in (1..200).step_by(2) {
        wire.say(|peer| peer.headers(stream, &REQUEST, true));
        let id = StreamId(stream);
        wire.machine.send_headers(id, fields(&RESPONSE), false).expect("the stream is open");
        while wire.machine.send_data(id, Prefix::NONE, Bytes::from_static(&[7; 1_000]), false)
            == Ok(Flow::Ready)
        {
            queued += 1_000;
        }
    }
    for _ in 0..1_000 {
        wire.say(|peer| peer.window_update(1, 1));
        assert!(wire.machine.memory() <= bound);
    }
    assert!(queued <= 100 * 10_000, "{queued}");
    assert_eq!(wire.machine.reset(StreamId(1), ErrorCode::ENHANCE_YOUR_CALM), Ok(()));
    wire.goes_on();
}

#[test]
fn unknown_frames_and_late_frames_are_no_free_ride() {
    let (rounds, why) = ends(busy(), |peer, _| peer.frame(FrameType::Unknown(0x99), 0, 0, &[0; 1_000]));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
    let (rounds, why) = ends(busy(), |peer, _| peer.window_update(0, 1));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
    let (rounds, why) = ends(busy(), |peer, _| peer.frame(FrameType::Ping, flags::ACK, 0, b"nobodys!"));
    assert_eq!((rounds, why), (899, Violation::ControlFlood));
}

#[test]
fn a_busy_honest_peer_is_never_taken_for_an_attacker() {
    let mut wire = Wire::server();
    for round in 0..5_000u32 {
        let stream = 2 * round + 1;
        wire.say(|peer| peer.headers(stream, &REQUEST, false).data(stream, b"request", true));
        let id = StreamId(stream);
        wire.machine.send_headers(id, fields(&RESPONSE), false).expect("the stream is open");
        let flow = wire.machine.send_data(id, Prefix::NONE, Bytes::from_static(b"response"), true);
        assert_eq!(flow, Ok(Flow::Ready));
        wire.settle();
        // What some peers answer every DATA frame with.
        wire.say(|peer| peer.window_update(0, 8).window_update(stream, 8).ping(*b"measured"));
        assert!(!wire.machine.is_ended(), "round {round}");
    }
}
