//! A31 to A40: what WebSocket clients do to a listener.

use crate::host::{Handlers, Report, Victim, attack, show};
use crate::rapid_reset::HEAP;
use std::time::Duration;
use zrpc::core::stack::AnyServerConfig;
use zrpc::core::websocket::CloseCode;
use zrpc_tests::attacks::websocket::{floods, frame, handshake};
use zrpc_tests::attacks::{Script, Wire};

fn named(name: &str) -> Script {
    floods().into_iter().find(|script| script.name == name).expect("a script of that name")
}

fn flood(name: &str) -> Report {
    let report = attack(named(name));
    assert!(report.peak <= HEAP, "{name}: {} bytes of heap", report.peak);
    assert!(report.end.is_some() && report.left == 0, "{name}: {}", report.why());
    report
}

/// A connection after its handshake, of which nothing is left in the answers.
fn opened() -> Victim {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&handshake("Sec-WebSocket-Protocol: zrpc.v1\r\n"), true);
    assert!(victim.answers.starts_with(b"HTTP/1.1 101 "));
    victim.answers.clear();
    victim
}

/// The code of the close frame that ends what was answered.
fn close_code(answers: &[u8]) -> Option<u16> {
    let at = answers.iter().position(|octet| *octet == 0x88)?;
    answers.get(at + 2..at + 4).map(|code| u16::from_be_bytes([code[0], code[1]]))
}

#[test]
fn a31_a_message_of_tiny_fragments_ends_after_some_two_thousand() {
    for name in ["fragments of 1 octet", "empty fragments"] {
        assert!(flood(name).units <= 2_200);
    }
}

#[test]
fn a31_messages_without_an_octet_are_not_free() {
    let mut victim = opened();
    let mut script = named("empty messages");
    let mut wire = Wire::default();
    for number in 0..1_100 {
        script.write(&mut wire, number);
    }
    victim.take(&wire.take(), true);
    assert_eq!(close_code(&victim.answers), Some(1008));
    victim.wait(Duration::from_secs(6));
    assert!(victim.end().is_some(), "a client that does not close is let go");
}

#[test]
fn a32_lengths_that_lie_reserve_nothing() {
    for length in [1u64 << 24, 1 << 30, 1 << 62, u64::MAX] {
        let mut victim = opened();
        let before = victim.live();
        let mut wire = Wire::default();
        wire.raw(&[0x82, 0xff]).raw(&length.to_be_bytes()).raw(&[1, 2, 3, 4]).raw(b"a few octets");
        victim.take(&wire.take(), true);
        assert!(victim.live() - before <= 1024, "{} bytes for {length}", victim.live() - before);
    }
}

#[test]
fn a33_a_34_what_breaks_the_framing_ends_with_1002() {
    let cases: [(&str, &[u8]); 7] = [
        ("no mask", &[0x82, 1, b'x']),
        ("a control frame of 126 octets", &[0x89, 0xfe, 0, 126, 1, 2, 3, 4]),
        ("a control frame in fragments", &[0x09, 0x80, 1, 2, 3, 4]),
        ("a reserved bit", &[0xc2, 0x80, 1, 2, 3, 4]),
        ("a reserved opcode", &[0x83, 0x80, 1, 2, 3, 4]),
        ("a length that is not minimal", &[0x82, 0xfe, 0, 1, 1, 2, 3, 4, b'x']),
        ("a continuation of nothing", &[0x80, 0x80, 1, 2, 3, 4]),
    ];
    for (what, octets) in cases {
        let mut victim = opened();
        victim.take(octets, true);
        assert_eq!(close_code(&victim.answers), Some(1002), "{what}");
    }
}

#[test]
fn a34_of_the_codes_up_to_4999_those_that_may_be_sent_are_taken() {
    for code in 0..5_000u16 {
        // RFC 6455 §7.4: below 1000 none; of the protocol's own those that are defined and may be on the wire; then
        // 3000 to 4999.
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).is_some_and(CloseCode::may_be_sent), is_valid, "{code}");
    }
    for (code, answer) in [(1000, 1000), (4999, 4999), (999, 1002), (1005, 1002), (1006, 1002), (1015, 1002)]
    {
        let mut victim = opened();
        let mut wire = Wire::default();
        frame(&mut wire, 0x88, &u16::to_be_bytes(code));
        victim.take(&wire.take(), true);
        assert_eq!(close_code(&victim.answers), Some(answer), "close with {code}");
    }
}

#[test]
fn a37_handshakes_are_bounded_and_what_comes_before_them_is_no_frame() {
    let mut script = Script::new(
        "A37",
        "a head without end",
        Wire(handshake("")[..80].to_vec()),
        10_000,
        |wire, number| {
            wire.raw(format!("x-{number}: {}\r\n", "v".repeat(50)).as_bytes());
        },
    );
    let report = Victim::new(AnyServerConfig::default(), Handlers::Answer).run(&mut script);
    show(&script, &report);
    assert!(report.end.is_some() && report.units <= 1_000 && report.peak <= HEAP && report.left == 0);
    // A list of subprotocols as long as a head may be is read in one pass (CVE-2021-32640), and a name that is not ASCII
    // is no reason to fall.
    for lines in [
        "Sec-WebSocket-Protocol: \u{e4}\u{f6}\r\n".to_owned(),
        format!("Sec-WebSocket-Protocol: {}\r\n", "a,".repeat(3_000)),
    ] {
        let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
        victim.take(&handshake(&lines), true);
        assert!(!victim.answers.is_empty());
        assert!(!victim.answers.starts_with(b"HTTP/1.1 101 "));
    }
}

#[test]
fn a38_pages_of_other_origins_are_refused_until_they_are_listed() {
    for (origin, taken) in [("http://victim", true), ("http://evil.example", false), ("null", false)] {
        let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
        victim.take(&handshake(&format!("Origin: {origin}\r\nSec-WebSocket-Protocol: zrpc.v1\r\n")), true);
        assert_eq!(victim.answers.starts_with(b"HTTP/1.1 101 "), taken, "{origin}");
    }
}

#[test]
fn a39_pings_end_after_a_thousand_and_pongs_that_nobody_reads_are_few() {
    assert!(flood("pings").units <= 1_100);
    assert!(flood("pongs").units <= 1_100);
    let unread = flood("pings, unread");
    assert!(unread.units <= 1_100 && unread.queued <= 20 * 1024, "{} bytes wait", unread.queued);
}

#[test]
fn a40_a_client_that_closes_and_does_not_hang_up_is_let_go_after_five_seconds() {
    let mut victim = opened();
    let mut wire = Wire::default();
    frame(&mut wire, 0x88, &1000u16.to_be_bytes());
    // Data after the close is ignored.
    frame(&mut wire, 0x82, b"late");
    victim.take(&wire.take(), true);
    victim.wait(Duration::from_secs(6));
    assert!(victim.end().is_some());
    assert_eq!(victim.over().left, 0);
}
