//! What must stay small, whatever happens for however long; and timers at their edges.

use super::wire::{Wire, fields};
use crate::base::{Flow, Machine, Misuse, Out, Output, Rate};
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

/// What is new in the first rounds is memory for use again; after them nothing may be.
#[track_caller]
fn grows_only_at_first(memory: &mut usize, round: u32, wire: &Wire) {
    let now = wire.machine.memory();
    assert!(round < 500 || now <= *memory, "{now} bytes in round {round}, {memory} before");
    *memory = now.max(*memory);
}

#[test]
fn streams_that_are_cancelled_while_they_wait_leave_no_trace() {
    let mut wire = Wire::client_with(Config { max_queued_streams: 10, ..Config::default() });
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 0)]));
    let kept = wire.open(true);
    let mut memory = 0;
    for round in 0..10_000 {
        let id = wire.machine.open(fields(&REQUEST), true).expect("one waits, ten may");
        wire.machine.reset(id, ErrorCode::CANCEL).expect("the stream waits");
        wire.settle();
        grows_only_at_first(&mut memory, round, &wire);
    }
    for _ in 0..9 {
        wire.open(true);
    }
    let limit = Misuse::TooLarge { size: 11, limit: 10 };
    assert_eq!(wire.machine.open(fields(&REQUEST), true), Err(limit));
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 1)]));
    assert_eq!(wire.frames_of(FrameType::Headers)[0].stream, kept.as_u32());
}

#[test]
fn streams_that_are_cancelled_while_they_starve_for_the_connections_window_leave_no_trace() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 1 << 20)]));
    let mut memory = 0;
    for round in 0..10_000 {
        let id = wire.machine.open(fields(&REQUEST), false).expect("the peer takes streams");
        let content = Bytes::from_static(&[7; 70_000]);
        assert_eq!(wire.machine.send_data(id, Prefix::NONE, content, true), Ok(Flow::Ready));
        wire.settle();
        wire.machine.reset(id, ErrorCode::CANCEL).expect("the stream starves");
        wire.settle();
        grows_only_at_first(&mut memory, round, &wire);
    }
}

#[test]
fn many_streams_cancelled_at_once_are_not_taken_for_replies_that_the_peer_does_not_read() {
    let mut wire = Wire::client_with(Config { unread_replies_max: 10, ..Config::default() });
    let ids: Vec<StreamId> = (0..200).map(|_| wire.open(true)).collect();
    for id in ids {
        wire.machine.reset(id, ErrorCode::CANCEL).expect("the stream is open");
    }
    wire.say(|peer| peer.ping(*b"and this"));
    assert_eq!(wire.frames_of(FrameType::RstStream).len(), 200);
    wire.goes_on();
}

#[test]
fn a_peer_that_never_reads_is_told_so_after_what_must_come_first() {
    let mut wire = Wire::raw(Role::Server, Config { unread_replies_max: 100, ..Config::default() });
    let mut out = Out::with_room(0);
    wire.peer.preface().settings(&[]);
    for _ in 0..200 {
        wire.peer.ping(*b"flooding");
    }
    let input = wire.peer.take();
    wire.machine.handle_input(wire.now, input);
    while let Output::Event(_) = wire.machine.poll_output(wire.now, &mut out) {}
    assert!(out.is_empty());
    wire.settle();
    let kinds: Vec<FrameType> = wire.frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameType::Settings, FrameType::GoAway]);
    assert_eq!(wire.goaways()[0].1, Violation::UnreadReplies.code());
}

#[test]
fn credit_for_a_peer_that_never_reads_it_is_a_reply_too() {
    let config = Config { unread_replies_max: 50, stream_window_bytes: 100, ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    let mut out = Out::with_room(0);
    let mut ended = false;
    for _ in 0..200 {
        let input = wire.peer.data(1, &[7; 60], false).take();
        wire.machine.handle_input(wire.now, input);
        while let Output::Event(event) = wire.machine.poll_output(wire.now, &mut out) {
            ended |= event == Event::Ended(End::Violation(Violation::UnreadReplies));
        }
    }
    assert!(ended);
}

#[test]
fn small_pieces_fill_the_send_buffer_as_large_ones_do() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let mut pieces = 0;
    while wire.machine.send_data(ONE, Prefix::NONE, Bytes::from_static(b"x"), false) == Ok(Flow::Ready) {
        pieces += 1;
    }
    assert!((1_000..5_000).contains(&pieces), "{pieces}");
    wire.say(|peer| peer.window_update(1, 10_000));
    assert_eq!(wire.events, [Event::Writable { stream: ONE }]);
}

