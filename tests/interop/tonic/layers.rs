//! Layers of tower and tower-http around servers and channels of ours.

use crate::answers::{HANG, Probe, ZrpcGreeter};
use crate::{by_zrpc, cases};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;
use zrpc::tokio::{Server, ServerBuilder};
use zrpc::{Code, Status};

fn greeter(probe: &Probe) -> ServerBuilder {
    Server::builder().service(by_zrpc::GreeterServer::new(ZrpcGreeter(probe.clone())))
}

/// Traces each call and counts the responses that it saw.
macro_rules! traced {
    ($count:expr) => {{
        let count = Arc::clone(&$count);
        TraceLayer::new_for_grpc().on_response(
            move |_: &http::Response<_>, _: Duration, _: &tracing::Span| {
                count.fetch_add(1, Ordering::SeqCst);
            },
        )
    }};
}

#[tokio::test]
async fn around_a_server_they_see_every_call() {
    let (probe, count) = (Probe::default(), Arc::new(AtomicUsize::new(0)));
    let layers = ServiceBuilder::new().layer(traced!(count)).concurrency_limit(10);
    cases::zrpc_client(greeter(&probe).layer(layers).in_memory(), &probe).await;
    assert!(count.load(Ordering::SeqCst) >= 7, "{count:?}");
}

#[tokio::test]
async fn around_a_channel_they_see_every_call() {
    let (probe, count) = (Probe::default(), Arc::new(AtomicUsize::new(0)));
    let layers = ServiceBuilder::new().layer(traced!(count)).concurrency_limit(10);
    cases::zrpc_client(greeter(&probe).in_memory().layered(layers), &probe).await;
    assert!(count.load(Ordering::SeqCst) >= 7, "{count:?}");
}

#[tokio::test]
async fn an_error_of_a_layer_ends_the_call_with_the_status_that_it_is_made_into() {
    let probe = Probe::default();
    let too_slow = |_: tower::BoxError| Status::deadline_exceeded("the layer waited long enough");
    let layers = ServiceBuilder::new().map_err(too_slow).timeout(Duration::from_millis(50));
    let client = by_zrpc::GreeterClient::new(greeter(&probe).layer(layers).in_memory());
    let hang = by_zrpc::HelloRequest { name: HANG.into(), ..Default::default() };
    let status = client.say_hello(hang.clone()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "the layer waited long enough"));
    probe.inside(0).await;

    let layers = ServiceBuilder::new().timeout(Duration::from_millis(50));
    let client = by_zrpc::GreeterClient::new(greeter(&probe).layer(layers).in_memory());
    let status = client.say_hello(hang).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.message().contains("request timed out"), "{status}");
}
