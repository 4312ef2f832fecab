//! Calls of the four kinds, over TCP and through memory.

mod support;

use bytes::Bytes;
use support::*;
use tokio::task::JoinSet;
use zrpc_core::rpc::{Code, Encoding, Metadata, RawCodec, Request, Status};
use zrpc_core::stack::ServerConfig;
use zrpc_tokio::{Channel, Server};

#[tokio::test]
async fn a_unary_call_brings_its_message_back() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        for message in ["", "hello", &"x".repeat(100_000)] {
            let response = channel.unary::<RawCodec>(ECHO, text(message)).await.unwrap();
            assert_eq!(response.message(), message.as_bytes(), "{over:?}");
        }
    }
}

#[tokio::test]
async fn a_server_streams_messages_between_metadata_and_trailers() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("500")).await.unwrap();
        assert_eq!(stream.metadata().await.get("x-count"), Some("500"));
        assert!(stream.trailers().is_none());
        for n in 0..500 {
            let message = stream.message().await.unwrap().unwrap();
            assert_eq!(message, n.to_string(), "{over:?}");
        }
        assert_eq!(stream.message().await.unwrap(), None);
        assert_eq!(stream.trailers().and_then(|trailers| trailers.get("x-sent")), Some("500"));
        assert_eq!(stream.message().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_stream_that_fails_says_so_once_and_then_ends() {
    let (channel, _, _) = demo(Over::Memory).await;
    let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("many")).await.unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "send a number"));
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_client_streams_messages_and_gets_one_response() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let mut call = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.unwrap();
        let mut whole = Vec::new();
        for n in 0..200u32 {
            let part = vec![n as u8; 1000];
            whole.extend_from_slice(&part);
            call.send(part.into()).await.unwrap();
        }
        assert_eq!(call.finish().await.unwrap().message(), &whole, "{over:?}");
        let empty = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.unwrap();
        assert_eq!(empty.finish().await.unwrap().message(), "");
    }
}

#[tokio::test]
async fn both_sides_stream_at_once() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let (mut sender, mut stream) =
            channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        for n in 0..100 {
            sender.send(n.to_string().into()).await.unwrap();
            assert_eq!(stream.message().await.unwrap().unwrap(), n.to_string(), "{over:?}");
        }
        sender.finish();
        assert_eq!(stream.message().await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_interleaved_calls_each_get_their_own_answer() {
    for over in BOTH {
        let (channel, handle, _) = demo(over).await;
        let mut calls = JoinSet::new();
        for n in 0..1000usize {
            let channel = channel.clone();
            calls.spawn(async move {
                let size = n * 37 % 5000;
                let message = Bytes::from(vec![n as u8; size]);
                if n % 3 == 0 {
                    let (mut sender, mut stream) =
                        channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await?;
                    sender.send(message.clone()).await?;
                    assert_eq!(stream.message().await?, Some(message));
                    sender.finish();
                    assert_eq!(stream.message().await?, None);
                } else {
                    let request = Request::new(message.clone());
                    assert_eq!(channel.unary::<RawCodec>(ECHO, request).await?.into_message(), message);
                }
                Ok::<(), Status>(())
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap().unwrap();
        }
        assert_eq!(handle.connections(), 1, "{over:?}: all on one connection");
    }
}

#[tokio::test]
async fn metadata_travels_there_and_back_with_duplicates_and_bytes() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let mut metadata = Metadata::new();
        metadata.append("x-a", "1").unwrap();
        metadata.append("x-a", "2").unwrap();
        metadata.append_bin("x-b-bin", &[0, 255, 7]).unwrap();
        let request = text("m").with_metadata(metadata);
        let response = channel.unary::<RawCodec>(ECHO, request).await.unwrap();
        for returned in [response.metadata(), response.trailers()] {
            assert_eq!(returned.get_all("x-a").collect::<Vec<_>>(), ["1", "2"], "{over:?}");
            assert_eq!(returned.get_bin("x-b-bin").unwrap(), [0, 255, 7]);
        }
    }
}

#[tokio::test]
async fn a_failed_call_brings_code_message_and_details() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let status = channel.unary::<RawCodec>(FAIL, text("")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such thing"), "{over:?}");
        assert_eq!(status.details(), b"\x08\x05");
    }
}

