//! How connections end: drains and their races, keepalive, close, the end of the transport.

use super::*;
use crate::native::Violation;
use crate::rpc::Code;

#[test]
fn a_drain_takes_what_was_on_its_way_then_draws_the_line_and_waits_for_open_calls() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.unary(1, b"x"));
    test.server.drain(test.now, Duration::from_secs(60));
    test.turn();
    let sent = test.sent();
    assert_eq!(goaway(&sent), Some(((1 << 62) - 2, 0)));
    let token = sent.control.iter().rfind(|frame| frame.kind == 0x05).expect("a PING").body.clone();
    test.peer(|peer| _ = peer.unary(2, b"on its way"));
    test.peer(|peer| _ = peer.pong(token.try_into().unwrap()));
    assert_eq!(goaway(&test.sent()), Some((2, 0)));
    test.peer(|peer| _ = peer.unary(3, b"too late"));
    assert_eq!(test.messages().len(), 2);
    for call in 1..=2 {
        assert_eq!(test.closed(), None);
        test.server.finish(CallId::from_u64(call), &Status::OK, &Metadata::new()).unwrap();
        test.turn();
    }
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
}

#[test]
fn a_drain_ends_when_its_grace_does_and_a_client_that_does_not_answer_holds_no_line_up() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.unary(1, b"x"));
    test.server.drain(test.now, Duration::from_secs(5));
    test.turn().wait(Duration::from_secs(1));
    assert_eq!(goaway(&test.sent()), Some((1, 0)));
    test.wait(Duration::from_secs(4));
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
    assert_eq!(test.end_of(1).map(|status| status.code()), Some(Code::Unavailable));
}

#[test]
fn a_server_that_drains_before_it_was_greeted_says_so_when_it_can_be_read() {
    let mut test = AtServer::unopened(Config::default().shared());
    test.server.drain(test.now, Duration::from_secs(5));
    test.turn();
    assert!(test.sent.is_empty());
    test.peer(|peer| _ = peer.preface().hello(&[]).unary(1, b"on its way"));
    assert_eq!(goaway(&test.sent()), Some(((1 << 62) - 2, 0)));
    assert_eq!(test.messages().len(), 1);
}

#[test]
fn a_client_of_a_draining_server_starts_nothing_and_retries_what_was_not_processed() {
    let mut test = AtClient::new();
    let (seen, unseen) = (test.start(), test.start());
    test.turn();
    let unsent = test.start();
    test.peer(|peer| _ = peer.goaway(1, 0));
    assert!(test.events.contains(&ClientEvent::Draining));
    assert!(!test.client.takes_calls());
    assert_eq!(test.start_with(&Metadata::new(), None), Err(Misuse::Draining));
    for call in [unseen, unsent] {
        assert!(test.end_of(call).expect("it is over").is_retried_unseen());
    }
    assert_eq!((test.end_of(seen), test.closed()), (None, None));
    test.peer(|peer| _ = peer.call(0x08, 1, &[0]));
    assert_eq!(test.end_of(seen), Some(Status::OK));
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
}

#[test]
fn a_refused_call_is_safe_to_retry() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    test.peer(|peer| _ = peer.reset(1, 5));
    assert!(test.end_of(call).expect("it is over").is_retried_unseen());
}

#[test]
fn a_client_that_drains_ends_after_its_last_call() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    test.client.drain(test.now);
    test.turn();
    assert_eq!((test.closed(), test.client.takes_calls()), (None, false));
    test.peer(|peer| _ = peer.call(0x08, 1, &[0]));
    assert_eq!(test.end_of(call), Some(Status::OK));
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
}

#[test]
fn a_close_ends_calls_as_cancelled_in_a_client_and_as_unavailable_in_a_server() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    test.client.close(test.now);
    test.turn();
    assert_eq!(test.end_of(call).map(|status| status.code()), Some(Code::Cancelled));
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));

    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.unary(1, b"x"));
    test.server.close(test.now);
    test.turn();
    assert_eq!(test.end_of(1).map(|status| status.code()), Some(Code::Unavailable));
    assert_eq!(goaway(&test.sent()), Some((1, 0)));
}

#[test]
fn an_error_of_the_peer_ends_the_connection_with_its_words() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    let body = [&[1u8, 8][..], b"calm down"].concat();
    test.peer(|peer| _ = peer.frame(0x07, &body));
    let status = test.end_of(call).expect("it is over");
    assert_eq!(status.message(), "the peer ended the connection with EXCESS: calm down");
    assert!(!status.safe_to_retry());
}

#[test]
fn the_end_of_the_transport_is_clean_between_calls_only() {
    let mut test = AtServer::new();
    test.server.handle_eof(test.now);
    test.turn();
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
    for bytes in [&b"\x10"[..], b"\x06\x8b\x01\x00\x00\x00"] {
        let mut test = AtServer::new();
        test.peer(|peer| _ = peer.raw(bytes));
        test.server.handle_eof(test.now);
        test.turn();
        assert!(matches!(test.closed(), Some(SessionEnd::Failed(_))), "{bytes:?}");
    }
}

#[test]
fn keepalive_asks_after_silence_and_ends_what_does_not_answer() {
    let config = Config {
        keepalive_interval: Some(Duration::from_secs(1)),
        keepalive_timeout: Duration::from_secs(2),
        keepalive_without_calls: true,
        ..Config::default()
    };
    let pings = |test: &AtServer| test.sent().control.iter().filter(|frame| frame.kind == 0x05).count();
    let mut test = AtServer::with(config.clone(), &[]);
    test.wait(Duration::from_secs(1));
    assert_eq!(pings(&test), 1);
    let token = test.sent().control.last().expect("a PING").body.clone();
    test.peer(|peer| _ = peer.pong(token.try_into().unwrap()));
    test.wait(Duration::from_secs(1));
    assert_eq!(pings(&test), 2);
    test.wait(Duration::from_secs(2));
    assert_eq!(goaway(&test.sent()), Some((0, Violation::KeepaliveTimeout.code().0)));

    // The client bears no more than one a minute.
    let mut test = AtServer::with(config, &[(14, 60_000)]);
    test.wait(Duration::from_secs(1)).wait(Duration::from_secs(58));
    assert_eq!(pings(&test), 0);
    test.wait(Duration::from_secs(2));
    assert_eq!(pings(&test), 1);
}

#[test]
fn a_connection_that_is_idle_for_long_drains() {
    let config = Config { idle_timeout: Some(Duration::from_secs(30)), ..Config::default() };
    let mut test = AtServer::with(config, &[]);
    test.wait(Duration::from_secs(30)).wait(Duration::from_secs(1));
    assert_eq!(test.closed(), Some(SessionEnd::Graceful));
}
