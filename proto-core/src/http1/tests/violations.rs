//! The table of violations against the machine: each is met by what a peer sends, and answered as the table says.

use super::Bench;
use crate::base::{Field, Fields, Machine, Rate};
use crate::http1::{Config, End, Event, HeadLimits, RequestBody, Violation};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

const POST: &str = "POST /s/m HTTP/1.1\r\nhost: h\r\n";
const CHUNKED: &str = "POST /s/m HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
/// Violations that only a server, or only time, can bring about.
const ELSEWHERE: [Violation; 8] = [
    Violation::StatusLine,
    Violation::HeadTimeout,
    Violation::BodyTimeout,
    Violation::WriteTimeout,
    Violation::Unasked,
    Violation::TooManyInformational,
    Violation::SwitchUnasked,
    Violation::Version,
];

fn config() -> Config {
    Config {
        head: HeadLimits { head_bytes_max: 300, first_line_bytes_max: 100, fields_max: 4 },
        body_bytes_max: 100,
        chunk_line_bytes_max: 20,
        chunk_overhead: Rate { burst: 100, per_second: 1 },
        ..Config::default()
    }
}

/// What a client sends, and which violation it is.
fn offences() -> Vec<(String, Violation)> {
    let field = |line: &str| format!("{POST}{line}\r\n\r\n");
    let chunk = |text: &str| format!("{CHUNKED}{text}");
    [
        ("hello\r\n".into(), Violation::FirstLine),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), Violation::Preface),
        ("\u{16}\u{3}\u{1}\u{2}".into(), Violation::Tls),
        (field("a: b\rc"), Violation::BareCr),
        (field("a: b\nc"), Violation::BareLf),
        (field("a: \0"), Violation::ControlByte),
        (format!("{} / HTTP/1.1\r\n", "M".repeat(40)), Violation::MethodTooLong),
        ("GET nowhere HTTP/1.1\r\n".into(), Violation::Target),
        (format!("GET /{}", "a".repeat(100)), Violation::TargetTooLong),
        (field(&format!("a: {}", "b".repeat(300))), Violation::HeadTooLarge),
        (field("a:\r\nb:\r\nc:\r\nd:\r\ne:"), Violation::TooManyFields),
        ("GET / HTTP/1.1\r\n a: b\r\n\r\n".into(), Violation::LeadingSpace),
        (field("a: b\r\n c"), Violation::Fold),
        (field("a"), Violation::FieldLine),
        (field("a : b"), Violation::SpaceBeforeColon),
        (field("a b: c"), Violation::FieldName),
        ("GET / HTTP/1.1\r\n\r\n".into(), Violation::HostMissing),
        (field("host: h"), Violation::HostRepeated),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n".into(), Violation::HostMalformed),
        (field("content-length: x"), Violation::LengthMalformed),
        (field("content-length: 1\r\ncontent-length: 1"), Violation::LengthRepeated),
        (field("content-length: 1\r\ntransfer-encoding: chunked"), Violation::LengthAndEncoding),
        (field("transfer-encoding: gzip"), Violation::EncodingUnknown),
        (field("transfer-encoding: chunked, chunked"), Violation::EncodingNotFinal),
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".into(), Violation::EncodingInOldVersion),
        ("GET / HT\u{0}".into(), Violation::ControlByte),
        (field("expect: a-miracle"), Violation::Expectation),
        (chunk("x"), Violation::ChunkSize),
        (chunk("\r\n"), Violation::ChunkSize),
        (chunk("-1\r\n"), Violation::ChunkSize),
        (chunk("10000000000000000\r\n"), Violation::ChunkSize),
        (chunk("1;a\nb"), Violation::BareLf),
        (chunk("1\n"), Violation::ChunkSize),
        (chunk("1;aaaaaaaaaaaaaaaaaaaaaaaaa"), Violation::ChunkLine),
        (chunk("1\r\nab"), Violation::ChunkEnd),
        (chunk("1\r\na\rb"), Violation::ChunkEnd),
        (chunk("1;a=b\r\na\r\n".repeat(40).as_str()), Violation::ChunkFlood),
        (chunk("65\r\n"), Violation::BodyTooLarge),
        (field("content-length: 101"), Violation::BodyTooLarge),
        (chunk("0\r\na : b\r\n\r\n"), Violation::SpaceBeforeColon),
        (format!("{POST}content-len"), Violation::HeadCut),
        (chunk("5\r\nab"), Violation::BodyCut),
    ]
    .into()
}

#[test]
fn what_a_client_does_wrong_is_answered_as_the_table_says_and_ends_the_connection() {
    let mut met: Vec<Violation> = ELSEWHERE.into();
    for (input, why) in offences() {
        for size in [1, 5, input.len()] {
            let mut server = Bench::server(config());
            let mut last = None;
            for piece in input.as_bytes().chunks(size) {
                server.connection.handle_input(server.now, Bytes::copy_from_slice(piece));
                last = server.poll().pop().or(last);
            }
            if matches!(why, Violation::HeadCut | Violation::BodyCut) {
                server.connection.handle_eof(server.now);
                last = server.poll().pop();
            }
            assert_eq!(last, Some(Event::Ended(End::Violation(why))), "{input:?} in pieces of {size}");
            let status = format!("HTTP/1.1 {} ", why.status());
            assert!(
                server.sent.contains(&status) && server.sent.contains("connection: close"),
                "{}",
                server.sent
            );
            assert!(server.sent.contains("expected here"), "{}", server.sent);
        }
        met.push(why);
    }
    let unmet: Vec<&Violation> = Violation::ALL.iter().filter(|why| !met.contains(why)).collect();
    assert!(unmet.is_empty(), "no input brings about {unmet:?}");
}

#[test]
fn what_a_server_does_wrong_ends_the_connection_without_another_word() {
    let informational = "HTTP/1.1 102 Processing\r\n\r\n".repeat(17);
    for (input, why) in [
        ("hello\r\n", Violation::StatusLine),
        ("HTTP/2.0 200 OK\r\n", Violation::Version),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Violation::SwitchUnasked),
        (&informational, Violation::TooManyInformational),
        // RFC 9112 §9.2: what answers no request is no response.
        ("HTTP/1.1 204 No Content\r\n\r\nx", Violation::Unasked),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            Violation::LengthAndEncoding,
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx", Violation::ChunkSize),
    ] {
        let mut client = Bench::client(Config::default());
        let head: Fields = [(":method", "GET"), (":path", "/"), (":authority", "h")]
            .map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()))
            .into_iter()
            .collect();
        client.connection.request(&head, RequestBody::Whole(Bytes::new())).unwrap();
        client.poll();
        client.take_sent();
        let events = client.feed(input);
        assert_eq!(events.last(), Some(&Event::Ended(End::Violation(why))), "{input:?}");
        assert_eq!(client.sent, "");
    }
}

#[test]
fn each_violation_says_its_status_its_section_and_what_happened() {
    for why in Violation::ALL {
        assert!((400..600).contains(&why.status()), "{why:?}");
        assert!(why.section().starts_with("RFC "), "{why:?}");
        assert!(why.text().len() > 10 && !why.text().ends_with('.'), "{why:?}");
    }
}
