//! RFC 9113 §6.7 to §6.9 and §7: PING, GOAWAY, WINDOW_UPDATE, error codes.

use super::wire::{Wire, fields};
use crate::base::{Flow, Misuse};
use crate::http2::connection::Role;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{CloseReason, Config, Credit, End, ErrorCode, Event, Prefix, StreamId, Violation};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

const ONE: StreamId = StreamId(1);
const GRACE: Duration = Duration::from_secs(60);

/// A server whose response of so many bytes waits for credit.
fn responding(content: usize, window: u32) -> Wire {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, window)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let flow = wire.machine.send_data(ONE, Prefix::NONE, Bytes::from(vec![1; content]), true);
    assert_eq!(flow, Ok(Flow::Ready));
    wire.settle();
    wire
}

fn data_sent(wire: &Wire) -> usize {
    wire.frames_of(FrameType::Data).iter().map(|frame| frame.payload.len()).sum()
}

#[test]
fn rfc9113_6_7_a_ping_of_8_opaque_bytes_is_answered_with_the_ack_flag_and_the_same_payload() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.ping(*b"\x00\x01opaque"));
    let frame = wire.frames_of(FrameType::Ping)[0];
    assert_eq!((frame.flags, &frame.payload[..]), (flags::ACK, &b"\x00\x01opaque"[..]));
}

#[test]
fn rfc9113_6_7_a_ping_that_is_an_acknowledgement_is_never_answered() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, b"nobodys!"));
    wire.ignored();
    let payload = wire.machine.ping().expect("no other is on its way");
    wire.settle();
    assert_eq!(wire.frames_of(FrameType::Ping)[0].payload, payload);
    assert!(matches!(wire.machine.ping(), Err(Misuse::OutOfOrder(_))));
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &payload));
    assert_eq!(wire.events, [Event::Pong { payload }]);
    assert!(wire.frames.is_empty());
}

#[test]
fn rfc9113_6_7_a_ping_on_a_stream_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Ping, 0, 3, b"12345678")).ended_by(Violation::NotStreamZero);
}

#[test]
fn rfc9113_6_7_a_length_other_than_8_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Ping, 0, 0, b"123456789")).ended_by(Violation::FrameSize);
}

#[test]
fn rfc9113_6_8_after_goaway_no_new_streams_are_opened_and_those_above_the_line_are_given_back() {
    let mut wire = Wire::client();
    wire.open(true);
    let above = wire.open(true);
    wire.say(|peer| peer.goaway(1, 0));
    let not_processed = Event::Closed { stream: above, reason: CloseReason::NotProcessed };
    let goaway = Event::GoAway { last_stream: ONE, code: ErrorCode::NO_ERROR };
    assert_eq!(wire.events, [goaway, not_processed]);
    assert_eq!(wire.machine.open(fields(&REQUEST), true), Err(Misuse::Draining));
    wire.say(|peer| peer.headers(1, &RESPONSE, true));
    assert_eq!(wire.events.last(), Some(&Event::Ended(End::Graceful)));
}

#[test]
fn rfc9113_6_8_goaway_on_a_stream_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::GoAway, 0, 1, &[0; 8])).ended_by(Violation::NotStreamZero);
}

#[test]
fn rfc9113_6_8_a_goaway_that_is_raised_ends_the_connection() {
    let mut wire = Wire::client();
    wire.open(true);
    wire.say(|peer| peer.goaway(1, 0).goaway(1, 0).goaway(5, 0)).ended_by(Violation::GoAwayRaised);
}

#[test]
fn rfc9113_6_8_our_own_last_stream_never_grows_either() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.machine.drain(wire.now, GRACE);
    wire.settle();
    let mut said = wire.goaways();
    wire.wait(Duration::from_secs(1));
    said.extend(wire.goaways());
    wire.say(|peer| peer.headers(9, &REQUEST, true).window_update(0, 0));
    said.extend(wire.goaways());
    let lasts: Vec<u32> = said.iter().map(|(last, _)| *last).collect();
    assert_eq!(lasts, [(1 << 31) - 1, 1, 1]);
    wire.ended_by(Violation::ZeroIncrement);
}

