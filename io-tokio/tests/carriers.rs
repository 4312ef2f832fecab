//! One listener, and every carrier that a URI can name: a server that was told nothing of protocols serves each of them.

mod support;

use bytes::Bytes;
use support::*;
use zrpc_core::rpc::{RawCodec, Request};
use zrpc_tokio::{Channel, Server};

const WITH_STREAMS: [&str; 6] = ["http", "tcp", "ws", "ws+json", "ws+h2", "ws+json+h2"];
const WITH_ONE_REQUEST: [&str; 4] = ["grpc-web", "grpc-web+h1", "grpc-web-text", "grpc-web-text+h1"];

#[tokio::test]
async fn one_listener_serves_every_carrier_of_which_a_uri_says_only_the_name() {
    let server = Server::builder().service(Demo::default()).bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run());
    for scheme in WITH_STREAMS.into_iter().chain(WITH_ONE_REQUEST) {
        let channel = Channel::connect(&format!("{scheme}://{address}")).await.unwrap();
        for word in ["one", "two"] {
            let response = channel.unary::<RawCodec>(ECHO, text(word)).await.unwrap();
            assert_eq!(response.message(), word, "{scheme}");
        }
        let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("3")).await.unwrap();
        for number in ["0", "1", "2"] {
            assert_eq!(stream.message().await.unwrap().as_deref(), Some(number.as_bytes()), "{scheme}");
        }
        assert_eq!(stream.message().await.unwrap(), None, "{scheme}");
    }
    for scheme in WITH_STREAMS {
        let channel = Channel::connect(&format!("{scheme}://{address}")).await.unwrap();
        let (mut sender, mut replies) =
            channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        for size in [0, 1, 100_000] {
            let message = Bytes::from(vec![7; size]);
            sender.send(message.clone()).await.unwrap();
            assert_eq!(replies.message().await.unwrap(), Some(message), "{scheme}");
        }
        sender.finish();
        assert_eq!(replies.message().await.unwrap(), None, "{scheme}");
    }
}
