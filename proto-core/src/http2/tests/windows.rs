//! Windows that are shared, that grow, and that are given back.

use super::wire::{Wire, fields};
use crate::base::Flow;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{Config, Credit, Prefix, StreamId};
use alloc::collections::BTreeMap;
use alloc::vec;
use bytes::Bytes;
use core::time::Duration;

/// Bytes of DATA by stream in the last exchange.
fn sent(wire: &Wire) -> BTreeMap<u32, usize> {
    let mut sent = BTreeMap::new();
    for frame in wire.frames_of(FrameType::Data) {
        *sent.entry(frame.stream).or_default() += frame.payload.len();
    }
    sent
}

#[test]
fn streams_share_the_connections_window_in_turn_and_go_on_when_it_widens() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 1 << 20)]));
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(3, &REQUEST, true).headers(5, &REQUEST, true));
    for stream in [1, 3, 5] {
        let id = StreamId(stream);
        wire.machine.send_headers(id, fields(&RESPONSE), false).expect("the stream is open");
        let flow = wire.machine.send_data(id, Prefix::NONE, Bytes::from(vec![7; 100_000]), true);
        assert_eq!(flow, Ok(Flow::Ready));
    }
    wire.settle();
    let mut total = sent(&wire);
    assert_eq!(total.values().sum::<usize>(), 65_535);
    assert!(total.values().all(|count| *count >= 16_384), "{total:?}");
    for _ in 0..5 {
        wire.say(|peer| peer.window_update(0, 49_152));
        let more = sent(&wire);
        assert!(more.values().sum::<usize>() <= 49_152);
        for (stream, count) in more {
            *total.entry(stream).or_default() += count;
        }
    }
    assert_eq!(total, BTreeMap::from([(1, 100_000), (3, 100_000), (5, 100_000)]));
}

#[test]
fn a_window_that_limits_its_sender_doubles_for_the_streams_that_are_open_too() {
    let config = Config { stream_window_bytes: 1_000, window_bytes_max: 8_000, ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 600], false));
    let probe = wire.frames_of(FrameType::Ping)[0].payload.clone();
    wire.wait(Duration::from_millis(5));
    wire.say(|peer| peer.data(1, &[7; 300], false));
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &probe));
    wire.say(|peer| peer.data(1, &[7; 100], false));
    wire.say(|peer| peer.data(1, &[7; 2_000], false));
    wire.goes_on();
    wire.say(|peer| peer.data(1, &[7; 2_001], false));
    assert!(wire.reset_code(1).is_some(), "twice the window, and no more");
}

#[test]
fn a_window_that_limits_nobody_stays_as_it_is() {
    let config = Config { stream_window_bytes: 1_000, window_bytes_max: 8_000, ..Config::default() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 600], false));
    let probe = wire.frames_of(FrameType::Ping)[0].payload.clone();
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &probe));
    wire.say(|peer| peer.data(1, &[7; 1_000], false));
    wire.goes_on();
    wire.say(|peer| peer.data(1, &[7; 1_001], false));
    assert!(wire.reset_code(1).is_some(), "the window, and no more");
}

#[test]
fn a_stream_that_has_ended_gets_no_credit() {
    let mut wire = Wire::server_with(Config { stream_window_bytes: 100, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 100], true));
    assert_eq!(wire.frames_of(FrameType::WindowUpdate).len(), 0);
}

#[test]
fn a_stream_that_nobody_reads_leaves_room_in_a_window_that_has_grown() {
    let config = Config {
        stream_window_bytes: 60_000,
        connection_window_bytes: 65_535,
        window_bytes_max: 1 << 20,
        credit: Credit::Manual,
        ..Config::default()
    };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 16_000], false));
    let probe = wire.frames_of(FrameType::Ping)[0].payload.clone();
    say_data(&mut wire, 1, 40_000);
    wire.wait(Duration::from_millis(5));
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &probe));
    wire.machine.consume(StreamId(1), 56_000);
    wire.settle();
    // The window has doubled, and nobody reads any more.
    say_data(&mut wire, 1, 120_000);
    wire.say(|peer| peer.headers(3, &REQUEST, false));
    say_data(&mut wire, 3, 60_000);
    wire.goes_on();
    assert_eq!(wire.reset_code(3), None);
}

#[test]
fn a_stream_that_nobody_reads_keeps_its_window_when_the_connections_grows() {
    let config = Config {
        stream_window_bytes: 60_000,
        window_bytes_max: 1 << 20,
        credit: Credit::Manual,
        ..Config::default()
    };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 16_000], false));
    let probe = wire.frames_of(FrameType::Ping)[0].payload.clone();
    say_data(&mut wire, 1, 40_000);
    wire.wait(Duration::from_millis(5));
    wire.say(|peer| peer.frame(FrameType::Ping, flags::ACK, 0, &probe));
    // Some bytes of a message, such as its prefix, count as read when they come.
    wire.machine.consume(StreamId(1), 5);
    wire.settle();
    wire.say(|peer| peer.data(1, &[7; 4_000], false));
    wire.goes_on();
    wire.say(|peer| peer.data(1, &[7; 6], false));
    assert!(wire.reset_code(1).is_some(), "the window, and no more");
}

fn say_data(wire: &mut Wire, stream: u32, bytes: usize) {
    for _ in 0..bytes / 10_000 {
        wire.say(|peer| peer.data(stream, &[7; 10_000], false));
    }
}