#[tokio::test]
async fn compressed_messages_arrive_whole_in_both_directions() {
    for over in BOTH {
        let (channel, _, _) = demo(over).await;
        let message = "compress me ".repeat(10_000);
        let mut metadata = Metadata::new();
        metadata.append("x-compress", "yes").unwrap();
        let request = text(&message).with_compression(Encoding::Gzip).with_metadata(metadata);
        let response = channel.unary::<RawCodec>(ECHO, request).await.unwrap();
        assert_eq!(response.message(), message.as_bytes(), "{over:?}");
    }
}

#[tokio::test]
async fn messages_of_eight_mebibytes_pass_where_the_limits_allow_them() {
    const SIZE: usize = 8 << 20;
    let mut config = ServerConfig::default();
    config.limits.receive_message_bytes_max = SIZE;
    let builder = Server::builder().service(Demo::default()).config(config);
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    tokio::spawn(server.run());
    let channel = Channel::builder(&endpoint)
        .unwrap()
        .config(|config| config.limits.receive_message_bytes_max = SIZE)
        .lazy();
    let message: Bytes = (0..SIZE).map(|at| (at / 251) as u8).collect();
    let response = channel.unary::<RawCodec>(ECHO, Request::new(message.clone())).await.unwrap();
    assert!(response.message() == &message);
    let small = Channel::lazy(&endpoint).unwrap();
    let status = small.unary::<RawCodec>(ECHO, Request::new(message)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn messages_larger_than_the_window_follow_small_ones_on_a_stream() {
    let (channel, _, _) = demo(Over::Memory).await;
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    for size in [1, 2, 3, 3 << 20, 4, 3 << 20] {
        sender.send(vec![7; size].into()).await.unwrap();
    }
    for size in [1, 2, 3, 3 << 20, 4, 3 << 20] {
        assert_eq!(stream.message().await.unwrap().unwrap().len(), size);
    }
}

#[tokio::test]
async fn an_unknown_method_and_an_unknown_service_are_told_apart() {
    use zrpc_core::rpc::{Idempotency, Kind, Method};
    const fn unknown(path: &'static str) -> Method {
        Method { path, kind: Kind::Unary, idempotency: Idempotency::Unknown }
    }
    static NO_METHOD: Method = unknown("/test.Demo/Nothing");
    static NO_SERVICE: Method = unknown("/test.Other/Echo");
    let (channel, _, _) = demo(Over::Memory).await;
    let status = channel.unary::<RawCodec>(&NO_METHOD, text("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("test.Demo has no method"), "{status}");
    let status = channel.unary::<RawCodec>(&NO_SERVICE, text("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("test.Other is not offered"), "{status}");
}

#[tokio::test]
async fn a_method_called_with_the_wrong_number_of_messages_is_unimplemented() {
    let (channel, _, _) = demo(Over::Memory).await;
    let (sender, mut stream) = channel.bidirectional::<RawCodec>(ECHO, Request::new(())).await.unwrap();
    sender.finish();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unimplemented);
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(ECHO, Request::new(())).await.unwrap();
    sender.send("one".into()).await.unwrap();
    sender.send("two".into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unimplemented);
    let status = channel.unary::<RawCodec>(COUNT, text("2")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = channel.unary::<RawCodec>(COUNT, text("0")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_call_that_finds_its_connection_full_opens_another_up_to_the_limit() {
    let mut config = ServerConfig::default();
    config.http2.max_concurrent_streams = 2;
    let (listener, connector) = zrpc_tokio::memory();
    let server = Server::builder().service(Demo::default()).config(config).listen(listener);
    let handle = server.handle();
    tokio::spawn(server.run());
    let channel = Channel::builder_over(connector).max_connections(2).lazy();

    let mut open = Vec::new();
    for connections in [1, 1, 2, 2] {
        let (mut sender, mut stream) =
            channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        sender.send("hello".into()).await.unwrap();
        assert_eq!(stream.message().await.unwrap().unwrap(), "hello");
        assert_eq!(handle.connections(), connections);
        open.push((sender, stream));
    }
    let late = tokio::spawn(async move { channel.unary::<RawCodec>(ECHO, text("late")).await });
    drop(open.remove(0));
    assert_eq!(late.await.unwrap().unwrap().message(), "late");
    assert_eq!(handle.connections(), 2);
}
