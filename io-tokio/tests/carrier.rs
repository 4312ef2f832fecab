//! The driver runs sessions that it has never heard of: here one from outside the core.

mod support;

use support::plain::{PlainClient, PlainServer};
use support::*;
use zrpc_core::rpc::{RawCodec, Request};
use zrpc_tokio::{Channel, Server};

#[tokio::test]
async fn a_carrier_from_outside_the_core_carries_all_four_kinds() {
    let (listener, connector) = zrpc_tokio::memory();
    let server = Server::builder().service(Demo::default()).sessions(|_| Box::new(PlainServer::new()));
    tokio::spawn(server.listen(listener).run());
    let channel = Channel::builder_over(connector).sessions(|_| Box::new(PlainClient::new())).lazy();

    let response = channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap();
    assert_eq!(response.message(), "hello");
    let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("3")).await.unwrap();
    while let Some(message) = stream.message().await.unwrap() {
        assert!(["0", "1", "2"].contains(&std::str::from_utf8(&message).unwrap()));
    }
    let mut call = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.unwrap();
    call.send("a".into()).await.unwrap();
    call.send("b".into()).await.unwrap();
    assert_eq!(call.finish().await.unwrap().message(), "ab");
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    sender.send(vec![1; 1 << 20].into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().len(), 1 << 20);
    sender.finish();
    assert_eq!(stream.message().await.unwrap(), None);
}
