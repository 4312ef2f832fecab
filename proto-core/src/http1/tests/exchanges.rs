//! Exchanges of both sides: bodies, keep-alive, pipelining, expectations, the end of a connection.

use super::Bench;
use crate::base::{Field, Fields, Flow, Machine, Misuse};
use crate::http1::{Config, End, Event, RequestBody, Violation};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

const POST: &str = "POST /s/m HTTP/1.1\r\nhost: h\r\n";

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
}

fn ok() -> Fields {
    fields(&[(":status", "200"), ("x", "y")])
}

/// What was heard of the peer's body, and whether it ended.
fn content(events: &[Event]) -> (String, bool) {
    let mut heard = String::new();
    let mut ended = false;
    for event in events {
        if let Event::Data { data, end, .. } = event {
            heard.push_str(&String::from_utf8_lossy(data));
            ended = *end;
        }
    }
    (heard, ended)
}

#[test]
fn a_request_is_answered_in_chunks_and_the_connection_goes_on() {
    let mut server = Bench::server(Config::default());
    for round in 1..4 {
        let events = server.feed(&format!("{POST}content-length: 5\r\n\r\nhello"));
        assert!(matches!(&events[0], Event::Request { exchange, end: false, .. } if *exchange == round));
        assert_eq!(content(&events), ("hello".into(), true));
        server.connection.respond(round, &ok(), false).unwrap();
        assert_eq!(server.connection.send_data(round, b"12345", Bytes::from("67")), Ok(Flow::Ready));
        server.connection.finish(round, &fields(&[("a", "b")])).unwrap();
        assert_eq!(server.poll(), [Event::Finished { exchange: round }]);
        assert_eq!(
            server.take_sent(),
            "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n7\r\n1234567\r\n0\r\na: b\r\n\r\n"
        );
    }
}

#[test]
fn rfc9112_7_1_chunks_are_joined_extensions_are_ignored_and_trailers_are_told() {
    // RFC 9112 §7.1.1: extensions that are not known are ignored.
    let body = "5;a=\"b\"\r\nhello\r\n006 \r\n world\r\n0\r\nCheck: sum\r\n\r\n";
    for size in 1..body.len() {
        let mut server = Bench::server(Config::default());
        let mut events = server.feed(&format!("{POST}transfer-encoding: chunked\r\n\r\n"));
        for piece in body.as_bytes().chunks(size) {
            events.extend(server.feed(core::str::from_utf8(piece).unwrap()));
        }
        assert_eq!(content(&events).0, "hello world");
        let trailers = fields(&[("check", "sum")]);
        assert_eq!(events.last(), Some(&Event::Trailers { exchange: 1, fields: trailers }));
    }
}

#[test]
fn empty_messages_in_chunks_of_their_own_are_no_flood_however_many_come_at_once() {
    let mut server = Bench::server(Config::default());
    server.feed(&format!("{POST}transfer-encoding: chunked\r\n\r\n"));
    for _ in 0..100 {
        let events = server.feed(&"5\r\n\0\0\0\0\0\r\n".repeat(500));
        assert!(events.iter().all(|event| matches!(event, Event::Data { .. })));
        server.connection.consume(1, u32::MAX);
    }
}

#[test]
fn rfc9112_9_3_2_a_request_behind_another_waits_until_that_is_answered() {
    let mut server = Bench::server(Config::default());
    let events = server.feed(&format!("{POST}\r\n{POST}\r\n"));
    assert_eq!(events.len(), 1);
    server.connection.respond(1, &ok(), true).unwrap();
    let events = server.poll();
    assert_eq!(events[0], Event::Finished { exchange: 1 });
    assert!(matches!(events[1], Event::Request { exchange: 2, end: true, .. }));
}

#[test]
fn more_than_may_wait_behind_a_request_closes_the_connection_after_its_answer() {
    let mut server = Bench::server(Config { pipelined_bytes_max: 100, ..Config::default() });
    server.feed(&format!("{POST}\r\n"));
    assert_eq!(server.feed(&"x".repeat(101)), []);
    server.connection.respond(1, &ok(), true).unwrap();
    let events = server.poll();
    assert_eq!(events, [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)]);
    assert!(server.sent.contains("connection: close"), "{}", server.sent);
}

