//! Interceptors on both sides see method, metadata, messages and end, and can refuse.

mod support;

use bytes::Bytes;
use std::sync::{Arc, Mutex};
use support::*;
use zrpc_core::rpc::{Code, Interceptor, Metadata, Method, RawCodec, Request, Status};
use zrpc_tokio::{Channel, Server};

/// Writes down what passes, and refuses the word "forbidden" wherever it comes by.
#[derive(Clone, Default)]
struct Recorder {
    name: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn refuse_forbidden(message: &Bytes) -> Result<(), Status> {
    if message == "forbidden" { Err(Status::permission_denied("that word is forbidden")) } else { Ok(()) }
}

impl Interceptor for Recorder {
    fn on_request(&self, method: &Method, metadata: &mut Metadata) -> Result<(), Status> {
        self.note(format!("request {}", method.path));
        if metadata.get("x-refuse") == Some(self.name) {
            return Err(Status::unauthenticated(format!("refused by the {}", self.name)));
        }
        metadata.append("x-by", self.name).map_err(|error| Status::internal(error.to_string()))
    }

    fn on_message_sent(&self, _: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.note(format!("sent {}", String::from_utf8_lossy(message)));
        refuse_forbidden(message)
    }

    fn on_message_received(&self, _: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.note(format!("received {}", String::from_utf8_lossy(message)));
        Ok(())
    }

    fn on_response(&self, _: &Method, metadata: &mut Metadata) {
        self.note("response".to_owned());
        let _ = metadata.append("x-answered", self.name);
    }

    fn on_end(&self, _: &Method, status: &Status) {
        self.note(format!("end {}", status.code()));
    }
}

async fn recorded() -> (Channel, Recorder, Recorder) {
    let client = Recorder { name: "client", ..Recorder::default() };
    let server = Recorder { name: "server", ..Recorder::default() };
    let (listener, connector) = zrpc_tokio::memory();
    let builder = Server::builder().service(Demo::default()).interceptor(server.clone());
    tokio::spawn(builder.listen(listener).run());
    (Channel::builder_over(connector).interceptor(client.clone()).lazy(), client, server)
}

#[tokio::test]
async fn both_sides_see_a_unary_call_from_head_to_end_and_add_to_its_metadata() {
    let (channel, client, server) = recorded().await;
    let response = channel.unary::<RawCodec>(ECHO, text("hi")).await.unwrap();
    assert_eq!(response.metadata().get_all("x-by").collect::<Vec<_>>(), ["client", "server"]);
    assert_eq!(response.metadata().get_all("x-answered").collect::<Vec<_>>(), ["server", "client"]);
    let request = "request /test.Demo/Echo";
    assert_eq!(client.take(), [request, "sent hi", "response", "received hi", "end OK"]);
    until(|| server.seen.lock().unwrap().len() == 5).await;
    assert_eq!(server.take(), [request, "received hi", "response", "sent hi", "end OK"]);
}

#[tokio::test]
async fn both_sides_see_each_message_of_a_stream() {
    let (channel, client, server) = recorded().await;
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    for word in ["one", "two"] {
        sender.send(word.into()).await.unwrap();
        assert_eq!(stream.message().await.unwrap().unwrap(), word);
    }
    sender.finish();
    assert_eq!(stream.message().await.unwrap(), None);
    let request = "request /test.Demo/Chat";
    let words = ["sent one", "response", "received one", "sent two", "received two"];
    assert_eq!(client.take(), [&[request], &words[..], &["end OK"]].concat());
    until(|| server.seen.lock().unwrap().len() == 7).await;
    let words = ["received one", "response", "sent one", "received two", "sent two"];
    assert_eq!(server.take(), [&[request], &words[..], &["end OK"]].concat());
}

#[tokio::test]
async fn either_side_can_refuse_a_call_before_it_runs() {
    let (channel, client, server) = recorded().await;
    for name in ["client", "server"] {
        let mut metadata = Metadata::new();
        metadata.append("x-refuse", name).unwrap();
        let status = channel.unary::<RawCodec>(ECHO, text("hi").with_metadata(metadata)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.message(), format!("refused by the {name}"));
    }
    let request = "request /test.Demo/Echo";
    assert_eq!(client.take(), [request, request, "sent hi", "end UNAUTHENTICATED"]);
    assert_eq!(server.take(), [request]);
}

#[tokio::test]
async fn a_message_that_is_refused_ends_its_call() {
    let (channel, client, _) = recorded().await;
    let status = channel.unary::<RawCodec>(ECHO, text("forbidden")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    sender.send("fine".into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap(), "fine");
    assert_eq!(sender.send("forbidden".into()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(stream.message().await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(client.take().last().unwrap(), "end PERMISSION_DENIED");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_as_cancelled() {
    let (channel, client, server) = recorded().await;
    let (sender, stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
    until(|| !server.seen.lock().unwrap().is_empty()).await;
    drop((sender, stream));
    assert_eq!(client.take().last().unwrap(), "end CANCELLED");
    until(|| server.seen.lock().unwrap().last().is_some_and(|last| last.starts_with("end"))).await;
    assert_eq!(server.take().last().unwrap(), "end CANCELLED");
}