#[test]
fn rfc9113_6_8_the_line_is_drawn_even_when_the_grace_ends_before_the_ping_is_answered() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.machine.drain(wire.now, GRACE);
    wire.settle();
    // Who waits for it has lost patience.
    wire.machine.drain(wire.now, Duration::ZERO);
    wire.settle();
    assert_eq!(wire.events, [Event::Ended(End::Graceful)]);
    assert_eq!(wire.goaways().last(), Some(&(1, ErrorCode::NO_ERROR)));
}

#[test]
fn rfc9113_6_8_header_blocks_above_the_line_are_decoded_and_their_data_counts_for_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.drain(wire.now, GRACE);
    wire.wait(Duration::from_secs(1));
    let list = [&REQUEST[..], &[("x", "the table remembers this")]].concat();
    wire.say(|peer| peer.headers(3, &list, false));
    wire.ignored();
    let mut credit = 0;
    for _ in 0..100 {
        wire.say(|peer| peer.data(3, &[0; 16_384], false));
        assert_eq!(wire.events, []);
        credit += wire.frames_of(FrameType::WindowUpdate).len();
    }
    assert!(credit >= 2, "the connection's window is given back");
    wire.say(|peer| peer.headers(3, &[("trailer", "late")], true).headers(1, &[("x", "y")], true));
    assert_eq!(wire.events.len(), 1, "the table is in step: {:?}", wire.events);
    assert_eq!(wire.machine.fields(), &fields(&[("x", "y")]));
}

#[test]
fn rfc9113_6_8_debug_data_is_cut_and_escaped_before_anyone_logs_it() {
    let mut wire = Wire::client();
    let hostile = [&[0, 0, 0, 0, 0, 0, 0, 2][..], b"\x1b[2J\n\xff", &[b'x'; 1_000]].concat();
    wire.say(|peer| peer.frame(FrameType::GoAway, 0, 0, &hostile));
    let Some(Event::Ended(End::PeerError { code, debug })) = wire.events.last() else {
        panic!("{:?}", wire.events)
    };
    assert_eq!(*code, ErrorCode::INTERNAL_ERROR);
    assert!(debug.starts_with("\\u{1b}[2J\\n") && debug.len() < 300, "{debug}");
}

#[test]
fn rfc9113_6_9_control_frames_are_exempt_and_are_processed_without_any_window() {
    let mut wire = responding(10, 0);
    wire.goes_on();
    wire.say(|peer| peer.headers(3, &REQUEST, true));
    wire.machine.send_headers(StreamId(3), fields(&RESPONSE), true).expect("the stream is open");
    wire.settle();
    assert_eq!(wire.frames_of(FrameType::Headers).len(), 1);
}

#[test]
fn rfc9113_6_9_an_increment_of_zero_is_an_error_of_the_stream_or_of_the_connection() {
    let mut wire = responding(10, 0);
    wire.say(|peer| peer.window_update(1, 0)).reset_by(1, Violation::StreamZeroIncrement);
    wire.say(|peer| peer.window_update(0, 0)).ended_by(Violation::ZeroIncrement);
}

#[test]
fn rfc9113_6_9_window_update_after_end_stream_on_a_half_closed_or_closed_stream_is_no_error() {
    let mut wire = responding(10, 0);
    wire.say(|peer| peer.window_update(1, 10));
    assert_eq!(wire.events, [Event::Closed { stream: ONE, reason: CloseReason::Finished }]);
    wire.say(|peer| peer.window_update(1, 10));
    wire.ignored();
}

#[test]
fn rfc9113_6_9_data_is_always_counted_for_the_connection_even_where_its_stream_fails() {
    let credit = Credit::Manual;
    let mut wire = Wire::server_with(Config { connection_window_bytes: 65_535, credit, ..Config::default() });
    let list = [&REQUEST[..], &[("content-length", "1")]].concat();
    let mut given_back = 0u32;
    for stream in (1..40).step_by(2) {
        wire.say(|peer| peer.headers(stream, &list, false).data(stream, &[0; 16_384], false));
        assert_eq!(wire.reset_code(stream), Some(ErrorCode::PROTOCOL_ERROR));
        for update in wire.frames_of(FrameType::WindowUpdate) {
            given_back += u32::from_be_bytes(update.payload[..].try_into().expect("four bytes"));
        }
    }
    assert!(given_back >= 20 * 16_384 - 32_768, "{given_back}");
    wire.goes_on();
}

