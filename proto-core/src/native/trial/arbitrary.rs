//! A client and a server that are fed with any bytes: they never panic, hold no more than their limits allow, tell of each
//! call's end once, and come to rest.
//!
//! The first byte of the input says how it is cut; the rest arrives after the handshake, as it is.

use crate::base::{Machine, Out, Output, Time};
use crate::native::trial::peer::Peer;
use crate::native::trial::{MESSAGE_BYTES_MAX, config};
use crate::native::{Binary, NativeClient, NativeServer};
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status,
};
use alloc::collections::BTreeSet;
use bytes::Bytes;
use core::time::Duration;

/// Calls that the client has open when the bytes arrive.
const CALLS: u64 = 3;

/// A server survives any bytes. It echoes messages, and finishes calls when they are half-closed.
pub fn server(input: &[u8]) {
    let config = config(0);
    let bound = NativeServer::<Binary>::memory_max(&config);
    let mut server = NativeServer::new(Time::START, config);
    let (mut open, mut ended) = (BTreeSet::new(), BTreeSet::new());
    let mut peer = Peer::new();
    peer.preface().hello(&[(8, 4)]);
    feed(&mut server, peer.take(), input, |server, event| {
        assert!(server.memory() <= bound, "{} bytes", server.memory());
        match event {
            ServerEvent::Opened { call } => assert!(open.insert(call), "a call is opened once"),
            ServerEvent::Message { call, message, credit } => {
                assert!(open.contains(&call) && message.len() <= MESSAGE_BYTES_MAX);
                server.consume(call, credit);
                // Refused while the client does not read, or when the call is over.
                let _refused = server.send(call, message, true);
            }
            ServerEvent::HalfClosed { call } => {
                let _refused = server.finish(call, &Status::OK, &Metadata::new());
            }
            ServerEvent::Ended { call, .. } => assert!(open.remove(&call) && ended.insert(call), "one end"),
            ServerEvent::Closed(_) => {
                assert!(open.is_empty(), "every call ends before its connection");
                return true;
            }
            ServerEvent::Writable { .. } | ServerEvent::Refused { .. } => {}
        }
        false
    });
    assert_eq!(server.open_calls(), 0);
}

/// A client survives any bytes, and each of its calls ends.
pub fn client(input: &[u8]) {
    let config = config(0);
    let bound = NativeClient::<Binary>::memory_max(&config, CALLS as usize);
    let mut client = NativeClient::new(Time::START, config);
    let mut open = BTreeSet::new();
    let metadata = Metadata::new();
    for number in 0..CALLS {
        let deadline = Some(Time::START + Duration::from_millis(500 * (number + 1)));
        let head = StartCall { path: "/any.Service/Bytes", metadata: &metadata, deadline, compression: None };
        let call: CallId = client.start(Time::START, head).expect("a fresh connection takes calls");
        let _ =
            client.send(call, Bytes::from_static(b"request"), false).expect("a fresh call takes messages");
        open.insert(call);
    }
    let mut peer = Peer::new();
    peer.answer().hello(&[(0, 10), (8, 4)]);
    feed(&mut client, peer.take(), input, |client, event| {
        assert!(client.memory() <= bound, "{} bytes", client.memory());
        match event {
            ClientEvent::Message { call, message, credit } => {
                assert!(open.contains(&call) && message.len() <= MESSAGE_BYTES_MAX);
                client.consume(call, credit);
            }
            ClientEvent::Head { call } => assert!(open.contains(&call)),
            ClientEvent::Ended { call, .. } => assert!(open.remove(&call), "one end"),
            ClientEvent::Closed(_) => {
                assert!(open.is_empty(), "every call ends before its connection");
                return true;
            }
            ClientEvent::Ready | ClientEvent::Draining | ClientEvent::Writable { .. } => {}
        }
        false
    });
    assert!(open.is_empty(), "{open:?} never ended");
}

/// Gives `machine` the handshake, the input in pieces and then the end of the transport; `on_event` says which event is
/// the last.
fn feed<M: Machine>(
    machine: &mut M,
    handshake: Bytes,
    input: &[u8],
    mut on_event: impl FnMut(&mut M, M::Event) -> bool,
) {
    let (cut, rest) = input.split_first().unwrap_or((&1, &[]));
    let mut now = Time::START;
    let mut is_over = false;
    let pieces = rest.chunks(usize::from(*cut).max(1)).map(Bytes::copy_from_slice);
    for piece in core::iter::once(handshake).chain(pieces).map(Some).chain([None]) {
        match piece {
            Some(piece) => machine.handle_input(now, piece),
            None => machine.handle_eof(now),
        }
        let mut out = Out::with_room(1 << 20);
        loop {
            match machine.poll_output(now, &mut out) {
                Output::Event(event) => {
                    assert!(!is_over, "nothing follows the last event");
                    is_over = on_event(machine, event);
                }
                Output::Full(_) => out.clear(),
                Output::Idle(wake) => {
                    assert!(wake.is_none_or(|wake| wake.at > now && !is_over), "{wake:?}");
                    break;
                }
            }
        }
        now = now + Duration::from_millis(1);
    }
    assert!(is_over, "the end of the transport ends the connection");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    /// Frames whose heads are mostly right, with sections that are mostly not.
    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..3_000).map(|seed| {
            let mut chance = Entropy::from_seed(seed);
            let mut peer = Peer::new();
            let mut input = alloc::vec![1 + chance.next_u64() as u8 % 40];
            for _ in 0..chance.below(30) {
                let len = chance.below(20);
                let mut body: Vec<u8> =
                    (0..len).map(|_| [0, 1, 2, 3, 9, 0x20, 0x44, 0xff][chance.below(8) as usize]).collect();
                let kind = match chance.below(8) {
                    0 => chance.next_u64() as u8,
                    1..=2 => chance.below(8) as u8,
                    _ => 0x80 | chance.below(64) as u8,
                };
                if kind >= 0x80 && !body.is_empty() {
                    body[0] = chance.below(5) as u8;
                }
                peer.frame(kind, &body);
            }
            input.extend_from_slice(&peer.take());
            input
        })
    }

    #[test]
    fn a_server_survives_frames_of_any_kind_in_any_pieces() {
        inputs().for_each(|input| server(&input));
    }

    #[test]
    fn a_client_survives_frames_of_any_kind_in_any_pieces() {
        inputs().for_each(|input| client(&input));
    }
}
