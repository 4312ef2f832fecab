//! What happens when nothing happens: handshakes, heartbeats, and the memory of messages that are gone.

use super::Wire;
use crate::base::{Machine, Out, Output, Time};
use crate::websocket::{Config, Connection, Credit, End, Event, Refusal, Request, Violation};
use alloc::vec::Vec;
use core::time::Duration;

#[test]
fn a_handshake_that_is_not_completed_in_time_is_answered_with_408() {
    let mut server = Connection::server(Time::START, Config::default().into());
    server.handle_input(Time::START, "GET / HTTP/1.1\r\nHost: x\r\n".into());
    let mut events = Vec::new();
    let late = Time::START + Duration::from_secs(10);
    assert_eq!(super::turn(&mut server, Time::START, &mut events), "");
    let answer = super::turn(&mut server, late, &mut events);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{answer:?}");
    assert_eq!(events, [Event::Closed(End::Refused(Refusal::Timeout))]);

    let request = Request::new("localhost", "/");
    let mut client =
        Connection::client(Time::START, Config::default().into(), &request, super::secret()).unwrap();
    let mut events = Vec::new();
    let _ = super::turn(&mut client, Time::START, &mut events);
    assert_eq!(super::turn(&mut client, late, &mut events), "");
    assert_eq!(events, [Event::Closed(End::Refused(Refusal::Timeout))]);
}

fn heartbeat() -> Config {
    Config {
        heartbeat_interval: Some(Duration::from_secs(10)),
        heartbeat_timeout: Duration::from_secs(2),
        ..Config::default()
    }
}

#[test]
fn a_peer_that_is_silent_is_asked_and_one_that_does_not_answer_is_given_up() {
    let mut wire = Wire::server_with(heartbeat());
    wire.wait(Duration::from_secs(9)).say(|peer| peer.text("alive"));
    wire.wait(Duration::from_secs(9));
    assert_eq!(wire.take_sent(), b"");
    wire.wait(Duration::from_secs(1));
    assert_eq!(wire.take_sent(), b"\x89\x09heartbeat");
    wire.wait(Duration::from_secs(1)).say(|peer| peer.frame(0x8a, b"heartbeat"));
    wire.wait(Duration::from_secs(9));
    assert_eq!(wire.take_sent(), b"");
    wire.wait(Duration::from_secs(2));
    assert_eq!(wire.take_sent(), b"\x89\x09heartbeat");
    wire.wait(Duration::from_secs(2));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::HeartbeatTimeout)));
    assert_eq!(wire.take_sent()[2..4], 1011u16.to_be_bytes());
}

#[test]
fn a_peer_that_answered_is_asked_again_after_the_interval_however_long_an_answer_may_take() {
    let (heartbeat_interval, heartbeat_timeout) = (Some(Duration::from_secs(1)), Duration::from_secs(20));
    let mut wire = Wire::server_with(Config { heartbeat_interval, heartbeat_timeout, ..Config::default() });
    for _ in 0..5 {
        wire.wait(Duration::from_secs(1));
        assert_eq!(wire.take_sent(), b"\x89\x09heartbeat");
        wire.say(|peer| peer.frame(0x8a, b"heartbeat"));
    }
    // Without an answer it is asked once, and has its whole time.
    wire.wait(Duration::from_secs(1));
    assert_eq!(wire.take_sent(), b"\x89\x09heartbeat");
    for _ in 0..19 {
        wire.wait(Duration::from_secs(1));
    }
    assert_eq!((wire.take_sent().len(), wire.end()), (0, None));
    wire.wait(Duration::from_secs(1));
    assert_eq!(wire.end(), Some(&End::Violation(Violation::HeartbeatTimeout)));
}

#[test]
fn a_peer_that_waits_for_our_application_is_not_given_up() {
    let config = Config { credit: Credit::Manual, unread_bytes_max: 1, ..heartbeat() };
    let mut wire = Wire::server_with(config);
    wire.say(|peer| peer.text("look at this for long").frame(0x01, b"and this").frame(0x8a, b"heartbeat"));
    for _ in 0..100 {
        wire.wait(Duration::from_secs(1));
    }
    assert_eq!((wire.end(), wire.events.len()), (None, 1));
    wire.machine.consume(1_000);
    wire.settle();
    assert_eq!(wire.end(), None);
    wire.wait(Duration::from_secs(9)).say(|peer| peer.frame(0x80, b"!"));
    assert_eq!(wire.events.len(), 2, "{:?}", wire.events);
}

#[test]
fn the_memory_of_messages_is_given_back_a_second_after_the_last() {
    let mut wire = Wire::server();
    for _ in 0..100 {
        wire.say(|peer| peer.frame(0x82, &[1; 3_000]));
        wire.take_events();
    }
    assert!(wire.machine.memory() > 2_000, "{}", wire.machine.memory());
    wire.wait(Duration::from_millis(999));
    assert!(wire.machine.memory() > 2_000);
    wire.wait(Duration::from_millis(1));
    assert!(wire.machine.memory() < 200, "{}", wire.machine.memory());
    let mut out = Out::with_room(100);
    assert_eq!(wire.machine.poll_output(wire.now, &mut out), Output::Idle(None), "nothing to wait for");
}

#[test]
fn an_idle_connection_takes_less_than_a_kilobyte() {
    let wire = Wire::server();
    let bytes = size_of::<Connection>() + wire.machine.memory();
    assert!(bytes < 1_024 + 300, "{bytes}");
}