#[test]
fn a_piece_of_nothing_is_no_frame_and_does_not_hold_trailers_back() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    wire.settle();
    assert_eq!(wire.machine.send_data(ONE, Prefix::NONE, Bytes::new(), false), Ok(Flow::Ready));
    wire.machine.send_headers(ONE, fields(&[("a", "b")]), true).expect("the stream is open");
    wire.settle();
    assert_eq!(wire.frames_of(FrameType::Data).len(), 0);
    assert_eq!(wire.frames_of(FrameType::Headers).len(), 1);
    assert_eq!(wire.events, [Event::Closed { stream: ONE, reason: CloseReason::Finished }]);
}

#[test]
fn a_reset_that_waits_for_content_is_sent_once_the_window_lets_it_out() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 5)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let content = Bytes::from_static(b"0123456789");
    assert_eq!(wire.machine.send_data(ONE, Prefix::NONE, content, false), Ok(Flow::Ready));
    wire.machine.reset_when_sent(ONE, ErrorCode::INTERNAL_ERROR).expect("the stream is open");
    wire.settle();
    assert_eq!(wire.reset_code(1), None);
    wire.say(|peer| peer.window_update(1, 5));
    assert_eq!(wire.frames_of(FrameType::Data)[0].payload, b"56789");
    assert_eq!(wire.reset_code(1), Some(ErrorCode::INTERNAL_ERROR));
}

#[test]
fn a_connection_at_rest_gives_back_what_a_burst_needed() {
    let mut wire = Wire::server_with(Config { max_concurrent_streams: 1_000, ..Config::default() });
    let before = wire.machine.memory();
    for stream in (1..1_000).step_by(2) {
        wire.say(|peer| peer.headers(stream, &REQUEST, true));
        wire.machine.send_headers(StreamId(stream), fields(&RESPONSE), false).expect("the stream is open");
    }
    wire.settle();
    let busy = wire.machine.memory();
    for stream in (1..1_000).step_by(2) {
        wire.machine.finish(StreamId(stream)).expect("the stream is open");
    }
    wire.settle();
    assert!(wire.machine.memory() > 40_000, "what follows soon needs no new memory");
    wire.wait(Duration::from_secs(1));
    let rest = wire.machine.memory();
    assert!(busy > 40_000 && rest < before + 4_000, "{before}, {busy}, {rest}");
}

#[test]
fn a_connection_that_has_read_its_input_holds_on_to_none_of_it() {
    let mut wire = Wire::server();
    let frames = wire.peer.headers(1, &REQUEST, true).ping(*b"12345678").take();
    // Three bytes of the next head are read, too.
    let input = Bytes::from([&frames[..], &[0, 0, 8]].concat());
    wire.machine.handle_input(wire.now, input.clone());
    wire.settle();
    assert!(input.is_unique());
}

#[test]
fn a_frame_after_the_end_of_the_budget_brings_no_event_after_the_last() {
    let rate = Rate { burst: 1, per_second: 0 };
    let mut wire = Wire::server_with(Config { idle_frames: rate, ..Config::default() });
    wire.say(|peer| peer.settings(&[]));
    assert_eq!(wire.events, [Event::Ended(End::Violation(Violation::ControlFlood))]);
}

#[test]
fn commands_say_closed_after_the_end_even_when_they_make_no_sense() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.close(wire.now);
    wire.settle();
    let nonsense = fields(&[("no", "status")]);
    let machine = &mut wire.machine;
    assert_eq!(machine.send_informational(ONE, nonsense.clone()), Err(Misuse::Closed));
    assert_eq!(machine.send_headers(ONE, nonsense.clone(), true), Err(Misuse::Closed));
    assert_eq!(machine.send_data(ONE, Prefix::NONE, Bytes::new(), true), Err(Misuse::Closed));
    assert_eq!(machine.open(nonsense, true), Err(Misuse::Closed));
    assert_eq!(machine.finish(ONE), Err(Misuse::Closed));
    assert_eq!(machine.reset(ONE, ErrorCode::CANCEL), Err(Misuse::Closed));
    assert_eq!(machine.reset_when_sent(ONE, ErrorCode::CANCEL), Err(Misuse::Closed));
    assert_eq!(machine.ping(), Err(Misuse::Closed));
}

#[test]
fn a_keepalive_interval_of_zero_neither_spins_nor_ends_the_connection() {
    let keepalive_interval = Some(Duration::ZERO);
    let mut wire = Wire::server_with(Config { keepalive_interval, ..Config::default() });
    wire.wait(Duration::from_secs(1));
    wire.goes_on();
}

