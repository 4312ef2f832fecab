//! Attacks, each with the bound that holds against it: on memory, on replies, on work for nobody.

use super::*;
use crate::native::trial::peer::{HEAD, entries, head, numbers};
use crate::native::{Binary, Violation};

fn assert_ended_with(test: &AtServer, violation: Violation) {
    assert_eq!(goaway(&test.sent()).map(|(_, code)| code), Some(violation.code().0), "{violation:?}");
    let Some(SessionEnd::Failed(status)) = test.closed() else { panic!("{:?}", test.closed()) };
    assert!(status.message().contains(violation.text()), "{status}");
}

#[test]
fn rapid_resets_end_the_connection_after_a_burst_and_honest_cancels_do_not() {
    let mut test = AtServer::new();
    let mut call = 0;
    while test.closed().is_none() && call < 10_000 {
        call += 1;
        test.peer(|peer| _ = peer.open(call).reset(call, 6));
    }
    assert_eq!(call, 500 / 3 + 1, "the reset of a call that has just begun costs three");
    assert_ended_with(&test, Violation::ResetFlood);

    let mut test = AtServer::new();
    for round in 0..2_000 {
        test.peer(|peer| _ = peer.open(2 * round + 1).unary(2 * round + 2, b"x").reset(2 * round + 1, 6));
        test.server.finish(CallId::from_u64(2 * round + 2), &Status::OK, &Metadata::new()).unwrap();
        test.turn();
    }
    assert_eq!(test.closed(), None, "each call that ends with a status gives a reset back");
}

#[test]
fn tiny_frames_without_work_end_the_connection_and_tiny_messages_are_bounded_by_credit() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = (0..901).fold(peer, |peer, _| peer.ping([0; 8])));
    assert_ended_with(&test, Violation::IdleFlood);

    let mut test = AtServer::new();
    test.consumes = false;
    test.peer(|peer| _ = (0..10_000).fold(peer.open(1), |peer, _| peer.message(1, b"", false)));
    assert_eq!(test.messages().len(), 256 * 1024 / 32, "an empty message costs 32 bytes of credit");
    assert_eq!(test.said(1), [Said::Reset(3)]);
    // What was on its way beyond that is charged as idle.
    assert_ended_with(&test, Violation::IdleFlood);
}

#[test]
fn replies_that_nobody_reads_are_bounded() {
    let config = Config {
        unread_replies_max: 100,
        idle_frames: crate::base::Rate { burst: 1_000_000, per_second: 1 },
        ..Config::default()
    };
    let mut test = AtServer::with(config.clone(), &[]);
    let bound = NativeServer::<Binary>::memory_max(&config);
    let mut closed = None;
    for _ in 0..200 {
        test.peer.ping([1; 8]);
        test.server.handle_input(test.now, test.peer.take());
        while let Output::Event(event) = test.server.poll_output(test.now, &mut Out::with_room(0)) {
            closed = Some(event);
        }
        assert!(test.server.memory() <= bound);
    }
    let Some(ServerEvent::Closed(SessionEnd::Failed(status))) = closed else { panic!("{closed:?}") };
    assert!(status.message().contains(Violation::UnreadReplies.text()));
}

#[test]
fn a_length_that_lies_reserves_no_more_than_a_few_times_what_arrived() {
    let mut test = AtServer::new();
    // A frame of 64 KiB that begins to arrive.
    test.peer(|peer| _ = peer.raw(&numbers([60_000])).raw(&[0x81]).raw(&[1; 100]));
    assert!(test.server.memory() < 2_000, "{}", test.server.memory());

    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.open(1).part(1, 4_000_000, &[7; 100]));
    assert!(test.server.memory() < 8_000, "{}", test.server.memory());
}

#[test]
fn a_reference_that_stands_for_a_long_key_counts_in_full() {
    let mut test = AtServer::new();
    let key = "k".repeat(250);
    let mut sections = alloc::vec![2, 4, b'/', 1];
    sections.extend(numbers([250 << 2 | 1]));
    sections.extend_from_slice(key.as_bytes());
    sections.push(0);
    test.peer(|peer| _ = peer.call(HEAD, 1, &sections));
    assert_eq!(test.events.len(), 1);
    // 100 entries of three bytes each on the wire.
    let mut bomb = alloc::vec![2, 4, b'/'];
    bomb.extend(numbers([100]));
    (0..100).for_each(|_| bomb.extend([2, 0]));
    test.peer(|peer| _ = peer.call(HEAD, 2, &bomb));
    assert!(matches!(&test.said(2)[..], [Said::End { status, .. }] if status[0] & 31 == 8));
    assert!(test.server.memory() < 10_000, "{}", test.server.memory());
}

#[test]
fn interned_names_are_bounded_in_number_and_in_length() {
    let mut test = AtServer::new();
    let mut call = 0;
    while test.closed().is_none() && call < 10_000 {
        call += 1;
        let name = alloc::format!("/{call:0>255}");
        let mut sections = alloc::vec![0];
        sections.extend(numbers([256 << 2 | 1]));
        sections.extend_from_slice(name.as_bytes());
        test.peer(|peer| _ = peer.call(HEAD, call, &sections));
        let id = CallId::from_u64(call);
        if test.server.request(id).is_some() {
            test.server.finish(id, &Status::OK, &Metadata::new()).unwrap();
        }
        assert!(test.server.memory() < 128 * 256 * 2 + 16_384, "{}", test.server.memory());
    }
    assert_eq!(call, 129);
    assert_ended_with(&test, Violation::TooManyEntries);
}

#[test]
fn metadata_that_is_no_metadata_is_left_out() {
    let mut test = AtServer::new();
    let mut sections = head("/a/b");
    sections[0] = 2;
    entries(&[("grpc-status", "0"), ("te", "x"), ("UPPER", "x"), ("ok", "a\nb"), ("k", "v")], &mut sections);
    test.peer(|peer| _ = peer.call(HEAD, 1, &sections));
    let head = test.server.request(CallId::from_u64(1)).expect("the call is open");
    assert_eq!(head.metadata.iter().collect::<Vec<_>>(), [("k", "v")]);
}

#[test]
fn calls_above_the_limit_are_refused_and_hold_no_memory() {
    let mut test = AtServer::with(Config { max_calls: 4, ..Config::default() }, &[]);
    test.peer(|peer| _ = (1..=300).fold(peer, |peer, call| peer.open(call)));
    assert_eq!(test.server.open_calls(), 4);
    assert!((5..=300).all(|call| test.said(call) == [Said::Reset(5)]));
    assert!(test.server.memory() < 32 * 1024, "{}", test.server.memory());
}

#[test]
fn late_frames_within_the_credit_that_a_call_had_are_no_offence() {
    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.open(1));
    test.server.finish(CallId::from_u64(1), &Status::OK, &Metadata::new()).unwrap();
    test.turn();
    // 5,000 messages were on their way: far more than idle frames are allowed.
    test.peer(|peer| _ = (0..5_000).fold(peer, |peer, _| peer.message(1, b"late", false)));
    assert_eq!(test.closed(), None);
    assert_eq!(test.messages().len(), 0);
}
