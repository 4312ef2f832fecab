//! One listener, and every carrier that a URI can name: a server that was told nothing of protocols serves each of them.

mod support;

use bytes::Bytes;
use support::{KitClient, bytes, kit};
use zrpc_core::rpc::Request;
use zrpc_std::{Channel, Server};

const WITH_STREAMS: [&str; 6] = ["http", "tcp", "ws", "ws+json", "ws+h2", "ws+json+h2"];
const WITH_ONE_REQUEST: [&str; 4] = ["grpc-web", "grpc-web+h1", "grpc-web-text", "grpc-web-text+h1"];

#[test]
fn one_listener_serves_every_carrier_of_which_a_uri_says_only_the_name() {
    let server = Server::builder().service(kit().0).bind("127.0.0.1:0").unwrap().spawn().unwrap();
    let address = server.local_addr().unwrap();
    for scheme in WITH_STREAMS.into_iter().chain(WITH_ONE_REQUEST) {
        let channel = Channel::connect(&format!("{scheme}://{address}")).unwrap();
        for word in ["one", "two"] {
            assert_eq!(channel.say(bytes(word)).unwrap().message(), word, "{scheme}");
        }
        let messages: Vec<Bytes> = channel.watch(bytes("5 2000")).unwrap().map(Result::unwrap).collect();
        let numbers: Vec<u8> = messages.iter().map(|message| message[0]).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4], "{scheme}");
    }
    for scheme in WITH_STREAMS {
        let channel = Channel::connect(&format!("{scheme}://{address}")).unwrap();
        let (mut sender, mut replies) = channel.chat(Request::new(())).unwrap();
        for size in [0, 1, 100_000] {
            let message = Bytes::from(vec![7; size]);
            sender.send(message.clone()).unwrap();
            assert_eq!(replies.message().unwrap(), Some(message), "{scheme}");
        }
        sender.finish();
        assert_eq!(replies.message().unwrap(), None, "{scheme}");
    }
}
