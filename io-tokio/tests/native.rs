//! The native protocol through this driver, in memory: all four kinds of calls, and a large message each way.

mod support;

use std::time::Duration;
use support::*;
use zrpc_core::native::{Config, NativeClient, NativeServer};
use zrpc_core::rpc::{Code, RawCodec, Request};
use zrpc_tokio::{Channel, Server};

#[tokio::test]
async fn the_native_protocol_carries_all_four_kinds() {
    let config = Config::default().shared();
    let (listener, connector) = zrpc_tokio::memory();
    let (for_server, for_client) = (config.clone(), config);
    let server = Server::builder()
        .service(Demo::default())
        .sessions(move |now| Box::new(NativeServer::new(now, for_server.clone())));
    tokio::spawn(server.listen(listener).run());
    let channel = Channel::builder_over(connector)
        .sessions(move |now| Box::new(NativeClient::new(now, for_client.clone())))
        .lazy();

    for _ in 0..100 {
        let response = channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap();
        assert_eq!(response.message(), "hello");
    }
    let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("3")).await.unwrap();
    let mut count = 0;
    while stream.message().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 3);
    let mut call = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.unwrap();
    call.send("a".into()).await.unwrap();
    call.send("b".into()).await.unwrap();
    assert_eq!(call.finish().await.unwrap().message(), "ab");
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    sender.send(vec![1; 3 << 20].into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().len(), 3 << 20);
    sender.finish();
    assert_eq!(stream.message().await.unwrap(), None);

    let too_large = Request::new(vec![0; 5 << 20].into());
    let status = channel.unary::<RawCodec>(ECHO, too_large).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let late = text("x").with_timeout(Duration::ZERO);
    let status = channel.unary::<RawCodec>(ECHO, late).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
