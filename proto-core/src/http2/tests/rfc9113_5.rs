//! RFC 9113 §5: the life of streams, flow control, errors, extensions.

use super::wire::{Wire, fields};
use crate::base::{Flow, Misuse};
use crate::http2::connection::Role;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{CloseReason, Config, Credit, ErrorCode, Event, Prefix, StreamId, Violation};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const ONE: StreamId = StreamId(1);

#[test]
fn rfc9113_5_1_frames_on_an_idle_stream_end_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.data(1, b"", false)).ended_by(Violation::IdleStream);
    let mut wire = Wire::server();
    wire.say(|peer| peer.reset(1, 8)).ended_by(Violation::IdleStream);
    let mut wire = Wire::server();
    wire.say(|peer| peer.window_update(1, 1)).ended_by(Violation::IdleStream);
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(2, &REQUEST, true)).ended_by(Violation::IdleStream);
}

#[test]
fn rfc9113_5_1_a_stream_that_waits_for_its_turn_is_idle_to_the_peer() {
    let waiting = || {
        let mut wire = Wire::client();
        wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 0)]));
        wire.open(true);
        wire
    };
    waiting().say(|peer| peer.headers(1, &RESPONSE, true)).ended_by(Violation::IdleStream);
    waiting().say(|peer| peer.data(1, b"x", true)).ended_by(Violation::IdleStream);
    waiting().say(|peer| peer.reset(1, 7)).ended_by(Violation::IdleStream);
    waiting().say(|peer| peer.window_update(1, 1)).ended_by(Violation::IdleStream);
}

#[test]
fn rfc9113_5_1_headers_on_an_idle_stream_of_a_server_end_the_connection() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.headers(2, &RESPONSE, true)).ended_by(Violation::StreamIdParity);
}

#[test]
fn rfc9113_5_1_a_reserved_stream_is_reset_at_once_and_gets_nothing_else() {
    let mut wire = Wire::raw(Role::Client, Config::default());
    wire.say(|peer| peer.settings(&[]));
    wire.open(true);
    let promise = [&[0, 0, 0, 2][..], &wire.peer.block(&REQUEST)].concat();
    wire.say(|peer| peer.frame(FrameType::PushPromise, flags::END_HEADERS, 1, &promise));
    assert_eq!(wire.reset_code(2), Some(ErrorCode::REFUSED_STREAM));
    assert_eq!(wire.frames.len(), 1);
    wire.say(|peer| peer.headers(2, &RESPONSE, false).data(2, b"pushed", true));
    wire.ignored();
}

#[test]
fn rfc9113_5_1_frames_after_end_stream_are_a_stream_error() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).data(1, b"more", true));
    wire.reset_by(1, Violation::HalfClosed);
    wire.say(|peer| peer.headers(3, &REQUEST, true).headers(3, &[("a", "b")], true));
    wire.reset_by(3, Violation::HalfClosed);
}

#[test]
fn rfc9113_5_1_nothing_is_sent_on_a_closed_stream() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let content = Bytes::from(vec![1; 200_000]);
    let flow = wire.machine.send_data(ONE, Prefix::NONE, content, true);
    assert_eq!(flow, Ok(Flow::Ready));
    wire.settle();
    wire.say(|peer| peer.reset(1, 8).window_update(0, 200_000).window_update(1, 200_000));
    let reason = CloseReason::ResetByPeer(ErrorCode::CANCEL);
    assert_eq!(wire.events, [Event::Closed { stream: ONE, reason }]);
    assert!(wire.frames.is_empty());
    assert_eq!(wire.machine.send_data(ONE, Prefix::NONE, Bytes::new(), true), Err(Misuse::Gone));
}

#[test]
fn rfc9113_5_1_frames_that_come_after_our_reset_are_discarded() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    wire.settle();
    wire.say(|peer| peer.data(1, b"late", false).window_update(1, 5).headers(1, &[("a", "b")], true));
    wire.ignored();
}

#[test]
fn rfc9113_5_1_frames_on_a_stream_that_the_peer_has_reset_are_a_stream_error() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false).reset(1, 8).data(1, b"x", false));
    assert_eq!(wire.reset_code(1), Some(ErrorCode::STREAM_CLOSED));
    wire.goes_on();
}

#[test]
fn rfc9113_5_1_late_trailers_are_ignored_even_after_many_other_streams_have_ended() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    for stream in (3..200).step_by(2) {
        wire.say(|peer| peer.headers(stream, &REQUEST, true));
        wire.machine.send_headers(StreamId(stream), fields(&RESPONSE), true).expect("the stream is open");
        wire.settle();
    }
    wire.say(|peer| peer.headers(1, &[("a", "b")], true));
    wire.ignored();
}

#[test]
fn rfc9113_5_1_late_data_of_many_cancelled_streams_is_no_flood() {
    let mut wire = Wire::client();
    let streams: Vec<u32> = (0..100).map(|_| wire.open(true).as_u32()).collect();
    for stream in &streams {
        wire.machine.reset(StreamId(*stream), ErrorCode::CANCEL).expect("the stream is open");
    }
    wire.settle();
    for stream in streams {
        for _ in 0..100 {
            wire.say(|peer| peer.data(stream, &[7; 100], false));
        }
    }
    wire.goes_on();
}

#[test]
fn rfc9113_5_1_1_a_clients_streams_have_odd_numbers() {
    let mut wire = Wire::client();
    let ids: Vec<u32> = (0..3).map(|_| wire.open(true).as_u32()).collect();
    assert_eq!(ids, [1, 3, 5]);
}

