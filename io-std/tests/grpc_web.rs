//! gRPC-Web through the blocking driver: both forms on HTTP/1.1, reached by URI.

mod support;

use support::{KitClient, bytes, kit};
use zrpc_core::rpc::{Code, Request};
use zrpc_core::stack::{GrpcWebServer, ServerConfig};
use zrpc_std::{Channel, Server};

#[test]
fn unary_and_server_streaming_calls_work_and_the_others_are_refused() {
    for scheme in ["grpc-web+h1", "grpc-web-text+h1"] {
        let (kit, _gate, _reports) = kit();
        let server = Server::builder()
            .service(kit)
            .sessions(|now| Box::new(GrpcWebServer::new(now, &ServerConfig::default())))
            .bind("127.0.0.1:0")
            .unwrap()
            .spawn()
            .unwrap();
        let channel = Channel::lazy(&format!("{scheme}://{}", server.local_addr().unwrap())).unwrap();
        for _ in 0..3 {
            assert_eq!(channel.say(bytes("hello")).unwrap().message(), "hello");
        }
        let count = channel.watch(bytes("20 100")).unwrap().map(Result::unwrap).count();
        assert_eq!(count, 20);
        let refused = channel.sum(Request::new(())).map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    }
}