#[test]
fn rfc9110_10_1_1_a_client_that_expects_100_continue_gets_it_before_its_body_and_not_with_a_final_response() {
    let head = format!("{POST}content-length: 2\r\nexpect: 100-Continue\r\n\r\n");
    let mut server = Bench::server(Config::default());
    server.feed(&head);
    assert_eq!(server.take_sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(content(&server.feed("ab")), ("ab".into(), true));
    let mut server = Bench::server(Config::default());
    server.connection.handle_input(server.now, Bytes::from(head));
    let mut out = crate::base::Out::with_room(1 << 16);
    let _request = server.connection.poll_output(server.now, &mut out);
    server.connection.respond(1, &ok(), true).unwrap();
    server.poll();
    assert!(server.sent.starts_with("HTTP/1.1 200 OK"), "{}", server.sent);
}

#[test]
fn rfc9112_6_3_the_answer_to_head_has_no_body() {
    let mut server = Bench::server(Config::default());
    server.feed("HEAD / HTTP/1.1\r\nhost: h\r\n\r\n");
    server.connection.respond(1, &ok(), false).unwrap();
    let _ready = server.connection.send_data(1, b"", Bytes::from("content")).unwrap();
    server.connection.finish(1, &Fields::new()).unwrap();
    server.poll();
    assert_eq!(server.sent, "HTTP/1.1 200 OK\r\nx: y\r\n\r\n");
}

#[test]
fn rfc9112_6_1_a_client_of_http_1_0_gets_a_body_that_ends_with_the_connection() {
    let mut server = Bench::server(Config::default());
    server.feed("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    server.connection.respond(1, &ok(), false).unwrap();
    let _ready = server.connection.send_data(1, b"", Bytes::from("content")).unwrap();
    server.connection.finish(1, &Fields::new()).unwrap();
    let events = server.poll();
    assert_eq!(events.last(), Some(&Event::Ended(End::Graceful)));
    assert_eq!(server.sent, "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\ncontent");
}

#[test]
fn rfc9112_9_6_a_connection_that_closes_says_so_in_its_last_response() {
    for (line, drains) in [("connection: close\r\n", false), ("", true)] {
        let mut server = Bench::server(Config::default());
        server.feed(&format!("{POST}{line}\r\n"));
        if drains {
            server.connection.drain(server.now, Duration::from_secs(1));
        }
        server.connection.respond(1, &ok(), true).unwrap();
        let events = server.poll();
        assert_eq!(events, [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)]);
        assert!(server.sent.ends_with("connection: close\r\n\r\n"), "{}", server.sent);
    }
}

#[test]
fn rfc9112_9_3_a_long_rest_of_a_request_that_is_answered_early_ends_the_connection() {
    let mut server = Bench::server(Config { pipelined_bytes_max: 10, ..Config::default() });
    server.feed(&format!("{POST}content-length: 15\r\n\r\nabc"));
    server.connection.respond(1, &ok(), true).unwrap();
    assert_eq!(server.poll(), [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)]);
    assert!(server.sent.contains("connection: close"), "{}", server.sent);
    let mut chunked = Bench::server(Config { pipelined_bytes_max: 10, ..Config::default() });
    chunked.feed(&format!("{POST}transfer-encoding: chunked\r\n\r\n"));
    chunked.connection.respond(1, &ok(), true).unwrap();
    assert_eq!(chunked.poll(), []);
    let ends = [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)];
    assert_eq!(chunked.feed("b\r\nhello world"), ends);
}

#[test]
fn a_short_rest_of_a_request_that_is_answered_early_is_dropped_and_the_next_request_served() {
    let mut server = Bench::server(Config::default());
    server.feed(&format!("{POST}transfer-encoding: chunked\r\n\r\n"));
    server.connection.respond(1, &ok(), true).unwrap();
    assert_eq!(server.poll(), []);
    assert!(!server.take_sent().contains("connection: close"));
    let events = server.feed(&format!("5\r\nhello\r\n0\r\n\r\n{POST}\r\n"));
    assert_eq!(events[0], Event::Finished { exchange: 1 });
    assert!(matches!(events[1], Event::Request { exchange: 2, end: true, .. }), "{events:?}");
    // Nor does a rest that never comes hold the connection for ever.
    let mut server = Bench::server(Config::default());
    server.feed(&format!("{POST}content-length: 5\r\n\r\nhe"));
    server.connection.respond(1, &ok(), true).unwrap();
    assert_eq!(server.poll(), []);
    server.now = server.now + Duration::from_secs(30);
    assert_eq!(server.poll(), [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)]);
}

#[test]
fn content_that_nobody_takes_is_not_read_beyond_the_buffer() {
    let mut server = Bench::server(Config { receive_buffer_bytes: 10, ..Config::default() });
    let events = server.feed(&format!("{POST}content-length: 15\r\n\r\n0123456789abcde"));
    assert_eq!(content(&events), ("0123456789".into(), false));
    assert!(!server.connection.wants_input());
    server.connection.consume(1, 4);
    assert_eq!(content(&server.poll()), ("abcd".into(), false));
    server.connection.consume(1, 100);
    assert_eq!(content(&server.poll()), ("e".into(), true));
    assert!(server.connection.wants_input());
}

#[test]
fn a_full_queue_says_blocked_and_then_writable_once() {
    let mut server = Bench::server(Config { send_buffer_bytes: 100, ..Config::default() });
    server.feed(&format!("{POST}\r\n"));
    server.connection.respond(1, &ok(), false).unwrap();
    assert_eq!(server.connection.send_data(1, b"", vec![1; 3_000].into()), Ok(Flow::Blocked));
    assert_eq!(server.connection.send_data(1, b"", Bytes::new()), Err(Misuse::Blocked));
    assert_eq!(server.poll(), [Event::Writable { exchange: 1 }]);
    assert_eq!(server.poll(), []);
}

