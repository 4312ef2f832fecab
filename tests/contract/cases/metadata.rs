//! Metadata: bytes of every value, empty and repeated keys, the edges of ASCII, what is too large, and what is refused.

use crate::cases::cases;
use crate::column::{Bench, Column};
use crate::service::{CHAT, ECHO, WATCH};
use bytes::Bytes;
use zrpc::{Code, Metadata, MetadataError, Request};

cases!("metadata":
    bytes_of_every_value_come_back,
    empty_values_come_back,
    repeated_keys_keep_their_order,
    all_printable_ascii_comes_back,
    metadata_comes_before_the_first_message_and_after_the_last,
    metadata_comes_when_the_handler_says_so_and_not_later [Requests],
    large_metadata_comes_back,
    metadata_beyond_the_limit_ends_the_call_alone,
    reserved_names_are_refused_where_they_are_written,
);

fn metadata<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in pairs {
        metadata.append(key, value).expect("valid metadata");
    }
    metadata
}

/// What came back before and after the message of a unary call.
#[track_caller]
fn echoed(bench: &Bench, sent: &Metadata) {
    let request = Request::new(Bytes::new()).with_metadata(sent.clone());
    let response = bench.client.unary(ECHO, request).expect("an answer");
    assert_eq!(list(response.metadata()), list(sent), "before the message");
    assert_eq!(list(response.trailers()), list(sent), "after the message");
}

fn list(metadata: &Metadata) -> Vec<(&str, &str)> {
    metadata.iter().collect()
}

fn bytes_of_every_value_come_back(column: Column) {
    let bench = column.bench();
    let mut sent = Metadata::new();
    let every: Vec<u8> = (0..=255).collect();
    sent.append_bin("x-every-bin", &every).expect("valid");
    for byte in [0, 0x0a, 0x2c, 0x7f, 0xff] {
        sent.append_bin("x-one-bin", &[byte]).expect("valid");
        sent.append_bin("x-two-bin", &[byte, byte]).expect("valid");
    }
    let request = Request::new(Bytes::new()).with_metadata(sent);
    let response = bench.client.unary(ECHO, request).expect("an answer");
    for came in [response.metadata(), response.trailers()] {
        assert_eq!(came.get_bin("x-every-bin").as_ref(), Some(&every));
        let ones: Vec<Vec<u8>> = came.get_all_bin("x-one-bin").collect();
        assert_eq!(ones, [vec![0], vec![0x0a], vec![0x2c], vec![0x7f], vec![0xff]]);
        assert_eq!(came.get_all_bin("x-two-bin").count(), 5);
    }
}

fn empty_values_come_back(column: Column) {
    let bench = column.bench();
    let mut sent = metadata([("x-empty", ""), ("x-full", "full")]);
    sent.append_bin("x-empty-bin", b"").expect("valid");
    echoed(&bench, &sent);
}

fn repeated_keys_keep_their_order(column: Column) {
    let bench = column.bench();
    let sent =
        metadata([("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("x-a", "1"), ("x-b", ""), ("x-a", "4, 5")]);
    let request = Request::new(Bytes::new()).with_metadata(sent.clone());
    let response = bench.client.unary(ECHO, request).expect("an answer");
    for came in [response.metadata(), response.trailers()] {
        for key in ["x-a", "x-b"] {
            let (came, sent): (Vec<_>, Vec<_>) = (came.get_all(key).collect(), sent.get_all(key).collect());
            assert_eq!(came, sent, "{key}");
        }
    }
}

fn all_printable_ascii_comes_back(column: Column) {
    let bench = column.bench();
    let printable: String = ('\x21'..='\x7e').collect();
    let inner = format!("{printable} {printable}");
    let key = "x-0123456789_.-abcdefghijklmnopqrstuvwxyz";
    echoed(&bench, &metadata([(key, &*printable), ("x-inner", &inner), ("x-quote", "\"\\\"\\u0041%41")]));
}

fn metadata_comes_before_the_first_message_and_after_the_last(column: Column) {
    let bench = column.bench();
    let sent = metadata([("x-word", "there"), ("x-word", "and back")]);
    let request = Request::new(Bytes::from_static(b"2 10")).with_metadata(sent.clone());
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    assert_eq!(list(&stream.metadata()), list(&sent));
    assert!(stream.trailers().is_none(), "trailers come with the end");
    while stream.message().expect("a message").is_some() {}
    assert_eq!(stream.trailers().as_ref().map(list), Some(list(&sent)));
    // It comes too when there is no message.
    let request = Request::new(Bytes::from_static(b"0 0")).with_metadata(sent.clone());
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    assert_eq!(stream.message(), Ok(None));
    assert_eq!(list(&stream.metadata()), list(&sent));
    assert_eq!(stream.trailers().as_ref().map(list), Some(list(&sent)));
}

fn metadata_comes_when_the_handler_says_so_and_not_later(column: Column) {
    let bench = column.bench();
    let sent = metadata([("x-early", "yes")]);
    let (mut sender, mut stream) =
        bench.client.talk(CHAT, Request::new(()).with_metadata(sent.clone())).expect("a call");
    sender.send(Bytes::from_static(b"head")).expect("sent");
    // Before any message, and with the request still open.
    assert_eq!(list(&stream.metadata()), list(&sent));
    sender.send(Bytes::from_static(b"one")).expect("sent");
    assert_eq!(stream.message(), Ok(Some(Bytes::from_static(b"one"))));
    drop(sender);
    assert_eq!(stream.message(), Ok(None));
}

fn large_metadata_comes_back(column: Column) {
    let bench = column.bench();
    let long = "v".repeat(6000);
    let many: Vec<String> = (0..40).map(|number| format!("x-many-{number}")).collect();
    let mut sent = metadata(many.iter().map(|key| (&**key, "value")));
    sent.append("x-long", &long).expect("valid");
    echoed(&bench, &sent);
    echoed(&bench, &sent);
}

fn metadata_beyond_the_limit_ends_the_call_alone(column: Column) {
    let bench = column.bench();
    bench.call();
    for length in [20_000, 40_000] {
        let long = "v".repeat(length);
        let sent = metadata([("x-long", &*long)]);
        let request = Request::new(Bytes::new()).with_metadata(sent);
        let status = bench.client.unary(ECHO, request).expect_err("too large");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        bench.call_on_the_same_connection();
    }
}

fn reserved_names_are_refused_where_they_are_written(_: Column) {
    let mut metadata = Metadata::new();
    for key in
        ["grpc-status", "grpc-timeout", "grpc-anything-bin", "te", "content-type", "host", "connection"]
    {
        let refused =
            if key.ends_with("-bin") { metadata.append_bin(key, b"") } else { metadata.append(key, "") };
        assert_eq!(refused, Err(MetadataError::Reserved(key.to_owned())));
    }
    for key in ["", "X-Upper", "x y", "x:y", ":path", "x\n", "ä"] {
        assert!(metadata.append(key, "").is_err(), "{key:?}");
    }
    for value in ["\n", "\0", "ä", "\x7f"] {
        assert!(metadata.append("x-value", value).is_err(), "{value:?}");
    }
    assert!(metadata.is_empty());
}
