//! Calls as they should be: one frame a way, parts, credit, deadlines, compression, what is too large.

use super::*;
use crate::native::trial::peer::{COMPRESSED, END, HEAD, MESSAGE, head, head_with, numbers};
use crate::native::varint;
use crate::rpc::{Code, Encoding};

#[test]
fn a_unary_call_is_one_frame_each_way() {
    let mut test = AtClient::new();
    let before = test.sent.len();
    let call = test.start();
    let _ = test.send(call, 32);
    test.client.half_close(call).unwrap();
    test.turn();
    let frames = sent::frames(&test.sent[before..]).unwrap();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].kind, 0x80 | HEAD | MESSAGE | END);

    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.unary(1, b"hi"));
    let before = test.sent.len();
    let call = CallId::from_u64(1);
    let _ = test.server.send(call, Bytes::from_static(b"ok"), false).unwrap();
    test.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
    test.turn();
    // The example of the specification, but for the number of the call.
    assert_eq!(test.sent[before..], [0x05, 0x8a, 0x01, 0x00, b'o', b'k']);
}

#[test]
fn long_messages_leave_in_parts_between_which_other_calls_have_their_turn() {
    let mut test = AtClient::with(Config::default(), &[(2, 1 << 20), (8, 8)]);
    let (long, short) = (test.start(), test.start());
    let _ = test.send(long, 200_000);
    let _ = test.send(short, 10);
    test.client.half_close(long).unwrap();
    test.client.half_close(short).unwrap();
    let before = test.sent.len();
    test.turn();
    let frames = sent::frames(&test.sent[before..]).unwrap();
    assert_eq!(frames.len(), 8);
    assert_eq!(frames[1].kind, 0x80 | HEAD | MESSAGE | END, "the short one waits for one part only");
    let Said::Message { bytes, rest, .. } = &test.said(1)[1] else { panic!() };
    assert_eq!((bytes.len(), *rest), (200_000, 0));
}

#[test]
fn who_has_no_credit_waits_and_credit_comes_back_when_it_is_worth_a_frame() {
    let mut test = AtServer::with(Config { initial_credit: 65_536, ..Config::default() }, &[(2, 1024)]);
    test.consumes = false;
    test.peer(|peer| _ = peer.open(1).message(1, &[1; 30_000], false).message(1, &[1; 30_000], false));
    assert_eq!(test.messages().len(), 2);
    let call = CallId::from_u64(1);
    test.server.consume(call, 30_032);
    test.turn();
    assert_eq!(test.sent().credit.get(&1), None, "less than half is not worth a frame");
    test.server.consume(call, 30_032);
    test.turn();
    assert_eq!(test.sent().credit.get(&1), Some(&60_064));

    let _ = test.server.send(call, alloc::vec![2; 3000].into(), false).unwrap();
    test.turn();
    let Said::Message { bytes, rest, .. } = &test.said(1)[0] else { panic!() };
    assert_eq!((bytes.len(), *rest), (1024 - 32, 3000 - (1024 - 32)));
    test.peer(|peer| _ = peer.credit(1, 5000));
    let Said::Message { bytes, rest, .. } = &test.said(1)[0] else { panic!() };
    assert_eq!((bytes.len(), *rest), (3000, 0));
}

#[test]
fn a_message_may_be_longer_than_the_credit_while_all_before_it_are_taken() {
    let mut test = AtServer::with(Config { initial_credit: 65_536, ..Config::default() }, &[]);
    test.peer(|peer| _ = peer.open(1));
    let mut rest = 1_000_000;
    for _ in 0..20 {
        rest -= 50_000;
        test.peer(|peer| {
            _ = if rest > 0 { peer.part(1, rest, &[3; 50_000]) } else { peer.message(1, &[3; 50_000], true) };
        });
    }
    assert_eq!(test.messages().iter().map(Bytes::len).collect::<Vec<_>>(), [1_000_000]);
    assert!(matches!(test.events.last(), Some(ServerEvent::HalfClosed { .. })));
}