#[test]
fn rfc9113_5_1_1_each_stream_is_greater_than_all_before_in_the_order_of_the_wire() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 2)]));
    for _ in 0..4 {
        wire.open(true);
    }
    wire.machine.reset(StreamId(5), ErrorCode::CANCEL).expect("the stream waits");
    wire.say(|peer| peer.headers(3, &RESPONSE, true).headers(1, &RESPONSE, true));
    let opened: Vec<u32> = wire.frames_of(FrameType::Headers).iter().map(|frame| frame.stream).collect();
    assert_eq!(opened, [7], "5 was never heard of and stays so");
    assert_eq!(wire.reset_code(5), None);
}

#[test]
fn rfc9113_5_1_1_an_unexpected_number_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(7, &REQUEST, true).headers(5, &REQUEST, true));
    wire.ended_by(Violation::StreamIdOrder);
}

#[test]
fn rfc9113_5_1_2_a_stream_above_the_limit_is_refused_and_its_late_frames_are_ignored() {
    let mut wire = Wire::server_with(Config { max_concurrent_streams: 1, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false).headers(3, &REQUEST, false));
    assert_eq!(wire.reset_code(3), Some(ErrorCode::REFUSED_STREAM));
    wire.say(|peer| peer.data(3, b"late", false).headers(3, &[("a", "b")], true));
    wire.ignored();
}

#[test]
fn rfc9113_5_2_1_a_sender_respects_the_windows_of_the_receiver() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 10)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let flow = wire.machine.send_data(ONE, Prefix::NONE, Bytes::from(vec![1; 25]), true);
    assert_eq!(flow, Ok(Flow::Ready));
    let mut sent = Vec::new();
    for _ in 0..3 {
        wire.settle();
        sent.extend(wire.frames_of(FrameType::Data).iter().map(|frame| frame.payload.len()));
        wire.say(|peer| peer.window_update(1, 10));
        sent.extend(wire.frames_of(FrameType::Data).iter().map(|frame| frame.payload.len()));
    }
    assert_eq!(sent, [10, 10, 5]);
}

#[test]
fn rfc9113_5_2_2_frames_are_read_while_content_is_blocked_in_both_directions() {
    let config = Config { credit: Credit::Manual, stream_window_bytes: 10, ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]));
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[0; 10], false));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let flow = wire.machine.send_data(ONE, Prefix::NONE, Bytes::from(vec![1; 1 << 20]), false);
    assert_eq!(flow, Ok(Flow::Blocked));
    wire.goes_on();
    wire.say(|peer| peer.window_update(1, 3));
    assert_eq!(wire.frames_of(FrameType::Data)[0].payload.len(), 3);
}

#[test]
fn rfc9113_5_3_1_headers_that_make_their_stream_depend_on_itself_are_a_stream_error() {
    let mut wire = Wire::server();
    let block = wire.peer.block(&REQUEST);
    let payload = [&[0x80, 0, 0, 1, 255][..], &block].concat();
    let all = flags::PRIORITY | flags::END_HEADERS | flags::END_STREAM;
    wire.say(|peer| peer.frame(FrameType::Headers, all, 1, &payload)).reset_by(1, Violation::SelfDependency);
    let payload = [&[0x80, 0, 0, 1, 255][..], &wire.peer.block(&REQUEST)].concat();
    wire.say(|peer| peer.frame(FrameType::Headers, all, 3, &payload));
    assert_eq!(wire.events.len(), 1, "on another stream it says nothing");
}

#[test]
fn rfc9113_5_4_an_error_of_the_connection_is_reported_by_the_frame_that_causes_it() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).settings(&[(id::ENABLE_PUSH, 9)]));
    assert_eq!(wire.events.len(), 2, "what came before is not lost");
    wire.ended_by(Violation::SettingEnablePush);
}

#[test]
fn rfc9113_5_4_1_goaway_names_the_last_stream_and_then_the_connection_closes() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(9, &REQUEST, true).window_update(0, 0));
    assert_eq!(wire.goaways(), [(9, ErrorCode::PROTOCOL_ERROR)]);
    wire.ended_by(Violation::ZeroIncrement);
    assert_eq!(wire.machine.ping(), Err(Misuse::Closed));
}

#[test]
fn rfc9113_5_4_2_who_resets_a_stream_is_prepared_for_a_whole_window_under_way() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    wire.settle();
    for _ in 0..4_000 {
        wire.peer.data(1, b"small frames cost no more than large ones", false);
    }
    wire.say(|peer| peer);
    assert_eq!(wire.events, []);
    wire.goes_on();
}

#[test]
fn rfc9113_5_4_2_rst_stream_is_never_sent_in_response_to_rst_stream() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).reset(1, 8).reset(1, 8));
    assert_eq!(wire.frames_of(FrameType::RstStream).len(), 0);
    wire.goes_on();
}

#[test]
fn rfc9113_5_5_unknown_types_and_unknown_settings_are_ignored() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Unknown(0xbe), 0xff, 77, b"?"));
    wire.ignored();
    wire.say(|peer| peer.settings(&[(0xabcd, 7)]));
    assert_eq!(wire.events, [Event::Settings]);
    wire.goes_on();
}

#[test]
fn rfc9113_5_5_unknown_frames_in_the_middle_of_a_field_block_end_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").frame(FrameType::Unknown(0xbe), 0, 1, b""));
    wire.ended_by(Violation::InterruptedHeaders);
}

#[test]
fn rfc9113_5_5_an_extension_is_off_initially_and_used_once_it_is_negotiated() {
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "example.com"),
    ];
    let mut wire = Wire::client();
    assert!(matches!(wire.machine.open(fields(&connect), false), Err(Misuse::InvalidField(_))));
    wire.say(|peer| peer.settings(&[(id::ENABLE_CONNECT_PROTOCOL, 1)]));
    assert_eq!(wire.machine.open(fields(&connect), false), Ok(ONE));
}
