//! What every pair of client and server has to show: once for clients that tonic generated, once for zRPC's.

use crate::answers::{DETAILS, FAIL, HANG, Probe};
use crate::by_tonic::greeter_client::GreeterClient as TonicClient;
use crate::{by_tonic, by_zrpc};
use std::time::Duration;
use tokio_stream::StreamExt;
use zrpc::tokio::Channel;

/// A message of this size crosses every window and every frame on its way.
const LARGE: usize = 3 << 20;
/// A handler whose client does not read gets rid of no more replies than this, of 16 KiB each.
const HELD_BACK: usize = 600;

fn named(name: &str) -> by_tonic::HelloRequest {
    by_tonic::HelloRequest { name: name.into(), ..by_tonic::HelloRequest::default() }
}

fn named_by_zrpc(name: &str) -> by_zrpc::HelloRequest {
    by_zrpc::HelloRequest { name: name.into(), ..by_zrpc::HelloRequest::default() }
}

/// What a client of tonic's generator runs on.
pub trait Carrier:
    tonic::client::GrpcService<tonic::body::Body, ResponseBody: CarriedBody, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<T> Carrier for T where
    T: tonic::client::GrpcService<tonic::body::Body, ResponseBody: CarriedBody, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The bodies that it answers with.
pub trait CarriedBody:
    tonic::codegen::Body<Data = bytes::Bytes, Error: Into<tonic::codegen::StdError> + Send> + Send + 'static
{
}

impl<B> CarriedBody for B where
    B: tonic::codegen::Body<Data = bytes::Bytes, Error: Into<tonic::codegen::StdError> + Send>
        + Send
        + 'static
{
}

/// A client that tonic generated, over whatever carries its calls.
pub async fn tonic_client(carrier: impl Carrier, probe: &Probe) {
    let mut client = TonicClient::new(carrier)
        .max_decoding_message_size(2 * LARGE)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    kinds_by_tonic(&mut client).await;
    ends_by_tonic(&mut client, probe).await;

    let gift = vec![5; LARGE];
    let large = by_tonic::HelloRequest { name: "big".into(), gift: gift.clone(), ..named("") };
    assert_eq!(client.say_hello(large).await.unwrap().into_inner().gift, gift);

    let squeezed = client.clone().send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let gift = vec![5; 64 << 10];
    let request = by_tonic::HelloRequest { name: "tight".into(), gift: gift.clone(), ..named("") };
    assert_eq!({ squeezed }.say_hello(request).await.unwrap().into_inner().gift, gift);
}

async fn kinds_by_tonic(client: &mut TonicClient<impl Carrier>) {
    let mut request = tonic::Request::new(named("ann"));
    request.metadata_mut().insert("x-echo", "back".parse().unwrap());
    request.metadata_mut().insert_bin("x-echo-bin", tonic::metadata::MetadataValue::from_bytes(&[0, 255]));
    let response = client.say_hello(request).await.unwrap();
    assert_eq!(response.metadata().get("x-echo").unwrap(), "back");
    let raw = response.metadata().get_bin("x-echo-bin").unwrap().to_bytes().unwrap();
    assert_eq!(&raw[..], [0, 255]);
    assert_eq!(response.into_inner().message, "hello ann");

    let many = by_tonic::HelloRequest { count: 50, ..named("bob") };
    let mut replies = client.lots_of_replies(many).await.unwrap().into_inner();
    for number in 0..50 {
        assert_eq!(replies.message().await.unwrap().unwrap().message, format!("hello bob {number}"));
    }
    assert!(replies.message().await.unwrap().is_none());

    let names = tokio_stream::iter(["a", "b", "c"]).map(named);
    assert_eq!(client.lots_of_greetings(names).await.unwrap().into_inner().message, "hello a+b+c");

    let (names, queue) = tokio::sync::mpsc::channel(1);
    let queue = tokio_stream::wrappers::ReceiverStream::new(queue);
    let mut replies = client.bidi_hello(queue).await.unwrap().into_inner();
    for name in ["ping", "pong"] {
        names.send(named(name)).await.unwrap();
        assert_eq!(replies.message().await.unwrap().unwrap().message, format!("hello {name}"));
    }
    drop(names);
    assert!(replies.message().await.unwrap().is_none());
}