#[test]
fn a_client_hears_head_messages_status_and_trailers_once_and_in_order() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    test.events.clear();
    test.peer(|peer| {
        peer.call(HEAD | MESSAGE, 1, &[&head_with(None, &[("key", "value")])[..], b"one"].concat());
        peer.message(1, b"two", false);
        peer.call(END, 1, b"\xa5\x04gone\x01\x14k-bin\x04AAEC");
    });
    let kinds: Vec<&str> = test
        .events
        .iter()
        .map(|event| match event {
            ClientEvent::Head { .. } => "head",
            ClientEvent::Message { .. } => "message",
            ClientEvent::Ended { .. } => "ended",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["head", "message", "message", "ended"]);
    let Some(ClientEvent::Ended { status, trailers, .. }) = test.events.last() else { panic!() };
    assert_eq!((status.code(), status.message()), (Code::NotFound, "gone"));
    assert_eq!(trailers.get_bin("k-bin"), Some(alloc::vec![0, 1, 2]));
    assert_eq!(test.client.cancel(call), Err(Misuse::Gone));
}

#[test]
fn a_deadline_ends_a_call_on_both_sides_and_a_request_without_time_is_not_shown() {
    let mut test = AtClient::new();
    let call = test.start_with(&Metadata::new(), Some(Duration::from_millis(5))).unwrap();
    test.turn().wait(Duration::from_millis(5));
    assert_eq!(test.end_of(call).map(|status| status.code()), Some(Code::DeadlineExceeded));
    assert_eq!(test.said(1).last(), Some(&Said::Reset(7)));

    let mut test = AtServer::new();
    let mut sections = head("/a/b");
    sections[0] = 1;
    sections.extend(numbers([5_000]));
    test.peer(|peer| _ = peer.call(HEAD, 1, &sections));
    test.wait(Duration::from_millis(5));
    assert_eq!(test.end_of(1).map(|status| status.code()), Some(Code::DeadlineExceeded));
    assert!(matches!(&test.said(1)[..], [Said::End { status, .. }] if status[0] == 0x24));

    test.events.clear();
    *sections.last_mut().unwrap() = 0;
    let len = sections.len() - 2;
    sections.truncate(len);
    sections.push(0);
    test.peer(|peer| _ = peer.call(HEAD, 2, &sections));
    assert!(test.events.is_empty());
    assert!(matches!(&test.said(2)[..], [Said::End { status, .. }] if status[0] == 0x24));
}

#[test]
fn a_deadline_that_passes_while_the_answer_waits_for_credit_resets_the_call() {
    let mut test = AtServer::with(Config::default(), &[(2, 1024)]);
    let mut sections = head("/a/b");
    sections[0] = 1;
    sections.extend(numbers([5_000]));
    test.peer(|peer| _ = peer.call(HEAD, 1, &sections));
    let call = CallId::from_u64(1);
    let _ = test.server.send(call, alloc::vec![1; 5_000].into(), false).unwrap();
    test.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
    test.turn().wait(Duration::from_millis(5));
    assert_eq!(test.said(1).last(), Some(&Said::Reset(7)));
    assert_eq!(test.end_of(1), Some(Status::OK), "the handler was done");
    assert_eq!(test.server.waiting_to_send(), 0);
}

// §4.2, the bytes as they stand there.
#[test]
fn the_examples_of_the_specification_are_read_as_it_says() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.raw(b"\x0c\x8b\x01\x00\x19/a.B/Chi").raw(b"\x06\x8b\x02\x00\x02hi"));
    assert_eq!(test.messages(), ["hi", "hi"]);
    for call in [1, 2].map(CallId::from_u64) {
        assert_eq!(test.server.request(call).map(|request| request.path), Some("/a.B/C"));
    }
    let _ = test.server.send(CallId::from_u64(2), "ok".into(), false).unwrap();
    test.server.finish(CallId::from_u64(2), &Status::OK, &Metadata::new()).unwrap();
    test.turn();
    assert!(test.sent.ends_with(b"\x05\x8a\x02\x00ok"), "{:x?}", test.sent);

    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.open(1));
    for part in [&b"\x07\x86\x01\x060123"[..], b"\x05\x86\x01\x0445", b"\x06\x8a\x016789"] {
        assert_eq!(test.messages(), Vec::<Bytes>::new());
        test.peer(|peer| _ = peer.raw(part));
    }
    assert_eq!(test.messages(), ["0123456789"]);
    assert!(matches!(test.events.last(), Some(ServerEvent::HalfClosed { .. })));
}

