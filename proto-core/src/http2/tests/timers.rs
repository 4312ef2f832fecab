//! Keepalive, idleness, drains and their grace: what happens when, on a clock that the test moves.

use super::wire::{Wire, fields};
use crate::base::{Machine, Misuse, Out, Output, Rate};
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{CloseReason, Config, End, ErrorCode, Event, StreamId, Violation};
use alloc::vec::Vec;
use core::time::Duration;

const ONE: StreamId = StreamId(1);
const SECOND: Duration = Duration::from_secs(1);

fn keepalive() -> Config {
    Config { keepalive_interval: Some(10 * SECOND), keepalive_timeout: 3 * SECOND, ..Config::default() }
}

/// The payloads of the PINGs that ask.
fn pings(wire: &Wire) -> Vec<[u8; 8]> {
    let pings = wire.frames_of(FrameType::Ping);
    let asking = pings.iter().filter(|frame| !frame.has(flags::ACK));
    asking.map(|frame| frame.payload[..].try_into().expect("PING carries eight bytes")).collect()
}

/// The peer answers the PING that was sent last.
fn pong(wire: &mut Wire) {
    let payload = pings(wire)[0];
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &payload));
}

#[test]
fn a_silent_peer_is_asked_whether_it_is_there_again_and_again_while_it_answers() {
    let mut wire = Wire::server_with(keepalive());
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    for _ in 0..5 {
        wire.wait(10 * SECOND);
        assert_eq!(pings(&wire).len(), 1);
        pong(&mut wire);
        assert_eq!(wire.events, [], "the owner hears nothing of it");
    }
    wire.wait(10 * SECOND).wait(3 * SECOND).ended_by(Violation::KeepaliveTimeout);
}

#[test]
fn any_byte_is_a_sign_of_life_before_and_after_the_question() {
    let mut wire = Wire::server_with(keepalive());
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.wait(9 * SECOND).say(|peer| peer.data(1, b"x", false)).wait(9 * SECOND);
    assert_eq!(pings(&wire).len(), 0);
    wire.wait(SECOND);
    assert_eq!(pings(&wire).len(), 1);
    wire.wait(SECOND).say(|peer| peer.data(1, b"busy", false));
    wire.wait(2 * SECOND);
    assert!(!wire.machine.is_ended(), "it may be too busy to answer");
    wire.wait(10 * SECOND);
    assert_eq!(pings(&wire).len(), 1, "but it is asked again");
}

#[test]
fn without_streams_nobody_is_asked_unless_configured() {
    for (keepalive_without_streams, count) in [(false, 0), (true, 1)] {
        let mut wire = Wire::server_with(Config { keepalive_without_streams, ..keepalive() });
        wire.wait(10 * SECOND);
        assert_eq!(pings(&wire).len(), count);
    }
}

