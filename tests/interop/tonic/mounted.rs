//! zRPC services mounted in the servers of others, as the tower service that they are there.

use crate::answers::{Probe, ZrpcGreeter};
use crate::{by_zrpc, cases};
use zrpc::tokio::tower::HttpService;
use zrpc::tokio::{Channel, Server};

fn greeter(probe: &Probe) -> HttpService {
    Server::builder().service(by_zrpc::GreeterServer::new(ZrpcGreeter(probe.clone()))).http_service()
}

async fn called(endpoint: String, probe: &Probe) {
    let tonic = tonic::transport::Endpoint::from_shared(endpoint.clone()).unwrap().connect().await.unwrap();
    cases::tonic_client(tonic, probe).await;
    cases::zrpc_client(Channel::connect(&endpoint).await.unwrap(), probe).await;
}

#[tokio::test]
async fn in_a_server_of_tonic_beside_its_health_service() {
    let probe = Probe::default();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let router = axum::Router::new().fallback_service(greeter(&probe));
    let routes = tonic::service::Routes::from(router).add_service(health);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(tonic::transport::Server::builder().add_routes(routes).serve_with_incoming(incoming));
    called(endpoint, &probe).await;
}

#[tokio::test]
async fn in_a_server_of_hyper() {
    let probe = Probe::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = greeter(&probe);
    tokio::spawn(async move {
        let executor = hyper_util::rt::TokioExecutor::new();
        let server = hyper_util::server::conn::auto::Builder::new(executor).http2_only();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            let (server, stream) = (server.clone(), hyper_util::rt::TokioIo::new(stream));
            tokio::spawn(async move { server.serve_connection(stream, service).await });
        }
    });
    called(endpoint, &probe).await;
}
