//! Heads: what is taken, what is refused with which answer, and that pieces of any size read the same.

use crate::base::{Field, Fields};
use crate::http1::{Framing, HeadLimits, HeadReader, RequestHead, ResponseHead, Version, Violation, write};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

fn request(text: &str) -> Result<RequestHead, Violation> {
    let whole = read_in_pieces(text.as_bytes(), text.len());
    for size in [1, 2, 3, 7] {
        assert_eq!(read_in_pieces(text.as_bytes(), size), whole, "pieces of {size} of {text:?}");
    }
    whole.map(|head| head.expect("the head is whole"))
}

fn read_in_pieces(bytes: &[u8], size: usize) -> Result<Option<RequestHead>, Violation> {
    let mut reader = HeadReader::new(HeadLimits::default());
    let mut head = None;
    for piece in bytes.chunks(size.max(1)) {
        reader.push(Bytes::copy_from_slice(piece));
        if head.is_none() {
            head = reader.poll_request()?;
        }
        assert!(reader.memory() <= HeadLimits::default().memory_max());
    }
    Ok(head)
}

fn response(text: &str) -> Result<ResponseHead, Violation> {
    let mut reader = HeadReader::new(HeadLimits::default());
    reader.push(Bytes::copy_from_slice(text.as_bytes()));
    Ok(reader.poll_response()?.expect("the head is whole"))
}

fn with(line: &str) -> Result<RequestHead, Violation> {
    request(&format!("POST /s/m HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n"))
}

#[test]
fn a_request_gives_method_target_version_fields_and_framing() {
    let head =
        request("POST /a.B/C?x HTTP/1.1\r\nHost: h:1\r\nX-Key:  v v \r\nX-KEY:\r\nContent-Length: 5\r\n\r\n")
            .unwrap();
    assert_eq!((&head.method[..], &head.target[..]), (&b"POST"[..], &b"/a.B/C?x"[..]));
    assert_eq!((head.version, head.framing), (Version::Http11, Framing::Length(5)));
    let fields: Fields = [
        Field::new(b"host", b"h:1"),
        Field::new(b"x-key", b"v v"),
        Field::new(b"x-key", b""),
        Field::new(b"content-length", b"5"),
    ]
    .into_iter()
    .collect();
    assert_eq!(head.fields, fields);
    assert!(head.is_persistent());
}

#[test]
fn rfc9112_3_2_2_the_authority_of_an_absolute_target_counts_and_host_is_ignored() {
    let head = request("GET http://right:1/p HTTP/1.1\r\nHost: wrong\r\n\r\n").unwrap();
    assert_eq!((head.authority(), head.path()), (&b"right:1"[..], &b"/p"[..]));
    let head = request("GET http://right HTTP/1.1\r\nHost: wrong\r\n\r\n").unwrap();
    assert_eq!((head.authority(), head.path()), (&b"right"[..], &b"/"[..]));
}

#[test]
fn rfc9112_3_2_each_target_goes_with_its_methods() {
    for (line, is_taken) in [
        ("OPTIONS * HTTP/1.1", true),
        ("GET * HTTP/1.1", false),
        ("CONNECT h:443 HTTP/1.1", true),
        ("CONNECT /p HTTP/1.1", false),
        ("GET p HTTP/1.1", false),
        ("GET ftp://h/p HTTP/1.1", false),
        ("GET http:///p HTTP/1.1", false),
        ("GET http://u@h/p HTTP/1.1", false),
        ("GET /p#f HTTP/1.1", false),
        ("GET /\u{e9} HTTP/1.1", false),
    ] {
        let head = request(&format!("{line}\r\nHost: h\r\n\r\n"));
        assert_eq!(head.as_ref().err().copied(), (!is_taken).then_some(Violation::Target), "{line}");
    }
}