#[test]
fn stream_ids_run_out_and_open_streams_go_on() {
    let mut wire = Wire::client();
    wire.machine.next_local = (1 << 31) - 1;
    let last = wire.open(true);
    assert_eq!(last.as_u32(), (1 << 31) - 1);
    assert_eq!(wire.machine.open(fields(&REQUEST), true), Err(Misuse::Exhausted));
    assert!(!wire.machine.takes_streams());
    wire.say(|peer| peer.headers(last.as_u32(), &RESPONSE, true));
    assert_eq!(wire.events.last(), Some(&Event::Closed { stream: last, reason: CloseReason::Finished }));
}

#[test]
fn manual_credit_is_given_back_by_halves_and_never_twice() {
    let config = Config { credit: Credit::Manual, stream_window_bytes: 1_000, ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    let mut given = 0;
    for _ in 0..50 {
        let padded = [&[9][..], &[7; 90], &[0; 9]].concat();
        wire.say(|peer| peer.frame(FrameType::Data, flags::PADDED, 1, &padded));
        given += updates(&wire, 1);
        wire.machine.consume(ONE, 90);
        wire.machine.consume(ONE, u32::MAX);
        wire.settle();
        given += updates(&wire, 1);
    }
    assert!((4_500..=5_000).contains(&given), "{given}");
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    wire.settle();
    wire.machine.consume(ONE, 1_000);
    wire.settle();
    assert_eq!(updates(&wire, 0) + updates(&wire, 1), 0);
}

#[test]
fn what_a_stream_held_when_it_was_reset_counts_for_the_connection_still() {
    let config = Config { credit: Credit::Manual, connection_window_bytes: 65_535, ..Config::default() };
    let mut wire = Wire::server_with(config);
    let mut given = 0;
    for stream in (1..100).step_by(2) {
        wire.say(|peer| peer.headers(stream, &REQUEST, false).data(stream, &[7; 16_000], false));
        assert_eq!(wire.events.len(), 2, "{:?}", wire.events);
        wire.machine.reset(StreamId(stream), ErrorCode::CANCEL).expect("the stream is open");
        wire.settle();
        given += updates(&wire, 0);
    }
    assert!(given > 49 * 16_000 - 32_768, "{given}");
}

fn updates(wire: &Wire, stream: u32) -> u32 {
    let updates = wire.frames_of(FrameType::WindowUpdate);
    let of_stream = updates.iter().filter(|frame| frame.stream == stream);
    of_stream.map(|frame| u32::from_be_bytes(frame.payload[..].try_into().expect("four bytes"))).sum()
}

#[test]
fn content_that_was_queued_comes_out_whole_for_any_sequence_of_windows() {
    let mut chance = crate::base::Entropy::from_seed(9);
    for _ in 0..100 {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]).headers(1, &REQUEST, true));
        wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
        let mut expected = Vec::new();
        for piece in 0..20u8 {
            let content = vec![piece; chance.below(3_000) as usize];
            let prefix = Prefix::new([piece; 5]);
            expected.extend([piece; 5].iter().chain(&content));
            assert_eq!(wire.machine.send_data(ONE, prefix, content.into(), piece == 19), Ok(Flow::Ready));
        }
        let mut seen = Vec::new();
        let mut window = 0;
        while seen.len() < expected.len() {
            match chance.below(3) {
                0 => {
                    window = chance.below(4_000) as u32;
                    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, window)]));
                }
                _ => _ = wire.say(|peer| peer.window_update(1, 1 + chance.below(500) as u32)),
            }
            for frame in wire.frames_of(FrameType::Data) {
                seen.extend_from_slice(&frame.payload);
            }
        }
        assert!(seen == expected, "window {window}");
    }
}

#[test]
fn streams_full_of_the_smallest_pieces_stay_under_the_bound_that_the_limits_add_up_to() {
    let config = Config { send_buffer_bytes: 4096, max_concurrent_streams: 50, ..Config::default() };
    let mut wire = Wire::server_with(config.clone());
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 0)]));
    for stream in (1..100).step_by(2) {
        wire.say(|peer| peer.headers(stream, &REQUEST, true));
        let id = StreamId(stream);
        wire.machine.send_headers(id, fields(&RESPONSE), false).expect("the stream is open");
        while wire.machine.send_data(id, Prefix::NONE, Bytes::from_static(b"x"), false) == Ok(Flow::Ready) {}
    }
    let (held, bound) = (wire.machine.memory(), config.memory_max(50));
    assert!(held > 100_000 && held <= bound, "{held} of {bound}");
}