#[test]
fn what_is_too_large_ends_its_call_with_resource_exhausted() {
    let mut limits = Config::default();
    limits.limits.receive_message_bytes_max = 1000;
    let mut test = AtServer::with(limits.clone(), &[]);
    test.peer(|peer| _ = peer.open(1).message(1, &[0; 1001], false));
    test.peer(|peer| _ = peer.open(2).part(2, 1000, b"x"));
    let long = "v".repeat(17_000);
    test.peer(|peer| _ = peer.call(HEAD, 3, &head_with(Some("/a/b"), &[("key", &long)])));
    let many: Vec<(&str, &str)> = (0..129).map(|_| ("k", "")).collect();
    test.peer(|peer| _ = peer.call(HEAD, 4, &head_with(Some("/a/b"), &many)));
    for call in 1..=4 {
        let said = test.said(call);
        assert!(matches!(&said[..], [Said::End { status, .. }] if status[0] & 31 == 8), "{call}: {said:?}");
    }
    assert_eq!(test.closed(), None);

    let mut test = AtClient::with(limits, &[]);
    let call = test.start();
    test.turn();
    test.peer(|peer| _ = peer.message(1, &[0; 1001], false));
    assert_eq!(test.end_of(call).map(|status| status.code()), Some(Code::ResourceExhausted));
    // §5: the texts of a status count as well; 16,352 bytes and 32 are just not too many.
    let call = test.start();
    test.turn();
    for (call, length, code) in
        [(call, 16_353, Code::ResourceExhausted), (test.start(), 16_352, Code::Internal)]
    {
        test.turn();
        let mut status = alloc::vec![0x20 | 13];
        varint::put(length, &mut status);
        status.resize(status.len() + length as usize, b'x');
        test.peer(|peer| _ = peer.call(END, call.as_u64(), &status));
        assert_eq!(test.end_of(call).map(|status| status.code()), Some(code), "{length}");
    }
    let mut metadata = Metadata::new();
    metadata.append("key", &long).unwrap();
    assert!(matches!(test.start_with(&metadata, None), Err(Misuse::TooLarge { .. })));
}

#[test]
fn compressed_messages_need_an_encoding_that_is_known_and_was_named() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.open(1).call(MESSAGE | COMPRESSED, 1, b"zz"));
    assert_eq!(test.end_of(1).map(|status| status.code()), Some(Code::Internal));
    let mut sections = head("/a/b");
    sections[0] = 4;
    sections.push(9);
    test.peer(|peer| _ = peer.call(HEAD, 2, &sections));
    assert!(matches!(&test.said(2)[..], [Said::End { status, .. }] if status[0] & 31 == 12));
}

#[cfg(feature = "gzip")]
#[test]
fn messages_are_compressed_in_an_encoding_that_the_peer_reads_where_that_is_worth_it() {
    let mut test = AtServer::with(Config::default(), &[(10, 2)]);
    test.peer(|peer| _ = peer.unary(1, b"x").unary(2, b"y"));
    for (call, encoding, is_compressed) in [(1, Encoding::Gzip, true), (2, Encoding::Deflate, false)] {
        let id = CallId::from_u64(call);
        test.server.send_head(id, &Metadata::new(), Some(encoding)).unwrap();
        let _ = test.server.send(id, alloc::vec![0; 4000].into(), true).unwrap();
        test.turn();
        let Said::Message { bytes, flags, .. } = &test.said(call)[1] else { panic!() };
        assert_eq!(
            (*flags == COMPRESSED, bytes.len() < 1000),
            (is_compressed, is_compressed),
            "{encoding:?}"
        );
    }
}

#[test]
fn encodings_that_this_build_lacks_are_not_named() {
    let mut test = AtClient::with(Config::default(), &[(10, 0)]);
    let metadata = Metadata::new();
    let head =
        StartCall { path: "/a/b", metadata: &metadata, deadline: None, compression: Some(Encoding::Gzip) };
    test.client.start(test.now, head).unwrap();
    test.turn();
    assert!(matches!(&test.said(1)[..], [Said::Head { rest, .. }] if rest[..] == [0]));
}
