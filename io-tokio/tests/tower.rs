//! zRPC among tower services: the same calls through each adapter, with tower services written by hand. What tonic itself
//! makes of it is seen in `tests/interop/tonic`.
#![cfg(feature = "tower")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use support::*;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use zrpc_core::rpc::{Code, Encoding, Interceptor, Metadata, Method, RawCodec, Request, Status};
use zrpc_tokio::tower::Deadline;
use zrpc_tokio::{Channel, Server, ServerBuilder};

/// Lets everything through and keeps the paths that it saw.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S> Layer<S> for Witness {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, witness: self.clone() }
    }
}

#[derive(Clone)]
struct Watched<S> {
    inner: S,
    witness: Witness,
}

impl<S: TowerService<http::Request<B>>, B> TowerService<http::Request<B>> for Watched<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> S::Future {
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert!(!request.headers().contains_key("grpc-encoding"), "messages arrive inflated");
        assert_eq!(
            request.headers().contains_key("grpc-timeout"),
            request.extensions().get::<Deadline>().is_some()
        );
        self.witness.0.lock().unwrap().push(request.uri().path().to_owned());
        self.inner.call(request)
    }
}

/// The ways on which calls reach the services of a builder.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As a tower service that a server of ours serves.
    Mounted,
    /// Through a layer around the server.
    LayeredServer,
    /// Through a layer around the channel.
    LayeredChannel,
    /// Through both.
    Both,
}

const WAYS: [Way; 4] = [Way::Mounted, Way::LayeredServer, Way::LayeredChannel, Way::Both];

fn reach(way: Way, builder: ServerBuilder, witness: &Witness) -> Channel {
    match way {
        Way::Mounted => {
            let mounted = witness.layer(builder.http_service());
            Server::builder().tower_service("/test.Demo", mounted).in_memory()
        }
        Way::LayeredServer => builder.layer(witness.clone()).in_memory(),
        // The head of a request to the channel is the client's own, without what the server's side adds.
        Way::LayeredChannel => builder.in_memory().layered(witness.clone()),
        Way::Both => builder.layer(witness.clone()).in_memory().layered(witness.clone()),
    }
}

fn demo_by(way: Way) -> (Channel, Arc<Probe>, Witness) {
    let (demo, witness) = (Demo::default(), Witness::default());
    let probe = Arc::clone(&demo.probe);
    (reach(way, Server::builder().service(demo), &witness), probe, witness)
}

#[tokio::test]
async fn all_four_kinds_pass_with_metadata_and_trailers_and_layers_see_each() {
    for way in WAYS {
        let (channel, _, witness) = demo_by(way);
        let mut metadata = Metadata::new();
        metadata.append("x-text", "a").unwrap();
        metadata.append("x-text", "b").unwrap();
        metadata.append_bin("x-raw-bin", &[0, 255]).unwrap();
        let response = channel.unary::<RawCodec>(ECHO, text("hi").with_metadata(metadata)).await.unwrap();
        assert_eq!(response.message(), "hi", "{way:?}");
        for told in [response.metadata(), response.trailers()] {
            assert_eq!(told.get_all("x-text").collect::<Vec<_>>(), ["a", "b"], "{way:?}");
            assert_eq!(told.get_bin("x-raw-bin"), Some(vec![0, 255]), "{way:?}");
        }

        let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("100")).await.unwrap();
        assert_eq!(stream.metadata().await.get("x-count"), Some("100"));
        for number in 0..100 {
            assert_eq!(stream.message().await.unwrap().unwrap(), number.to_string());
        }
        assert_eq!(stream.message().await.unwrap(), None);
        assert_eq!(stream.trailers().unwrap().get("x-sent"), Some("100"));

        let mut call = channel.client_streaming::<RawCodec>(JOIN, Request::new(())).await.unwrap();
        for part in ["a", "b", ""] {
            call.send(part.into()).await.unwrap();
        }
        assert_eq!(call.finish().await.unwrap().message(), "ab");

        let (mut sender, mut stream) =
            channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        for word in ["ping", "pong"] {
            sender.send(word.into()).await.unwrap();
            assert_eq!(stream.message().await.unwrap().unwrap(), word, "{way:?}");
        }
        sender.finish();
        assert_eq!(stream.message().await.unwrap(), None);

        let paths = ["/test.Demo/Echo", "/test.Demo/Count", "/test.Demo/Join", "/test.Demo/Chat"];
        let seen = witness.seen();
        assert_eq!(seen.iter().filter(|path| *path == paths[0]).count(), seen.len() / 4);
        assert!(paths.iter().all(|path| seen.iter().any(|seen| seen == path)), "{seen:?}");
    }
}

