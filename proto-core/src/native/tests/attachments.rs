//! Attachments: counted where both sides want them, refused where one does not, and never lost count of.

use super::*;
use crate::base::Attached;
use crate::native::trial::peer::{ATTACHED, END, HEAD, MESSAGE, head};

fn config() -> Config {
    Config { attachments_max: 3, ..Config::default() }
}

#[test]
fn a_message_takes_as_many_as_both_sides_allow_and_the_output_says_when_they_leave() {
    let mut test = AtClient::with(config(), &[(12, 2)]);
    assert_eq!(test.client.attachments_max(), 2);
    let call = test.start();
    let refused = test.client.send_with_attachments(call, Bytes::new(), false, 3);
    assert!(matches!(refused, Err(Misuse::Unsupported(_))), "{refused:?}");
    let _ = test.client.send_with_attachments(call, Bytes::from_static(b"x"), false, 2).unwrap();
    let mut out = Out::with_room(1 << 20);
    while let Output::Event(_) = test.client.poll_output(test.now, &mut out) {}
    assert_eq!(out.take_attachments(), [Attached { call: call.as_u64(), count: 2 }]);
    test.sent.extend(out.to_vec());
    assert_eq!(test.said(1)[1], Said::Message { bytes: b"x".to_vec(), rest: 0, flags: 2 });
}

#[test]
fn without_both_sides_will_there_are_none() {
    for (config, hello) in [(Config::default(), &[(12, 2)][..]), (config(), &[])] {
        let mut test = AtClient::with(config, hello);
        let call = test.start();
        assert_eq!(test.client.attachments_max(), 0);
        let refused = test.client.send_with_attachments(call, Bytes::new(), false, 1);
        assert!(matches!(refused, Err(Misuse::Unsupported(_))), "{refused:?}");
        let _ = test.client.send_with_attachments(call, Bytes::new(), false, 0).unwrap();
    }
}

#[test]
fn the_last_part_of_a_message_carries_them() {
    let config = Config { part_bytes: 1_500, ..config() };
    let mut test = AtClient::with(config, &[(12, 2)]);
    let call = test.start();
    let _ = test.client.send_with_attachments(call, alloc::vec![1; 2_000].into(), false, 1).unwrap();
    let before = test.sent.len();
    test.turn();
    let frames = sent::frames(&test.sent[before..]).unwrap();
    assert_eq!(frames.iter().map(|frame| frame.kind & ATTACHED).collect::<Vec<_>>(), [0, ATTACHED]);
}

#[test]
fn received_ones_belong_to_the_message_that_was_told_last_and_those_of_lost_messages_to_nobody() {
    let mut test = AtServer::with(config(), &[]);
    let first = [&head("/a/b")[..], &[2], b"two"].concat();
    test.peer(|peer| _ = peer.call(HEAD | MESSAGE | ATTACHED, 1, &first));
    assert_eq!((test.server.attachments(), test.server.take_unclaimed_attachments()), (2, 0));
    test.peer(|peer| _ = peer.message(1, b"none", false));
    assert_eq!(test.server.attachments(), 0);
    test.server.finish(CallId::from_u64(1), &Status::OK, &Metadata::new()).unwrap();
    test.turn();
    test.peer(|peer| _ = peer.call(MESSAGE | ATTACHED | END, 1, &[3, b'x']));
    assert_eq!(test.server.take_unclaimed_attachments(), 3);
    assert_eq!(test.server.take_unclaimed_attachments(), 0);
    // A message whose call is reset before it has arrived.
    test.peer(|peer| _ = peer.open(2).call(MESSAGE | ATTACHED, 2, &[1, b'x']).reset(2, 6));
    assert_eq!(test.server.attachments(), 1);
}
