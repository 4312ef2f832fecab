//! Calls of all four kinds, over TCP and through memory, and what travels with them.

mod support;

use bytes::Bytes;
use std::sync::{Arc, Mutex};
use support::{KIT, KitClient, bytes, kit, over_tcp, quick};
use zrpc_core::rpc::{
    Code, Encoding, Idempotency, Interceptor, Kind, Metadata, Method, RawCodec, Request, Status,
};
use zrpc_std::{Channel, Server};

fn all_four_kinds(channel: &Channel) {
    let response = channel.say(bytes("hello")).unwrap();
    assert_eq!(response.message(), "hello");

    let mut sum = channel.sum(Request::new(())).unwrap();
    for word in ["a", "bc", "def"] {
        sum.send(bytes(word)).unwrap();
    }
    assert_eq!(sum.finish().unwrap().message(), "3 messages, 6 bytes");

    let messages: Vec<Bytes> = channel.watch(bytes("5 2")).unwrap().map(Result::unwrap).collect();
    assert_eq!(messages.iter().map(|message| message[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);

    let (mut sender, mut replies) = channel.chat(Request::new(())).unwrap();
    for word in ["ping", "pong"] {
        sender.send(bytes(word)).unwrap();
        assert_eq!(replies.message().unwrap().unwrap(), word);
    }
    sender.finish();
    assert_eq!(replies.message(), Ok(None));
}

#[test]
fn calls_of_all_four_kinds_work_over_tcp() {
    all_four_kinds(&quick().1);
}

#[test]
fn calls_of_all_four_kinds_work_through_memory() {
    all_four_kinds(&Server::builder().service(kit().0).in_memory().unwrap());
}

#[test]
fn metadata_travels_before_and_after_the_messages() {
    let (_server, channel) = quick();
    let mut metadata = Metadata::new();
    metadata.append("echo", "one").unwrap();
    metadata.append("echo", "two").unwrap();
    let response = channel.say(Request::new(bytes("x")).with_metadata(metadata)).unwrap();
    assert_eq!(response.metadata().get_all("echoed").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(response.trailers().get_all("echoed").collect::<Vec<_>>(), ["one", "two"]);

    let mut stream = channel.watch(bytes("1 1")).unwrap();
    assert_eq!(stream.metadata().get("first"), Some("word"));
    assert_eq!(stream.trailers(), None);
    assert!(stream.message().unwrap().is_some());
    assert_eq!(stream.message(), Ok(None));
    assert_eq!(stream.trailers().and_then(|trailers| trailers.get("last")), Some("word"));
}

#[test]
fn a_handler_knows_its_peer_over_tcp() {
    let (_server, channel) = quick();
    assert_eq!(channel.say(bytes("peer")).unwrap().message(), "127.0.0.1");
}

#[test]
fn compressed_messages_arrive_whole_in_both_directions() {
    let (_server, channel) = quick();
    let text = Bytes::from(b"compressible ".repeat(10_000));
    let request = Request::new(text.clone()).with_compression(Encoding::Gzip);
    assert_eq!(channel.say(request).unwrap().message(), &text);

    let request = Request::new(bytes("3 50000")).with_compression(Encoding::Gzip);
    let sizes: Vec<usize> = channel.watch(request).unwrap().map(|message| message.unwrap().len()).collect();
    assert_eq!(sizes, [50_000; 3]);
}

#[test]
fn messages_larger_than_every_window_and_buffer_arrive_whole() {
    let (_server, channel) = quick();
    let large: Bytes = (0..3_500_000u32).map(|index| (index % 251) as u8).collect();
    assert_eq!(channel.say(large.clone()).unwrap().message(), &large);
    let sizes: Vec<usize> =
        channel.watch(bytes("3 2000000")).unwrap().map(|message| message.unwrap().len()).collect();
    assert_eq!(sizes, [2_000_000; 3]);
    let mut sum = channel.sum(Request::new(())).unwrap();
    for _ in 0..4 {
        sum.send(large.clone()).unwrap();
    }
    assert_eq!(sum.finish().unwrap().message(), "4 messages, 14000000 bytes");
}

#[test]
fn a_status_of_the_handler_reaches_the_caller() {
    let (_server, channel) = quick();
    assert_eq!(channel.say(bytes("fail")).unwrap_err().code(), Code::FailedPrecondition);
    let mut sum = channel.sum(Request::new(())).unwrap();
    sum.send(bytes("enough")).unwrap();
    let status = sum.finish().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::OutOfRange, "enough"));
}

#[test]
fn what_nobody_serves_is_unimplemented_and_says_so() {
    let (_server, channel) = quick();
    let call = |path| {
        let method = Method { path, kind: Kind::Unary, idempotency: Idempotency::Unknown };
        channel.unary::<RawCodec>(&method, Request::new(Bytes::new())).unwrap_err()
    };
    for (path, reason) in [
        ("/test.Kit/Nothing", "service test.Kit has no method /test.Kit/Nothing"),
        ("/test.Nobody/Say", "service test.Nobody is not offered here"),
        ("/test.Kit/Forgotten", "/test.Kit/Forgotten is not implemented by this service"),
    ] {
        let status = call(path);
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains(reason), "{status}");
    }
}

