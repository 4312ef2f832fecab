//! gRPC-Web through the driver: both forms, on HTTP/1.1 and on HTTP/2 beside plain gRPC.

mod support;

use support::*;
use zrpc_core::rpc::grpc_web::{WebConfig, WebForm};
use zrpc_core::rpc::{Code, RawCodec, Request};
use zrpc_core::stack::{ClientConfig, GrpcServer, GrpcWebClient, GrpcWebServer, ServerConfig};
use zrpc_tokio::{Channel, Server};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Http {
    One,
    Two,
}

/// A channel in memory to a service that speaks gRPC-Web.
fn channel(http: Http, form: WebForm) -> Channel {
    let (listener, connector) = zrpc_tokio::memory();
    let server = ServerConfig { web: Some(WebConfig::default()), ..ServerConfig::default() };
    let client = ClientConfig { web: Some(form), ..ClientConfig::default() };
    let builder = Server::builder().service(Demo::default()).sessions(move |now| match http {
        Http::One => Box::new(GrpcWebServer::new(now, &server)),
        Http::Two => Box::new(GrpcServer::new(now, &server)),
    });
    tokio::spawn(builder.listen(listener).run());
    let channel = Channel::builder_over(connector);
    match http {
        Http::One => channel.sessions(move |_| Box::new(GrpcWebClient::new(&client))).lazy(),
        Http::Two => channel.config(|config| config.web = Some(form)).lazy(),
    }
}

#[tokio::test]
async fn unary_and_server_streaming_calls_work_and_the_others_are_refused_before_anything_is_sent() {
    for http in [Http::One, Http::Two] {
        for form in [WebForm::Binary, WebForm::Text] {
            let channel = channel(http, form);
            for _ in 0..3 {
                let response = channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap();
                assert_eq!(response.message(), "hello");
            }
            let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("300")).await.unwrap();
            for number in 0..300 {
                assert_eq!(stream.message().await.unwrap().unwrap(), number.to_string());
            }
            assert_eq!(stream.message().await.unwrap(), None);
            let refused = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.map(|_| ());
            let status = refused.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{http:?}");
            assert!(status.message().contains("gRPC-Web carries one message"), "{status}");
            // What the client side of the other kinds would send, a unary call of the same method does.
            let status = channel.unary::<RawCodec>(JOIN, text("a")).await.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{status}");
        }
    }
}

#[tokio::test]
async fn a_dropped_stream_on_http1_costs_its_connection_and_the_channel_makes_another() {
    let channel = channel(Http::One, WebForm::Binary);
    for _ in 0..3 {
        let mut stream = channel.server_streaming::<RawCodec>(FLOOD, text("")).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
        drop(stream);
        let response = channel.unary::<RawCodec>(ECHO, text("again")).await.unwrap();
        assert_eq!(response.message(), "again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_on_http1_holds_the_server_back() {
    let (listener, connector) = zrpc_tokio::memory();
    let demo = Demo::default();
    let probe = std::sync::Arc::clone(&demo.probe);
    let builder = Server::builder()
        .service(demo)
        .sessions(|now| Box::new(GrpcWebServer::new(now, &ServerConfig::default())));
    tokio::spawn(builder.listen(listener).run());
    let config = ClientConfig::default();
    let channel =
        Channel::builder_over(connector).sessions(move |_| Box::new(GrpcWebClient::new(&config))).lazy();
    let mut stream = channel.server_streaming::<RawCodec>(FLOOD, text("")).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    until_nothing_moves().await;
    let sent = probe.sent.load(std::sync::atomic::Ordering::Relaxed);
    until_nothing_moves().await;
    assert_eq!(probe.sent.load(std::sync::atomic::Ordering::Relaxed), sent, "nobody reads");
    // Whoever reads on gets everything, in order, and the server goes on.
    for _ in 0..sent {
        assert!(stream.message().await.unwrap().is_some());
    }
    until_nothing_moves().await;
    assert!(probe.sent.load(std::sync::atomic::Ordering::Relaxed) > sent);
}
