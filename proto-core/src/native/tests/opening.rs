//! How a connection begins: preface, version, HELLO; and what holds before they have come.

use super::*;
use crate::native::Violation;
use crate::rpc::Code;

#[test]
fn the_server_answers_preface_and_hello_with_its_own_and_says_nothing_before() {
    let mut test = AtServer::unopened(Config::default().shared());
    test.turn();
    assert!(test.sent.is_empty());
    test.peer(|peer| _ = peer.preface().hello(&[]));
    assert_eq!(test.sent().preface, Some(true));
    assert_eq!(test.sent().control.len(), 1, "HELLO");
}

#[test]
fn other_protocols_and_versions_are_refused_with_the_reason() {
    for (bytes, violation) in [
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], Violation::Preface),
        (b"GET / HTTP/1.1\r\n", Violation::Preface),
        (b"\x16\x03\x01\x02\x00", Violation::Preface),
        (b"\xfazRPC\x02\0\0", Violation::Version),
    ] {
        let mut test = AtServer::unopened(Config::default().shared());
        test.peer(|peer| _ = peer.raw(bytes));
        assert_eq!(test.sent().preface, Some(false));
        assert!(test.sent.ends_with(violation.text().as_bytes()));
        let Some(SessionEnd::Failed(status)) = test.closed() else { panic!("{:?}", test.closed()) };
        assert!(status.message().contains(violation.text()), "{status}");
    }
}

#[test]
fn a_client_whose_version_is_refused_learns_which_ones_are_served_and_its_calls_are_safe_to_retry() {
    let mut test = AtClient::unopened(Config::default());
    let call = test.start();
    test.turn();
    test.peer(|peer| _ = peer.raw(b"\xfazRPC\0\x02\x03\x07too old"));
    let status = test.end_of(call).expect("the call is over");
    assert_eq!((status.code(), status.safe_to_retry()), (Code::Unavailable, true));
    assert!(
        status.message().contains("versions 2 to 3") && status.message().ends_with("too old"),
        "{status}"
    );
}

#[test]
fn hello_comes_first_and_in_time() {
    let mut test = AtServer::unopened(Config::default().shared());
    test.peer(|peer| _ = peer.preface().open(1));
    assert_eq!(goaway(&test.sent()), Some((0, 1)), "{:?}", Violation::FirstFrame);

    let mut test = AtServer::unopened(Config::default().shared());
    test.peer(|peer| _ = peer.preface());
    test.wait(Duration::from_secs(10));
    assert_eq!(goaway(&test.sent()), Some((0, Violation::OpeningTimeout.code().0)));

    let mut test = AtServer::unopened(Config::default().shared());
    test.wait(Duration::from_secs(10));
    assert_eq!(test.sent().preface, Some(false), "who said nothing hears why");
}

#[test]
fn settings_out_of_their_range_or_twice_end_the_connection_and_unknown_ones_are_skipped() {
    for settings in [
        &[(2, 1023)][..],
        &[(2, 1 << 31)],
        &[(8, 1025)],
        &[(12, 65)],
        &[(16, 16_383)],
        &[(16, 16_777_216)],
        &[(0, 1), (0, 1)],
    ] {
        let test = AtServer::with(Config::default(), settings);
        assert_eq!(goaway(&test.sent()), Some((0, Violation::Setting.code().0)), "{settings:?}");
    }
    let mut test = AtServer::unopened(Config::default().shared());
    // An unknown number, an unknown string, the authority.
    test.peer(|peer| _ = peer.preface().frame(0x01, b"\x20\x05\x21\x03abc\x01\x07a.com:1"));
    test.peer(|peer| _ = peer.unary(1, b"x"));
    assert_eq!(test.closed(), None);
    let head = test.server.request(CallId::from_u64(1)).expect("the call is open");
    assert_eq!(head.authority, "a.com:1");
}

#[test]
fn calls_that_began_before_hello_get_the_credit_that_it_adds_and_keep_what_they_had() {
    for (credit, allowed) in [(100_000, 100_000 - 32), (10_000, 65_536 - 32)] {
        let mut test = AtClient::unopened(Config { send_buffer_bytes: 1 << 20, ..Config::default() });
        let call = test.start();
        let _ = test.send(call, 200_000);
        test.turn();
        test.peer(|peer| _ = peer.answer().hello(&[(2, credit)]));
        let said = test.said(1);
        let Some(Said::Message { bytes, rest, .. }) = said.last() else { panic!("{said:?}") };
        // Parts below 4,096 bytes are not worth a frame.
        assert!((allowed - 4_096..=allowed).contains(&bytes.len()), "{}", bytes.len());
        assert_eq!(bytes.len() + *rest as usize, 200_000);
    }
}

#[test]
fn names_are_interned_once_the_server_says_that_it_remembers_them() {
    let mut test = AtClient::unopened(Config::default());
    let mut lengths = Vec::new();
    for round in 0..4 {
        let before = test.sent.len();
        let call = test.start();
        test.client.half_close(call).unwrap();
        test.turn();
        lengths.push(test.sent.len() - before);
        if round == 0 {
            test.peer(|peer| _ = peer.answer().hello(&[(8, 1)]));
        }
    }
    // Preface, HELLO and the path; the path as an entry; its number.
    assert!(lengths[0] > lengths[1] && lengths[1] > lengths[2] && lengths[2] == lengths[3], "{lengths:?}");
    assert_eq!(lengths[3], 5);
    assert_eq!(test.said(4), test.said(1), "what is said is the same");
}