#[test]
fn the_wrong_number_of_messages_is_unimplemented_on_both_sides() {
    let (_server, channel) = quick();
    // The server expects one request and gets none, then two.
    for count in [0, 2] {
        let mut stream = channel.client_streaming::<RawCodec>(&KIT.methods[0], Request::new(())).unwrap();
        for _ in 0..count {
            stream.send(bytes("x")).unwrap();
        }
        let status = stream.finish().unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
        assert!(status.message().contains("exactly one message"), "{status}");
    }
    // The client expects one response and gets none, then two.
    for count in ["0 1", "2 1"] {
        let status = channel.unary::<RawCodec>(&KIT.methods[2], Request::new(bytes(count))).unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
        assert!(status.message().contains("exactly one message"), "{status}");
    }
}

/// Writes down what it sees.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, entry: String) {
        self.0.lock().unwrap().push(entry);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Interceptor for Diary {
    fn on_request(&self, method: &Method, metadata: &mut Metadata) -> Result<(), Status> {
        self.note(format!("request {}", method.path));
        metadata.append("echo", "interceptor").map_err(|error| Status::internal(error.to_string()))?;
        if metadata.get("refuse").is_some() { Err(Status::permission_denied("refused")) } else { Ok(()) }
    }

    fn on_message_sent(&self, _: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.note(format!("sent {} bytes", message.len()));
        if message == "no" { Err(Status::invalid_argument("no is no message")) } else { Ok(()) }
    }

    fn on_message_received(&self, _: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.note(format!("received {} bytes", message.len()));
        Ok(())
    }

    fn on_response(&self, _: &Method, metadata: &mut Metadata) {
        self.note(format!("response {:?}", metadata.get("echoed")));
    }

    fn on_end(&self, _: &Method, status: &Status) {
        self.note(format!("end {}", status.code()));
    }
}

#[test]
fn interceptors_of_both_sides_see_method_metadata_messages_and_end() {
    let (server_diary, client_diary) = (Diary::default(), Diary::default());
    let builder = Server::builder().service(kit().0).interceptor(server_diary.clone());
    let server = builder.bind("127.0.0.1:0").unwrap().spawn().unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    let channel = Channel::builder(&address).unwrap().interceptor(client_diary.clone()).lazy();

    channel.say(bytes("hi")).unwrap();
    let client = [
        "request /test.Kit/Say",
        "sent 2 bytes",
        "response Some(\"interceptor\")",
        "received 2 bytes",
        "end OK",
    ];
    assert_eq!(client_diary.take(), client);
    let seen = [
        "request /test.Kit/Say",
        "received 2 bytes",
        "response Some(\"interceptor\")",
        "sent 2 bytes",
        "end OK",
    ];
    drop(server);
    assert_eq!(server_diary.take(), seen);
}

#[test]
fn an_interceptor_refuses_calls_and_messages() {
    let (server_diary, client_diary) = (Diary::default(), Diary::default());
    let (server, plain) = over_tcp(Server::builder().service(kit().0).interceptor(server_diary));
    let mut metadata = Metadata::new();
    metadata.append("refuse", "1").unwrap();
    let refused = Request::new(bytes("x")).with_metadata(metadata);
    assert_eq!(plain.say(refused.clone()).unwrap_err().code(), Code::PermissionDenied);

    let address = format!("http://{}", server.local_addr().unwrap());
    let channel = Channel::builder(&address).unwrap().interceptor(client_diary.clone()).lazy();
    assert_eq!(channel.say(refused).unwrap_err().message(), "refused");
    let (mut sender, mut replies) = channel.chat(Request::new(())).unwrap();
    assert_eq!(sender.send(bytes("no")).unwrap_err().code(), Code::InvalidArgument);
    assert!(replies.message().is_err(), "a refused message ends the call");
    assert!(client_diary.take().contains(&"end INVALID_ARGUMENT".to_owned()));
}