async fn ends_by_tonic(client: &mut TonicClient<impl Carrier>, probe: &Probe) {
    let status = client.say_hello(named(FAIL)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::FailedPrecondition, "no mood"));
    assert_eq!(status.details(), DETAILS);
    assert_eq!(status.metadata().get("x-why").unwrap(), "rain");

    let mut late = tonic::Request::new(named(HANG));
    late.set_timeout(Duration::from_millis(100));
    let status = client.say_hello(late).await.unwrap_err();
    // tonic's own channel says CANCELLED where its clock is the first to see it.
    assert!(matches!(status.code(), tonic::Code::DeadlineExceeded | tonic::Code::Cancelled), "{status}");
    probe.inside(0).await;

    tokio::select! {
        _ = client.say_hello(named(HANG)) => panic!("this one never answers"),
        () = probe.inside(1) => {}
    }
    probe.inside(0).await;

    let endless = by_tonic::HelloRequest { count: u32::MAX, gift: vec![1; 16 << 10], ..named("flood") };
    let before = probe.sent();
    let mut replies = client.lots_of_replies(endless).await.unwrap().into_inner();
    probe.inside(1).await;
    replies.message().await.unwrap().unwrap();
    assert!(settled(probe).await - before < HELD_BACK);
    drop(replies);
    probe.inside(0).await;
}

/// How many replies were made, once it is no more.
async fn settled(probe: &Probe) -> usize {
    loop {
        let before = probe.sent();
        tokio::time::sleep(Duration::from_millis(50)).await;
        if probe.sent() == before || before > HELD_BACK * 10 {
            return before;
        }
    }
}

/// A client that zRPC generated.
pub async fn zrpc_client(channel: Channel, probe: &Probe) {
    let client = by_zrpc::GreeterClient::new(channel);
    kinds_by_zrpc(&client).await;
    ends_by_zrpc(&client, probe).await;

    for (length, compression) in [(LARGE, None), (64 << 10, Some(zrpc::Encoding::Gzip))] {
        let gift = vec![5; length];
        let mut request =
            zrpc::Request::new(by_zrpc::HelloRequest { gift: gift.clone(), ..named_by_zrpc("") });
        if let Some(encoding) = compression {
            request = request.with_compression(encoding);
        }
        assert_eq!(client.say_hello(request).await.unwrap().message().gift, gift);
    }
}

async fn kinds_by_zrpc(client: &by_zrpc::GreeterClient) {
    let mut metadata = zrpc::Metadata::new();
    metadata.append("x-echo", "back").unwrap();
    metadata.append_bin("x-echo-bin", &[0, 255]).unwrap();
    let request = zrpc::Request::new(named_by_zrpc("ann")).with_metadata(metadata);
    let response = client.say_hello(request).await.unwrap();
    assert_eq!(response.metadata().get("x-echo"), Some("back"));
    assert_eq!(response.metadata().get_bin("x-echo-bin"), Some(vec![0, 255]));
    assert_eq!(response.message().message, "hello ann");

    let many = by_zrpc::HelloRequest { count: 50, ..named_by_zrpc("bob") };
    let mut replies = client.lots_of_replies(many).await.unwrap();
    for number in 0..50 {
        assert_eq!(replies.message().await.unwrap().unwrap().message, format!("hello bob {number}"));
    }
    assert_eq!(replies.message().await.unwrap(), None);

    let mut call = client.lots_of_greetings(()).await.unwrap();
    for name in ["a", "b", "c"] {
        call.send(named_by_zrpc(name)).await.unwrap();
    }
    assert_eq!(call.finish().await.unwrap().message().message, "hello a+b+c");

    let (mut names, mut replies) = client.bidi_hello(()).await.unwrap();
    for name in ["ping", "pong"] {
        names.send(named_by_zrpc(name)).await.unwrap();
        assert_eq!(replies.message().await.unwrap().unwrap().message, format!("hello {name}"));
    }
    names.finish();
    assert_eq!(replies.message().await.unwrap(), None);
}

async fn ends_by_zrpc(client: &by_zrpc::GreeterClient, probe: &Probe) {
    let status = client.say_hello(named_by_zrpc(FAIL)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (zrpc::Code::FailedPrecondition, "no mood"));
    assert_eq!(status.details(), DETAILS);
    assert_eq!(status.metadata().get("x-why"), Some("rain"));

    let late = zrpc::Request::new(named_by_zrpc(HANG)).with_timeout(Duration::from_millis(100));
    let status = client.say_hello(late).await.unwrap_err();
    assert_eq!(status.code(), zrpc::Code::DeadlineExceeded, "{status}");
    probe.inside(0).await;

    tokio::select! {
        _ = client.say_hello(named_by_zrpc(HANG)) => panic!("this one never answers"),
        () = probe.inside(1) => {}
    }
    probe.inside(0).await;

    let endless =
        by_zrpc::HelloRequest { count: u32::MAX, gift: vec![1; 16 << 10], ..named_by_zrpc("flood") };
    let before = probe.sent();
    let mut replies = client.lots_of_replies(endless).await.unwrap();
    probe.inside(1).await;
    replies.message().await.unwrap().unwrap();
    assert!(settled(probe).await - before < HELD_BACK);
    drop(replies);
    probe.inside(0).await;
}
