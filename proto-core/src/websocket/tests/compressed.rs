//! Compressed messages from end to end; without the feature, none is ever agreed on.

#[cfg(not(feature = "deflate"))]
#[test]
fn without_the_feature_compression_is_neither_offered_nor_chosen() {
    use super::Pair;
    use crate::websocket::{Config, Deflate, Request};
    let config = || Config { deflate: Some(Deflate::default()), ..Config::default() };
    let pair = Pair::new(config(), config(), &Request::new("localhost", "/"));
    assert!(!pair.client.is_compressed() && !pair.server.is_compressed());
}

#[cfg(feature = "deflate")]
mod built_in {
    use crate::base::Machine;
    use crate::websocket::tests::{Pair, binary, text, turn};
    use crate::websocket::{Config, Deflate, Delivery, End, Event, Kind, Request, Violation};
    use alloc::string::String;
    use alloc::vec::Vec;
    use bytes::Bytes;
    use core::time::Duration;

    fn config(deflate: Deflate) -> Config {
        Config { deflate: Some(deflate), ..Config::default() }
    }

    fn pair(client: Deflate, server: Deflate) -> Pair {
        let pair = Pair::new(config(client), config(server), &Request::new("localhost", "/"));
        assert!(pair.client.is_compressed() && pair.server.is_compressed());
        pair
    }

    #[test]
    fn rfc7692_7_every_combination_of_windows_and_takeover_carries_messages() {
        for bits in [8, 9, 12, 15] {
            for takeover in [false, true] {
                let deflate = Deflate {
                    takeover,
                    peer_takeover: takeover,
                    window_bits: bits,
                    peer_window_bits: bits,
                    threshold_bytes: 0,
                    ..Deflate::default()
                };
                let mut pair = pair(deflate, deflate);
                for size in [0, 5, 1_000, 70_000] {
                    let message: String =
                        (0..size).map(|n: u32| char::from(b'a' + (n.wrapping_mul(n) % 23) as u8)).collect();
                    pair.at_client.clear();
                    pair.at_server.clear();
                    assert!(pair.client.send(Kind::Text, message.clone().into(), true).is_ok());
                    assert!(pair.server.send(Kind::Text, message.clone().into(), true).is_ok());
                    pair.settle();
                    assert_eq!(pair.at_server, [text(&message)], "{bits} bits, {size} bytes");
                    assert_eq!(pair.at_client, [text(&message)], "{bits} bits, {size} bytes");
                }
            }
        }
    }

    #[test]
    fn short_messages_and_those_that_do_not_shrink_go_as_they_are() {
        let mut pair = pair(Deflate::default(), Deflate::default());
        let noise: Vec<u8> = {
            let mut chance = crate::base::Entropy::from_seed(1);
            (0..5_000).map(|_| chance.next_u64() as u8).collect()
        };
        for payload in [&b"short"[..], &noise] {
            assert!(pair.server.send(Kind::Binary, Bytes::copy_from_slice(payload), true).is_ok());
            let sent = turn(&mut pair.server, pair.now, &mut pair.at_server);
            assert_eq!(sent[0], 0x82);
            pair.client.handle_input(pair.now, sent);
        }
        assert!(pair.server.send(Kind::Binary, Bytes::from_static(&[0; 5_000]), true).is_ok());
        let sent = turn(&mut pair.server, pair.now, &mut pair.at_server);
        assert!(sent[0] == 0xc2 && sent.len() < 100);
        pair.client.handle_input(pair.now, sent);
        pair.settle();
        assert_eq!(pair.at_client.last(), Some(&binary(&[0; 5_000])));
    }

    #[test]
    fn without_takeover_an_idle_connection_holds_no_codec() {
        let mut pair = pair(Deflate::default(), Deflate::default());
        assert!(pair.client.memory() < 1_000 && pair.server.memory() < 1_000);
        assert!(pair.client.send(Kind::Binary, Bytes::from_static(&[0; 50_000]), true).is_ok());
        pair.settle();
        assert!(pair.client.memory() > 100_000, "{}", pair.client.memory());
        pair.now = pair.now + Duration::from_secs(1);
        pair.settle();
        assert!(pair.client.memory() < 1_000 && pair.server.memory() < 1_000);
    }

    #[test]
    fn a_bomb_ends_the_connection_within_its_limit_whole_or_in_parts() {
        for delivery in [Delivery::Whole, Delivery::Parts] {
            let client = Config { deflate: Some(Deflate::default()), ..Config::default() };
            let server = Config { message_bytes_max: 100_000, delivery, ..config(Deflate::default()) };
            let mut pair = Pair::new(client, server, &Request::new("localhost", "/"));
            assert!(pair.client.send(Kind::Binary, Bytes::from_static(&[0; 10_000_000]), true).is_ok());
            pair.settle();
            let delivered: usize = pair
                .at_server
                .iter()
                .map(|event| match event {
                    Event::Part { payload, .. } | Event::Message { payload, .. } => payload.len(),
                    _ => 0,
                })
                .sum();
            assert!(delivered <= 100_000, "{delivered}");
            assert_eq!(pair.at_server.last(), Some(&Event::Closed(End::Violation(Violation::Bomb))));
        }
    }

    #[test]
    fn rfc7692_6_1_a_compressed_message_in_fragments_says_so_in_its_first() {
        let deflate = Deflate { threshold_bytes: 0, ..Deflate::default() };
        let mut pair = pair(deflate, deflate);
        let mut chance = crate::base::Entropy::from_seed(2);
        let message: Vec<u8> = (0..300_000).map(|_| b'a' + chance.below(16) as u8).collect();
        assert!(pair.client.send(Kind::Text, message.clone().into(), true).is_ok());
        let sent = turn(&mut pair.client, pair.now, &mut pair.at_client);
        assert_eq!(sent[0], 0x41, "RSV1 and text, and more to come");
        pair.server.handle_input(pair.now, sent);
        pair.settle();
        let heard = pair.at_server.iter().find_map(|event| match event {
            Event::Message { payload, .. } => Some(payload.clone()),
            _ => None,
        });
        assert_eq!(heard.as_deref(), Some(&message[..]));
    }
}
