//! What surrounds handlers: several services, wrappers that decide first, peers, and mocks without a server.

mod support;

use bytes::Bytes;
use std::sync::{Arc, Mutex};
use support::*;
use tokio::task::yield_now;
use zrpc_core::rpc::{Code, Metadata, RawCodec, Request, Response, ServiceDescriptor, Status};
use zrpc_tokio::{ClientStreaming, Handling, IncomingCall, Sender, Server, Service, Streaming};

#[tokio::test]
async fn one_server_offers_many_services_and_tells_handlers_who_calls() {
    for (over, peer) in [(Over::Tcp, "127.0.0.1"), (Over::Memory, "an unknown peer")] {
        let (channel, _) = start(over, Server::builder().service(Demo::default()).service(Who)).await;
        let response = channel.unary::<RawCodec>(AM_I, text("")).await.unwrap();
        assert_eq!(response.message(), peer);
        assert_eq!(channel.unary::<RawCodec>(ECHO, text("both")).await.unwrap().message(), "both");
    }
}

/// Lets calls through whose token is known, which takes a while to find out.
struct Gate<S>(Arc<S>);

impl<S: Service> Service for Gate<S> {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.0.descriptor()
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        let inner = Arc::clone(&self.0);
        Handling::defer(async move {
            yield_now().await;
            match call.request().metadata().get("authorization") {
                Some("Bearer s3cret") => Ok(inner.call(method, call)),
                _ => Err(Status::unauthenticated("send `authorization: Bearer <token>`")),
            }
        })
    }
}

#[tokio::test]
async fn a_service_around_another_may_wait_before_it_lets_a_call_through() {
    let gate = Gate(Arc::new(Demo::default()));
    let (channel, _) = start(Over::Memory, Server::builder().service(gate)).await;
    let status = channel.unary::<RawCodec>(ECHO, text("hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut token = Metadata::new();
    token.append("authorization", "Bearer s3cret").unwrap();
    let response = channel.unary::<RawCodec>(ECHO, text("hi").with_metadata(token.clone())).await.unwrap();
    assert_eq!(response.message(), "hi");
    let request = Request::new(()).with_metadata(token);
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, request).await.unwrap();
    sender.send("through".into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap(), "through");
}

#[tokio::test]
async fn a_mock_client_answers_without_a_server() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (log, whole) = (Arc::clone(&sent), Arc::clone(&sent));
    let mut call = ClientStreaming::from_fns(
        move |message: &str| {
            log.lock().unwrap().push(message);
            Ok(())
        },
        move || Ok(Response::new(whole.lock().unwrap().join("+"))),
    );
    call.send("a").await.unwrap();
    call.send("b").await.unwrap();
    assert_eq!(call.finish().await.unwrap().message(), "a+b");

    let mut refusing = Sender::from_fn(|_: Bytes| Err(Status::unavailable("the mock is closed")));
    assert_eq!(refusing.send(Bytes::new()).await.unwrap_err().code(), Code::Unavailable);

    let mut trailers = Metadata::new();
    trailers.append("x-last", "word").unwrap();
    let failing = [Ok(1), Err(Status::aborted("half way"))];
    let mut stream = Streaming::from_results(failing).with_trailers(trailers.clone()).with_metadata(trailers);
    assert_eq!(stream.metadata().await.get("x-last"), Some("word"));
    assert_eq!(stream.message().await.unwrap(), Some(1));
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Aborted);
    assert_eq!(stream.trailers().and_then(|trailers| trailers.get("x-last")), Some("word"));
}
