//! Services that tonic generated, unchanged on listeners of ours; called by tonic where the carrier is HTTP/2, and over
//! every carrier by zRPC's client and by tonic's client on a channel of ours.

use crate::answers::{Probe, TonicGreeter};
use crate::by_tonic::greeter_server::{GreeterServer, SERVICE_NAME};
use crate::{by_tonic, by_zrpc, cases};
use std::time::Duration;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use zrpc::tokio::tower::HttpChannel;
use zrpc::tokio::{Channel, Server, ServerBuilder};

/// tonic's health service beside a greeter, as its users register them.
async fn services(probe: &Probe) -> ServerBuilder {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(SERVICE_NAME, ServingStatus::Serving).await;
    tokio::spawn(async move {
        // The reporter ends the streams of those who watch when it is dropped.
        let _reporter = reporter;
        std::future::pending::<()>().await;
    });
    let gzip = tonic::codec::CompressionEncoding::Gzip;
    let greeter = GreeterServer::new(TonicGreeter(probe.clone())).accept_compressed(gzip);
    Server::builder().tower_service("/grpc.health.v1.Health", health).tower_service(SERVICE_NAME, greeter)
}

async fn is_healthy(carrier: impl cases::Carrier) {
    let mut client = HealthClient::new(carrier);
    let asked = |name: &str| HealthCheckRequest { service: name.into() };
    let answer = client.check(asked(SERVICE_NAME)).await.unwrap().into_inner();
    assert_eq!(answer.status, tonic_health::pb::health_check_response::ServingStatus::Serving as i32);
    let status = client.check(asked("nobody")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    let mut changes = client.watch(asked(SERVICE_NAME)).await.unwrap().into_inner();
    assert!(changes.message().await.unwrap().is_some());
}

async fn by_channel(channel: Channel, probe: &Probe) {
    is_healthy(HttpChannel::from(channel.clone())).await;
    cases::tonic_client(HttpChannel::from(channel.clone()), probe).await;
    cases::zrpc_client(channel, probe).await;
}

#[tokio::test]
async fn on_h2c_they_answer_tonic() {
    let probe = Probe::default();
    let server = services(&probe).await.bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let handle = server.handle();
    tokio::spawn(server.run());

    let channel = tonic::transport::Endpoint::from_shared(endpoint.clone()).unwrap().connect().await.unwrap();
    is_healthy(channel.clone()).await;
    cases::tonic_client(channel.clone(), &probe).await;
    let who = by_tonic::HelloRequest { name: "who".into(), ..Default::default() };
    let mut client = by_tonic::greeter_client::GreeterClient::new(channel);
    assert_eq!(client.say_hello(who).await.unwrap().into_inner().message, "hello who");
    drop(client);

    by_channel(Channel::connect(&endpoint).await.unwrap(), &probe).await;
    handle.drain(Duration::from_secs(5)).await;
    assert_eq!(handle.running_handlers(), 0);
}

/// The same services, on a listener that its clients reach by this scheme.
async fn on_tcp_as(scheme: &str) {
    let probe = Probe::default();
    let server = services(&probe).await.bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("{scheme}://{}", server.local_addr().unwrap());
    tokio::spawn(server.run());
    by_channel(Channel::connect(&endpoint).await.unwrap(), &probe).await;
}

#[tokio::test]
async fn on_websocket_they_answer_both_clients() {
    on_tcp_as("ws").await;
}

#[tokio::test]
async fn on_websocket_in_json_they_answer_both_clients_with_messages_as_data() {
    on_tcp_as("ws+json").await;
}

#[tokio::test]
async fn on_the_native_protocol_they_answer_both_clients() {
    on_tcp_as("tcp").await;
}

#[cfg(unix)]
#[tokio::test]
async fn on_a_unix_socket_they_answer_tonic() {
    let probe = Probe::default();
    let path = std::env::temp_dir().join(format!("zrpc-tonic-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = services(&probe).await.listen(listener);
    tokio::spawn(server.run());

    let endpoint = format!("unix://{}", path.display());
    let channel = tonic::transport::Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap();
    is_healthy(channel.clone()).await;
    cases::tonic_client(channel, &probe).await;
    // gRPC, and the native protocol.
    for scheme in ["http+unix", "unix"] {
        let ours = Channel::connect(&format!("{scheme}://{}", path.display())).await.unwrap();
        by_channel(ours, &probe).await;
    }
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn through_memory_they_answer_both_clients() {
    let probe = Probe::default();
    by_channel(services(&probe).await.in_memory(), &probe).await;
}

#[tokio::test]
async fn a_whole_router_of_tonic_is_one_service() {
    let probe = Probe::default();
    let greeter = GreeterServer::new(TonicGreeter(probe.clone()))
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    let routes = tonic::service::Routes::new(greeter).prepare();
    let channel = Server::builder().tower_service("/", routes).in_memory();
    cases::zrpc_client(channel, &probe).await;
}

#[tokio::test]
async fn a_service_that_compresses_does_so_for_every_client() {
    let gzip = tonic::codec::CompressionEncoding::Gzip;
    let greeter = GreeterServer::new(TonicGreeter::default()).send_compressed(gzip);
    let channel = Server::builder().tower_service(SERVICE_NAME, greeter).in_memory();
    let gift = vec![7; 64 << 10];
    let asked = by_tonic::HelloRequest { gift: gift.clone(), ..Default::default() };
    let mut client = by_tonic::greeter_client::GreeterClient::new(HttpChannel::from(channel.clone()));
    assert_eq!(client.say_hello(asked).await.unwrap().into_inner().gift, gift);
    let asked = by_zrpc::HelloRequest { gift: gift.clone(), ..Default::default() };
    let client = by_zrpc::GreeterClient::new(channel);
    assert_eq!(client.say_hello(asked).await.unwrap().message().gift, gift);
}