#[test]
fn rfc9112_3_first_lines_that_are_no_request_line_are_refused_when_they_end() {
    for (line, why) in [
        ("hello there\r\n", Violation::FirstLine),
        ("GET / HTTP/1.1 \r\n", Violation::FirstLine),
        ("GET  / HTTP/1.1\r\n", Violation::FirstLine),
        ("GET /\r\n", Violation::FirstLine),
        ("G(T / HTTP/1.1\r\n", Violation::FirstLine),
        // RFC 9112 §2.3: the version's name is case-sensitive, and each number is one digit.
        ("GET / http/1.1\r\n", Violation::FirstLine),
        ("GET / HTTP/1.10\r\n", Violation::FirstLine),
        ("GET / HTTP/2.0\r\n", Violation::Version),
        ("GET / HTTP/0.9\r\n", Violation::Version),
        ("PRI * HTTP/2.0\r\n", Violation::Preface),
        ("GET / HTTP/1.1\n", Violation::BareLf),
        ("\u{16}\u{3}\u{1}", Violation::Tls),
        ("\0", Violation::FirstLine),
        ("\n", Violation::FirstLine),
        ("\r\n\r", Violation::FirstLine),
        ("GET /\0", Violation::ControlByte),
    ] {
        assert_eq!(request(line), Err(why), "{line:?}");
    }
    let long = format!("{} / HTTP/1.1\r\n", "M".repeat(33));
    assert_eq!(request(&long), Err(Violation::MethodTooLong));
}

