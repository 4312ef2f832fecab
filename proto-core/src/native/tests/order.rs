//! In which order calls leave: by urgency, in turns, and those that wait for the server's permission too.

use super::*;
use crate::native::Priority;

/// The calls of the frames that were sent, in order.
fn order(bytes: &[u8]) -> Vec<u64> {
    let frames = sent::frames(bytes).unwrap();
    let calls = frames.iter().filter(|frame| frame.kind >= 0x80);
    calls.filter_map(|frame| crate::native::varint::read(&frame.body).map(|(call, _)| call)).collect()
}

fn metadata(priority: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append(Priority::KEY, priority).unwrap();
    metadata
}

#[test]
fn an_urgent_call_overtakes_and_numbers_grow_all_the_same() {
    let mut test = AtClient::new();
    let before = test.sent.len();
    let (slow, urgent) = (test.start(), test.start_with(&metadata("u=0"), None).unwrap());
    for call in [slow, urgent] {
        let _ = test.send(call, 10);
        test.client.half_close(call).unwrap();
    }
    test.turn();
    assert_eq!(order(&test.sent[before..]), [2, 3], "the first call was overtaken and has a fresh number");
    test.peer(|peer| _ = peer.call(0x0a, 3, b"\0for the slow one").call(0x0a, 2, b"\0urgent"));
    let messages: Vec<(CallId, Bytes)> = test
        .events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Message { call, message, .. } => Some((*call, message.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(messages[0], (slow, Bytes::from_static(b"for the slow one")));
    assert_eq!(messages[1], (urgent, Bytes::from_static(b"urgent")));
    let third = test.start();
    test.turn();
    assert_eq!(test.said(4).len(), 1, "{third:?} has a number above all");
    assert_eq!(test.client.waiting_to_send(), 1);
}

#[test]
fn calls_that_wait_for_the_server_start_by_urgency() {
    let mut test = AtClient::with(Config::default(), &[(0, 1)]);
    let first = test.start();
    test.turn();
    assert!(!test.client.has_room() && test.client.takes_calls());
    let _late = test.start_with(&metadata("u=7"), None).unwrap();
    let urgent = test.start_with(&metadata("u=1"), None).unwrap();
    test.turn();
    assert_eq!(test.client.open_calls(), 3);
    let before = test.sent.len();
    test.client.cancel(first).unwrap();
    test.turn();
    assert_eq!(order(&test.sent[before..]), [urgent.as_u64()]);
}

#[test]
fn incremental_calls_take_turns_and_others_go_on_to_their_end() {
    for (priority, expected) in [("u=3, i", [1, 2, 1, 2]), ("u=3", [1, 1, 2, 2])] {
        let config = Config { part_bytes: 2_000, ..Config::default() };
        let mut test = AtClient::with(config, &[(0, 10), (2, 100_000)]);
        let before = test.sent.len();
        for _ in 0..2 {
            let call = test.start_with(&metadata(priority), None).unwrap();
            let _ = test.send(call, 4_000);
        }
        test.turn();
        assert_eq!(order(&test.sent[before..]), expected, "{priority}");
    }
}

#[test]
fn a_servers_answers_leave_by_the_priority_of_their_requests_and_by_its_changes() {
    let mut test = AtServer::new();
    for call in 1..=3 {
        test.peer(|peer| _ = peer.unary(call, b"x"));
    }
    // The second becomes the most urgent by the client's word, the first the least by the server's.
    test.peer(|peer| _ = peer.frame(0x04, &[2, 0]));
    assert_eq!(test.server.priority(CallId::from_u64(2)), Some(Priority::new(0, false)));
    test.server.set_priority(CallId::from_u64(1), Priority::new(7, true)).unwrap();
    let before = test.sent.len();
    for call in 1..=3 {
        test.server.finish(CallId::from_u64(call), &Status::OK, &Metadata::new()).unwrap();
    }
    test.turn();
    assert_eq!(order(&test.sent[before..]), [2, 3, 1]);
}

#[test]
fn a_change_of_priority_is_told_to_the_server() {
    let mut test = AtClient::new();
    let call = test.start();
    test.turn();
    test.client.set_priority(call, Priority::new(1, false)).unwrap();
    test.client.set_priority(call, Priority::new(1, false)).unwrap();
    test.turn();
    let frames: Vec<Vec<u8>> = test
        .sent()
        .control
        .iter()
        .filter(|frame| frame.kind == 0x04)
        .map(|frame| frame.body.clone())
        .collect();
    assert_eq!(frames, [[1, 1]]);
}
