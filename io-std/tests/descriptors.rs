//! File descriptors that travel with messages: taken on the other side, or closed.
#![cfg(target_os = "linux")]

mod support;

use bytes::Bytes;
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use support::{KIT, KitClient, bytes, kit};
use zrpc_core::native::{Config, NativeServer};
use zrpc_core::rpc::{Attachments, Code, RawCodec, Request, Response};
use zrpc_std::{Channel, IncomingCall, RunningServer, Server, ServerBuilder, Service};

/// Reads what is behind the descriptors that come with a request, and answers with descriptors that say the same.
struct Files;

impl Service for Files {
    fn descriptor(&self) -> &'static zrpc_core::rpc::ServiceDescriptor {
        &KIT
    }

    fn call(&self, method: usize, call: IncomingCall) {
        match method {
            0 => call.unary::<RawCodec>(|mut request| {
                let said = read_all(request.take_attachments());
                let back = said.iter().map(|text| file(text)).collect();
                Ok(Response::new(Bytes::from(said.join(","))).with_attachments(back))
            }),
            3 => call.bidirectional::<RawCodec>(|request, mut replies| {
                let mut requests = request.into_message();
                while let Some(message) = requests.message()? {
                    replies.send_with_attachments(message, requests.take_attachments())?;
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

/// A native server, and the name that it is reached at.
fn serve(name: &str, server: ServerBuilder) -> (RunningServer, String) {
    let uri = format!("unix-abstract:zrpc-std-{name}-{}", std::process::id());
    let config = Config { attachments_max: 64, ..Config::default() }.shared();
    let server = server.sessions(move |now| Box::new(NativeServer::new(now, config.clone())));
    (server.bind_uri(&uri).unwrap().spawn().unwrap(), uri)
}

fn with(texts: &[&str]) -> Request<Bytes> {
    Request::new(bytes("")).with_attachments(texts.iter().map(|text| file(text)).collect())
}

#[test]
fn descriptors_are_read_on_the_other_side_and_come_back() {
    let (_server, uri) = serve("both", Server::builder().service(Files).attachments(true));
    let channel = Channel::builder(&uri).unwrap().attachments(64).lazy();
    for texts in [&["one"][..], &["two", "three"], &[]] {
        let mut response = channel.say(with(texts)).unwrap();
        assert_eq!(read_all(response.take_attachments()), texts);
        assert_eq!(response.message(), texts.join(",").as_bytes());
    }
    let (mut sender, mut replies) = channel.chat(Request::new(())).unwrap();
    for round in 0..10 {
        let texts = ["a", "b"].map(|text| format!("{text}{round}"));
        sender.send_with_attachments(bytes("m"), texts.iter().map(|text| file(text)).collect()).unwrap();
        sender.send(bytes("bare")).unwrap();
        assert_eq!(replies.message().unwrap().unwrap(), "m");
        assert_eq!(read_all(replies.take_attachments()), texts);
        assert_eq!(replies.message().unwrap().unwrap(), "bare");
        assert!(replies.take_attachments().is_empty());
    }
}

#[test]
fn a_connection_without_attachments_refuses_them_before_they_leave() {
    let (_server, uri) = serve("closed", Server::builder().service(Files));
    let channel = Channel::lazy(&uri).unwrap();
    let status = channel.say(with(&["one"])).unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("attachments"), "{status}");
    assert_eq!(channel.say(bytes("")).unwrap().message(), "");
}

#[test]
fn more_attachments_than_a_message_may_have_are_refused() {
    let (_server, uri) = serve("many", Server::builder().service(Files).attachments(true));
    let channel = Channel::builder(&uri).unwrap().attachments(64).lazy();
    let texts = ["x"; 65];
    assert_eq!(channel.say(with(&texts)).unwrap_err().code(), Code::Unimplemented);
    assert_eq!(read_all(channel.say(with(&texts[..64])).unwrap().take_attachments()).len(), 64);
}

/// `ZRPC_DESCRIPTOR_MESSAGES=100000` for the figure.
#[test]
fn descriptors_that_no_handler_takes_are_closed() {
    let messages = std::env::var("ZRPC_DESCRIPTOR_MESSAGES").map_or(2_000, |count| count.parse().unwrap());
    let (_server, uri) = serve("untaken", Server::builder().service(kit().0).attachments(true));
    let channel = Channel::builder(&uri).unwrap().attachments(64).lazy();
    let sent = file("nobody reads this");
    channel.say(bytes("warm")).unwrap();
    let before = open_descriptors();
    for _ in 0..messages {
        let attachments = (0..4).map(|_| sent.try_clone().unwrap()).collect();
        channel.say(Request::new(bytes("x")).with_attachments(attachments)).unwrap();
    }
    println!(
        "{messages} messages with 4 descriptors each: {before} open before, {} after",
        open_descriptors()
    );
    // Other tests of this process have some open meanwhile.
    assert!(open_descriptors() < before + 300);
}