#[test]
fn an_idle_server_warns_waits_for_what_is_under_way_and_ends() {
    let mut wire = Wire::server_with(Config { idle_timeout: Some(60 * SECOND), ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.wait(120 * SECOND);
    assert!(!wire.machine.is_ended(), "an open stream is not idle");
    wire.machine.send_headers(ONE, fields(&RESPONSE), true).expect("the stream is open");
    wire.settle();
    wire.wait(60 * SECOND);
    assert_eq!(wire.goaways(), [((1 << 31) - 1, ErrorCode::NO_ERROR)]);
    pong(&mut wire);
    assert_eq!(wire.goaways(), [(1, ErrorCode::NO_ERROR)]);
    assert_eq!(wire.events, [Event::Ended(End::Graceful)]);
}

#[test]
fn an_idle_client_says_goodbye_and_ends() {
    let mut wire = Wire::client_with(Config { idle_timeout: Some(60 * SECOND), ..Config::default() });
    wire.wait(60 * SECOND);
    assert_eq!(wire.goaways(), [(0, ErrorCode::NO_ERROR)]);
    assert_eq!(wire.events, [Event::Ended(End::Graceful)]);
}

#[test]
fn a_drain_serves_what_was_under_way_and_gives_up_on_what_lingers_when_its_grace_ends() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.machine.drain(wire.now, 30 * SECOND);
    wire.settle();
    wire.say(|peer| peer.headers(3, &REQUEST, true));
    assert_eq!(wire.events.len(), 1, "it was under way");
    wire.wait(SECOND);
    assert_eq!(wire.goaways(), [(3, ErrorCode::NO_ERROR)]);
    wire.wait(28 * SECOND);
    assert_eq!(wire.events, []);
    wire.wait(SECOND);
    assert_eq!(wire.events, [Event::Ended(End::Graceful)]);
}

#[test]
fn a_draining_client_opens_nothing_and_ends_with_its_last_stream() {
    let mut wire = Wire::client();
    wire.open(true);
    wire.machine.drain(wire.now, 30 * SECOND);
    wire.settle();
    assert_eq!(wire.goaways(), [(0, ErrorCode::NO_ERROR)]);
    assert_eq!(wire.machine.open(fields(&REQUEST), true), Err(Misuse::Draining));
    wire.say(|peer| peer.headers(1, &RESPONSE, true));
    assert_eq!(wire.events.last(), Some(&Event::Ended(End::Graceful)));
    assert_eq!(wire.goaways(), [], "it was said once");
}

#[test]
fn what_never_left_a_client_is_given_back_when_the_connection_ends() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 1)]));
    wire.open(true);
    let waiting = wire.open(true);
    wire.machine.handle_eof(wire.now);
    wire.settle();
    let given_back = Event::Closed { stream: waiting, reason: CloseReason::NotProcessed };
    assert_eq!(wire.events, [given_back, Event::Ended(End::TransportClosed)]);
}

#[test]
fn an_answered_request_that_is_then_reset_costs_nothing() {
    let mut wire =
        Wire::client_with(Config { resets: Rate { burst: 0, per_second: 0 }, ..Config::default() });
    for _ in 0..10 {
        let id = wire.open(false).as_u32();
        wire.say(|peer| peer.headers(id, &RESPONSE, true).reset(id, 0));
        wire.goes_on();
    }
    let id = wire.open(false).as_u32();
    wire.say(|peer| peer.reset(id, 2)).ended_by(Violation::ResetFlood);
}

#[test]
fn work_that_was_done_pays_for_resets() {
    let resets = Rate { burst: 3, per_second: 0 };
    let mut wire = Wire::server_with(Config { resets, ..Config::default() });
    for round in 0..10 {
        let (done, reset) = (4 * round + 1, 4 * round + 3);
        wire.say(|peer| peer.headers(done, &REQUEST, true).headers(reset, &REQUEST, true).reset(reset, 8));
        wire.machine.send_headers(StreamId(done), fields(&RESPONSE), true).expect("the stream is open");
        wire.settle();
        wire.goes_on();
    }
}

#[test]
fn the_wake_is_the_first_of_what_is_waited_for() {
    let mut wire = Wire::server_with(Config { idle_timeout: Some(7 * SECOND), ..keepalive() });
    let mut out = Out::with_room(1_000);
    // Memory of the last exchange is given back soon.
    wire.wait(SECOND);
    match wire.machine.poll_output(wire.now, &mut out) {
        Output::Idle(Some(wake)) => {
            assert_eq!(wake.at, wire.now + 6 * SECOND);
            assert_eq!(wake.why, "http2: the connection has been idle for long");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_header_block_has_its_own_time_which_other_bytes_do_not_prolong() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b""));
    for _ in 0..4 {
        wire.wait(2 * SECOND).say(|peer| peer.frame(FrameType::Continuation, 0, 1, b""));
        assert!(!wire.machine.is_ended());
    }
    wire.wait(2 * SECOND).ended_by(Violation::HeaderTimeout);
}
