//! How calls end: every code, any message, details and metadata with it.

use crate::cases::cases;
use crate::column::Column;
use crate::service::{BARE, CHAT, FAIL, WATCH};
use bytes::Bytes;
use zrpc::rich::{BadRequest, Help, RetryInfo, Rich, bad_request::FieldViolation};
use zrpc::{Code, Idempotency, Kind, Metadata, Method, Request, Status};

cases!("statuses":
    every_code_comes_as_it_was_sent,
    any_message_comes_as_it_was_sent,
    details_of_all_bytes_come_as_they_were_sent,
    rich_details_come_as_they_were_sent,
    metadata_comes_with_a_status,
    a_status_comes_after_the_messages_before_it [Requests],
    what_is_not_there_is_unimplemented_and_says_so,
    a_refused_argument_says_so,
);

fn failing(code: Code, message: &str) -> Request<Bytes> {
    let mut metadata = Metadata::new();
    metadata.append("code", &(code as u32).to_string()).expect("valid");
    Request::new(Bytes::copy_from_slice(message.as_bytes())).with_metadata(metadata)
}

fn with_details(code: Code, details: &[u8]) -> Request<Bytes> {
    let mut request = failing(code, "see the details");
    request.metadata_mut().append_bin("details-bin", details).expect("valid");
    request
}

fn every_code_comes_as_it_was_sent(column: Column) {
    let bench = column.bench();
    for code in (1..=16).map(Code::from_u32) {
        let status = bench.client.unary(FAIL, failing(code, "as asked")).expect_err("a failure");
        assert_eq!((status.code(), status.message()), (code, "as asked"));
        assert!(!status.safe_to_retry(), "the handler has seen it");
    }
    bench.call_on_the_same_connection();
}

fn any_message_comes_as_it_was_sent(column: Column) {
    let bench = column.bench();
    let all_ascii: String = (0..128u8).map(char::from).collect();
    let long = "long words ".repeat(100);
    let messages = [
        "",
        " ",
        " edges ",
        "%",
        "100 %25",
        "\r\n\t\0",
        "a,b;c=\"d\"",
        "äöü ☺ 😈 \u{feff}",
        &all_ascii,
        &long,
    ];
    for message in messages {
        let status = bench.client.unary(FAIL, failing(Code::Aborted, message)).expect_err("a failure");
        assert_eq!((status.code(), status.message()), (Code::Aborted, message));
    }
}

fn details_of_all_bytes_come_as_they_were_sent(column: Column) {
    let bench = column.bench();
    // A google.rpc.Status with this code, and with a field that nobody knows.
    let code = [8, Code::DataLoss as u8];
    let mut every = [&code[..], &[0x7a, 0x80, 0x02]].concat();
    every.extend(0..=255u8);
    for details in [&b""[..], &code, &every] {
        let status = bench.client.unary(FAIL, with_details(Code::DataLoss, details)).expect_err("a failure");
        assert_eq!((status.code(), status.details()), (Code::DataLoss, details));
    }
}

fn rich_details_come_as_they_were_sent(column: Column) {
    let bench = column.bench();
    let violation = FieldViolation {
        field: "user.email".to_owned(),
        description: "must contain an @".to_owned(),
        ..FieldViolation::default()
    };
    let bad_request = BadRequest { field_violations: vec![violation] };
    let retry = RetryInfo::default();
    let made =
        Status::invalid_argument("see the details").with_rich_detail(&bad_request).with_rich_detail(&retry);
    let request = with_details(Code::InvalidArgument, made.details());
    let status = bench.client.unary(FAIL, request).expect_err("a failure");
    assert_eq!(status.rich_detail(), Some(bad_request));
    assert_eq!(status.rich_detail(), Some(retry));
    assert_eq!(status.rich_detail::<Help>(), None);
    assert_eq!(status.details(), made.details());
}

fn metadata_comes_with_a_status(column: Column) {
    let bench = column.bench();
    let mut request = failing(Code::NotFound, "gone");
    request.metadata_mut().append("x-word", "one").expect("valid");
    request.metadata_mut().append("x-word", "two").expect("valid");
    request.metadata_mut().append_bin("x-bytes-bin", &[0, 0xff]).expect("valid");
    let status = bench.client.unary(FAIL, request).expect_err("a failure");
    assert_eq!(status.metadata().get_all("x-word").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(status.metadata().get_bin("x-bytes-bin"), Some(vec![0, 0xff]));
}

fn a_status_comes_after_the_messages_before_it(column: Column) {
    let bench = column.bench();
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    for word in ["one", "two", "enough"] {
        sender.send(Bytes::from_static(word.as_bytes())).expect("sent");
    }
    assert_eq!(stream.message(), Ok(Some(Bytes::from_static(b"one"))));
    assert_eq!(stream.message(), Ok(Some(Bytes::from_static(b"two"))));
    let status = stream.message().expect_err("a failure");
    assert_eq!((status.code(), status.message()), (Code::OutOfRange, "enough"));
    assert_eq!(stream.message(), Ok(None), "an end comes once");
}

fn what_is_not_there_is_unimplemented_and_says_so(column: Column) {
    static NO_METHOD: Method = absent("/contract.Subject/Absent");
    static NO_SERVICE: Method = absent("/contract.Absent/Echo");
    const fn absent(path: &'static str) -> Method {
        Method { path, kind: Kind::Unary, idempotency: Idempotency::Unknown }
    }
    let bench = column.bench();
    for (method, says) in [(&NO_METHOD, "no method"), (&NO_SERVICE, "not offered"), (BARE, "not implemented")]
    {
        let status = bench.client.unary(method, Request::new(Bytes::new())).expect_err("a failure");
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
        assert!(status.message().contains(says), "{status}");
    }
    bench.call_on_the_same_connection();
}

fn a_refused_argument_says_so(column: Column) {
    let bench = column.bench();
    let mut stream = bench.client.watch(WATCH, Request::new(Bytes::from_static(b"many"))).expect("a call");
    let status = stream.message().expect_err("a failure");
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "send `count size`"));
    assert_eq!(stream.message(), Ok(None), "an end comes once");
}
