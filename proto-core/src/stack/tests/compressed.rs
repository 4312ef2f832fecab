//! Compressed messages on both sides: agreed on, worth it, and bounded by what they inflate to.

use super::Pair;
use super::server_calls::{CALL, small_limits, status_of};
use super::wire::{Said, message, server};
use crate::base::Entropy;
use crate::rpc::compression::{Level, compress};
use crate::rpc::{
    ClientEvent, ClientSession, Code, Encoding, Metadata, ServerEvent, ServerSession, StartCall,
};
use crate::stack::ServerConfig;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

#[test]
fn messages_are_compressed_when_both_sides_agree_and_it_is_worth_it() {
    let mut pair = Pair::new();
    let metadata = Metadata::new();
    let head =
        StartCall { path: "/a.B/C", metadata: &metadata, deadline: None, compression: Some(Encoding::Gzip) };
    let call = pair.client.start(pair.now, head).unwrap();
    let long = Bytes::from(vec![b'x'; 100_000]);
    for (message, compress) in
        [(long.clone(), true), (Bytes::from_static(b"short"), true), (long.clone(), false)]
    {
        let _ = pair.client.send(call, message, compress).unwrap();
    }
    pair.settle();
    let seen: Vec<(Bytes, u32)> = pair
        .server_events()
        .into_iter()
        .filter_map(|event| match event {
            ServerEvent::Message { message, credit, .. } => Some((message, credit)),
            _ => None,
        })
        .collect();
    assert_eq!(seen.iter().map(|(message, _)| message.len()).collect::<Vec<_>>(), [100_000, 5, 100_000]);
    assert!(seen[0].1 < 1000 && seen[1].1 == 10, "{:?}", (seen[0].1, seen[1].1));
    assert_eq!(pair.server.request(call).unwrap().encoding, Some(Encoding::Gzip));
    pair.server.send_head(call, &metadata, Some(Encoding::Deflate)).unwrap();
    let _ = pair.server.send(call, long.clone(), true).unwrap();
    pair.settle();
    assert!(
        matches!(pair.client_events().last(), Some(ClientEvent::Message { message, .. }) if *message == long)
    );
}

#[test]
fn gotcha_5_3_the_limit_is_on_what_a_message_inflates_to() {
    let gzip = [("grpc-encoding", "gzip")];
    let code = |limit: usize, content: &[u8]| {
        status_of(&small_limits(limit), &gzip, content, false).map(|status| status.code())
    };
    for plain in [incompressible(5000), vec![0; 5000], vec![1]] {
        let packed = message(1, &compress(Encoding::Gzip, Level::Best, &plain).unwrap());
        assert_eq!(code(plain.len(), &packed), None);
        assert_eq!(code(plain.len() - 1, &packed), Some(Code::ResourceExhausted));
    }
    assert_eq!(code(100, &message(1, b"not gzip")), Some(Code::Internal));
    assert_eq!(code(100, &message(1, b"")), None, "an empty message needs no compressor");
}

#[test]
fn gotcha_5_3_an_answer_uses_only_encodings_that_the_client_said_and_only_where_they_pay() {
    let answer = |more: &[(&str, &str)], payload: Vec<u8>| {
        let mut wire = server(&ServerConfig::default());
        wire.request(1, more, true);
        wire.machine.send_head(CALL, &Metadata::new(), Some(Encoding::Gzip)).unwrap();
        let _ = wire.machine.send(CALL, Bytes::from(payload), true).unwrap();
        wire.deliver();
        let said = wire.said(1);
        let Said::Data { bytes, .. } = &said[1] else { panic!("{said:?}") };
        (said[0].field("grpc-encoding").is_some(), bytes[0])
    };
    let zeros = vec![0; 5000];
    assert_eq!(answer(&[("grpc-accept-encoding", "identity, deflate,gzip")], zeros.clone()), (true, 1));
    assert_eq!(answer(&[("grpc-encoding", "gzip")], zeros.clone()), (true, 1));
    assert_eq!(answer(&[("grpc-accept-encoding", "deflate")], zeros.clone()), (false, 0));
    assert_eq!(answer(&[], zeros), (false, 0));
    assert_eq!(answer(&[("grpc-accept-encoding", "gzip")], incompressible(5000)), (true, 0));
}

/// Bytes that no encoding can make shorter.
fn incompressible(len: usize) -> Vec<u8> {
    let mut chance = Entropy::from_seed(1);
    (0..len).map(|_| chance.next_u64() as u8).collect()
}
