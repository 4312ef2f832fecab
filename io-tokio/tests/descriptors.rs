//! File descriptors that travel with messages: taken on the other side, or closed; and sockets that are asked before their
//! tasks sleep.
#![cfg(target_os = "linux")]

mod support;

use bytes::Bytes;
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;
use support::*;
use zrpc_core::native::{Config, NativeServer};
use zrpc_core::rpc::{Attachments, Code, RawCodec, Request, Response, ServiceDescriptor};
use zrpc_tokio::{Channel, Handling, IncomingCall, Server, ServerBuilder, Service};

/// Reads what is behind the descriptors that come with a request, and answers with descriptors that say the same.
struct Files;

impl Service for Files {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &DEMO
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        match method {
            0 => call.unary::<RawCodec, _, _>(|mut request| async move {
                let said = read_all(request.take_attachments());
                let back = said.iter().map(|text| file(text)).collect();
                Ok(Response::new(Bytes::from(said.join(","))).with_attachments(back))
            }),
            3 => call.bidirectional::<RawCodec, _, _>(|request, mut replies| async move {
                let mut requests = request.into_message();
                while let Some(message) = requests.message().await? {
                    replies.send_with_attachments(message, requests.take_attachments()).await?;
                }
                Ok(())
            }),
            _ => call.unimplemented(),
        }
    }
}

/// A pipe that holds a text, to be read to its end.
fn file(text: &str) -> OwnedFd {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader.into()
}

fn read_all(mut attachments: Attachments) -> Vec<String> {
    let read = |descriptor: OwnedFd| {
        let mut text = String::new();
        PipeReader::from(descriptor).read_to_string(&mut text).unwrap();
        text
    };
    attachments.take::<OwnedFd>().into_iter().map(read).collect()
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The URI of a native server.
async fn serve(name: &str, server: ServerBuilder) -> String {
    let uri = format!("unix-abstract:zrpc-tokio-{name}-{}", std::process::id());
    let config = Config { attachments_max: 64, ..Config::default() }.shared();
    let server = server.sessions(move |now| Box::new(NativeServer::new(now, config.clone())));
    tokio::spawn(server.bind_uri(&uri).await.unwrap().run());
    uri
}

fn with(texts: &[&str]) -> Request<Bytes> {
    text("").with_attachments(texts.iter().map(|text| file(text)).collect())
}

#[tokio::test]
async fn descriptors_are_read_on_the_other_side_and_come_back() {
    let uri = serve("both", Server::builder().service(Files).attachments(true)).await;
    let channel = Channel::builder(&uri).unwrap().attachments(64).lazy();
    for texts in [&["one"][..], &["two", "three"], &[]] {
        let mut response = channel.unary::<RawCodec>(ECHO, with(texts)).await.unwrap();
        assert_eq!(read_all(response.take_attachments()), texts);
        assert_eq!(response.message(), texts.join(",").as_bytes());
    }
    let (mut sender, mut replies) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    for round in 0..10 {
        let texts = ["a", "b"].map(|text| format!("{text}{round}"));
        sender
            .send_with_attachments("m".into(), texts.iter().map(|text| file(text)).collect())
            .await
            .unwrap();
        sender.send("bare".into()).await.unwrap();
        assert_eq!(replies.message().await.unwrap().unwrap(), "m");
        assert_eq!(read_all(replies.take_attachments()), texts);
        assert_eq!(replies.message().await.unwrap().unwrap(), "bare");
        assert!(replies.take_attachments().is_empty());
    }
}

#[tokio::test]
async fn a_connection_without_attachments_refuses_them_before_they_leave() {
    let uri = serve("closed", Server::builder().service(Files)).await;
    let channel = Channel::lazy(&uri).unwrap();
    let status = channel.unary::<RawCodec>(ECHO, with(&["one"])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("attachments"), "{status}");
    assert_eq!(channel.unary::<RawCodec>(ECHO, text("")).await.unwrap().message(), "");
}

/// `ZRPC_DESCRIPTOR_MESSAGES=100000` for the figure.
#[tokio::test]
async fn descriptors_that_no_handler_takes_are_closed() {
    let messages = std::env::var("ZRPC_DESCRIPTOR_MESSAGES").map_or(2_000, |count| count.parse().unwrap());
    let uri = serve("untaken", Server::builder().service(Demo::default()).attachments(true)).await;
    let channel = Channel::builder(&uri).unwrap().attachments(64).lazy();
    let sent = file("nobody reads this");
    channel.unary::<RawCodec>(ECHO, text("warm")).await.unwrap();
    let before = open_descriptors();
    for _ in 0..messages {
        let attachments = (0..4).map(|_| sent.try_clone().unwrap()).collect();
        channel.unary::<RawCodec>(ECHO, text("x").with_attachments(attachments)).await.unwrap();
    }
    println!(
        "{messages} messages with 4 descriptors each: {before} open before, {} after",
        open_descriptors()
    );
    // Other tests of this process have some open meanwhile.
    assert!(open_descriptors() < before + 300);
}

#[tokio::test]
async fn both_sides_may_poll_and_still_sleep_when_nothing_comes() {
    let spin = Duration::from_micros(200);
    let uri = serve("spin", Server::builder().service(Demo::default()).spin(spin)).await;
    let channel = Channel::builder(&uri).unwrap().spin(spin).lazy();
    for _ in 0..100 {
        assert_eq!(channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap().message(), "hello");
    }
    // Longer than either side polls: a deadline that passes shows that both went to sleep and woke again.
    let late = text("").with_timeout(Duration::from_millis(5));
    let status = channel.unary::<RawCodec>(HANG, late).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap().message(), "hello");
}
