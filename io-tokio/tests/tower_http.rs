//! HTTP on both sides of the tower adapters: odd requests to a zRPC service, odd answers of tower services.
#![cfg(feature = "tower")]

mod support;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use std::collections::VecDeque;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use support::*;
use tower_service::Service as _;
use zrpc_core::rpc::{Code, RawCodec, Status};
use zrpc_tokio::Server;
use zrpc_tokio::tower::Body;

/// Frames that are there already, and perhaps an error after them.
#[derive(Clone, Default)]
struct Frames(VecDeque<Result<Piece, Status>>);

#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(http::HeaderMap),
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(|piece| match piece? {
            Piece::Data(data) => Ok(Frame::data(data)),
            Piece::Trailers(trailers) => Ok(Frame::trailers(trailers)),
        }))
    }
}

fn data(bytes: &[u8]) -> Result<Piece, Status> {
    Ok(Piece::Data(Bytes::copy_from_slice(bytes)))
}

fn status_trailers(code: &str) -> Result<Piece, Status> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    Ok(Piece::Trailers(trailers))
}

fn asked(path: &str, frames: impl IntoIterator<Item = Result<Piece, Status>>) -> http::Request<Frames> {
    let request =
        http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    request.body(Frames(frames.into_iter().collect())).unwrap()
}

/// The content and the status of a response, from its trailers or else its head.
async fn heard(mut response: http::Response<Body>) -> (Vec<u8>, String) {
    let mut content = Vec::new();
    let mut status = response.headers().get("grpc-status").cloned();
    while let Some(frame) = poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx)).await {
        match frame.unwrap().into_data() {
            Ok(data) => content.extend_from_slice(&data),
            Err(frame) => status = frame.into_trailers().unwrap().remove("grpc-status"),
        }
    }
    (content, status.map_or_else(String::new, |status| status.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn a_request_in_any_pieces_is_one_message() {
    let mut service = Server::builder().service(Demo::default()).http_service();
    let bytes = b"\0\0\0\0\x05hello";
    for cut in 1..bytes.len() {
        let pieces = bytes.chunks(cut).map(data);
        let response = service.call(asked("/test.Demo/Echo", pieces)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(heard(response).await, (bytes.to_vec(), "0".to_owned()), "cut every {cut} bytes");
    }
}

#[tokio::test]
async fn what_is_no_grpc_gets_an_answer_of_http() {
    let mut service = Server::builder().service(Demo::default()).http_service();
    let mut request = asked("/test.Demo/Echo", []);
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(service.call(request).await.unwrap().status(), 415);
    let mut request = asked("/test.Demo/Echo", []);
    *request.method_mut() = http::Method::GET;
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn malformed_and_broken_requests_end_with_a_status() {
    let mut service = Server::builder().service(Demo::default()).http_service();
    for (frames, status) in [
        (vec![data(b"\x02\0\0\0\0")], "13"),
        (vec![data(b"\0\0\0\0\x05hel")], "13"),
        (vec![data(b"\0\xff\xff\xff\xff")], "8"),
        (vec![], "12"),
        (vec![Err(Status::aborted("the line went dead"))], "10"),
    ] {
        let response = service.call(asked("/test.Demo/Echo", frames.clone())).await.unwrap();
        assert_eq!(heard(response).await.1, status);
    }
}

#[tokio::test]
async fn a_response_that_is_dropped_drops_the_handler() {
    let demo = Demo::default();
    let probe = std::sync::Arc::clone(&demo.probe);
    let mut service = Server::builder().service(demo).http_service();
    let request = asked("/test.Demo/Flood", [data(b"\0\0\0\0\x01x")]);
    let mut response = service.call(request).await.unwrap();
    poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(probe.alive.load(Ordering::SeqCst), 1);
    drop(response);
    until(|| probe.alive.load(Ordering::SeqCst) == 0).await;
}

/// Answers every request alike.
#[derive(Clone)]
struct Always {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    frames: Frames,
}

impl<B> tower_service::Service<http::Request<B>> for Always {
    type Response = http::Response<Frames>;
    type Error = Status;
    type Future = Ready<Result<http::Response<Frames>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<B>) -> Self::Future {
        let mut response = http::Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(*name, *value);
        }
        ready(Ok(response.body(self.frames.clone()).unwrap()))
    }
}

#[tokio::test]
async fn whatever_a_tower_service_answers_becomes_a_status_that_says_so() {
    const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
    const ONLY: &[(&str, &str)] = &[("content-type", "application/grpc"), ("grpc-status", "7")];
    let message = || data(b"\0\0\0\0\x02hi");
    for (status, headers, frames, code, words) in [
        (404, &[][..], vec![data(b"no such page")], Code::Unimplemented, "HTTP 404: no such page"),
        (200, &[("content-type", "text/html")], vec![], Code::Unknown, "text/html"),
        (200, GRPC, vec![message()], Code::Unknown, "without trailers"),
        (200, GRPC, vec![message(), status_trailers("9")], Code::FailedPrecondition, ""),
        (200, GRPC, vec![data(b"\0\0\0\0\x02h"), status_trailers("0")], Code::Internal, "within a message"),
        (200, GRPC, vec![message(), Err(Status::data_loss("a disk"))], Code::DataLoss, "a disk"),
        (200, ONLY, vec![], Code::PermissionDenied, ""),
    ] {
        let service = Always { status, headers, frames: Frames(frames.into()) };
        let channel = Server::builder().tower_service("test.Demo", service).in_memory();
        let ended = channel.unary::<RawCodec>(ECHO, text("")).await.unwrap_err();
        assert_eq!(ended.code(), code, "{ended}");
        assert!(ended.message().contains(words), "{ended}");
    }
    let frames = Frames([message(), status_trailers("0")].into());
    let service = Always { status: 200, headers: GRPC, frames };
    let channel = Server::builder().tower_service("/", service).in_memory();
    assert_eq!(channel.unary::<RawCodec>(ECHO, text("")).await.unwrap().message(), "hi");
}