#[tokio::test]
async fn errors_keep_their_code_words_and_details() {
    for way in WAYS {
        let (channel, _, _) = demo_by(way);
        let status = channel.unary::<RawCodec>(FAIL, text("")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such thing"), "{way:?}");
        assert_eq!(status.details(), b"\x08\x05");
        let status = channel.unary::<RawCodec>(PANIC, text("later")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Internal, "the handler panicked"));
        static NONE: Method = Method { path: "/test.Demo/None", ..DEMO.methods[0] };
        let status = channel.unary::<RawCodec>(&NONE, text("")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("/test.Demo/None"), "{status}");
    }
}

#[tokio::test]
async fn large_and_compressed_messages_pass() {
    for way in WAYS {
        let (channel, _, _) = demo_by(way);
        let (large, squeezed) =
            (bytes::Bytes::from(vec![3; 3 << 20]), bytes::Bytes::from(vec![3; 200 << 10]));
        let mut compress = Metadata::new();
        compress.append("x-compress", "").unwrap();
        for request in [
            Request::new(large),
            Request::new(squeezed).with_compression(Encoding::Gzip).with_metadata(compress),
        ] {
            let sent = request.message().clone();
            let response = channel.unary::<RawCodec>(ECHO, request).await.unwrap();
            assert_eq!(response.message(), &sent, "{way:?}");
        }
        let beyond = Request::new(bytes::Bytes::from(vec![3; 5 << 20]));
        let status = channel.unary::<RawCodec>(ECHO, beyond).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{way:?}: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_reaches_the_handler_and_ends_the_call() {
    for way in WAYS {
        let (channel, probe, _) = demo_by(way);
        let request = text("").with_timeout(Duration::from_secs(5));
        let left = channel.unary::<RawCodec>(REMAINING, request).await.unwrap().into_message();
        let left: u64 = std::str::from_utf8(&left).unwrap().parse().unwrap();
        assert!((4_000..=5_000).contains(&left), "{way:?}: {left} ms");

        let request = text("").with_timeout(Duration::from_secs(5));
        let status = channel.unary::<RawCodec>(HANG, request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{way:?}");
        until(|| probe.alive.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn dropping_a_call_drops_the_handler_behind_every_adapter() {
    for way in WAYS {
        let (channel, probe, _) = demo_by(way);
        let call = channel.unary::<RawCodec>(HANG, text(""));
        tokio::select! {
            _ = call => panic!("the handler never answers"),
            () = probe.entered.notified() => {}
        }
        probe.dropped.notified().await;
        let mut stream = channel.server_streaming::<RawCodec>(FLOOD, text("x")).await.unwrap();
        stream.message().await.unwrap();
        drop(stream);
        probe.entered.notified().await;
        probe.dropped.notified().await;
        assert_eq!(probe.alive.load(Ordering::SeqCst), 0, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_the_handler_back() {
    for way in WAYS {
        let (channel, probe, _) = demo_by(way);
        let kilobyte = Request::new(bytes::Bytes::from(vec![1; 1024]));
        let mut stream = channel.server_streaming::<RawCodec>(FLOOD, kilobyte).await.unwrap();
        stream.message().await.unwrap();
        until_nothing_moves().await;
        let sent = probe.sent.load(Ordering::SeqCst);
        assert!(sent < 4_000, "{way:?}: {sent} KiB were sent to a client that read one");
        for _ in 0..2 * sent {
            stream.message().await.unwrap().unwrap();
        }
        assert!(probe.sent.load(Ordering::SeqCst) > sent, "{way:?}: it went on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_holds_the_client_back() {
    for way in WAYS {
        let (channel, _, _) = demo_by(way);
        let mut call = channel.client_streaming::<RawCodec>(DEAF, Request::new(())).await.unwrap();
        let mut sent = 0;
        let kilobyte = bytes::Bytes::from(vec![1; 1024]);
        while tokio::time::timeout(Duration::from_secs(1), call.send(kilobyte.clone())).await.is_ok() {
            sent += 1;
            assert!(sent < 4_000, "{way:?}: {sent} KiB were taken for a handler that reads nothing");
        }
    }
}

#[derive(Default)]
struct Counted(Arc<AtomicUsize>, Arc<Mutex<Vec<&'static str>>>);

impl Interceptor for Counted {
    fn on_request(&self, method: &Method, _: &mut Metadata) -> Result<(), Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.lock().unwrap().push(method.path);
        Ok(())
    }
}

#[tokio::test]
async fn interceptors_guard_tower_services_too() {
    let counted = Counted::default();
    let (count, paths) = (Arc::clone(&counted.0), Arc::clone(&counted.1));
    let inner = Server::builder().service(Demo::default()).http_service();
    let server = Server::builder().interceptor(counted).tower_service("/test.Demo/", inner);
    let channel = server.in_memory();
    channel.unary::<RawCodec>(ECHO, text("hi")).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(*paths.lock().unwrap(), ["/test.Demo/"]);
}