#[test]
fn rfc9112_2_2_one_empty_line_before_a_request_line_is_passed_over() {
    let head = request("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(&head.raw[..4], b"GET ");
}

#[test]
fn rfc9112_2_2_lines_end_with_crlf_and_nothing_else() {
    assert_eq!(with("a: b\nc: d"), Err(Violation::BareLf));
    assert_eq!(with("a: b\rc: d"), Err(Violation::BareCr));
    assert_eq!(with("a: b\r\rc: d"), Err(Violation::BareCr));
    assert_eq!(with("a: b\r\n\r\r"), Err(Violation::BareCr));
    assert_eq!(with("a: b\r\n\n"), Err(Violation::BareLf));
    let spaced = "GET / HTTP/1.1\r\n Host: h\r\n\r\n";
    assert_eq!(request(spaced), Err(Violation::LeadingSpace));
}

#[test]
fn rfc9112_5_malformed_field_lines_are_refused() {
    for (line, why) in [
        // RFC 9112 §5.2: a folded field is refused.
        ("a: b\r\n c", Violation::Fold),
        ("a: b\r\n\tc: d", Violation::Fold),
        // RFC 9112 §5.1: whitespace between a name and its colon is refused.
        ("a : b", Violation::SpaceBeforeColon),
        ("a\t: b", Violation::SpaceBeforeColon),
        (": b", Violation::FieldName),
        ("a b: c", Violation::FieldName),
        ("a(: b", Violation::FieldName),
        ("\u{e9}: b", Violation::FieldName),
        ("no colon", Violation::FieldLine),
        ("a: b\0", Violation::ControlByte),
        ("a: b\u{7f}", Violation::ControlByte),
    ] {
        assert_eq!(with(line), Err(why), "{line:?}");
    }
    // A tab and bytes beyond ASCII may stand in a value.
    assert!(with("a: b\tc\u{e9}").is_ok());
}

#[test]
fn each_byte_in_a_name_and_in_a_value_is_taken_or_refused_as_the_grammar_says() {
    for byte in 0..=255u8 {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_text = byte == b'\t' || byte >= b' ' && byte != 127;
        for (head, tail, expected) in [("n", ": v", is_token), ("n: v", "v", is_text)] {
            let line = [head.as_bytes(), &[byte], tail.as_bytes()].concat();
            let whole = [b"GET / HTTP/1.1\r\nHost: h\r\n", &line[..], b"\r\n\r\n"].concat();
            let is_taken = read_in_pieces(&whole, whole.len()).is_ok();
            // A colon ends the name.
            assert_eq!(is_taken, expected || head == "n" && byte == b':', "{byte:#x} after {head:?}");
        }
    }
}

#[test]
fn rfc9112_3_2_host_comes_once_and_is_well_formed() {
    let host = |lines: &str| request(&format!("GET / HTTP/1.1\r\n{lines}\r\n")).err();
    assert_eq!(host("Host: h\r\n"), None);
    assert_eq!(host("Host: [::1]:80\r\n"), None);
    assert_eq!(host("Host:\r\n"), None);
    assert_eq!(host("a: b\r\n"), Some(Violation::HostMissing));
    assert_eq!(host("Host: h\r\nhost: h\r\n"), Some(Violation::HostRepeated));
    for bad in ["a b", "a,b", "a/b", "u@h", "a?b", "a\\b"] {
        assert_eq!(host(&format!("Host: {bad}\r\n")), Some(Violation::HostMalformed), "{bad}");
    }
    assert!(request("GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 has no Host");
}

#[test]
fn rfc9112_6_a_body_whose_length_can_be_understood_in_two_ways_is_refused() {
    for (lines, expected) in [
        ("Content-Length: 0", Ok(Framing::Length(0))),
        ("Content-Length: 18446744073709551615", Ok(Framing::Length(u64::MAX))),
        ("Content-Length: 18446744073709551616", Err(Violation::LengthMalformed)),
        ("Content-Length:", Err(Violation::LengthMalformed)),
        ("Content-Length: +5", Err(Violation::LengthMalformed)),
        ("Content-Length: -1", Err(Violation::LengthMalformed)),
        ("Content-Length: 0x5", Err(Violation::LengthMalformed)),
        ("Content-Length: 5 5", Err(Violation::LengthMalformed)),
        // RFC 9112 §6.3: several lengths make the message invalid.
        ("Content-Length: 5, 5", Err(Violation::LengthRepeated)),
        ("Content-Length: 5\r\nContent-Length: 5", Err(Violation::LengthRepeated)),
        // RFC 9112 §6.1: both at once is an error.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", Err(Violation::LengthAndEncoding)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", Err(Violation::LengthAndEncoding)),
        ("Transfer-Encoding: Chunked", Ok(Framing::Chunked)),
        ("Transfer-Encoding: gzip, chunked", Err(Violation::EncodingUnknown)),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", Err(Violation::EncodingUnknown)),
        ("Transfer-Encoding: gzip", Err(Violation::EncodingUnknown)),
        ("Transfer-Encoding: identity", Err(Violation::EncodingUnknown)),
        ("Transfer-Encoding: xchunked", Err(Violation::EncodingUnknown)),
        // RFC 9112 §6.1: chunked comes once and last.
        ("Transfer-Encoding: chunked, chunked", Err(Violation::EncodingNotFinal)),
        // RFC 9112 §6.3: in a request, chunked that is not last is answered with 400.
        ("Transfer-Encoding: chunked, gzip", Err(Violation::EncodingNotFinal)),
        ("Transfer-Encoding:", Err(Violation::EncodingNotFinal)),
        ("Transfer-Encoding: \"chunked\"", Err(Violation::EncodingNotFinal)),
        ("Transfer-Encoding: ,chunked", Err(Violation::EncodingNotFinal)),
    ] {
        assert_eq!(with(lines).map(|head| head.framing), expected, "{lines:?}");
    }
    // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
    let old = request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(old, Err(Violation::EncodingInOldVersion));
}

#[test]
fn heads_beyond_a_limit_are_refused_when_they_cross_it() {
    let limits = HeadLimits { head_bytes_max: 200, first_line_bytes_max: 50, fields_max: 3 };
    let read = |text: &str| {
        let mut reader = HeadReader::new(limits);
        reader.push(Bytes::copy_from_slice(text.as_bytes()));
        reader.poll_request().map(|head| head.is_some())
    };
    assert_eq!(read(&format!("GET /{}", "a".repeat(46))), Err(Violation::TargetTooLong));
    assert_eq!(read(&format!("GET / HTTP/1.1\r\na: {}", "a".repeat(200))), Err(Violation::HeadTooLarge));
    assert_eq!(read("GET / HTTP/1.1\r\nhost:\r\na:\r\nb:\r\n\r\n"), Ok(true));
    assert_eq!(read("GET / HTTP/1.1\r\nhost:\r\na:\r\nb:\r\nc"), Err(Violation::TooManyFields));
}

#[test]
fn a_violation_is_said_again_and_the_next_head_is_read_after_the_first() {
    let mut reader = HeadReader::new(HeadLimits::default());
    reader
        .push(Bytes::from_static(b"GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n\0"));
    let targets: Vec<Bytes> =
        (0..2).map(|_| reader.poll_request().unwrap().expect("a head").target).collect();
    assert_eq!(targets, ["/1", "/2"]);
    assert_eq!(reader.poll_request(), Err(Violation::FirstLine));
    reader.push(Bytes::from_static(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"));
    assert_eq!(reader.poll_request(), Err(Violation::FirstLine));
}

#[test]
fn what_was_not_taken_as_a_head_is_handed_on_whole() {
    let mut reader = HeadReader::new(HeadLimits::default());
    reader.push(Bytes::from_static(b"GET / HT"));
    assert_eq!(reader.poll_request(), Ok(None));
    reader.push(Bytes::from_static(b"TP/1.1"));
    assert_eq!(reader.take_rest(), "GET / HTTP/1.1");
    assert!(!reader.is_within_head());
}

#[test]
fn rfc9112_4_a_response_gives_status_reason_and_framing() {
    let head =
        response("HTTP/1.1 200 All is well\r\nContent-Length: 3\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!((head.status, &head.reason[..], head.framing), (200, &b"All is well"[..], Framing::Length(3)));
    assert!(!head.is_persistent());
    assert_eq!(response("HTTP/1.1 200\r\n\r\n").map(|head| head.status), Ok(200));
    assert_eq!(response("HTTP/1.0 404 \r\n\r\n").map(|head| head.is_persistent()), Ok(false));
    for line in
        ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1  200", "HTTX/1.1 200", "HTTP/1.1 099 x", "nonsense"]
    {
        assert_eq!(response(&format!("{line}\r\n\r\n")), Err(Violation::StatusLine), "{line}");
    }
    assert_eq!(response("HTTP/2.0 200 OK\r\n\r\n"), Err(Violation::Version));
    // RFC 9112 §6.3: 204 has no body, whatever its fields say.
    let head = response("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n").unwrap();
    assert_eq!(head.framing, Framing::Unsaid);
}

#[test]
fn an_upgrade_is_asked_for_just_when_both_fields_say_so() {
    let asks = |lines: &str| with(lines).unwrap().asks_to_upgrade_to(b"websocket");
    assert!(asks("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"));
    assert!(!asks("Connection: Upgrade"));
    assert!(!asks("Upgrade: websocket"));
    assert!(!asks("Connection: Upgrade\r\nUpgrade: h2c"));
}

#[test]
fn a_head_that_was_written_reads_as_it_was_said() {
    let fields: Fields = [Field::new(b":path", b"/x"), Field::new(b"host", b"h"), Field::new(b"a", b"b")]
        .into_iter()
        .collect();
    assert_eq!(write::check_fields(&fields), Ok(()));
    let mut bytes = Vec::new();
    write::request_head(&mut bytes, b"POST", b"/s/m", &fields);
    assert_eq!(bytes, b"POST /s/m HTTP/1.1\r\nhost: h\r\na: b\r\n\r\n");
    bytes.clear();
    write::response_head(&mut bytes, 204, &Fields::new());
    assert_eq!(bytes, b"HTTP/1.1 204 No Content\r\n\r\n");
    for (name, value) in [("a b", "c"), ("A", "c"), ("", "c"), ("a", "b\r\nc: d"), ("a", "\0")] {
        let fields = [Field::new(name.as_bytes(), value.as_bytes())].into_iter().collect();
        assert!(write::check_fields(&fields).is_err(), "{name:?}: {value:?}");
    }
}

#[test]
fn the_answer_to_each_violation_is_a_whole_response_that_closes() {
    for why in Violation::ALL {
        let text =
            alloc::string::String::from_utf8(write::refusal(*why, "gRPC-Web is expected here")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let head = response(&format!("{head}\r\n\r\n")).unwrap();
        assert_eq!((head.status, head.framing), (why.status(), Framing::Length(body.len() as u64)));
        assert!(!head.is_persistent() && !head.reason.is_empty() && body.contains(why.section()), "{text}");
    }
}