#[test]
fn a_client_asks_and_hears_and_asks_again() {
    let mut client = Bench::client(Config::default());
    let head =
        fields(&[(":method", "POST"), (":path", "/p"), (":authority", "h:1"), ("te", "x"), ("a", "b")]);
    assert_eq!(client.connection.request(&head, RequestBody::Whole(Bytes::from("hi"))), Ok(1));
    assert!(client.connection.request(&head, RequestBody::Chunks).is_err(), "one at a time");
    client.poll();
    assert_eq!(client.take_sent(), "POST /p HTTP/1.1\r\nhost: h:1\r\na: b\r\ncontent-length: 2\r\n\r\nhi");
    let events = client.feed("HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");
    assert!(matches!(&events[0], Event::Response { exchange: 1, head, end: false } if head.status == 200));
    assert_eq!(content(&events), ("abc".into(), true));
    assert_eq!(events.last(), Some(&Event::Finished { exchange: 1 }));
    assert_eq!(client.connection.request(&head, RequestBody::Chunks), Ok(2));
}

#[test]
fn rfc9112_6_3_a_response_without_a_length_lasts_until_the_connection_ends() {
    let mut client = Bench::client(Config::default());
    let head = fields(&[(":method", "GET"), (":path", "/"), (":authority", "h")]);
    client.connection.request(&head, RequestBody::Whole(Bytes::new())).unwrap();
    let events = client.feed("HTTP/1.1 200 OK\r\n\r\nabc");
    assert_eq!(content(&events), ("abc".into(), false));
    client.connection.handle_eof(client.now);
    let events = client.poll();
    assert_eq!(content(&events), (String::new(), true));
    let ends = [Event::Finished { exchange: 1 }, Event::Ended(End::Graceful)];
    assert_eq!(events[1..], ends);
}

#[test]
fn rfc9112_8_a_connection_that_ends_within_an_exchange_is_lost() {
    let mut client = Bench::client(Config::default());
    let head = fields(&[(":method", "GET"), (":path", "/"), (":authority", "h")]);
    client.connection.request(&head, RequestBody::Whole(Bytes::new())).unwrap();
    client.connection.handle_eof(client.now);
    assert_eq!(client.poll(), [Event::Ended(End::TransportClosed)]);
    let mut server = Bench::server(Config::default());
    server.feed(&format!("{POST}\r\n"));
    server.connection.handle_eof(server.now);
    assert_eq!(server.poll(), [Event::Ended(End::TransportClosed)]);
    let mut idle = Bench::server(Config::default());
    idle.connection.handle_eof(idle.now);
    assert_eq!(idle.poll(), [Event::Ended(End::Graceful)]);
}

#[test]
fn silence_is_ended_by_the_timer_of_what_is_waited_for() {
    let seconds = Duration::from_secs;
    let cases: [(&[&str], Duration, Event, &str); 4] = [
        (&[], seconds(10), Event::Ended(End::Violation(Violation::HeadTimeout)), ""),
        (&["POST /"], seconds(10), Event::Ended(End::Violation(Violation::HeadTimeout)), "HTTP/1.1 408 "),
        (
            &[POST, "content-length: 5\r\n\r\nhe"],
            seconds(30),
            Event::Ended(End::Violation(Violation::BodyTimeout)),
            "HTTP/1.1 408 ",
        ),
        (&[POST, "\r\n", "answer"], seconds(120), Event::Ended(End::Graceful), "HTTP/1.1 200 "),
    ];
    for (inputs, after, end, answer) in cases {
        let mut server = Bench::server(Config::default());
        server.poll();
        for input in inputs {
            if *input == "answer" {
                server.connection.respond(1, &ok(), true).unwrap();
                server.poll();
            } else {
                server.feed(input);
            }
        }
        let start = server.now;
        server.now = start + (after - Duration::from_nanos(1));
        assert_eq!(server.poll(), [], "{inputs:?} before {after:?}");
        server.now = start + after;
        assert_eq!(server.poll(), [end], "{inputs:?}");
        assert!(
            server.sent.starts_with(answer) && server.sent.is_empty() == answer.is_empty(),
            "{}",
            server.sent
        );
    }
}

#[test]
fn commands_out_of_order_are_misuse_and_change_nothing() {
    let mut server = Bench::server(Config::default());
    let gone: Vec<Misuse> = [
        server.connection.respond(1, &ok(), true).unwrap_err(),
        server.connection.finish(1, &Fields::new()).unwrap_err(),
        server.connection.reset(1).unwrap_err(),
    ]
    .into();
    assert_eq!(gone, [Misuse::Unknown, Misuse::Unknown, Misuse::Gone]);
    server.feed(&format!("{POST}\r\n"));
    for bad in [&[(":status", "99")][..], &[("x", "y")], &[(":status", "200"), ("a b", "c")]] {
        assert!(matches!(server.connection.respond(1, &fields(bad), true), Err(Misuse::InvalidField(_))));
    }
    server.connection.respond(1, &ok(), true).unwrap();
    assert!(matches!(server.connection.respond(1, &ok(), true), Err(Misuse::OutOfOrder(_))));
}