#[test]
fn rfc9113_6_9_a_length_other_than_4_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::WindowUpdate, 0, 0, &[0; 3])).ended_by(Violation::FrameSize);
}

#[test]
fn rfc9113_6_9_1_a_window_update_beyond_2_to_the_31_ends_the_stream_or_the_connection_on_overflow() {
    let mut wire = responding(10, 0);
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 100)]).window_update(1, (1 << 31) - 1));
    wire.reset_by(1, Violation::StreamWindowOverflow);
    wire.say(|peer| peer.window_update(0, (1 << 31) - 1)).ended_by(Violation::ConnectionWindowOverflow);
}

#[test]
fn rfc9113_6_9_1_no_window_grows_beyond_its_maximum_and_the_last_byte_of_it_is_fine() {
    let mut wire = responding(10, 0);
    wire.say(|peer| peer.window_update(0, (1 << 31) - 1 - 65_535).window_update(1, (1 << 31) - 1));
    assert_eq!(data_sent(&wire), 10);
    wire.goes_on();
}

#[test]
fn rfc9113_6_9_2_a_new_initial_size_adjusts_every_stream_by_the_difference() {
    let mut wire = responding(100, 30);
    assert_eq!(data_sent(&wire), 30);
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 50)]));
    assert_eq!(data_sent(&wire), 20);
}

#[test]
fn rfc9113_6_9_2_a_negative_window_sends_nothing_until_it_is_positive_again() {
    let mut wire = responding(100, 50);
    assert_eq!(data_sent(&wire), 50);
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 10)]));
    wire.say(|peer| peer.window_update(1, 40));
    assert_eq!(data_sent(&wire), 0);
    wire.say(|peer| peer.window_update(1, 1));
    assert_eq!(data_sent(&wire), 1);
}

#[test]
fn rfc9113_6_9_2_a_new_initial_size_that_overflows_a_window_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]).headers(1, &REQUEST, true));
    wire.say(|peer| peer.window_update(1, (1 << 31) - 1));
    wire.goes_on();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 1)]));
    wire.ended_by(Violation::InitialWindowOverflow);
}

#[test]
fn rfc9113_6_9_3_data_beyond_a_window_that_our_settings_reduce_is_taken_until_they_are_acknowledged() {
    let config = Config { stream_window_bytes: 100, credit: Credit::Manual, ..Config::default() };
    let mut wire = Wire::raw(Role::Server, config);
    wire.say(|peer| peer.preface().settings(&[]).headers(1, &REQUEST, false).data(1, &[0; 1_000], false));
    assert_eq!(wire.events.len(), 3);
    wire.say(|peer| peer.settings_ack().data(1, b"x", false)).reset_by(1, Violation::StreamFlow);
    wire.say(|peer| peer.headers(3, &REQUEST, false).data(3, &[0; 100], false));
    wire.goes_on();
    wire.say(|peer| peer.data(3, b"x", false)).reset_by(3, Violation::StreamFlow);
}

#[test]
fn rfc9113_6_9_3_a_reduced_window_opens_again_once_its_data_is_consumed() {
    let config = Config { stream_window_bytes: 100, credit: Credit::Manual, ..Config::default() };
    let mut wire = Wire::raw(Role::Server, config);
    wire.say(|peer| peer.preface().settings(&[]).headers(1, &REQUEST, false).data(1, &[0; 1_000], false));
    wire.say(|peer| peer.settings_ack());
    wire.machine.consume(ONE, 1_000);
    wire.settle();
    // The peer's view: 65,535 - 1,000 - (65,535 - 100) = -900, and 1,000 back.
    let update = wire.frames_of(FrameType::WindowUpdate);
    let updates: Vec<(u32, u32)> = update
        .iter()
        .map(|frame| (frame.stream, u32::from_be_bytes(frame.payload[..].try_into().expect("four bytes"))))
        .collect();
    assert_eq!(updates, [(1, 1_000)]);
    wire.say(|peer| peer.data(1, &[0; 100], false));
    wire.goes_on();
}

#[test]
fn rfc9113_7_unknown_error_codes_are_handed_on_and_change_nothing_else() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).reset(1, 0xdead));
    let reason = CloseReason::ResetByPeer(ErrorCode(0xdead));
    assert_eq!(wire.events.last(), Some(&Event::Closed { stream: ONE, reason }));
    wire.goes_on();
}
